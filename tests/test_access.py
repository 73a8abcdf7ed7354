"""Tokens: what each allows, over HTTP, and the one that the service makes for itself."""

import stat
from pathlib import Path

import httpx
import pytest

import server
from app import Service, access, application
from documents.projection import Database, prepare
from services.access import Access, Right
from settings import Settings, SettingsError, load_settings
from tests.processes import Passportx
from tests.serving import serve

READ, INGEST, ADMINISTER = Right.READ, Right.INGEST, Right.ADMINISTER
TOKENS = {READ: ["r1", "r2"], INGEST: ["i1", "both"], ADMINISTER: ["a1"]}


@pytest.mark.parametrize(
    ("token", "rights"),
    [
        ("r1", frozenset({READ})),
        ("r2", frozenset({READ})),
        ("i1", frozenset({INGEST})),
        ("a1", frozenset({READ, INGEST, ADMINISTER})),
        (None, frozenset()),
    ],
)
def test_each_of_several_valid_tokens_gives_its_rights(
    token: str | None, rights: frozenset[Right]
) -> None:
    assert Access(TOKENS, open_reads=False).rights(token) == rights


def test_a_token_with_two_purposes_gives_the_rights_of_both() -> None:
    known = Access({READ: ["both"], INGEST: ["both"]}, open_reads=False)
    assert known.rights("both") == frozenset({READ, INGEST})


@pytest.mark.parametrize("token", ["", "r", "r11", "R1", " r1", "r1\udcff", "r1\x00"])
def test_what_is_nearly_a_token_is_none(token: str) -> None:
    for open_reads in (True, False):
        assert Access(TOKENS, open_reads=open_reads).rights(token) is None


def test_open_reads_add_reading_to_whatever_a_token_gives() -> None:
    known = Access({INGEST: ["i1"]}, open_reads=True)
    assert known.rights(None) == frozenset({READ})
    assert known.rights("i1") == frozenset({READ, INGEST})


def test_no_token_is_kept_as_it_is() -> None:
    assert "secret" not in repr(vars(Access({INGEST: ["secret"]}, open_reads=False)))


# The token that the service makes


def settings_of(directory: Path) -> Settings:
    return load_settings(data_dir=directory)


def test_a_token_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    token = server.ingest_token(settings_of(tmp_path))
    assert token
    assert len(token) >= 32
    (file,) = tmp_path.iterdir()
    assert file.name == "ingest-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert server.ingest_token(settings_of(tmp_path)) == token
    assert server.ingest_token(settings_of(tmp_path / "..")) != token


def test_no_token_is_made_where_the_settings_name_one(tmp_path: Path) -> None:
    assert server.ingest_token(load_settings(data_dir=tmp_path, ingest_tokens="mine")) is None
    assert list(tmp_path.iterdir()) == []


def test_an_empty_token_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "ingest-token").touch()
    with pytest.raises(SettingsError, match=r"PASSPORTX_DATA_DIR holds an empty .*: remove it"):
        server.ingest_token(settings_of(tmp_path))


async def test_the_place_of_the_token_is_printed_and_the_token_outlives_a_restart(
    tmp_path: Path,
) -> None:
    arguments = ("serve", "--port", "0", "--data-dir", str(tmp_path))
    seen = []
    for _ in range(2):
        async with Passportx(*arguments) as service:
            assert f"Ingest token           {tmp_path}/ingest-token" in service.printed
            token = (tmp_path / "ingest-token").read_text().strip()
            assert token not in "\n".join(service.printed + service.complained)
            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=service.base, headers=headers) as client:
                answer = await client.post("/webhooks/chainhook", json={"apply": []})
                assert answer.status_code == 200
            seen.append(token)
            await service.stop()
    assert seen[0] == seen[1]


# Over HTTP


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer guess"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"authorization": "old"}, 200),
        ({"authorization": "older"}, 401),
        ({"authorization": "Basic old"}, 401),
        ({"authorization": "Bearer reader"}, 401),
        ({"x-chainhook-consumer-secret": ""}, 401),
        ({"x-chainhook-consumer-secret": "reader"}, 401),
        ({"authorization": "exact headers"}, 401),
        ({"authorization": "Bearer old"}, 200),
        ({"authorization": "bearer new"}, 200),
        ({"authorization": "Bearer admin"}, 200),
        ({"x-chainhook-consumer-secret": "old"}, 200),
        ({"x-chainhook-consumer-secret": "new"}, 200),
        ({"authorization": "exact header"}, 200),
        ({"authorization": "Bearer guess", "x-chainhook-consumer-secret": "new"}, 200),
    ],
)
async def test_the_webhook_takes_every_way_in_which_a_chainhook_names_a_token(
    database: Database, headers: dict[str, str], status: int
) -> None:
    await prepare(database)
    settings = load_settings(
        ingest_tokens="old,new",
        read_tokens="reader",
        admin_tokens="admin",
        webhook_authorization="exact header",
    )
    service = Service(settings, database, access(settings, None))
    async with (
        serve(application(settings, service)) as base,
        httpx.AsyncClient(base_url=base, headers=headers) as client,
    ):
        answer = await client.post("/webhooks/chainhook", json={"apply": [], "rollback": []})
        assert answer.status_code == status
        if status == httpx.codes.UNAUTHORIZED:
            assert answer.headers["www-authenticate"] == "Bearer"
        assert await database["log"].count_documents({}) == (status == httpx.codes.OK)
