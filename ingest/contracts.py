"""The PassportX contracts: which are trusted, and what their prints mean as events."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Literal, NamedTuple, Self, TypeAlias, get_args
from unicodedata import category

from ingest import clarity
from services.events import EventType

Network = Literal["mainnet", "testnet", "devnet"]
_Printed: TypeAlias = Mapping[str, object]

MAX_NAME = 256
"""Characters of a name that are kept."""

_PREFIXES = {"mainnet": ("SP", "SM"), "testnet": ("ST", "SN"), "devnet": ("ST", "SN")}
_UINT = re.compile(r"u?([0-9]{1,39})")
_UINT_BITS = 128
_MAX_SMALL = 2**31 - 1
"""GraphQL's largest Int; categories and levels are small numbers."""
_MAX_SCOPE = 80
_BIDIRECTIONAL = re.compile("[\u202a-\u202e\u2066-\u2069]")
ROLES = ("badge_issuer", "community_manager", "passport_nft", "passport_core")


class MalformedError(ValueError):
    """A print of a trusted contract that does not hold what it must."""


@dataclass(frozen=True)
class Contracts:
    """The contracts whose word is trusted, by full identifier `S….name`, and their network.

    `further` are other deployments that are trusted as well. What they number is told apart from
    what the first one numbers by the contract, as in `17@S….passport-nft-v2`; see `scope`.

    Raises `ValueError` for an identifier that does not exist on that network.
    """

    network: Network
    badge_issuer: str
    community_manager: str
    passport_nft: str
    passport_core: str
    further: "tuple[Contracts, ...]" = ()

    def __post_init__(self) -> None:
        if self.network not in get_args(Network):
            raise ValueError(f"network is {self.network!r}, not one of {get_args(Network)}")
        for contract in (getattr(self, role) for role in ROLES):
            if "." not in contract or not _is_principal(contract):
                raise ValueError(f"{contract!r} is not a contract identifier")
            if not contract.startswith(_PREFIXES[self.network]):
                raise ValueError(f"{contract!r} is not a contract of {self.network}")

    @classmethod
    def of(
        cls,
        network: Network,
        deployer: str,
        *,
        badge_issuer: str = "badge-issuer",
        community_manager: str = "community-manager",
        passport_nft: str = "passport-nft",
        passport_core: str = "passport-core",
    ) -> Self:
        """Return the contracts that one account deployed under these names.

        A name may be a full identifier, of a contract that another account deployed.
        """
        names = (badge_issuer, community_manager, passport_nft, passport_core)
        issuer, manager, nft, core = (n if "." in n else f"{deployer}.{n}" for n in names)
        return cls(network, issuer, manager, nft, core)

    @property
    def deployments(self) -> "tuple[Contracts, ...]":
        """All deployments, this one first."""
        return self, *self.further

    def scope(self, role: str, contract: str) -> str:
        """Return what follows the ids that a contract gives out; nothing for the first deployment.

        It is short enough for an id of 128 characters, and has none but those that ids may have.
        """
        if contract == getattr(self, role):
            return ""
        name = contract if len(contract) <= _MAX_SCOPE else _digest(contract)
        return f"@{name}"

    @property
    def badge_asset(self) -> str:
        """The class of the badges' tokens."""
        return f"{self.passport_nft}::passport-badge"

    def accepts_network(self, name: str) -> bool:
        """Say whether a delivery for the network `name` may be ours.

        Chainhook 2.0 has no name of its own for a devnet.
        """
        return name == self.network or (self.network == "devnet" and name == "testnet")

    def is_foreign(self, address: object) -> bool:
        """Say whether `address` is one of another network."""
        others = _PREFIXES["testnet" if self.network == "mainnet" else "mainnet"]
        return isinstance(address, str) and address.startswith(others)


def _is_principal(text: str) -> bool:
    try:
        clarity.principal(text)
    except clarity.ClarityError:
        return False
    return True


def uint(value: object) -> str:
    """Return a Clarity uint as a decimal string, from `5`, `"u5"`, `"5"` or hexadecimal."""
    if isinstance(value, str):
        if value.startswith("0x"):
            value = clarity.decode_hex(value)
        elif found := _UINT.fullmatch(value):
            value = int(found[1])
    if type(value) is not int or value < 0 or value >> _UINT_BITS:
        raise MalformedError("not a uint")
    return str(value)


def principal(value: object) -> str:
    """Return a principal in c32check, without a leading quote."""
    if not isinstance(value, str):
        raise MalformedError("not a principal")
    return clarity.principal(value)


def _small(value: object) -> int:
    number = int(uint(value))
    if number > _MAX_SMALL:
        raise MalformedError("not a category or a level")
    return number


def _name(value: object) -> str | None:
    """Return a name as it can be shown, or None if nothing of it can be seen."""
    if not isinstance(value, str):
        raise MalformedError("not a name")
    # JSON can hold half a surrogate pair, which neither UTF-8 nor the database can.
    text = value[: 8 * MAX_NAME].encode(errors="replace").decode()
    shown = "".join(" " if category(each) in ("Cc", "Zl", "Zp") else each for each in text)
    shown = " ".join(_BIDIRECTIONAL.sub("", shown).split())[:MAX_NAME].rstrip()
    # Blanks, and what has no width: of those a name may have some, but not nothing else.
    return shown if any(category(each)[0] not in "CZ" for each in shown) else None


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


