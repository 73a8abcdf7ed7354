"""What the PassportX contracts hold, and what a call to them does to it.

Identifiers are given out here, in execution order, so that badges, templates and communities are
consecutive from 1 on whatever chain is canonical.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from ingest.clarity import Principal, Value
from ingest.contracts import Contracts
from ingest.synthetic.model import (
    Call,
    Log,
    Place,
    Print,
    Status,
    TokenBurn,
    TokenMint,
    Transaction,
)

NO_SUCH_TEMPLATE = 600
NO_SUCH_BADGE = 601
NO_SUCH_COMMUNITY = 602
ALREADY_SO = 603


class Template(NamedTuple):
    """A registered template."""

    category: int
    level: int


class Community(NamedTuple):
    """A community that was created."""

    owner: Principal
    active: bool


class Badge(NamedTuple):
    """A minted badge."""

    holder: Principal
    issuer: Principal
    category: int
    level: int
    revoked: bool
    burned: bool


@dataclass(slots=True)
class Journal:
    """What it takes to undo one block."""

    templates: int
    communities: int
    badges: int
    batches: int
    old_badges: list[tuple[int, Badge]] = field(default_factory=list)
    old_communities: list[tuple[int, Community]] = field(default_factory=list)
    new_members: list[tuple[int, Principal]] = field(default_factory=list)


class _Refusal(Exception):
    """A contract answered `(err code)`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Done(NamedTuple):
    """What a contract function that went well answered and wrote."""

    result: Value
    logs: Sequence[Log]
    badge_events: int = 0


