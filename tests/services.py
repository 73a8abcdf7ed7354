"""The services on one database, wired as `app.py` wires them, with a clock of the test's own."""

from dataclasses import dataclass

from documents.projection import Database, prepare
from services.analytics import Analytics
from services.answers import Names
from services.cache import AnswerCache
from services.ledger import Ledger
from services.log import Log
from services.reading import Reader
from services.snapshots import Snapshots
from services.updates import Updates

CATEGORIES = dict(
    enumerate(
        ("achievement", "participation", "contribution", "leadership", "skill", "recognition"),
        start=1,
    )
)
NAMES = Names(categories=CATEGORIES, levels={level: f"Level {level}" for level in range(1, 6)})


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: int

    def __call__(self) -> int:
        return self.now


@dataclass
class Services:
    """What accepts, commits and answers."""

    database: Database
    log: Log
    ledger: Ledger
    reader: Reader
    updates: Updates
    analytics: Analytics
    clock: Clock
    snapshots: Snapshots

    @classmethod
    async def on(cls, database: Database, now: int) -> "Services":
        """Start the services on a database, as after a restart."""
        await prepare(database)
        reader, clock = Reader(database), Clock(now)
        updates = Updates(reader)
        cache = AnswerCache(ttl_seconds=300)
        analytics = Analytics(database, reader, updates, cache, NAMES, clock)
        await updates.learn(await reader.position())
        ledger = Ledger(database)
        snapshots = Snapshots(database, analytics, ledger, updates, clock)
        return cls(database, Log(database), ledger, reader, updates, analytics, clock, snapshots)

    async def commit(self, limit: int = 1000) -> None:
        """Commit everything that waits, in batches."""
        while (committed := await self.ledger.commit(limit)) is not None:
            await self.updates.learn(committed.position)
