"""`passportx import`: files of recorded deliveries and events, each line taken exactly once."""

import asyncio
import fcntl
import gzip
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from documents.connection import Client, Database, connect
from documents.embedded import EmbeddedMongo, running_url
from documents.projection import prepare
from ingest.importing import CHUNK_LINES, BadLine, Importer, Taken, lines
from ingest.synthetic import DAY_MS, Chain, Scale, deliver, history
from ingest.webhook import MAX_BODY
from progress import telling
from schema.events import event_reader
from services.errors import AnalyticsError
from services.imports import Imports
from services.log import Log
from tests.chainhook_payloads import ALICE, CONTRACTS, DEPLOYER, Transaction, minted, v1
from tests.running import PATIENCE, Running, running

SYNTHETIC = Path(__file__).parent / "fixtures" / "synthetic-passportx"
STORY = [orjson.loads(path.read_bytes()) for path in sorted(SYNTHETIC.glob("v1-raw-*.json"))]
AT = "2026-03-01T12:00:00Z"
READ_EVENT = event_reader()
PASSPORTX = str(Path(sys.executable).with_name("passportx"))


def joined(user: str, **others: object) -> dict[str, Any]:
    """Return the event of a user who joined."""
    return {"userJoined": {"user": user, "occurredAt": AT, **others}}


