"""`POST /webhooks/chainhook`: a delivery is stored, then answered.

A Chainhook gives up for good after three answers other than 2xx. So only a wrong token, a service
that takes no events, and a database that is away get one; whatever is refused is counted by its
reason and answered 200.
"""

import hmac
import logging
from typing import Final

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ingest.chainhook import Contracts, Refusal, parse
from services.access import Access, Right, digest
from services.errors import AnalyticsError
from services.events import Delivery
from services.intake import check_enabled
from services.log import Log

MAX_BODY: Final = 40 * 1024 * 1024
"""Bytes of a delivery; Hiro's own client sends no more."""
logger = logging.getLogger(__name__)
RETRY_SECONDS: Final = 1
_STATUS = {"UNAVAILABLE": 503, "DISABLED": 503}


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

    async def __call__(self, request: Request) -> Response:
        """Answer 200 with a receipt once the delivery is durable, or 401 or 503."""
        if not self._may_ingest(request):
            return _refused(401, "UNAUTHENTICATED", "Send a token with the right to ingest.")
        try:
            check_enabled(self._enabled)
            delivery = self._delivery(await _body(request))
            receipt = await self._log.accept(delivery, "chainhook")
        except ClientDisconnect:
            return Response(status_code=400)
        except AnalyticsError as error:
            return _refused(_STATUS[error.code], error.code, error.message)
        return JSONResponse({"accepted": receipt.accepted, "refused": receipt.refused})

    def _delivery(self, body: bytes | None) -> Delivery:
        """Return what a body tells; None is one that is too large."""
        if body is None:
            logger.error("A delivery of more than %d bytes is refused", MAX_BODY)
            return Delivery(refused={Refusal.TOO_LARGE.value: 1})
        try:
            payload = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            logger.error("A delivery is refused, as it is not JSON in UTF-8: %s", error)  # noqa: TRY400  # not our fault: no traceback
            return Delivery(refused={Refusal.NOT_JSON.value: 1})
        return parse(payload, self._contracts)

    def _may_ingest(self, request: Request) -> bool:
        authorization = request.headers.get("authorization", "")
        exact = self._exact_header
        if exact and hmac.compare_digest(digest(authorization), digest(exact)):
            return True
        scheme, _, bearer = authorization.partition(" ")
        secrets = [request.headers.get("x-chainhook-consumer-secret")]
        if scheme.lower() == "bearer":
            secrets.append(bearer.strip())
        return any(
            Right.INGEST in (self._access.rights(secret) or frozenset())
            for secret in secrets
            if secret is not None
        )


async def _body(request: Request) -> bytes | None:
    """Return the body, or None if it is too large; it is read to its end, as clients expect."""
    body, is_too_large = bytearray(), False
    async for chunk in request.stream():
        is_too_large = is_too_large or len(body) + len(chunk) > MAX_BODY
        if is_too_large:
            body.clear()
        else:
            body += chunk
    return None if is_too_large else bytes(body)


def _refused(status: int, code: str, message: str) -> Response:
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": str(RETRY_SECONDS)}}
    body = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status, headers.get(status))
