"""What a service that has heard everything must know: the canonical chain, as events.

Derived from what the contracts did, without the payload's shapes and encodings, so that it can
hold a parser and a ledger to account.
"""

from collections.abc import Iterator
from typing import Any, cast

from ingest.synthetic.chain import Chain
from ingest.synthetic.model import Block, Print, Status, TokenBurn, Transaction
from services.events import Block as ToldBlock
from services.events import Event, EventType, identity

_TX_SHIFT = 24

_PRINTS: dict[str, tuple[EventType, dict[str, str]]] = {
    "badge-minted": (
        EventType.BADGE_ISSUED,
        {
            "badge": "badge-id",
            "user": "recipient",
            "template": "template-id",
            "issuer": "issuer",
            "category": "category",
            "level": "level",
        },
    ),
    "batch-badges-minted": (EventType.BADGE_ISSUED, {}),
    "badge-revoked": (EventType.BADGE_REVOKED, {"badge": "badge-id", "by": "revoked-by"}),
    "badge-metadata-updated": (
        EventType.BADGE_UPDATED,
        {"badge": "badge-id", "category": "new-category", "level": "new-level"},
    ),
    "template-created": (
        EventType.TEMPLATE_REGISTERED,
        {
            "template": "template-id",
            "name": "name",
            "category": "category",
            "level": "default-level",
            "by": "creator",
        },
    ),
    "community-created": (
        EventType.COMMUNITY_CREATED,
        {"community": "community-id", "user": "owner", "name": "name"},
    ),
    "community-member-added": (
        EventType.MEMBER_ADDED,
        {"community": "community-id", "user": "member"},
    ),
    "community-ownership-transferred": (
        EventType.COMMUNITY_TRANSFERRED,
        {"community": "community-id", "user": "new-owner"},
    ),
    "community-deactivated": (EventType.COMMUNITY_DEACTIVATED, {"community": "community-id"}),
}
_IDENTIFIERS = frozenset({"badge", "template", "community"})


def truth(chain: Chain) -> list[ToldBlock]:
    """Return the canonical blocks that the chain remembers, ascending, with their events."""
    return [told_block(chain, block) for block in chain.blocks]


def told_block(chain: Chain, block: Block) -> ToldBlock:
    """Return one block as a service ought to hear of it."""
    events = [event for each in block.transactions for event in _events(chain, block, each)]
    return ToldBlock(block.height, block.hash, block.parent, block.at, events)


def _events(chain: Chain, block: Block, transaction: Transaction) -> Iterator[Event]:
    contracts, call = chain.contracts, transaction.call
    if transaction.status is not Status.SUCCESS:
        return
    prefix = (contracts.network, block.hash, call.txid)
    place = transaction.place.index << _TX_SHIFT
    for log in transaction.logs:
        if isinstance(log, TokenBurn):
            found: list[dict[str, Any]] = [
                {"type": EventType.BADGE_REVOKED.value, "badge": str(log.token), "hard": True}
            ]
        elif isinstance(log, Print):
            if log.contract not in (contracts.badge_issuer, contracts.community_manager):
                continue
            found = list(_printed(str(log.value["event"]), log, transaction))
        else:
            continue
        for event in found:
            about = (str(event.get(key)) for key in _ABOUT[event["type"]])
            event["id"] = identity(*prefix, event["type"], *about)
            yield cast("Event", event | {"index": place, "tx": call.txid})
            place += 1


_ABOUT = {
    "badge_issued": ("badge",),
    "badge_revoked": ("badge", "hard"),
    "badge_updated": ("badge", "category", "level"),
    "template_registered": ("template",),
    "community_created": ("community",),
    "community_transferred": ("community", "user"),
    "community_deactivated": ("community",),
    "member_added": ("community", "user"),
}
"""What tells an event from the others of its transaction, which does nothing twice here."""


def _printed(name: str, log: Print, transaction: Transaction) -> Iterator[dict[str, Any]]:
    if name not in _PRINTS:
        return
    kind, keys = _PRINTS[name]
    event: dict[str, Any] = {"type": kind.value}
    for key, field in keys.items():
        value = log.value[field]
        event[key] = str(value) if key in _IDENTIFIERS or isinstance(value, str) else value
    if kind is EventType.BADGE_REVOKED:
        event["hard"] = False
    if "community-id" in transaction.call.args and kind is EventType.BADGE_ISSUED:
        event["community"] = str(transaction.call.args["community-id"])
    if name == "batch-badges-minted":
        yield from _batch(event, cast("dict[str, Any]", log.value))
    else:
        yield event


def _batch(event: dict[str, Any], value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    columns = value["badge-ids"], value["recipients"], value["template-ids"]
    for badge, user, template in zip(*columns, strict=True):
        yield event | {
            "badge": str(badge),
            "user": str(user),
            "template": str(template),
            "issuer": str(value["issuer"]),
        }
