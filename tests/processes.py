"""Runs `passportx` and mongod as processes of their own, and waits for facts about them."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self, TypeVar

from documents.embedded import find_mongod

T = TypeVar("T")

PASSPORTX = (str(Path(sys.executable).with_name("passportx")),)
PATIENCE = 60.0
"""Seconds after which a test gives up."""
_ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
_LAST_LINE = "Stop with Ctrl-C."


async def until(fact: Callable[[], Awaitable[T]], patience: float = PATIENCE) -> T:
    """Ask again and again, until the answer is true, and return it."""
    async with asyncio.timeout(patience):
        while not (answer := await fact()):  # noqa: ASYNC110  # another process, it has no event
            await asyncio.sleep(0.02)
        return answer


class Passportx:
    """One run of the command line. As a context manager it is over at the end, whatever comes."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = PASSPORTX,
        directory: Path | None = None,
    ) -> None:
        self._command = (*program, *arguments)
        self._environment = {**_ENVIRONMENT, **(environment or {})}
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self._reading: list[asyncio.Task[None]] = []
        self._serving = asyncio.Event()
        self.printed: list[str] = []
        """The lines of standard output."""
        self.complained: list[str] = []
        """The lines of standard error."""

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process, which has been started."""
        assert self._process is not None
        return self._process

    @property
    def base(self) -> str:
        """The URL under which it said that it serves, without a slash at the end."""
        (line,) = (line for line in self.printed if line.startswith("GraphQL and GraphiQL"))
        return line.split()[-1].removesuffix("/graphql")

    async def start(self) -> None:
        """Start the process; nothing is waited for."""
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, cwd=self._directory, env=self._environment, stdout=pipe, stderr=pipe
        )
        assert self._process.stdout
        assert self._process.stderr
        self._reading = [
            asyncio.create_task(self._read(self._process.stdout, self.printed)),
            asyncio.create_task(self._read(self._process.stderr, self.complained)),
        ]

    async def serving(self) -> None:
        """Wait until it has said where everything is, and so takes requests."""
        said = asyncio.create_task(self._serving.wait())
        ended = asyncio.create_task(self.process.wait())
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait({said, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            said.cancel()
            ended.cancel()
        assert self._serving.is_set(), "\n".join(self.complained)

    async def ended(self) -> int:
        """Wait for the end, and for the last that was said; return the exit code."""
        async with asyncio.timeout(PATIENCE):
            code = await self.process.wait()
            await asyncio.gather(*self._reading)
            return code

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(how)
        return await self.ended()

    async def __aenter__(self) -> Self:
        await self.start()
        await self.serving()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop(signal.SIGKILL)

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        async for line in stream:
            lines.append(line.decode().rstrip())
            if lines[-1] == _LAST_LINE:
                self._serving.set()


async def run(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[int, list[str], list[str]]:
    """Run a command that ends by itself; return its exit code and what it printed where."""
    passportx = Passportx(*arguments, environment=environment)
    await passportx.start()
    try:
        return await passportx.ended(), passportx.printed, passportx.complained
    finally:
        if passportx.process.returncode is None:
            passportx.process.kill()


@asynccontextmanager
async def mongod(directory: Path, *flags: str) -> AsyncIterator[str]:
    """Run a mongod that is not ours, and yield its address once it listens."""
    port = free_port()
    paths = ("--dbpath", str(directory), "--logpath", str(directory / "mongod.log"))
    address = ("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket")
    process = await asyncio.create_subprocess_exec(
        find_mongod(), *paths, *address, *flags, stdout=asyncio.subprocess.DEVNULL
    )

    async def listens() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        await until(listens)
        yield f"127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on.

    It is none that the system lends to outgoing connections, so that it stays free for a while: a
    client that tries again and again would meet itself there.
    """
    for port in random.sample(range(12_000, 20_000), k=100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError("a hundred ports are in use")
