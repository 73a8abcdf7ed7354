"""An entry of the log that cannot be committed is set aside, and the rest goes on."""

import subprocess
import sys

import httpx
import pytest

from documents.projection import Database, prepare
from services import quarantine
from services.facts import Record
from services.log import Log
from services.quarantine import TRIES
from services.rebuild import rebuild
from services.recount import recount
from services.verify import verify
from settings import load_settings
from tests.processes import until
from tests.services import Services
from tests.test_ancestry import A10, A11, applied, block, delivery, issued, rolled_back
from tests.test_processor import break_entry, running

NOW = 1_790_000_000_000
REPORTS = (applied(A10), applied(A11), applied(block("A12", 12, "A11")))


async def told(database: Database, broken: int) -> Record:
    """Tell three blocks, and break the entry of one of them; return the entry as it was."""
    await prepare(database)
    for report in REPORTS:
        await Log(database).accept(delivery(report), "chainhook")
    return await break_entry(database, broken)


async def commit_with_patience(services: Services) -> None:
    """Commit as the processor does, which tries again whatever happens."""
    for _ in range(TRIES + 2):
        try:
            await services.commit()
        except KeyError:
            continue


async def test_the_rest_goes_on_and_nothing_of_the_entry_counts(database: Database) -> None:
    await told(database, 2)
    services = await Services.on(database, NOW)
    await commit_with_patience(services)
    assert await issued(database) == {"A10", "A12"}
    (entry,) = await quarantine.listed(database)
    assert (entry.sequence, entry.state, entry.events) == (2, "set_aside", 1)
    assert entry.reason == "KeyError: 'applied'"
    assert (await services.analytics.status()).quarantined == 1
    assert await verify(database, services.analytics, lambda *_: None) == []
    await rebuild(database, 100, lambda *_: None)
    await services.updates.learn(await services.reader.position())
    rows = await database["events_2"].find({"live": True}, {"badge": 1}).to_list(None)
    assert {row["badge"] for row in rows} == {"A10", "A12"}
    await services.reader.close()


async def test_what_is_retried_takes_its_old_place(database: Database) -> None:
    """A later rollback of its block still holds, although the retry comes after it."""
    whole = await told(database, 1)
    services = await Services.on(database, NOW)
    await services.log.accept(delivery(rolled_back(A11, A10)), "chainhook")
    await commit_with_patience(services)
    assert await quarantine.waiting(database) == 1
    await database["log"].replace_one({"_id": 1}, whole)
    assert await quarantine.retry(database, [1]) == 1
    await services.commit()
    assert await quarantine.waiting(database) == 0
    reading = await services.analytics.reading()
    assert reading.head.sequence == 5
    canonical = await issued(database)
    assert "A10" not in canonical
    assert {badge.badge for badge in (await recount(database, 1 << 60)).badges} == canonical
    assert await verify(database, services.analytics, lambda *_: None) == []
    await services.reader.close()


async def test_a_retry_that_fails_again_is_set_aside_again(database: Database) -> None:
    whole = await told(database, 3)
    services = await Services.on(database, NOW)
    await commit_with_patience(services)
    await quarantine.retry(database, [3])
    await commit_with_patience(services)
    (entry,) = await quarantine.listed(database)
    assert entry.sequence == 4
    await database["log"].replace_one({"_id": 4}, {**whole, "_id": 4, "original": 3})
    await quarantine.retry(database, [4])
    await services.commit()
    assert await issued(database) == {"A10", "A11", "A12"}
    await services.reader.close()


async def test_what_is_dropped_is_kept_and_asks_for_nothing(database: Database) -> None:
    whole = await told(database, 2)
    services = await Services.on(database, NOW)
    await commit_with_patience(services)
    with pytest.raises(quarantine.UnknownEntry, match="Entry 1 of the log is not in quarantine"):
        await quarantine.drop(database, [1])
    await quarantine.drop(database, [2])
    assert await quarantine.listed(database) == []
    (entry,) = await quarantine.listed(database, everything=True)
    assert entry.state == "dropped"
    await database["log"].replace_one({"_id": 2}, whole)
    await quarantine.retry(database, [2])
    await services.commit()
    assert await issued(database) == {"A10", "A11", "A12"}
    await services.reader.close()


async def test_a_fault_that_is_not_the_entries_sets_only_so_many_aside(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "IN_A_ROW", 1)
    await told(database, 1)
    await break_entry(database, 2)
    services = await Services.on(database, NOW)
    failures = 0
    for _ in range(4 * TRIES):
        try:
            await services.ledger.commit(1000)
        except KeyError:
            failures += 1
    assert failures > 3 * TRIES - 3
    assert [entry.sequence for entry in await quarantine.listed(database)] == [1]
    await services.reader.close()


async def test_a_service_says_so_and_the_command_deals_with_it(
    database: Database, mongo_url: str
) -> None:
    """The control run: a poisoned entry between others, and the program itself."""
    whole = await told(database, 2)
    async with running(database, load_settings(batch_size=1)) as (_, base):

        async def set_aside() -> bool:
            return await quarantine.waiting(database) == 1

        await until(set_aside)
        async with httpx.AsyncClient(base_url=base) as client:
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["quarantined"]) == (200, 1)
            assert "passportx_log_entries_quarantined 1.0" in (await client.get("/metrics")).text
            asked = await client.post("/graphql", json={"query": "{ status { quarantined } }"})
            assert asked.json() == {"data": {"status": {"quarantined": 1}}}

        def passportx(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(  # noqa: S603  # our own program
                [
                    *(sys.executable, "-m", "cli", "quarantine", *arguments),
                    *("--mongodb-url", mongo_url, "--mongodb-database", database.name),
                ],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

        listed = passportx("list")
        assert listed.stdout.startswith("2  set_aside  20"), listed.stderr
        assert listed.stdout.endswith("1 event  KeyError: 'applied'\n")
        assert passportx("drop", "7").returncode == 1
        assert "Name the numbers" in passportx("retry").stderr
        await database["log"].replace_one({"_id": 2}, whole)
        retried = passportx("retry", "--all")
        assert retried.stdout == "1 entry appended to the log again.\n", retried.stderr

        async def counted() -> bool:
            return await issued(database) == {"A10", "A11", "A12"}

        await until(counted)
