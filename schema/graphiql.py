"""GraphiQL for people who open the endpoint in a browser, from files of our own.

`make dashboard` builds the files; without them a page without any script says so.
"""

from html import escape
from pathlib import Path
from string import Template

from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "vary": "accept",
}

_UNBUILT = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>GraphQL</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto }
  pre { background: #f4f4f6; padding: 1rem; overflow: auto; border-radius: 6px }
</style>
<h1>GraphQL</h1>
<p>This is the GraphQL endpoint. GraphiQL is not built yet: run <code>make dashboard</code> and
reload this page.</p>
<p>Meanwhile, from a terminal:</p>
<pre>
# one query
curl $url -H 'content-type: application/json' \\
  -d '{"query": "{ __typename }"}'

# a subscription, as server-sent events
curl -N $url -H 'content-type: application/json' -H 'accept: text/event-stream' \\
  -d '{"query": "subscription { ... }"}'

# the schema
curl $url -H 'content-type: application/json' \\
  -d '{"query": "{ __schema { queryType { fields { name description } } } }"}'
</pre>
</html>
""")


class GraphiQL:
    """The page at the endpoint; `dist` is where the dashboard's build puts its files."""

    def __init__(self, dist: Path) -> None:
        self._built = dist / "graphiql.html"

    def page(self, url: str) -> Response:
        """Return GraphiQL, or how to build it; `url` is where the endpoint is."""
        if self._built.is_file():
            return FileResponse(self._built, headers={**_HEADERS, "cache-control": "no-cache"})
        return HTMLResponse(_UNBUILT.substitute(url=escape(url)), headers=_HEADERS)


class _Assets(StaticFiles):
    async def check_config(self) -> None:
        """Do nothing: while nothing is built there is no directory, and that is 404, not 500."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, to be kept for good: its name changes with its content."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def assets(dist: Path) -> Mount:
    """Return the route of the files that the pages ask for, 404 for all while nothing is built."""
    return Mount("/assets", _Assets(directory=dist / "assets", check_dir=False), name="assets")
