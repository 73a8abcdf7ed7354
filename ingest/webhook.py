"""`POST /webhooks/chainhook`: a delivery is stored, then answered.

A Chainhook gives up for good after three answers other than 2xx. So only a wrong token, a service
that takes no events, and a database that is away get one; whatever is refused is counted by its
reason and answered 200. What is no JSON is kept, for an operator to look at.
"""

import asyncio
import hmac
import logging
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ingest.chainhook import Contracts, Refusal, parse
from services.access import Access, Right, digest
from services.errors import AnalyticsError
from services.events import Delivery
from services.intake import check_enabled
from services.jsontext import loads
from services.log import Log

PATHS: Final = ("/webhooks/chainhook", "/webhooks/chainhook/")
MAX_BODY: Final = 40 * 1024 * 1024
"""Bytes of a delivery, unpacked; Hiro's own client sends no more."""
LARGE_BODY: Final = 1024 * 1024
"""Bytes from which a body is large, and parsed in a thread, one at a time."""
SMALL_AT_ONCE: Final = 32
LARGE_AT_ONCE: Final = 2
"""How many bodies are held at once, 112 MB in all. The others wait, unread."""
BODY_SECONDS: Final = 60.0
"""How long a client may take to send a body, without what it waits for its turn."""
logger = logging.getLogger(__name__)
RETRY_SECONDS: Final = 1
QUIET_SECONDS: Final = 60.0
"""How long refusals of one reason are only counted after one was logged."""
_STATUS = {"UNAVAILABLE": 503, "DISABLED": 503}
REASONS: Final = (
    *("unauthenticated", "incomplete"),
    *(Refusal.NOT_JSON.value, Refusal.TOO_LARGE.value, Refusal.UNKNOWN_ENCODING.value),
)
"""Why a request is refused whole."""
_AUTO_WINDOW, _RAW_WINDOW = 47, -15
"""zlib's codes for what begins with a header of gzip or zlib, and for what has none."""
_GZIP: Final = b"\x1f\x8b"
_MAX_LENGTH_DIGITS: Final = 18
_MAX_LAYERS: Final = 3
"""How many times a body may be packed: each layer is cheap to make, and costs a pass to undo."""
_MAX_PARTS: Final = 1000
"""How many parts a packed body may have; in blocks of 64 KB, as bgzip has them, 40 MB have 640."""
_DOWN_TO_TRANSACTIONS: Final = 5
"""Levels from a 2.0 payload to a list of transactions: payload, event, apply, block, list."""
_STEP: Final = 64 * 1024
"""Bytes that are unpacked at once, so that finding the end of a part copies no more."""


class _Refused(Exception):
    """A body that is refused whole."""

    def __init__(self, reason: Refusal, why: str, text: bytes | bytearray | None = None) -> None:
        """`text` is the body unpacked, if that could be done."""
        super().__init__(why)
        self.reason = reason
        self.text = text


