"""The pages for people, the dashboard and GraphiQL, from files of our own.

`make dashboard` builds the files; without them a page without any script says so.
"""

from html import escape
from pathlib import Path
from string import Template
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_STRICT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# GraphiQL's editor writes style elements, and its style sheets bring fonts and images along.
_FOR_GRAPHIQL: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_UNBUILT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {"referrer-policy": "same-origin", "x-content-type-options": "nosniff"}

_UNBUILT = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>$title</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto }
  pre { background: #f4f4f6; padding: 1rem; overflow: auto; border-radius: 6px }
</style>
<h1>$title</h1>
<p>This page is not built yet: run <code>make dashboard</code> and reload it.</p>
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


class Page:
    """A page that the build makes of `file`, served under a content security policy."""

    def __init__(self, file: Path, title: str, policy: str) -> None:
        self._file = file
        self._title = title
        self._policy = policy

    def response(self, endpoint: str) -> Response:
        """Return the page, or how to build it; `endpoint` is the URL of GraphQL."""
        if self._file.is_file():
            headers = {"content-security-policy": self._policy, "cache-control": "no-cache"}
            return FileResponse(self._file, headers={**_HEADERS, **headers, "vary": "accept"})
        headers = {"content-security-policy": _UNBUILT_POLICY, "vary": "accept"}
        text = _UNBUILT.substitute(title=self._title, url=escape(endpoint))
        return HTMLResponse(text, headers={**_HEADERS, **headers})


def graphiql(dist: Path) -> Page:
    """Return GraphiQL; `dist` is where the build puts its files."""
    return Page(dist / "graphiql.html", "GraphQL", _FOR_GRAPHIQL)


class _Assets(StaticFiles):
    async def check_config(self) -> None:
        """Do nothing: while nothing is built there is no directory, and that is 404, not 500."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, to be kept for good: its name changes with its content.

        The build leaves a compressed copy beside the larger files.
        """
        packed = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        if packed and self.lookup_path(f"{path}.gz")[1]:
            response = await super().get_response(f"{path}.gz", scope)
            response.headers["content-encoding"] = "gzip"
            response.headers["content-type"] = _MEDIA_TYPES[Path(path).suffix]
        else:
            response = await super().get_response(path, scope)
        response.headers["vary"] = "accept-encoding"
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


# By name and not from the system's table, in which a browser's script may be text/plain.
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_routes(dist: Path, endpoint: str = "graphql") -> list[BaseRoute]:
    """Return the routes of the dashboard at `/` and of the files that the pages ask for.

    The files are 404, all of them, while nothing is built. `endpoint` is where GraphQL is.
    """
    dashboard = Page(dist / "index.html", "PassportX Analytics", _STRICT)

    async def index(request: Request) -> Response:
        return dashboard.response(f"{request.base_url}{endpoint}")

    assets = _Assets(directory=dist / "assets", check_dir=False)
    return [Route("/", index), Mount("/assets", assets, name="assets")]
