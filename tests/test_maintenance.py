"""`passportx verify` finds what is wrong; `passportx rebuild` mends it, beside a service too."""

import gzip
from array import array
from pathlib import Path

import httpx
import orjson
import pytest

from documents.connection import Database
from documents.log import Commit, Head
from documents.projection import prepare
from ingest.synthetic import DEVNET, deliver, history
from ingest.synthetic.chain import Chain
from services.cells import part_counts
from services.ledger import REBUILT
from services.rebuild import rebuild
from services.verify import verify
from services.window import DAY_MS
from tests.chainhook_payloads import DEPLOYER
from tests.histories import NOW, SCALE, History
from tests.processes import Passportx, run
from tests.services import Services

ASKED = "{issuance{totalBadgesIssued byCategory{key count}} users{totalUsers} status{position}}"


def nothing(*_: object) -> None:
    """Tell nobody."""


async def told(database: Database, seed: int = 3) -> Services:
    """Return services that have committed a random history."""
    services = await Services.on(database, NOW)
    for delivery in History(seed).deliveries():
        await services.log.accept(delivery, "chainhook")
    await services.commit(20)
    return services


async def collections(database: Database) -> set[str]:
    return set(await database.list_collection_names())


@pytest.mark.parametrize(
    ("collection", "change", "where"),
    [
        ("totals_1", {"_id": "issued|-"}, "total_badges_issued"),
        ("months_1", {"series": "issued.category"}, "counter months issued.category|"),
        ("quarter_hours_1", {"series": "issued"}, "peak_activity"),
        ("totals_1", {"series": "users.held"}, "user_engagement"),
        ("totals_1", {"series": "held.template"}, "rarity"),
    ],
)
async def test_verify_finds_a_counter_that_is_wrong(
    database: Database, collection: str, change: dict[str, str], where: str
) -> None:
    services = await told(database)
    assert await verify(database, services.analytics, nothing) == []
    async for cell in database[collection].find(change):
        more: dict[str, dict[str, object]] = {"$inc": {"n": 1}}
        if "user_count" in cell:
            more["$inc"]["user_count"] = 1
        if collection == "quarter_hours_1":
            more["$set"] = {"parts": array("i", [n + 1 for n in part_counts(cell)]).tobytes()}
        await database[collection].update_one({"_id": cell["_id"]}, more)
    await services.reader.close()
    services = await Services.on(database, NOW)
    found = await verify(database, services.analytics, nothing)
    assert any(where in difference.path for difference in found), found
    await services.reader.close()


async def test_verify_finds_a_row_that_is_missing(database: Database) -> None:
    services = await told(database)
    await services.reader.close()
    await database["fact_chunks_1"].delete_many({})
    services = await Services.on(database, NOW)
    assert await verify(database, services.analytics, nothing)
    await services.reader.close()


async def test_a_rebuild_mends_everything_and_lets_the_old_generation_go(
    database: Database,
) -> None:
    services = await told(database)
    await database["totals_1"].update_many({}, {"$inc": {"n": 1}})
    await database["fact_chunks_1"].delete_many({})
    before = services.updates.position
    position = await rebuild(database, 30, nothing)
    assert position == before + 1
    commit = await Commit.get(position)
    assert commit is not None
    assert commit.reason == "REBUILD"
    await services.reader.close()
    services = await Services.on(database, NOW)
    assert await verify(database, services.analytics, nothing) == []
    names = await collections(database)
    assert "totals_2" in names
    assert "totals_1" not in names, "prepare drops what no head names"
    await services.reader.close()


async def test_the_old_figures_answer_until_the_new_ones_are_there_and_commits_go_on(
    database: Database,
) -> None:
    services = await told(database)
    total = (await services.reader.reading(0)).head.processed
    later = list(History(4).deliveries())
    seen: list[int] = []

    def tell(done: int, of: int) -> None:
        seen.append(done)
        assert done <= of

    # A third of what comes later arrives, and is committed to the old generation, meanwhile.
    await services.log.accept(later[0], "chainhook")
    await services.commit()
    position = await rebuild(database, 5, tell)
    assert seen == sorted(seen)
    assert len(seen) > 5
    await services.log.accept(later[1], "chainhook")
    await services.commit()
    assert services.updates.position == position + 1, "the committer has taken up the new one"
    await services.updates.learn(await services.reader.position())
    reading = await services.reader.reading(services.updates.position)
    assert reading.head.generation == 2
    assert reading.head.processed >= total
    assert await verify(database, services.analytics, nothing) == []
    await services.reader.close()