def document(lines: Iterable[object]) -> bytes:
    """Return JSON lines; a line that is bytes is taken as it is."""
    return b"".join(
        (line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in lines
    )


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `passportx import`; return the exit code and what it printed where."""
    return await fed(b"", *arguments, **environment)


async def fed(stdin: bytes, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `passportx import` with something on its standard input."""
    process = await start(*arguments, **environment)
    async with asyncio.timeout(PATIENCE):
        printed, complained = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, printed.decode(), complained.decode()


async def start(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    """Start `passportx import`."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *(PASSPORTX, "import", *arguments),
        env={"PATH": os.environ["PATH"], **environment},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )


@pytest.fixture
def environment(database: Database, mongo_url: str) -> dict[str, str]:
    """The environment in which a command uses the database of the test."""
    return {"MONGODB_URL": mongo_url, "MONGODB_DATABASE": database.name}


@pytest.fixture(autouse=True)
async def _prepared(database: Database) -> None:
    await prepare(database)


async def take(database: Database, content: bytes, **contracts: str) -> Taken:
    """Take a file into the log of `database`, in this process."""
    chosen = {"network": "testnet", "deployer": DEPLOYER, **contracts}
    importer = Importer(
        Imports(database, Log(database)),
        type(CONTRACTS).of(**chosen),  # type: ignore[arg-type]  # a network by its name
        READ_EVENT,
    )
    return await importer.take(BytesIO(content), lambda *_: None)


async def logged(database: Database) -> list[Any]:
    """Return what the log holds in its order, and nothing of how it is divided or when it came."""
    held: list[Any] = []
    async for entry in database["log"].find(sort=[("_id", 1)]):
        assert entry["source"] == "import"
        if "client_ids" not in entry:
            held.append((entry["rolled_back"], entry["applied"], entry["refused"]))
        held += entry.get("events", [])
    return held


# What is taken


@pytest.mark.parametrize("how", ["plain", "packed", "piped"])
async def test_recorded_deliveries_give_the_numbers_that_the_webhook_would_give(
    database: Database, environment: dict[str, str], tmp_path: Path, how: str
) -> None:
    """Whether plain, packed or from a pipe, and no service needs to run."""
    file = tmp_path / "recorded"
    content = document(STORY)
    file.write_bytes(gzip.compress(content) if how == "packed" else content)
    name, stdin = ("-", content) if how == "piped" else (str(file), b"")
    code, printed, complained = await fed(stdin, name, **environment)
    assert (code, complained) == (0, "")
    assert "6 lines read, 6 deliveries and 0 events" in printed
    assert "refused in deliveries, failed_transaction: 1\n" in printed
    assert "Committed: 8 events, up to position 1\n" in printed
    imported = await figures(database)
    posted = await connect(environment["MONGODB_URL"], f"{database.name}_posted")
    async with running(posted) as service:
        for delivery in STORY:
            await service.deliver(delivery)
        assert await told(service) == imported
    await posted.client.drop_database(posted.name)
    posted.client.close()


async def figures(database: Database) -> dict[str, Any]:
    """Return what a service answers that is started on a database."""
    async with running(database) as service:
        return await told(service)


async def told(service: Running) -> dict[str, Any]:
    """Return the figures and the activity that a service tells."""
    await service.settled()
    return await service.ask(
        "{aggregated{issuance{totalBadgesIssued badgesHeld totalBadgesRevoked} metrics"
        "{totalUsers totalCommunities engagementRate}} activity{edges{node{id type summary}}}"
        " status{lastBlock{height hash} refused{reason count}}}"
    )


async def test_deliveries_and_events_may_be_mixed_and_keep_their_order(database: Database) -> None:
    lines = [joined("a"), joined("b"), v1(Transaction([minted(1)])), joined("c"), b"", joined("d")]
    taken = await take(database, document(lines))
    assert (taken.lines, taken.tally.deliveries, taken.tally.events) == (6, 1, 4)
    assert (taken.tally.accepted, taken.tally.rejected) == (5, {})
    held = await logged(database)
    assert [each["user"] if isinstance(each, dict) else "chain" for each in held] == [
        *("a", "b", "chain", "c", "d")
    ]


async def test_a_last_line_needs_no_end(database: Database) -> None:
    assert (await take(database, document([joined("a")])[:-1])).tally.accepted == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"nonsense", "NOT_JSON"),
        (b"\xff{}", "NOT_JSON"),
        (b"[" * 100_000, "NOT_JSON"),
        (b"[]", "BAD_USER_INPUT"),
        (b"5", "BAD_USER_INPUT"),
        (b"{}", "BAD_USER_INPUT"),
        (b'{"badgeMinted": {"badge": "1"}}', "BAD_USER_INPUT"),
        (b'{"badgeIssued": null}', "BAD_USER_INPUT"),
        (b'{"badgeIssued": {"badge": "1"}}', "BAD_USER_INPUT"),
        (b'{"userJoined": {"user": "a"}, "badgeRevoked": {"badge": "1"}}', "BAD_USER_INPUT"),
        (b'{"userJoined": {"user": "a", "occurredAt": "yesterday"}}', "BAD_USER_INPUT"),
        (b'{"userJoined": {"user": "a b"}}', "BAD_ID"),
        (b'{"userJoined": {"user": "a", "id": ""}}', "BAD_ID"),
        (b'{"communityCreated": {"community": "1", "owner": "a", "name": ""}}', "BAD_NAME"),
        (b'{"badgeIssued": {"badge": "1", "recipient": "a", "level": -1}}', "BAD_NUMBER"),
        (b'{"userJoined": {"user": "a", "occurredAt": "2020-12-31T23:59:59Z"}}',
         "TIME_OUT_OF_REACH"),
        (b'{"userJoined": {"users": "' + b"a" * 10_000 + b'"}}', "BAD_USER_INPUT"),
        (b" " * (MAX_BODY + 1) + b"5", "TOO_LARGE"),
    ],
)  # fmt: skip
async def test_a_bad_line_is_counted_by_its_reason_and_stops_nothing(
    database: Database, line: bytes, reason: str
) -> None:
    taken = await take(database, document([joined("a"), line, joined("b")]))
    assert taken.tally.accepted == 2
    [(why, rejections)] = taken.tally.rejected.items()
    assert (why, rejections.count, rejections.lines) == (reason, 1, [2])
    assert 0 < len(rejections.message) <= 200


async def test_what_was_rejected_is_told_and_makes_the_exit_code_1(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Also when the same file is given again; only the first lines are named."""
    file = tmp_path / "recorded"
    file.write_bytes(document([*[b"nonsense"] * 7, joined("a"), b'{"userJoined": {"user": ""}}']))
    for _ in range(2):
        code, printed, _ = await run(str(file), **environment)
        assert code == 1
        assert (
            "rejected, NOT_JSON: 7 (line 1, 2, 3, 4, 5, ...). This is no JSON document" in printed
        )
        assert "rejected, BAD_ID: 1 (line 9). `user` has 1 to 128 characters" in printed
        assert "1 event accepted" in printed
    assert "9 lines read (9 of them earlier)" in printed
    assert "1 event accepted earlier, and nothing now" in printed


async def test_what_a_damaged_archive_holds_before_the_damage_is_taken(database: Database) -> None:
    """As a recorder leaves it that was killed."""
    packed = gzip.compress(document([joined(f"user{n}") for n in range(1000)]))
    taken = await take(database, packed[: len(packed) // 2])
    assert 0 < taken.tally.accepted < 1000
    assert taken.tally.rejected["DAMAGED"].lines == [taken.lines]


async def test_an_empty_file_is_no_error(database: Database) -> None:
    taken = await take(database, b"")
    assert (taken.lines, taken.tally.rejected) == (0, {})


# Exactly once


async def test_a_file_is_known_by_its_content_whatever_its_name(
    database: Database, environment: dict[str, str], tmp_path: Path
) -> None:
    """Chain events would be harmless, but a delivery that was taken back since would not be."""
    content = document([*STORY, joined("a"), joined("a", id="mine")])
    for name, held in [
        ("first", content),
        ("second", content),
        ("packed", gzip.compress(content)),
    ]:
        (tmp_path / name).write_bytes(held)
    first = await run(str(tmp_path / "first"), **environment)
    log = await logged(database)
    assert len(log) == 8
    others = (str(tmp_path / name) for name in ("second", "packed"))
    code, printed, _ = await fed(content, *others, "-", **environment)
    assert (first[0], code) == (0, 0)
    assert printed.count("8 lines read (8 of them earlier)") == 3
    assert "Committed: 0 events" in printed
    assert await logged(database) == log


async def test_events_without_an_id_are_not_taken_twice_from_a_file_that_has_grown(
    database: Database,
) -> None:
    """Two equal lines are two events all the same, and so are equal lines of another file."""
    lines = [joined("a"), joined("a"), joined("b", id="mine")]
    assert (await take(database, document(lines))).tally.accepted == 3
    grown = await take(database, document([*lines, joined("c")]))
    assert (grown.tally.accepted, grown.tally.duplicates) == (1, 3)
    other = await take(database, document([joined("b", id="mine"), *lines]))
    assert (other.tally.accepted, other.tally.duplicates) == (2, 2)


async def test_an_id_means_the_same_in_a_file_and_in_the_mutation(database: Database) -> None:
    async with running(database, network="testnet", deployer=DEPLOYER) as service:
        data = await service.ask(
            "mutation($events:[EventInput!]!){ingestEvents(input:{events:$events}){accepted}}",
            events=[joined("a", id="mine")],
        )
        assert data["ingestEvents"]["accepted"] == 1
        taken = await take(database, document([joined("a", id="mine")]))
    assert (taken.tally.accepted, taken.tally.duplicates) == (0, 1)


async def test_the_same_id_far_apart_in_one_file_is_one_event(database: Database) -> None:
    """Within what is stored together, and beyond."""
    delivery = v1(Transaction([minted(1)]))
    lines = [joined("a", id="x"), delivery, joined("a", id="x")] + [delivery] * CHUNK_LINES
    taken = await take(database, document([*lines, joined("a", id="x")]))
    assert (taken.tally.accepted, taken.tally.duplicates) == (CHUNK_LINES + 2, 2)


async def test_a_file_is_read_anew_after_a_corrected_setting(database: Database) -> None:
    """Another deployer is trusted, so it holds something else."""
    content = document(STORY)
    assert (await take(database, content, deployer=ALICE)).tally.accepted == 0
    assert (await take(database, content)).tally.accepted == 8


async def test_two_imports_of_one_file_at_once_take_it_once(database: Database) -> None:
    """The second goes on where the first is, or is told of it."""
    content = document([joined(f"user{n}") for n in range(3 * CHUNK_LINES)])
    outcomes = await asyncio.gather(
        take(database, content), take(database, content), return_exceptions=True
    )
    failed = [each for each in outcomes if isinstance(each, BaseException)]
    assert all(isinstance(each, AnalyticsError) and each.code == "IN_USE" for each in failed)
    assert len(failed) < 2
    assert len(await logged(database)) == 3 * CHUNK_LINES


async def test_an_import_beside_the_webhook_loses_and_doubles_nothing(database: Database) -> None:
    """Both number the entries of one log."""
    content = document([joined(f"user{n}") for n in range(10 * CHUNK_LINES)])
    async with running(database, network="testnet", deployer=DEPLOYER) as service:
        importing = asyncio.create_task(take(database, content))
        posted = 0
        while not importing.done():
            await service.deliver(v1(Transaction([minted(1 + posted)])))
            posted += 1
        assert (await importing).tally.accepted == 10 * CHUNK_LINES
        await service.settled()
        status = (await service.ask("{status{eventsProcessed eventsWaiting}}"))["status"]
    assert status == {"eventsProcessed": 10 * CHUNK_LINES + posted, "eventsWaiting": 0}
    numbers = [
        entry["_id"] async for entry in database["log"].find({}, {"_id": 1}, sort=[("_id", 1)])
    ]
    assert numbers == list(range(1, len(numbers) + 1))


def recorded(directory: Path) -> Path:
    """Write many thousand lines of deliveries and events; return the file."""
    now = 1_767_085_200_000
    chain = Chain(1, start=now - 60 * DAY_MS, scale=Scale(days=60))
    lines: list[object] = []
    for step in history(chain, 2000, now):
        events = (joined(f"user{len(lines)}-{n}") for n in range(30))
        lines += [deliver(step, chain.contracts), *events]
    assert len(lines) > 12 * CHUNK_LINES
    file = directory / "recorded.ndjson.gz"
    file.write_bytes(gzip.compress(document(lines), 1))
    return file


async def reached(data: Path) -> int:
    """Return which line the import has reached whose database runs on `data`; 0 without one."""
    url = await running_url(data)
    if url is None:
        return 0
    client: Client = AsyncIOMotorClient(url)
    try:
        row = await client["passportx"]["imports"].find_one()
        return int(row["line"]) if row else 0
    finally:
        client.close()


async def at_work(process: asyncio.subprocess.Process, data: Path, line: int = 0) -> int:
    """Wait until an import has gone beyond a line; return the one that it has reached."""
    async with asyncio.timeout(PATIENCE):
        while (now := await reached(data)) <= line:
            assert process.returncode is None, "it ended before it could be interrupted"
            await asyncio.sleep(0.01)
    return now


@asynccontextmanager
async def resting(data: Path) -> AsyncIterator[Database]:
    """Open the database of a data directory on which nothing runs."""
    async with EmbeddedMongo(data) as url:
        database = await connect(url, "passportx")
        try:
            yield database
        finally:
            database.client.close()


async def test_killed_in_the_middle_and_run_again_it_is_as_if_never_killed(
    database: Database, environment: dict[str, str], tmp_path: Path
) -> None:
    """Four times with SIGKILL, and its embedded database with it."""
    file, data = recorded(tmp_path), tmp_path / "data"
    arguments, line = ("--data-dir", str(data), str(file)), 0
    for _ in range(4):
        process = await start(*arguments)
        line = await at_work(process, data, line)
        process.kill()
        await process.communicate()
        assert process.returncode == -signal.SIGKILL
    code, printed, complained = await run(*arguments)
    assert code == 0, complained
    assert "of them earlier)" in printed
    assert (await run(str(file), **environment))[0] == 0
    async with resting(data) as interrupted:
        assert await logged(interrupted) == await logged(database)
        assert await figures(interrupted) == await figures(database)


async def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path: Path) -> None:
    file, data = recorded(tmp_path), tmp_path / "data"
    process = await start("--data-dir", str(data), str(file))
    await at_work(process, data)
    process.send_signal(signal.SIGINT)
    _, complained = await process.communicate()
    assert process.returncode == 130
    assert complained.decode() == "Stopped; the same command goes on from here.\n"
    code, printed, _ = await run("--data-dir", str(data), str(file))
    assert code == 0
    assert "of them earlier)" in printed


# Where it goes


async def test_a_service_may_be_running_on_the_same_data_directory(tmp_path: Path) -> None:
    """Its database is used beside it, and its subscribers learn of the commit."""
    data, file = tmp_path / "data", tmp_path / "recorded"
    file.write_bytes(document(STORY))
    async with resting(data) as database, running(database) as service:
        before = await service.settled()
        code, printed, complained = await run("--data-dir", str(data), str(file))
        assert code == 0, complained
        assert "6 lines read" in printed
        async with asyncio.timeout(PATIENCE):
            await service.service.updates.beyond(before)
        await service.settled()
        answer = await service.ask("{issuance{totalBadgesIssued}}")
    assert answer["issuance"]["totalBadgesIssued"] == 2


async def test_a_data_directory_whose_database_does_not_answer_is_told_with_the_mend(
    tmp_path: Path,
) -> None:
    file, data = tmp_path / "recorded", tmp_path / "data"
    file.write_bytes(b"")
    data.mkdir()
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        code, printed, complained = await run("--data-dir", str(data), str(file))
    assert (code, printed) == (1, "")
    assert complained == (
        f"passportx: PASSPORTX_DATA_DIR {data} is in use by process 4711: stop that one, or "
        "choose another directory.\n"
    )


async def test_nothing_is_taken_while_events_are_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "recorded"
    file.write_bytes(document(STORY))
    code, printed, complained = await run(str(file), ANALYTICS_ENABLED="false")
    assert (code, printed) == (1, "")
    assert complained == "passportx: This service takes no events: ANALYTICS_ENABLED is false.\n"


async def test_a_data_directory_that_cannot_be_used_is_named_with_the_mend(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.touch()
    for path, reason in ((taken, "File exists"), (taken / "data", "Not a directory")):
        code, _, complained = await run("--data-dir", str(path), os.devnull)
        assert code == 1
        assert complained.strip() == (
            f"passportx: PASSPORTX_DATA_DIR {path} cannot be used ({reason}): choose a directory "
            "that this user may write to, with --data-dir."
        )


async def test_a_database_that_goes_away_ends_the_import_with_the_mend(tmp_path: Path) -> None:
    """And the same command goes on when it is back."""
    file, data = recorded(tmp_path), tmp_path / "data"
    mongo = EmbeddedMongo(data)
    environment = {"MONGODB_URL": await mongo.start(), "MONGODB_DATABASE": "passportx"}
    process = await start(str(file), **environment)
    await at_work(process, data)
    await mongo.stop()
    _, complained = await process.communicate()
    assert process.returncode == 1
    said = complained.decode().splitlines()[-1]
    assert said == "passportx: The database is away: run the same command again."
    environment["MONGODB_URL"] = await mongo.start()
    code, printed, _ = await run(str(file), **environment)
    await mongo.stop()
    assert code == 0
    assert "of them earlier)" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "Missing argument 'FILE...'"), (("absent",), "'absent' does not exist")],
)
async def test_a_command_that_makes_no_sense_is_explained(
    arguments: tuple[str, ...], said: str
) -> None:
    code, _, complained = await run(*arguments)
    assert code == 2
    assert said in complained


# What is told meanwhile


def test_in_a_pipe_progress_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with telling("file", "lines", seconds=0) as tell:
        tell(1000, 4000)
        tell(2000, 4000)
    said = capsys.readouterr()
    assert said.err == "file: 1,000 of 4,000 lines\nfile: 2,000 of 4,000 lines\n"
    assert said.out == ""


async def test_on_a_terminal_progress_is_a_bar(environment: dict[str, str], tmp_path: Path) -> None:
    """On standard error; the summary alone goes to standard output."""
    file = tmp_path / "recorded"
    file.write_bytes(document(STORY))
    terminal, its_end = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(PASSPORTX, "import", str(file)),
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "NO_COLOR": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=its_end,
    )
    os.close(its_end)
    printed, _ = await process.communicate()
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert "━" in shown
    assert "6/6 lines" in shown
    assert "8/8 events" in shown
    assert "━" not in printed.decode()


