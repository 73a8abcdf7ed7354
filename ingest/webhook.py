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
"""Bytes from which a body is large: few of those are held at once, and parsed in a thread."""
LARGE_AT_ONCE: Final = 2
BODY_SECONDS: Final = 60.0
"""How long a client may take to send a body."""
logger = logging.getLogger(__name__)
RETRY_SECONDS: Final = 1
QUIET_SECONDS: Final = 60.0
"""How long refusals of one reason are only counted after one was logged."""
_STATUS = {"UNAVAILABLE": 503, "DISABLED": 503}
_AUTO_WINDOW, _RAW_WINDOW = 47, -15
"""zlib's codes for what begins with a header of gzip or zlib, and for what has none."""


class _Refused(Exception):
    """A body that is refused whole."""

    def __init__(self, reason: Refusal, why: str) -> None:
        super().__init__(why)
        self.reason = reason


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
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self.complaints = Complaints()
        """Deliveries that were refused whole, those that got 401 and 400 among them."""

    async def __call__(self, request: Request) -> Response:
        """Answer 200 with a receipt once the delivery is durable, or 401 or 503."""
        if not self._may_ingest(request):
            client = request.client.host if request.client else "an unknown address"
            self.complaints.note("unauthenticated", f"{client} sent no token that may ingest")
            return _refused(401, "UNAUTHENTICATED", "Send a token with the right to ingest.")
        try:
            check_enabled(self._enabled)
            delivery = await self._delivery(request)
            receipt = await self._log.accept(delivery, "chainhook")
        except (ClientDisconnect, TimeoutError):
            self.complaints.note("incomplete", "the client went away, or stalled, in the body")
            return Response(status_code=400)
        except AnalyticsError as error:
            return _refused(_STATUS[error.code], error.code, error.message)
        return JSONResponse({"accepted": receipt.accepted, "refused": receipt.refused})

    async def _delivery(self, request: Request) -> Delivery:
        """Return what the body of a request tells; of one that is refused, only the reason."""
        body = _Body(self._large)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await body.read(request)
            return await self._parsed(body)
        except _Refused as refusal:
            self.complaints.note(refusal.reason.value, str(refusal))
            if refusal.reason is not Refusal.TOO_LARGE:
                await self._log.keep_refused(refusal.reason.value, bytes(body.data))
            return Delivery(refused={refusal.reason.value: 1})
        finally:
            body.release()

    async def _parsed(self, body: "_Body") -> Delivery:
        # In a thread the parser shares the interpreter with the answers to others.
        if body.is_large or body.is_packed:
            return await asyncio.to_thread(self._parse, body)
        return self._parse(body)

    def _parse(self, body: "_Body") -> Delivery:
        text = body.unpacked()
        try:
            payload = loads(text)
        except ValueError as error:
            raise _Refused(Refusal.NOT_JSON, f"it is not JSON in UTF-8: {error}") from None
        return parse(payload, self._contracts)

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


class _Body:
    """The body of a request. Of large ones few are held at once: the others wait, unread."""

    def __init__(self, large: asyncio.Semaphore) -> None:
        self._large = large
        self._encodings: list[str] = []
        self.data = bytearray()
        self.is_large = False

    async def read(self, request: Request) -> None:
        """Read the body to its end, as clients expect. Raises `_Refused` if it is too large."""
        named = request.headers.get("content-encoding", "")
        self._encodings = [each.strip().lower() for each in named.split(",") if each.strip()]
        is_too_large = False
        async for chunk in request.stream():
            if not self.is_large and len(self.data) + len(chunk) > LARGE_BODY:
                await self._large.acquire()
                self.is_large = True
            is_too_large = is_too_large or len(self.data) + len(chunk) > MAX_BODY
            if is_too_large:
                self.data.clear()
            else:
                self.data += chunk
        if is_too_large:
            raise _too_large()

    def release(self) -> None:
        """Make room for the next large body."""
        if self.is_large:
            self.is_large = False
            self._large.release()

    @property
    def is_packed(self) -> bool:
        """Whether it has to be unpacked; gzip is known by its first bytes, too."""
        return bool(self._encodings) or self.data[:2] == b"\x1f\x8b"

    def unpacked(self) -> bytes:
        """Return the text. Raises `_Refused`."""
        data = bytes(self.data)
        for encoding in reversed(self._encodings):
            if encoding == "identity":
                continue
            if encoding not in ("gzip", "x-gzip", "deflate"):
                why = f"its content encoding is {encoding[:40]!r}, not gzip or deflate"
                raise _Refused(Refusal.UNKNOWN_ENCODING, why)
            # Somebody on the way may have unpacked it and left the header.
            data = data if data.lstrip()[:1] in (b"{", b"[") else _unpack(data)
        return _unpack(data) if data[:2] == b"\x1f\x8b" else data


def _unpack(data: bytes) -> bytes:
    """Return what gzip, zlib or bare deflate has packed, in one part or several."""
    found = bytearray()
    window = _AUTO_WINDOW
    while data:
        unpacking = zlib.decompressobj(window)
        try:
            found += unpacking.decompress(data, MAX_BODY + 1 - len(found))
        except zlib.error as error:
            if window == _RAW_WINDOW or found:
                raise _Refused(Refusal.NOT_JSON, f"it cannot be unpacked: {error}") from None
            window = _RAW_WINDOW
            continue
        if len(found) > MAX_BODY:
            raise _too_large()
        if not unpacking.eof:
            raise _Refused(Refusal.NOT_JSON, "it cannot be unpacked: it is cut short")
        data = unpacking.unused_data
    return bytes(found)


def _too_large() -> _Refused:
    return _Refused(Refusal.TOO_LARGE, f"it has more than {MAX_BODY} bytes")


def _refused(status: int, code: str, message: str) -> Response:
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": str(RETRY_SECONDS)}}
    body = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status, headers.get(status))
