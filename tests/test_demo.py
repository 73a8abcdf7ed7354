"""The demo's player against a real HTTP server that keeps what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.chainhook import parse
from ingest.demo import DemoError, Progress, play
from ingest.synthetic import DEVNET
from services.events import Delivery
from tests.serving import serve

NOW = 1_767_085_200_000
BADGES = 400
TOKEN = "a-token-of-the-demo"  # noqa: S105 nothing is behind it


class Webhook:
    """Accepts deliveries of the one who knows the token, after as many refusals as it is given."""

    def __init__(self, *refusals: int) -> None:
        self.accepted: list[Delivery] = []
        self._refusals = list(refusals)
        self.app = Starlette(routes=[Route("/webhooks/chainhook", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return Response(status_code=401)
        body = await request.body()
        if self._refusals:
            return Response(status_code=self._refusals.pop(0))
        self.accepted.append(parse(orjson.loads(body), DEVNET))
        return Response()


def is_live_reorganisation(progress: Progress) -> bool:
    return progress.is_live and progress.rolled_back > 0


@asynccontextmanager
async def playing(
    url: str, journal: Path, *, token: str = TOKEN, until: Callable[[Progress], bool]
) -> AsyncIterator[list[Progress]]:
    """Play until a progress fits; yield what was reported up to then, once it has."""
    reports: list[Progress] = []
    reached = asyncio.Event()

    def report(progress: Progress) -> None:
        if not reached.is_set():
            reports.append(progress)
        if until(progress):
            reached.set()

    demo = asyncio.create_task(
        play(
            url,
            token,
            report,
            journal=journal,
            badges=BADGES,
            history_days=30,
            blocks_per_minute=60_000,
            clock=lambda: NOW,
        )
    )
    waiting = asyncio.create_task(reached.wait())
    try:
        await asyncio.wait({demo, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if demo.done():
            await demo
        yield reports
    finally:
        waiting.cancel()
        demo.cancel()
        await asyncio.wait({demo})


async def test_history_is_followed_by_live_blocks_with_a_reorganisation(tmp_path: Path) -> None:
    hook = Webhook()
    async with (
        serve(hook.app) as url,
        playing(url, tmp_path / "journal", until=is_live_reorganisation) as reports,
    ):
        past = [each for each in reports if not each.is_live]
        assert past[-1].badges >= BADGES * 0.8
        assert [each.is_live for each in reports] == sorted(each.is_live for each in reports)
        assert reports[-1].is_live
        assert all(not delivery.refused.get("unknown_shape") for delivery in hook.accepted)
        assert len(hook.accepted) >= len(reports)


async def test_an_unavailable_service_is_tried_again_with_the_same_delivery(
    tmp_path: Path,
) -> None:
    hook = Webhook(503, 503)
    async with (
        serve(hook.app) as url,
        playing(url, tmp_path / "journal", until=lambda each: not each.waiting) as reports,
    ):
        assert [each.waiting for each in reports] == [True, True, False]
        assert len({each.height for each in reports}) == 1
        assert hook.accepted[0].apply[0].height == reports[0].height


async def test_a_service_that_hangs_up_is_tried_again(tmp_path: Path) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        waited: list[Progress] = []

        def twice(progress: Progress) -> bool:
            waited.append(progress)
            return len(waited) > 1

        async with playing(f"http://{host}:{port}", tmp_path / "journal", until=twice) as reports:
            assert [each.waiting for each in reports] == [True, True]


async def test_a_wrong_token_ends_the_demo(tmp_path: Path) -> None:
    hook = Webhook()
    with pytest.raises(DemoError) as refused:
        async with (
            serve(hook.app) as url,
            playing(url, tmp_path / "journal", token="wrong", until=lambda _: True),  # noqa: S106
        ):
            pytest.fail("it was let in")
    assert refused.value.status == 401
    assert hook.accepted == []


async def test_a_restarted_demo_goes_on_above_the_same_chain(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first, second, whole = Webhook(), Webhook(), Webhook()

    async with serve(first.app) as url, playing(url, journal, until=lambda each: each.is_live):
        pass
    with journal.open("a") as file:
        file.write("17670")  # it was killed while it wrote a line
    async with serve(second.app) as url, playing(url, journal, until=is_live_reorganisation):
        pass
    async with (
        serve(whole.app) as url,
        playing(url, tmp_path / "another", until=is_live_reorganisation),
    ):
        pass

    told = first.accepted + [each for each in second.accepted if each not in first.accepted]
    shorter = min(len(told), len(whole.accepted))
    assert told[:shorter] == whole.accepted[:shorter]
    assert len(first.accepted) < shorter
    assert len(second.accepted) < 20, "the history was told again"