class Complaints:
    """Counts refusals by reason, and logs each reason once a minute at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged: dict[str, float] = {}
        self._unlogged: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        """Refusals since the start, by reason."""

    def note(self, reason: str, why: str) -> None:
        """Count a refusal, and say why unless that was said a moment ago."""
        self.counts[reason] += 1
        now = self._clock()
        if now - self._logged.get(reason, -QUIET_SECONDS) < QUIET_SECONDS:
            self._unlogged[reason] += 1
            return
        others = self._unlogged.pop(reason, 0)
        more = f" ({others} more of this kind since the last such line)" if others else ""
        logger.warning("The webhook refused a delivery, %s: %s%s", reason, why, more)
        self._logged[reason] = now


class Webhook:
    """The endpoint. `exact_header` is the Authorization header that a 1.x hook sends verbatim."""

    def __init__(
        self,
        log: Log,
        access: Access,
        contracts: Contracts,
        *,
        exact_header: str | None = None,
        enabled: bool = True,
    ) -> None:
        self._log = log
        self._access = access
        self._contracts = contracts
        self._exact_header = exact_header
        self._enabled = enabled
        self.room = Room()
        """Where bodies are held."""
        self._parsing = asyncio.Lock()
        self.complaints = Complaints()
        """Deliveries that were refused whole, those that got 401 and 400 among them."""

    async def __call__(self, request: Request) -> Response:
        """Answer 200 with a receipt once the delivery is durable, or 401 or 503."""
        if not self._may_ingest(request):
            client = request.client.host if request.client else "an unknown address"
            self.complaints.note("unauthenticated", f"{client} sent no token that may ingest")
            return _refused(401, "UNAUTHENTICATED", "Send a token with the right to ingest.")
        body = _Body(self.room)
        try:
            check_enabled(self._enabled)
            delivery = await self._delivery(request, body)
            # What a large body tells is large too: its room is free once that is written.
            body.release_small()
            receipt = await self._log.accept(delivery, "chainhook")
        except (ClientDisconnect, TimeoutError):
            self.complaints.note("incomplete", "the client went away, or stalled, in the body")
            return Response(status_code=400)
        except AnalyticsError as error:
            return _refused(_STATUS[error.code], error.code, error.message)
        finally:
            body.release()
        return JSONResponse({"accepted": receipt.accepted, "refused": receipt.refused})

    async def _delivery(self, request: Request, body: "_Body") -> Delivery:
        """Return what the body of a request tells; of one that is refused, only the reason."""
        try:
            await body.read(request)
            return await self._parsed(body)
        except _Refused as refusal:
            self.complaints.note(refusal.reason.value, str(refusal))
            if refusal.reason is not Refusal.TOO_LARGE:
                text = body.data if refusal.text is None else refusal.text
                await self._log.keep_refused(refusal.reason.value, bytes(text))
            return Delivery(refused={refusal.reason.value: 1})

    async def _parsed(self, body: "_Body") -> Delivery:
        if body.is_packed:
            await body.become_large()
        if not body.is_large:
            return self._parse(body)
        # In a thread the parser shares the interpreter with the answers to others. Two would be
        # done no sooner than one after the other, and take twice the memory.
        async with self._parsing:
            return await asyncio.to_thread(self._parse, body)

    def _parse(self, body: "_Body") -> Delivery:
        text = body.unpacked()
        try:
            payload = loads(text, gently=body.is_large)
        except ValueError as error:
            why = f"it is not JSON in UTF-8: {error}"
            raise _Refused(Refusal.NOT_JSON, why, text) from None
        # It is not needed any more, and what it holds is there a second time.
        del text
        body.data = bytearray()
        delivery = parse(payload, self._contracts)
        if body.is_large:
            _dismantle(payload, _DOWN_TO_TRANSACTIONS)
        return delivery

    def _may_ingest(self, request: Request) -> bool:
        authorization = request.headers.get("authorization", "")
        exact = self._exact_header
        if exact and hmac.compare_digest(digest(authorization), digest(exact)):
            return True
        sent = (authorization, request.headers.get("x-chainhook-consumer-secret", ""))
        return any(
            Right.INGEST in (self._access.rights(secret) or frozenset())
            for header in sent
            for secret in _secrets(header)
        )


def _secrets(header: str) -> Iterator[str]:
    """Yield what may be the token of a header, with or without `Bearer`."""
    scheme, _, bearer = header.strip().partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        yield bearer.strip()
    if header.strip():
        yield header.strip()


class Room:
    """How many bodies may be held at once."""

    def __init__(self) -> None:
        self.small = asyncio.Semaphore(SMALL_AT_ONCE)
        self.large = asyncio.Semaphore(LARGE_AT_ONCE)


class _Body:
    """The body of a request. It is read once there is room for it.

    One that turns out to be large waits for room among the large ones and keeps its small one
    meanwhile. Nobody waits for small room with large room in hand, so all get on.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._encodings: list[str] = []
        self._has_small = False
        self.data = bytearray()
        self.is_large = False

    async def read(self, request: Request) -> None:
        """Read the body to its end, as clients expect.

        Raises `_Refused` if it is too large, `TimeoutError` and `ClientDisconnect`.
        """
        named = request.headers.get("content-encoding", "")
        self._encodings = [each.strip().lower() for each in named.split(",") if each.strip()]
        length = request.headers.get("content-length", "")
        size = int(length) if length.isdecimal() and len(length) <= _MAX_LENGTH_DIGITS else 0
        is_too_large = size > MAX_BODY
        if not is_too_large:
            await (self.become_large() if size > LARGE_BODY else self._become_small())
        async with asyncio.timeout(BODY_SECONDS) as limit:
            async for chunk in request.stream():
                is_too_large = is_too_large or len(self.data) + len(chunk) > MAX_BODY
                if is_too_large:
                    self.data = bytearray()
                    self.release()
                    continue
                if not self.is_large and len(self.data) + len(chunk) > LARGE_BODY:
                    await self._wait_for_large(limit)
                self.data += chunk
        if is_too_large:
            raise _too_large()

    async def _wait_for_large(self, limit: asyncio.Timeout) -> None:
        """Become large; the time for that is not the client's."""
        loop = asyncio.get_running_loop()
        left = (limit.when() or 0) - loop.time()
        limit.reschedule(None)
        await self.become_large()
        limit.reschedule(loop.time() + left)

    async def _become_small(self) -> None:
        await self._room.small.acquire()
        self._has_small = True

    async def become_large(self) -> None:
        """Wait for room among the large ones."""
        if not self.is_large:
            await self._room.large.acquire()
            self.is_large = True
            self.release_small()

    def release_small(self) -> None:
        """Make room for the next small body, if this one is small."""
        if self._has_small:
            self._has_small = False
            self._room.small.release()

    def release(self) -> None:
        """Make room for the next body."""
        self.release_small()
        if self.is_large:
            self.is_large = False
            self._room.large.release()

    @property
    def is_packed(self) -> bool:
        """Whether it has to be unpacked; gzip is known by its first bytes, too."""
        return bool(self._packings) or self.data.startswith(_GZIP)

    @property
    def _packings(self) -> list[str]:
        return [each for each in self._encodings if each != "identity"]

    def unpacked(self) -> bytearray:
        """Return the text. Raises `_Refused`."""
        data, packings = self.data, self._packings
        if len(packings) > _MAX_LAYERS:
            why = f"it is packed {len(packings)} times, more than {_MAX_LAYERS}"
            raise _Refused(Refusal.UNKNOWN_ENCODING, why)
        for packing in reversed(packings):
            if packing not in ("gzip", "x-gzip", "deflate"):
                why = f"its content encoding is {packing[:40]!r}, not gzip or deflate"
                raise _Refused(Refusal.UNKNOWN_ENCODING, why)
            try:
                data = _unpack(data)
            except _Refused as refusal:
                # Somebody on the way may have unpacked it and left the header. What is packed may
                # begin with a brace, so that tells nothing before.
                if refusal.reason is Refusal.TOO_LARGE or not _begins_like_json(data):
                    raise
        return _unpack(data) if data.startswith(_GZIP) else data