def test_a_line_as_long_as_a_line_may_be_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.importing.MAX_BODY", 50)
    file = BytesIO(b"a" * 49 + b"\n" + b"b" * 50 + b"\nc\n" + b"d" * 51 + b"\ne")
    found = [(line.number, line.content[:1], line.bad) for line in lines(file)]
    assert found == [
        *((1, b"a", None), (2, b"", BadLine.TOO_LARGE), (3, b"c", None)),
        *((4, b"", BadLine.TOO_LARGE), (5, b"e", None)),
    ]


# Ids that are given twice

OTHER = {"userJoined": {"user": "other", "occurredAt": AT, "id": "x"}}


@pytest.mark.parametrize("between", [[], [STORY[0]]])
async def test_a_line_with_the_id_of_another_event_is_rejected_by_its_number(
    database: Database, between: list[object]
) -> None:
    """Beside the first one or behind a delivery, and again in another file."""
    first = joined("first", id="x")
    content = document([first, *between, OTHER, first])
    tally = (await take(database, content)).tally
    number = 2 + len(between)
    assert tally.rejected["ID_CONFLICT"].lines == [number]
    assert (tally.duplicates, tally.events) == (1, 3)
    assert "ID_CONFLICT" not in tally.refused
    later = (await take(database, document([OTHER]))).tally
    assert later.rejected["ID_CONFLICT"].lines == [1]
    assert (later.accepted, later.duplicates) == (0, 0)


async def test_lines_without_a_time_stay_duplicates_when_their_file_has_grown(
    database: Database,
) -> None:
    lines: list[object] = [{"userJoined": {"user": f"user-{n}"}} for n in range(3)]
    assert (await take(database, document(lines))).tally.accepted == 3
    lines.append({"userJoined": {"user": "new"}})
    tally = (await take(database, document(lines))).tally
    assert (tally.accepted, tally.duplicates, tally.rejected) == (1, 3, {})


@pytest.mark.parametrize("line", [b"null", b"5", b'"x"', b"[]", b"[null]", b"true", b"{}", b"NaN"])
async def test_a_line_that_is_no_object_is_rejected_and_the_others_are_taken(
    database: Database, line: bytes
) -> None:
    tally = (await take(database, document([joined("a"), line, joined("b")]))).tally
    assert tally.accepted == 2
    assert sum(each.count for each in tally.rejected.values()) == 1