class State:
    """The contracts' storage at the tip of the chain. Identifiers count from 1."""

    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        self.templates: list[Template] = []
        self.communities: list[Community] = []
        self.badges: list[Badge] = []
        self._members: set[tuple[int, Principal]] = set()
        self._batches = 0
        self._journal = self.begin()
        self._functions: dict[tuple[str, str], Callable[[Call, int], _Done]] = dict(self._table())

    def _table(self) -> Iterator[tuple[tuple[str, str], Callable[[Call, int], _Done]]]:
        issuer, manager = self.contracts.badge_issuer, self.contracts.community_manager
        yield (issuer, "create-badge-template"), self._create_template
        yield (issuer, "mint-badge"), self._mint
        yield (issuer, "batch-mint-badges"), self._batch_mint
        yield (issuer, "revoke-badge"), self._revoke
        yield (issuer, "update-badge-metadata"), self._update
        yield (self.contracts.passport_core, "create-passport-badge"), self._create_passport
        yield (self.contracts.passport_nft, "burn"), self._burn
        yield (manager, "create-community"), self._create_community
        yield (manager, "add-community-member"), self._add_member
        yield (manager, "transfer-community-ownership"), self._transfer_community
        yield (manager, "deactivate-community"), self._deactivate_community
        yield (manager, "update-community-settings"), self._update_settings

    def begin(self) -> Journal:
        """Start a block and return what will undo it."""
        self._journal = Journal(
            len(self.templates), len(self.communities), len(self.badges), self._batches
        )
        return self._journal

    def undo(self, journal: Journal) -> None:
        """Take back the newest block that has not been taken back; `journal` is its own."""
        for badge_id, badge in reversed(journal.old_badges):
            self.badges[badge_id - 1] = badge
        for community_id, community in reversed(journal.old_communities):
            self.communities[community_id - 1] = community
        self._members.difference_update(journal.new_members)
        del self.templates[journal.templates :]
        del self.communities[journal.communities :]
        del self.badges[journal.badges :]
        self._batches = journal.batches

    def execute(self, call: Call, place: Place) -> Transaction:
        """Run `call` at its place and return what came of it."""
        if not call.post_condition_holds:
            return self._abort(call, place)
        try:
            result, logs, badge_events = self._run(call, place.height)
        except _Refusal as refusal:
            return Transaction(call, place, Status.ABORT_BY_RESPONSE, refusal.code)
        return Transaction(call, place, Status.SUCCESS, result, logs, badge_events)

    def is_member(self, community_id: int, user: Principal) -> bool:
        """Return whether `user` is a member of the community."""
        return (community_id, user) in self._members

    def _run(self, call: Call, height: int) -> _Done:
        return self._functions.get((call.contract, call.method), _foreign)(call, height)

    def _abort(self, call: Call, place: Place) -> Transaction:
        block = self._journal
        attempt = self.begin()
        try:
            result, logs, _ = self._run(call, place.height)
        except _Refusal as refusal:
            return Transaction(call, place, Status.ABORT_BY_RESPONSE, refusal.code)
        finally:
            self.undo(attempt)
            self._journal = block
        return Transaction(call, place, Status.ABORT_BY_POST_CONDITION, result, logs)

    # badge-issuer and passport-nft

    def _create_template(self, call: Call, height: int) -> _Done:
        category, level = _uint(call, "category"), _uint(call, "default-level")
        self.templates.append(Template(category, level))
        template_id = len(self.templates)
        value: dict[str, Value] = {
            "event": "template-created",
            "template-id": template_id,
            **call.args,
            "creator": call.sender,
            "block-height": height,
        }
        return _Done(template_id, [Print(call.contract, value)])

    def _mint(self, call: Call, height: int) -> _Done:
        recipient, template_id = _principal(call, "recipient"), _uint(call, "template-id")
        badge_id, badge, logs = self._new_badge(recipient, template_id, call.sender, height)
        value: dict[str, Value] = {
            "event": "badge-minted",
            "badge-id": badge_id,
            "recipient": recipient,
            "template-id": template_id,
            "issuer": call.sender,
            "level": badge.level,
            "category": badge.category,
            "block-height": height,
        }
        return _Done(badge_id, [*logs, Print(self.contracts.badge_issuer, value)], 1)

    def _create_passport(self, call: Call, height: int) -> _Done:
        self._community(call)
        return self._mint(call, height)

    def _batch_mint(self, call: Call, height: int) -> _Done:
        recipients = cast("list[Principal]", call.args["recipients"])
        template_ids = cast("list[int]", call.args["template-ids"])
        if any(not self._has_template(template_id) for template_id in template_ids):
            raise _Refusal(NO_SUCH_TEMPLATE)
        logs: list[Log] = []
        badge_ids: list[int] = []
        for recipient, template_id in zip(recipients, template_ids, strict=True):
            badge_id, _, written = self._new_badge(recipient, template_id, call.sender, height)
            badge_ids.append(badge_id)
            logs += written
        self._batches += 1
        value: dict[str, Value] = {
            "event": "batch-badges-minted",
            "batch-id": self._batches,
            "issuer": call.sender,
            "recipients": [*recipients],
            "template-ids": [*template_ids],
            "badge-ids": [*badge_ids],
            "count": len(badge_ids),
            "block-height": height,
        }
        logs.append(Print(call.contract, value))
        return _Done(self._batches, logs, len(badge_ids))

    def _revoke(self, call: Call, height: int) -> _Done:
        badge_id, badge = self._badge(call, "badge-id")
        if badge.revoked:
            raise _Refusal(ALREADY_SO)
        self._change_badge(badge_id, badge._replace(revoked=True))
        value: dict[str, Value] = {
            "event": "badge-revoked",
            "badge-id": badge_id,
            "issuer": badge.issuer,
            "revoked-by": call.sender,
            "block-height": height,
        }
        return _Done(True, [Print(call.contract, value)], 1)

    def _burn(self, call: Call, _height: int) -> _Done:
        badge_id, badge = self._badge(call, "token-id")
        self._change_badge(badge_id, badge._replace(burned=True))
        return _Done(True, [TokenBurn(badge_id, badge.holder)], 1)

    def _update(self, call: Call, height: int) -> _Done:
        badge_id, badge = self._badge(call, "badge-id")
        level, category = _uint(call, "level"), _uint(call, "category")
        self._change_badge(badge_id, badge._replace(level=level, category=category))
        value: dict[str, Value] = {
            "event": "badge-metadata-updated",
            "badge-id": badge_id,
            "old-level": badge.level,
            "new-level": level,
            "old-category": badge.category,
            "new-category": category,
            "updated-by": call.sender,
            "block-height": height,
        }
        return _Done(True, [Print(call.contract, value)], 1)

    def _new_badge(
        self, recipient: Principal, template_id: int, issuer: Principal, height: int
    ) -> tuple[int, Badge, list[Log]]:
        if not self._has_template(template_id):
            raise _Refusal(NO_SUCH_TEMPLATE)
        category, level = self.templates[template_id - 1]
        badge = Badge(recipient, issuer, category, level, revoked=False, burned=False)
        self.badges.append(badge)
        badge_id = len(self.badges)
        value: dict[str, Value] = {
            "event": "passport-badge-minted",
            "token-id": badge_id,
            "recipient": recipient,
            "minted-by": issuer,
            "block-height": height,
        }
        return (
            badge_id,
            badge,
            [TokenMint(badge_id, recipient), Print(self.contracts.passport_nft, value)],
        )

    def _has_template(self, template_id: int) -> bool:
        return 1 <= template_id <= len(self.templates)

    def _badge(self, call: Call, argument: str) -> tuple[int, Badge]:
        badge_id = _uint(call, argument)
        if not 1 <= badge_id <= len(self.badges) or self.badges[badge_id - 1].burned:
            raise _Refusal(NO_SUCH_BADGE)
        return badge_id, self.badges[badge_id - 1]

    def _change_badge(self, badge_id: int, badge: Badge) -> None:
        self._journal.old_badges.append((badge_id, self.badges[badge_id - 1]))
        self.badges[badge_id - 1] = badge

    # community-manager

    def _create_community(self, call: Call, height: int) -> _Done:
        self.communities.append(Community(call.sender, active=True))
        community_id = len(self.communities)
        value: dict[str, Value] = {"event": "community-created", **call.args, "owner": call.sender}
        return _community_done(call, height, community_id, value, result=community_id)

    def _add_member(self, call: Call, height: int) -> _Done:
        community_id, _ = self._community(call)
        key = community_id, _principal(call, "member")
        if key in self._members:
            raise _Refusal(ALREADY_SO)
        self._members.add(key)
        self._journal.new_members.append(key)
        value: dict[str, Value] = {
            "event": "community-member-added",
            **call.args,
            "added-by": call.sender,
        }
        return _community_done(call, height, community_id, value)

    def _transfer_community(self, call: Call, height: int) -> _Done:
        community_id, community = self._community(call)
        owner = _principal(call, "new-owner")
        self._change_community(community_id, community._replace(owner=owner))
        value: dict[str, Value] = {
            "event": "community-ownership-transferred",
            "old-owner": community.owner,
            "new-owner": owner,
        }
        return _community_done(call, height, community_id, value)

    def _deactivate_community(self, call: Call, height: int) -> _Done:
        community_id, community = self._community(call)
        self._change_community(community_id, community._replace(active=False))
        value: dict[str, Value] = {"event": "community-deactivated", "deactivated-by": call.sender}
        return _community_done(call, height, community_id, value)

    def _update_settings(self, call: Call, height: int) -> _Done:
        community_id, _ = self._community(call)
        value: dict[str, Value] = {"event": "community-settings-updated", "updated-by": call.sender}
        return _community_done(call, height, community_id, value)

    def _community(self, call: Call) -> tuple[int, Community]:
        community_id = _uint(call, "community-id")
        if not 1 <= community_id <= len(self.communities):
            raise _Refusal(NO_SUCH_COMMUNITY)
        community = self.communities[community_id - 1]
        if not community.active:
            raise _Refusal(ALREADY_SO)
        return community_id, community

    def _change_community(self, community_id: int, community: Community) -> None:
        self._journal.old_communities.append((community_id, self.communities[community_id - 1]))
        self.communities[community_id - 1] = community


def _community_done(
    call: Call, height: int, community_id: int, value: dict[str, Value], *, result: Value = True
) -> _Done:
    told: dict[str, Value] = {**value, "community-id": community_id, "block-height": height}
    return _Done(result, [Print(call.contract, told)])


def _foreign(call: Call, height: int) -> _Done:
    """Somebody else's contract, which prints what a PassportX contract would."""
    value: dict[str, Value] = {
        "event": "badge-minted",
        **call.args,
        "issuer": call.sender,
        "block-height": height,
    }
    return _Done(True, [Print(call.contract, value)])


def _uint(call: Call, name: str) -> int:
    return cast("int", call.args[name])


def _principal(call: Call, name: str) -> Principal:
    return cast("Principal", call.args[name])