async def test_a_rebuild_that_was_torn_changes_nothing_and_begins_anew(database: Database) -> None:
    services = await told(database)

    def interrupt(done: int, _: int) -> None:
        if done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuild(database, 5, interrupt)
    head = await Head.get("head")
    assert head is not None
    assert head.generation == 1
    assert await verify(database, services.analytics, nothing) == []
    await prepare(database)
    assert "totals_2" in await collections(database), "it may be going on in another process"
    await rebuild(database, 1000, nothing)
    assert await Head.get(REBUILT) is None
    services = await Services.on(database, NOW)
    assert await verify(database, services.analytics, nothing) == []
    await services.reader.close()


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A file of recorded deliveries."""
    chain = Chain(5, start=NOW - SCALE.days * DAY_MS, scale=SCALE)
    lines = [orjson.dumps(deliver(step, DEVNET)) for step in history(chain, 120, NOW)]
    path = tmp_path / "deliveries.ndjson.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    return path


async def test_the_commands_work_without_a_service_and_beside_one(
    tmp_path: Path, recorded: Path
) -> None:
    directory = ("--data-dir", str(tmp_path / "data"))
    assert (await run("import", *directory, str(recorded)))[0] == 0
    code, printed, _ = await run("verify", *directory)
    assert (code, printed[-1][:33]) == (0, "Every figure is what the log says")
    async with (
        Passportx("serve", "--port", "0", *directory) as service,
        httpx.AsyncClient(base_url=service.base) as client,
    ):

        async def ask() -> dict[str, dict[str, object]]:
            answer = (await client.post("/graphql", json={"query": ASKED})).json()
            data: dict[str, dict[str, object]] = answer["data"]
            return data

        before = await ask()
        code, printed, complained = await run("rebuild", *directory)
        assert code == 0, complained
        assert printed[-1].startswith("Rebuilt; the new figures answer from position")
        position = int(printed[-1].split()[-2])
        after = await ask()
        while after["status"]["position"] != position:
            after = await ask()
        assert {**after, "status": None} == {**before, "status": None}
        code, printed, complained = await run("verify", *directory)
        assert (code, complained) == (0, []), printed


async def test_a_difference_is_printed_and_the_exit_code_is_1(
    recorded: Path, database: Database, mongo_url: str
) -> None:
    where = ("--mongodb-url", mongo_url, "--mongodb-database", database.name)
    assert (await run("import", *where, str(recorded)))[0] == 0
    await database["totals_1"].update_one({"_id": "users|-"}, {"$inc": {"n": 1}})
    code, printed, complained = await run("verify", *where)
    assert code == 1
    assert any("total_users: kept" in line and "the log says" in line for line in printed)
    assert "`passportx rebuild` derives them again" in complained[-1]
    assert (await run("rebuild", *where))[0] == 0
    assert (await run("verify", *where))[0] == 0


async def test_figures_of_another_version_stop_the_start_and_a_rebuild_mends_them(
    recorded: Path, database: Database, mongo_url: str
) -> None:
    where = ("--mongodb-url", mongo_url, "--mongodb-database", database.name)
    assert (await run("import", *where, str(recorded)))[0] == 0
    # What an earlier version left: another index under the same name, and no word of a layout.
    await database["user_chunks_1"].drop_index("since")
    await database["user_chunks_1"].create_index("held", name="since")
    await database["head"].update_one({"_id": "head"}, {"$unset": {"layout": 1}})
    code, _, complained = await run("serve", "--port", "0", *where)
    assert code == 1
    assert "run `passportx rebuild` with the same settings" in complained[-1]
    assert (await run("rebuild", *where))[0] == 0
    assert (await run("verify", *where))[0] == 0


async def test_a_database_of_another_network_is_not_served(
    recorded: Path, database: Database, mongo_url: str
) -> None:
    where = ("--mongodb-url", mongo_url, "--mongodb-database", database.name)
    other = ("--network", "testnet", "--deployer", DEPLOYER)
    # As long as it is empty it may become either's.
    assert (await run("verify", *where, *other))[0] == 0
    assert (await run("import", *where, str(recorded)))[0] == 0
    assert (await run("rebuild", *where))[0] == 0
    code, _, complained = await run("serve", "--port", "0", *where, *other)
    assert code == 1
    assert "STACKS_NETWORK is testnet, but the database" in complained[-1]


async def test_a_directory_without_a_database_is_not_verified(tmp_path: Path) -> None:
    for command in ("verify", "rebuild"):
        code, _, complained = await run(command, "--data-dir", str(tmp_path / "mistyped"))
        assert code == 1
        assert "There is no database in PASSPORTX_DATA_DIR" in complained[-1]
    assert not (tmp_path / "mistyped").exists()
