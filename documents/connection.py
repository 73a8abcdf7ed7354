"""A connection to MongoDB that loses nothing it has acknowledged.

    DatabaseError
    ├── BadUrl               MONGODB_URL cannot be read, or weakens the writes
    ├── ServerUnreachable    nothing answers, or nothing that takes writes
    ├── ServerRefused        the credentials are not accepted, or do not suffice
    ├── ServerTooOld         older than `OLDEST_SERVER`
    ├── StandaloneServer     no replica set, so no transactions
    └── EmbeddedMongoError   see `documents.embedded`

Each message is one sentence that names the setting and says what to do.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.errors import ConfigurationError, ConnectionFailure, InvalidURI, OperationFailure
from pymongo.uri_parser import split_options

if TYPE_CHECKING:
    Client = AsyncIOMotorClient[dict[str, Any]]
    Database = AsyncIOMotorDatabase[dict[str, Any]]
else:
    Client = AsyncIOMotorClient
    Database = AsyncIOMotorDatabase

OLDEST_SERVER = (6, 0)

APPLICATION = "passportx"
"""The name by which the server knows the connections of all our processes."""

ANSWER_SECONDS = 5
"""How long an operation waits for a server that takes writes. A restart of mongod takes one or
two seconds; a Chainhook that waits much longer than this gives up without our answer."""

_MOST_CONNECTIONS = 32
"""Motor works with five threads a core, so more connections than this would lie idle."""

_DURABLE: dict[str, Any] = {
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "readPreference": "primary",
    "retryWrites": True,
    "retryReads": True,
}


class DatabaseError(Exception):
    """MongoDB cannot be used as it is; the message names the setting and the mend."""


class BadUrl(DatabaseError):
    """MONGODB_URL is no MongoDB URL, or its options weaken the write concern."""


class ServerUnreachable(DatabaseError):
    """No server that takes writes answered within `ANSWER_SECONDS`."""


class ServerRefused(DatabaseError):
    """The server does not accept the user or the password of MONGODB_URL, or denies it the data."""


class ServerTooOld(DatabaseError):
    """The server is older than `OLDEST_SERVER`."""


class StandaloneServer(DatabaseError):
    """The server belongs to no replica set, so that it has no transactions."""


async def connect(url: str, database: str) -> Database:
    """Return `database` of the server at `url`, after checking that the server will do.

    Writes and transactions are acknowledged by a journalled majority, reads see what a majority
    has, and both are retried once; nothing in `url` can weaken this. Close it with
    `database.client.close()`.

    Raises a `DatabaseError` if the URL or the server will not do.
    """
    try:
        with warnings.catch_warnings():
            # The driver warns of an option that it does not understand, and goes on without it.
            warnings.simplefilter("error", UserWarning)
            _check_url(url)
            client = _open(url)
    except UserWarning as warning:
        raise BadUrl(
            f"MONGODB_URL has an option that will not do ({warning}): correct it, or remove it."
        ) from None
    try:
        await _check_server(client)
    except BaseException:
        client.close()
        raise
    return client[database]


UNAUTHORIZED = 13


@contextmanager
def checking(database: Database) -> Iterator[None]:
    """Raise a `DatabaseError` in place of what the driver raises, for the first use of the data."""
    try:
        yield
    except OperationFailure as failure:
        details = failure.details or {}
        if failure.code != UNAUTHORIZED:
            raise ServerRefused(
                f"The server at MONGODB_URL cannot make MONGODB_DATABASE {database.name} ready "
                f"({details.get('errmsg', failure.code)}): choose another database."
            ) from failure
        raise ServerRefused(
            f"The server at MONGODB_URL does not let its user work with MONGODB_DATABASE "
            f"{database.name} ({details.get('codeName', failure.code)}): give the user the role "
            "readWrite on it."
        ) from failure
    except ConnectionFailure as failure:
        raise _unreachable() from failure


def _check_url(url: str) -> None:
    """Refuse a URL that asks for writes weaker than a journalled majority."""
    options: dict[str, Any] = {}
    with suppress(ValueError, ConfigurationError, InvalidURI):  # `_open` says what is wrong
        options = dict(split_options(url.partition("?")[2], validate=False))
    write_concern = str(options.get("w", "majority"))
    if write_concern != "majority":
        raise BadUrl(
            f"MONGODB_URL sets w={write_concern}, with which acknowledged events can be lost: "
            "remove it, or set w=majority."
        )
    journal = str(options.get("journal", "true")).lower()
    if journal != "true":
        raise BadUrl(
            f"MONGODB_URL sets journal={journal}, with which acknowledged events can be lost: "
            "remove it, or set journal=true."
        )


def _open(url: str) -> Client:
    try:
        return AsyncIOMotorClient(
            url,
            appname=APPLICATION,
            serverSelectionTimeoutMS=ANSWER_SECONDS * 1000,
            connectTimeoutMS=ANSWER_SECONDS * 1000,
            waitQueueTimeoutMS=ANSWER_SECONDS * 1000,
            maxPoolSize=_MOST_CONNECTIONS,
            **_DURABLE,
        )
    except (ValueError, TypeError, ConfigurationError, InvalidURI):
        # The driver's message may quote the URL, and with it a password.
        raise BadUrl(
            "MONGODB_URL is not a MongoDB URL: write it like "
            "mongodb://host:27017/?replicaSet=name, with the user and the password percent-encoded."
        ) from None


async def _check_server(client: Client) -> None:
    try:
        hello = await client.admin.command("hello")
        version = (await client.admin.command("buildInfo"))["version"]
    except OperationFailure as failure:
        reason = (failure.details or {}).get("errmsg", failure.code)
        raise ServerRefused(
            f"The server at MONGODB_URL refuses the connection ({reason}): "
            "correct the user, the password or authSource."
        ) from failure
    except ConnectionFailure as failure:
        raise _unreachable() from failure
    except ConfigurationError as failure:
        raise ServerTooOld(_too_old("a version this driver cannot speak to")) from failure

    if tuple(map(int, version.split(".")[:2])) < OLDEST_SERVER:
        raise ServerTooOld(_too_old(version))
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise StandaloneServer(
            "The server at MONGODB_URL is a standalone one, which has no transactions: start it "
            "with --replSet and run rs.initiate(), or leave MONGODB_URL out to use the embedded "
            "server."
        )
    if not hello["isWritablePrimary"]:
        raise ServerUnreachable(
            "The server at MONGODB_URL is not the primary of its replica set: name the set with "
            "?replicaSet=NAME instead of a direct connection to one member."
        )


def _unreachable() -> ServerUnreachable:
    return ServerUnreachable(
        f"No MongoDB server that takes writes answered at MONGODB_URL within {ANSWER_SECONDS} "
        "seconds: start it, or correct the address and the name of the replica set."
    )


def _too_old(version: str) -> str:
    oldest = ".".join(map(str, OLDEST_SERVER))
    return f"The server at MONGODB_URL is {version}: upgrade it to MongoDB {oldest} or later."
