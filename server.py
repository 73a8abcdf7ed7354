"""Running the service: the database, the server, the demo beside it."""

import asyncio
import ctypes
import gc
import logging
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvicorn
from uvicorn.loops.auto import auto_loop_factory

from database import opened
from schema.serving import SERVER_OPTIONS
from settings import Settings, SettingsError, make_data_directory

if TYPE_CHECKING:
    from ingest.demo import Progress

logger = logging.getLogger(__name__)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LIBC = ctypes.CDLL(None)
TRIM_TICKS = 100
"""After how many tenths of a second memory that is free goes back to the system."""
_MALLOC = {_M_ARENA_MAX: 2, _M_MMAP_THRESHOLD: 128 * 1024, _M_TRIM_THRESHOLD: 128 * 1024}
TOKEN_FILE = "ingest-token"  # noqa: S105  # the name of a file


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run `serve` or `demonstrate` to its end, on uvloop where there is one."""
    # uvicorn sets its loop up only in a server that it runs itself, as `asyncio.run` would not.
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(main)


async def serve(settings: Settings, listening: socket.socket) -> None:
    """Serve until the process is told to stop."""
    async with _server(settings, listening) as server:
        await server.serve(sockets=[listening])


async def demonstrate(
    settings: Settings,
    listening: socket.socket,
    *,
    badges: int,
    blocks_per_minute: float,
    seed: int,
) -> None:
    """Serve, and play a synthetic chain into the service's own webhook."""
    from ingest.demo import play  # noqa: PLC0415  # a tenth of the time that `serve` takes to start

    make_data_directory(settings.data_dir)
    async with _server(settings, listening) as server:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        token = ingest_token(settings)
        playing = asyncio.create_task(
            play(
                _address(listening),
                token or settings.ingest_tokens[0].get_secret_value(),
                _Story().tell,
                journal=settings.data_dir / f"chain-{seed}-{badges}",
                badges=badges,
                blocks_per_minute=blocks_per_minute,
                seed=seed,
            )
        )
        await asyncio.wait({serving, playing}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
        server.should_exit = True
        await serving
        with suppress(asyncio.CancelledError):
            await playing


@asynccontextmanager
async def _server(settings: Settings, listening: socket.socket) -> AsyncIterator[uvicorn.Server]:
    # For the token; where the database needs it, `opened` makes it.
    if settings.mongodb_url and not settings.ingest_tokens:
        make_data_directory(settings.data_dir)
    async with opened(settings, meanwhile=_import_app) as database:
        from app import Service, access, application  # noqa: PLC0415  # see `_import_app`

        token = ingest_token(settings)
        service = Service(settings, database, access(settings, token))
        config = uvicorn.Config(application(settings, service), **SERVER_OPTIONS)
        yield _Server(config, lambda: _introduce(settings, listening))


def _import_app() -> None:
    """Import the rest, which takes as long as mongod needs to start."""
    import app  # noqa: F401, PLC0415  # the next import of it is quick


class _Server(uvicorn.Server):
    """Stops when it is told to, and leaves it to those around it to end the process.

    uvicorn's own raises the signal again, which ends the process before its database has stopped.
    """

    def __init__(self, config: uvicorn.Config, introduce: Callable[[], None]) -> None:
        """`introduce` is called once requests are served."""
        super().__init__(config)
        self._introduce = introduce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        _tune_memory()
        self._introduce()

    async def on_tick(self, counter: int) -> bool:
        """Do what is due at a tenth of a second; return whether the server is to stop."""
        if counter % TRIM_TICKS == TRIM_TICKS - 1 and (trim := getattr(_LIBC, "malloc_trim", None)):
            await asyncio.to_thread(trim, 0)
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM."""
        for each in (signal.SIGINT, signal.SIGTERM):
            # For good: another Ctrl-C must not interrupt the stopping of the database.
            signal.signal(each, self.handle_exit)
        yield


def _tune_memory() -> None:
    """Keep the collector from looking at what stays, and from looking often.

    Ingest makes and drops some hundred thousand objects a second, none of them in a cycle; by
    default a collection follows every 700 of them, and the full ones walk through the whole
    schema. Without that, ingest is a quarter faster (measured: +24 %).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    # A batch is some megabytes for a moment. By default glibc would keep such blocks for each of
    # some twenty threads, for good; another C library may have no such options.
    if choose := getattr(_LIBC, "mallopt", None):
        for option, value in _MALLOC.items():
            choose(option, value)


def ingest_token(settings: Settings) -> str | None:
    """Return the ingest token that the service keeps for itself, made at the first start.

    None if the settings name tokens: those are used, and none is made. Raises `SettingsError`.
    """
    if settings.ingest_tokens:
        return None
    path = settings.data_dir / TOKEN_FILE
    if not path.exists():
        _make_token(path)
    token = path.read_text().strip()
    if not token:
        raise SettingsError(
            f"PASSPORTX_DATA_DIR holds an empty {path}: remove it, so that another token is made, "
            "or set ANALYTICS_INGEST_TOKENS."
        )
    return token


def _make_token(path: Path) -> None:
    """Write a new token, which is there at once and as a whole, and which only the owner reads."""
    handle, written = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{secrets.token_urlsafe(32)}\n")
        # Another service with the same directory may have been faster: its token counts.
        with suppress(FileExistsError):
            os.link(written, path)
    finally:
        Path(written).unlink()


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # what is listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _introduce(settings: Settings, listening: socket.socket) -> None:
    from app import DIST  # noqa: PLC0415  # see `_import_app`

    address = _address(listening)
    database = "MONGODB_URL" if settings.mongodb_url else f"{settings.data_dir} (embedded)"
    where = "ANALYTICS_INGEST_TOKENS" if settings.ingest_tokens else settings.data_dir / TOKEN_FILE
    built = (DIST / "index.html").is_file()
    lines = [
        ("Dashboard", f"{address}/" if built else "not built; `make dashboard` builds it"),
        ("GraphQL and GraphiQL", f"{address}/graphql"),
        ("Schema", f"{address}/schema.graphql"),
        ("Webhook for Chainhook", f"{address}/webhooks/chainhook"),
        ("Ingest token", str(where)),
        ("Readers", _readers(settings)),
        ("Database", database),
        ("Network and contracts", f"{settings.network}, {', '.join(settings.deployer)}"),
    ]
    for name, value in lines:
        click.echo(f"{name:<22} {value}")
    click.echo("Stop with Ctrl-C.")


def _readers(settings: Settings) -> str:
    if settings.is_local and not settings.read_tokens:
        return "everybody on this machine"
    if settings.read_tokens or settings.admin_tokens:
        return "whoever has a token of ANALYTICS_READ_TOKENS or ANALYTICS_ADMIN_TOKENS"
    return "nobody: set ANALYTICS_READ_TOKENS, or listen on a loopback address"


class _Story:
    """Tells how the demo goes: a line now and then, and each block once it is live."""

    def __init__(self) -> None:
        self._told = 0

    def tell(self, progress: "Progress") -> None:
        """Tell of one delivery."""
        if progress.waiting:
            click.echo("demo: the service is away, waiting")
        elif progress.is_live:
            undone = f", {progress.rolled_back} blocks rolled back" if progress.rolled_back else ""
            click.echo(f"demo: block {progress.height}, {progress.badges:,} badges{undone}")
        elif progress.badges >= self._told:
            self._told = progress.badges + 1000
            click.echo(f"demo: history, {progress.badges:,} badges")
