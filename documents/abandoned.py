"""Ends the transactions that killed processes have left open.

The server keeps such a transaction for a minute, and whoever needs what it wrote waits so long: the
next commit needs the head, and the next delivery the number in the log that an import was about to
take, while its Chainhook gives up after seconds.
"""

import asyncio
import logging
from typing import Any

from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from documents.connection import APPLICATION, Client

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 2.0
"""A transaction in which nothing happens from one look to the next is abandoned. One that was
merely slow is begun anew by its owner, as after a conflict."""

_IDLE: list[dict[str, Any]] = [
    {"$currentOp": {"allUsers": False, "idleSessions": True}},
    {
        "$match": {
            "type": "idleSession",
            "appName": APPLICATION,
            "transaction.parameters.autocommit": False,
        }
    },
]


async def end_abandoned_transactions(client: Client) -> None:
    """Look for abandoned transactions and end them, until cancelled."""
    seen: dict[bytes, int] = {}
    while True:
        try:
            seen = await _sweep(client, seen)
        except OperationFailure as failure:
            logger.warning(
                "The server does not let us end abandoned transactions (%s): if a service is "
                "killed within a commit, the next commit takes a minute",
                failure.details and failure.details.get("codeName"),
            )
            return
        except PyMongoError as error:
            logger.debug("Abandoned transactions could not be looked for: %s", error)
        await asyncio.sleep(SWEEP_SECONDS)


async def _sweep(client: Client, seen: dict[bytes, int]) -> dict[bytes, int]:
    """End what has been idle since `seen`; return what is idle now: sessions and their work."""
    admin = client.get_database("admin", read_concern=ReadConcern("local"))
    idle: dict[bytes, int] = {}
    async for row in admin.aggregate(_IDLE):
        idle[row["lsid"]["id"]] = row["transaction"]["timeActiveMicros"]
    abandoned = [{"id": session} for session, work in idle.items() if seen.get(session) == work]
    if abandoned:
        logger.warning("Ending %d transactions that a killed process left open", len(abandoned))
        await admin.command("killSessions", abandoned)
    return idle
