"""What every test may ask for: a real MongoDB, and an empty database of its own on it."""

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from playwright.async_api import Browser

from documents.connection import Database, connect
from documents.embedded import EmbeddedMongo
from tests.browsing import chromium

settings.register_profile(
    "default",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=3000)
settings.load_profile("default")


@pytest.fixture(scope="session")
async def mongo_url() -> AsyncIterator[str]:
    """The URL of a real mongod, one for the whole run."""
    with TemporaryDirectory(prefix="passportx-tests-") as directory:
        async with EmbeddedMongo(Path(directory)) as url:
            yield url


@pytest.fixture
async def database(mongo_url: str) -> AsyncIterator[Database]:
    """An empty database for this test alone."""
    database = await connect(mongo_url, f"test_{uuid4().hex}")
    yield database
    await database.client.drop_database(database.name)
    database.client.close()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium, one for the whole run."""
    async with chromium() as running:
        yield running