class _Field(NamedTuple):
    source: str
    read: Callable[[object], str | int | None]
    """Returns None for what is not known."""
    required: bool = False


class Meaning(NamedTuple):
    """What a print tells: the type of its events, and where their keys come from."""

    type: EventType
    keys: Mapping[str, _Field]
    fixed: Mapping[str, object] = MappingProxyType({})
    unfold: Callable[[_Printed], Iterable[_Printed]] | None = None
    """How a batch becomes prints of one badge each."""

    def events(self, printed: _Printed) -> Iterator[dict[str, object]]:
        """Yield the type and the keys of each event; raise `MalformedError` or `ClarityError`."""
        for each in (printed,) if self.unfold is None else self.unfold(printed):
            yield self._event(each)

    def _event(self, printed: _Printed) -> dict[str, object]:
        event: dict[str, object] = {"type": self.type.value, **self.fixed}
        for key, (source, read, required) in self.keys.items():
            if source in printed:
                value = read(printed[source])
                if value is not None:
                    event[key] = value
            elif required:
                raise MalformedError(f"{source} is missing")
        return event


def _unfold(printed: _Printed) -> Iterable[_Printed]:
    columns = [printed.get(name) for name in ("badge-ids", "recipients", "template-ids")]
    lists = [column for column in columns if isinstance(column, list)]
    if len(lists) != len(columns) or len({len(column) for column in lists}) != 1:
        raise MalformedError("a batch without lists of equal length")
    issuer = {"issuer": printed["issuer"]} if "issuer" in printed else {}
    for badge, recipient, template in zip(*lists, strict=True):
        yield {"badge-id": badge, "recipient": recipient, "template-id": template, **issuer}


_BADGE = _Field("badge-id", uint, required=True)
_TEMPLATE = _Field("template-id", uint)
_COMMUNITY = _Field("community-id", uint, required=True)
_ISSUED = {
    "badge": _BADGE,
    "user": _Field("recipient", principal, required=True),
    "template": _TEMPLATE,
    "issuer": _Field("issuer", principal),
    "category": _Field("category", _small),
    "level": _Field("level", _small),
}

MINTING_PRINTS = ("badge-minted", "batch-badges-minted")

BADGE_ISSUER_PRINTS: Mapping[str, Meaning | None] = {
    "badge-minted": Meaning(EventType.BADGE_ISSUED, _ISSUED),
    # Prints neither category nor level: they are its templates'.
    "batch-badges-minted": Meaning(EventType.BADGE_ISSUED, _ISSUED, unfold=_unfold),
    "badge-revoked": Meaning(
        EventType.BADGE_REVOKED,
        {"badge": _BADGE, "by": _Field("revoked-by", principal)},
        fixed={"hard": False},
    ),
    "badge-metadata-updated": Meaning(
        EventType.BADGE_UPDATED,
        {
            "badge": _BADGE,
            "category": _Field("new-category", _small),
            "level": _Field("new-level", _small),
        },
    ),
    "template-created": Meaning(
        EventType.TEMPLATE_REGISTERED,
        {
            "template": _TEMPLATE._replace(required=True),
            "name": _Field("name", _name),
            "category": _Field("category", _small),
            "level": _Field("default-level", _small),
            "by": _Field("creator", principal),
        },
    ),
}

COMMUNITY_MANAGER_PRINTS: Mapping[str, Meaning | None] = {
    "community-created": Meaning(
        EventType.COMMUNITY_CREATED,
        {
            "community": _COMMUNITY,
            "user": _Field("owner", principal, required=True),
            "name": _Field("name", _name),
        },
    ),
    "community-member-added": Meaning(
        EventType.MEMBER_ADDED,
        {"community": _COMMUNITY, "user": _Field("member", principal, required=True)},
    ),
    "community-ownership-transferred": Meaning(
        EventType.COMMUNITY_TRANSFERRED,
        {"community": _COMMUNITY, "user": _Field("new-owner", principal, required=True)},
    ),
    "community-deactivated": Meaning(EventType.COMMUNITY_DEACTIVATED, {"community": _COMMUNITY}),
    # No figure depends on a community's settings.
    "community-settings-updated": None,
}

NFT_MINTED = Meaning(
    EventType.BADGE_ISSUED,
    {
        "badge": _Field("token-id", uint, required=True),
        "user": _Field("holder", principal, required=True),
    },
)
NFT_BURNED = Meaning(
    EventType.BADGE_REVOKED,
    {"badge": _Field("token-id", uint, required=True)},
    fixed={"hard": True},
)

SILENT_PRINTS: Mapping[str, Meaning | None] = {
    # The token's contract prints the mint that the badge issuer prints, too.
    "passport-badge-minted": None,
}

EVENT_NAMES = frozenset({*BADGE_ISSUER_PRINTS, *COMMUNITY_MANAGER_PRINTS, *SILENT_PRINTS})
"""Every event name of a PassportX print, of whichever contract."""