def _begins_like_json(data: bytearray) -> bool:
    return bytes(data[:_STEP]).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def _unpack(data: bytearray) -> bytearray:
    """Return what gzip, zlib or bare deflate has packed, in one part or several."""
    found = bytearray()
    at = parts = 0
    window = _AUTO_WINDOW
    while at < len(data):
        parts += 1
        if parts > _MAX_PARTS:
            raise _Refused(Refusal.NOT_JSON, f"it is packed in more than {_MAX_PARTS} parts")
        unpacking = zlib.decompressobj(window)
        try:
            while not unpacking.eof and at < len(data):
                piece = data[at : at + _STEP]
                found += unpacking.decompress(piece, MAX_BODY + 1 - len(found))
                if len(found) > MAX_BODY:
                    raise _too_large()
                at += len(piece) - len(unpacking.unused_data)
        except zlib.error as error:
            if window == _RAW_WINDOW or found:
                raise _Refused(Refusal.NOT_JSON, f"it cannot be unpacked: {error}") from None
            at, parts, window = 0, 0, _RAW_WINDOW
            continue
        if not unpacking.eof:
            raise _Refused(Refusal.NOT_JSON, "it cannot be unpacked: it is cut short")
        # A packer may fill its last block up.
        if data[at : at + 1] == b"\0" and data.count(0, at) == len(data) - at:
            break
    return found


def _dismantle(value: object, depth: int) -> None:
    """Take a payload apart. As a whole it would be freed at once, while all others wait."""
    if depth and isinstance(value, dict):
        while value:
            _dismantle(value.popitem()[1], depth - 1)
    elif depth and isinstance(value, list):
        while value:
            _dismantle(value.pop(), depth - 1)


def _too_large() -> _Refused:
    return _Refused(Refusal.TOO_LARGE, f"it has more than {MAX_BODY} bytes")


def _refused(status: int, code: str, message: str) -> Response:
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": str(RETRY_SECONDS)}}
    body = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status, headers.get(status))
