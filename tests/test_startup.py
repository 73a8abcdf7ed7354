"""Starting through the real command line: what is told, and what stops a start."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from documents.connection import Client
from tests.processes import PATIENCE, Passportx, free_port, mongod, run, until

QUERY = "{status{position}}"
PASSWORD = "hush"  # noqa: S105  # of a server that lives as long as its test


async def refusal(*arguments: str, **environment: str) -> str:
    """Return the sentence with which a start is refused, and nothing else may be said."""
    code, printed, complained = await run("serve", *arguments, environment=environment)
    assert code == 1, complained
    assert printed == []
    (line,) = complained
    assert line.startswith("passportx: ")
    assert line.endswith(".")
    return line.removeprefix("passportx: ")


def read(path: Path) -> str:
    """Read a small file, which takes no time worth awaiting."""
    return path.read_text()


async def listens_on(host: str) -> bool:
    """Return whether this machine has the address."""
    try:
        server = await asyncio.start_server(lambda _, __: None, host, 0)
    except OSError:
        return False
    server.close()
    return True


async def reads(client: httpx.AsyncClient, name: str, token: str | None = None) -> object:
    """Ask under a name of the server: return what is read, or why nothing is."""
    headers = {"host": name} | ({"authorization": f"Bearer {token}"} if token else {})
    answer = await client.post("/graphql", json={"query": QUERY}, headers=headers)
    try:
        body = answer.json()
    except ValueError:
        return answer.text
    return body["errors"][0]["extensions"]["code"] if "errors" in body else body["data"]["status"]


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Passportx]:
    """A service that was started with nothing but a place for its data."""
    directory = tmp_path_factory.mktemp("service")
    async with Passportx("serve", "--port", "0", "--data-dir", str(directory)) as running:
        yield running


# What is told


async def test_a_start_says_where_everything_is(service: Passportx) -> None:
    told = {line[:22].strip(): line[23:] for line in service.printed[:-1]}
    assert list(told) == [
        "Dashboard",
        "GraphQL and GraphiQL",
        "Schema",
        "Webhook for Chainhook",
        "Ingest token",
        "Readers",
        "Database",
        "Network and contracts",
    ]
    assert told["Schema"] == f"{service.base}/schema.graphql"
    assert told["Webhook for Chainhook"] == f"{service.base}/webhooks/chainhook"
    assert told["Readers"] == "everybody on this machine"
    assert told["Database"].endswith("(embedded)")
    token = read(Path(told["Ingest token"])).strip()
    async with httpx.AsyncClient(base_url=service.base) as client:
        assert (await client.get("/schema.graphql")).status_code == 200
        taken = await client.post(
            "/webhooks/chainhook",
            json={"apply": [], "rollback": []},
            headers={"authorization": f"Bearer {token}"},
        )
        assert taken.status_code == 200


async def test_who_connects_while_the_service_starts_waits_and_is_answered(
    tmp_path: Path,
) -> None:
    """A Chainhook tries three times, a second apart, and then no more."""
    port = free_port()
    service = Passportx("serve", "--port", str(port), "--data-dir", str(tmp_path))
    await service.start()

    async def connected() -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return None

    try:
        connection = await until(connected)
        assert connection is not None
        assert service.printed == [], "it serves already"
        reader, writer = connection
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        assert answer.startswith(b"HTTP/1.1 200 ")
        writer.close()
    finally:
        await service.stop(signal.SIGKILL)


@pytest.mark.parametrize(("host", "names"), [("127.0.0.1", "localhost"), ("::1", "[::1]")])
async def test_on_a_loopback_address_everybody_may_read_under_the_names_of_this_machine(
    tmp_path: Path, host: str, names: str
) -> None:
    if ":" in host and not await listens_on(host):
        pytest.skip("this machine has no IPv6")
    arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path), "--host", host)
    async with Passportx(*arguments) as service, httpx.AsyncClient(base_url=service.base) as client:
        assert await reads(client, names) == {"position": 0}
        assert await reads(client, "rebound.example") == "Invalid host header"


async def test_on_another_address_a_token_is_needed_to_read_and_any_name_will_do(
    tmp_path: Path,
) -> None:
    arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path), "--host", "0.0.0.0")  # noqa: S104  # what is tested
    async with Passportx(*arguments) as service, httpx.AsyncClient(base_url=service.base) as client:
        assert "Readers                nobody: set ANALYTICS_READ_TOKENS" in "\n".join(
            service.printed
        )
        assert await reads(client, "analytics.example") == "FORBIDDEN"
    environment = {"ANALYTICS_READ_TOKENS": "old,new", "PASSPORTX_ALLOWED_HOSTS": "one.example"}
    async with (
        Passportx(*arguments, environment=environment) as service,
        httpx.AsyncClient(base_url=service.base) as client,
    ):
        assert await reads(client, "one.example", "old") == {"position": 0}
        assert await reads(client, "one.example", "new") == {"position": 0}
        assert await reads(client, "one.example", "guess") == "UNAUTHENTICATED"
        assert await reads(client, "one.example") == "FORBIDDEN"
        assert await reads(client, "another.example", "old") == "Invalid host header"


async def test_a_demo_plays_with_admin_tokens_alone(tmp_path: Path) -> None:
    arguments = ("demo", "--port", "0", "--data-dir", str(tmp_path), "--badges", "60")
    environment = {"ANALYTICS_ADMIN_TOKENS": "admin"}
    async with Passportx(*arguments, environment=environment) as service:

        async def plays_live() -> bool:
            return any(line.startswith("demo: block") for line in service.printed)

        await until(plays_live)
        assert await service.stop() == 0


# What stops a start


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PASSPORTX_PORT": "http"},
         "PASSPORTX_PORT should be a valid integer, unable to parse string as an integer."),
        ({"STACKS_NETWORK": "mainnet"},
         "PASSPORTX_DEPLOYER must name the principal whose contracts are trusted on mainnet."),
        ({"ANALYTICS_INGEST_TOKENS": ""},
         "ANALYTICS_INGEST_TOKENS holds an empty token: remove the needless comma, or unset it."),
        ({"REDIS_URL": "redis://:hush@host:port"},
         "REDIS_URL is no Redis URL: write it like redis://host:6379/0."),
        ({"REDIS_URL": "redis://host?no_such_option=1"},
         "REDIS_URL is no Redis URL: write it like redis://host:6379/0."),
        ({"PASSPORTX_ALLOWED_HOSTS": "https://example.org"},
         "PASSPORTX_ALLOWED_HOSTS holds https://example.org: write names without scheme and port, "
         "such as example.org, *.example.org or [::1]."),
    ],
)  # fmt: skip
async def test_a_bad_setting_stops_the_start(environment: dict[str, str], sentence: str) -> None:
    assert await refusal(**environment) == sentence


async def test_a_demo_that_can_bring_no_events_does_not_start(tmp_path: Path) -> None:
    arguments = ("demo", "--port", "0", "--data-dir", str(tmp_path))
    code, printed, complained = await run(*arguments, environment={"ANALYTICS_ENABLED": "false"})
    assert (code, printed) == (1, [])
    assert complained == [
        "passportx: ANALYTICS_ENABLED is false, and a demo brings events: set it to true."
    ]


async def test_a_port_in_use_stops_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = await refusal("--port", str(port), "--data-dir", str(tmp_path))
    assert sentence == (
        f"PASSPORTX_HOST and PASSPORTX_PORT: 127.0.0.1:{port} cannot be listened on (Address "
        "already in use); stop what uses it, or choose another with --port."
    )


async def test_an_address_of_another_machine_stops_the_start(tmp_path: Path) -> None:
    sentence = await refusal("--host", "192.0.2.1", "--port", "0", "--data-dir", str(tmp_path))
    assert sentence.startswith("PASSPORTX_HOST and PASSPORTX_PORT: 192.0.2.1:0 cannot be listened")


async def test_a_data_directory_in_use_stops_the_start(service: Passportx) -> None:
    (line,) = (line for line in service.printed if line.startswith("Database"))
    directory = line.split()[1]
    assert await refusal("--port", "0", "--data-dir", directory) == (
        f"PASSPORTX_DATA_DIR {directory} is in use by process {service.process.pid}: stop that "
        "one, or choose another directory."
    )


async def test_a_data_directory_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert await refusal("--port", "0", "--data-dir", str(path)) == (
        f"PASSPORTX_DATA_DIR {path} cannot be used (File exists): choose a directory that this "
        "user may write to, with --data-dir."
    )


async def test_a_database_that_is_damaged_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "WiredTiger.turtle").write_text("this is no database")
    assert await refusal("--port", "0", "--data-dir", str(tmp_path)) == (
        f"The embedded MongoDB did not start in PASSPORTX_DATA_DIR {tmp_path}: "
        f"{tmp_path}/mongod.log tells why; mend that, or set MONGODB_URL to a server of your own."
    )


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mongodb://127.0.0.1:1/?w=1",
         "MONGODB_URL sets w=1, with which acknowledged events can be lost: remove it, or set "
         "w=majority."),
        ("mongodb://127.0.0.1:1/?replicaSet=x&journal=false",
         "MONGODB_URL sets journal=false, with which acknowledged events can be lost: remove it, "
         "or set journal=true."),
        ("http://127.0.0.1:1",
         "MONGODB_URL is not a MongoDB URL: write it like mongodb://host:27017/?replicaSet=name, "
         "with the user and the password percent-encoded."),
        ("mongodb://127.0.0.1:1/?replicaSet=x",
         "No MongoDB server that takes writes answered at MONGODB_URL within 5 seconds: start it, "
         "or correct the address and the name of the replica set."),
    ],
)  # fmt: skip
async def test_a_server_that_will_not_do_stops_the_start(
    tmp_path: Path, url: str, sentence: str
) -> None:
    assert await refusal("--port", "0", "--data-dir", str(tmp_path), MONGODB_URL=url) == sentence


async def test_a_standalone_server_stops_the_start(tmp_path: Path) -> None:
    async with mongod(tmp_path) as address:
        url = f"mongodb://{address}/"
        assert await refusal("--port", "0", "--data-dir", str(tmp_path), MONGODB_URL=url) == (
            "The server at MONGODB_URL is a standalone one, which has no transactions: start it "
            "with --replSet and run rs.initiate(), or leave MONGODB_URL out to use the embedded "
            "server."
        )


async def test_a_user_whom_the_server_does_not_know_or_trust_stops_the_start(
    tmp_path: Path,
) -> None:
    async with protected(tmp_path, "reader", "read") as address:
        flags = ("--port", "0", "--data-dir", str(tmp_path / "data"))
        stranger = f"mongodb://reader:guess@{address}/?replicaSet=x"
        assert await refusal(*flags, MONGODB_URL=stranger) == (
            "The server at MONGODB_URL refuses the connection (Authentication failed.): correct "
            "the user, the password or authSource."
        )
        reader = f"mongodb://reader:{PASSWORD}@{address}/?replicaSet=x"
        assert await refusal(*flags, MONGODB_URL=reader) == (
            "The server at MONGODB_URL does not let its user work with MONGODB_DATABASE passportx "
            "(Unauthorized): give the user the role readWrite on it."
        )


@asynccontextmanager
async def protected(directory: Path, user: str, role: str) -> AsyncIterator[str]:
    """Run a replica set `x` that knows one user, with a role on the database `passportx`."""
    key = directory / "key"
    key.write_text("a key that only this test knows")
    key.chmod(0o400)
    async with mongod(directory, "--replSet", "x", "--auth", "--keyFile", str(key)) as address:
        client: Client = AsyncIOMotorClient(f"mongodb://{address}/?directConnection=true")
        members = [{"_id": 0, "host": address}]
        await client.admin.command("replSetInitiate", {"_id": "x", "members": members})

        async def add_user(name: str, role: str, database: str) -> bool:
            """Add a user; the first one is let in without a password, once there is a primary."""
            if not (await client.admin.command("hello"))["isWritablePrimary"]:
                return False
            roles = [{"role": role, "db": database}]
            await client.admin.command("createUser", name, pwd=PASSWORD, roles=roles)
            return True

        await until(lambda: add_user("root", "root", "admin"))
        client.close()
        client = AsyncIOMotorClient(f"mongodb://root:{PASSWORD}@{address}/?directConnection=true")
        await add_user(user, role, "passportx")
        client.close()
        yield address
