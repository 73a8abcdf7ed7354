"""Plays a synthetic PassportX chain into a service's webhook, as Chainhook would.

The history comes first, in quick succession, then a few blocks a minute with a reorganisation
among them, until it is cancelled.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson

from ingest.synthetic import DAY_MS, Chain, Scale, Step, deliver, history, live

_FIRST_DELAY = 0.2
_LONGEST_DELAY = 5.0
_TIMEOUT = 30.0


class DemoError(Exception):
    """The service refused a delivery for good; `status` is the HTTP status that it gave."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the service answered {status} to a delivery of the demo")
        self.status = status


@dataclass(frozen=True, slots=True)
class Progress:
    """One delivery was accepted. A service that is away brings `waiting` instead."""

    height: int
    badges: int
    """Badges minted on the canonical chain so far."""
    rolled_back: int
    """Blocks that this delivery took back."""
    is_live: bool
    waiting: bool = False


async def play(  # noqa: PLR0913 what a demo is made of
    base_url: str,
    token: str,
    report: Callable[[Progress], None],
    *,
    journal: Path,
    badges: int = 4_000,
    history_days: int = 180,
    blocks_per_minute: float = 4.0,
    seed: int = 1,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> None:
    """Post deliveries to `{base_url}/webhooks/chainhook` until cancelled; raise `DemoError`.

    `journal` is a file beside the service's data: it keeps the times at which blocks were mined,
    so that a demo that is started again on the same data goes on above the same chain, if it is
    started with the same `badges`, `history_days` and `seed`. The history tells of `badges` badge
    events, in `history_days` days up to now. `clock` gives milliseconds since 1970, UTC.
    """
    times = _Times(journal, clock)
    now = times.next()
    scale = Scale(days=history_days)
    chain = Chain(seed, start=now - history_days * DAY_MS, scale=scale)
    authorization = {"Authorization": f"Bearer {token}"}
    # The token is this machine's affair: no proxy of the environment is to see it.
    async with httpx.AsyncClient(
        base_url=base_url, headers=authorization, timeout=_TIMEOUT, trust_env=False
    ) as client:
        player = _Player(client, chain, report)
        # A time was written down only after everything before it had been accepted, so what a
        # restarted demo has to deliver begins with the last time in the journal.
        for step in history(chain, badges, now):
            if times.is_last:
                await player.post(step, is_live=False)
        for step in live(chain, times.next):
            if times.is_last:
                await player.post(step, is_live=True)
                await asyncio.sleep(60 / blocks_per_minute)


class _Times:
    """The clock, as the journal remembers it, and then as it goes on."""

    def __init__(self, journal: Path, clock: Callable[[], int]) -> None:
        self._journal = journal
        self._clock = clock
        self._remembered = self._read()

    @property
    def is_last(self) -> bool:
        """Whether the journal holds no time after the one that was given last."""
        return not self._remembered

    def next(self) -> int:
        """Return the next time, which is written down before anybody acts on it."""
        if self._remembered:
            return self._remembered.pop(0)
        now = self._clock()
        with self._journal.open("a") as file:
            file.write(f"{now}\n")
        return now

    def _read(self) -> list[int]:
        if not self._journal.exists():
            return []
        # A line without its end was not acted on.
        whole, _, torn = self._journal.read_text().rpartition("\n")
        if torn:
            self._journal.write_text(f"{whole}\n" if whole else "")
        return [int(line) for line in whole.split()]


class _Player:
    """Posts steps one after the other, each until it is accepted."""

    def __init__(
        self, client: httpx.AsyncClient, chain: Chain, report: Callable[[Progress], None]
    ) -> None:
        self._client = client
        self._chain = chain
        self._report = report

    async def post(self, step: Step, *, is_live: bool) -> None:
        body = orjson.dumps(deliver(step, self._chain.contracts))
        for delay in _delays():
            try:
                answer = await self._client.post(
                    "/webhooks/chainhook",
                    content=body,
                    headers={"Content-Type": "application/json"},
                )
            except httpx.TransportError:
                # The service restarts, or is not there yet: the same to a hook as 503.
                pass
            else:
                if answer.is_success:
                    self._report(self._progress(step, is_live=is_live))
                    return
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    raise DemoError(answer.status_code)
            self._report(self._progress(step, is_live=is_live, waiting=True))
            await asyncio.sleep(delay)

    def _progress(self, step: Step, *, is_live: bool, waiting: bool = False) -> Progress:
        return Progress(
            height=step.apply[-1].height,
            badges=len(self._chain.state.badges),
            rolled_back=len(step.rollback),
            is_live=is_live,
            waiting=waiting,
        )


def _delays() -> Iterator[float]:
    delay = _FIRST_DELAY
    while True:
        yield delay
        delay = min(2 * delay, _LONGEST_DELAY)
