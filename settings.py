"""The settings: one frozen object, read once from the environment and the command line's flags.

Only `app.py` and the modules of the command line read it; what lies below is handed what it needs.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEVNET_DEPLOYER = "ST1PQHQKV0RJXZFY1DGX8MNSNYVE3VGZJSRTPGZGM"
"""The first account of every Clarinet devnet, which deploys the contracts there."""

_ADDRESS_STARTS = {"mainnet": ("SP", "SM"), "testnet": ("ST", "SN"), "devnet": ("ST", "SN")}
_CATEGORIES = ("achievement", "participation", "contribution", "leadership", "skill", "recognition")
_ADDRESS = re.compile(r"S[PMTN][0-9A-HJKMNP-TV-Z]{26,39}")
"""The shortest is that of the network itself, all zeros, which owns its first contracts."""
_CONTRACT_NAME = r"^[a-zA-Z][a-zA-Z0-9_-]{0,127}$"
_DATABASE_NAME = r"^[a-zA-Z0-9_-]{1,63}$"
_HOST_NAME = re.compile(r"\*|(\*\.)?[a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\]")


class SettingsError(Exception):
    """A setting will not do; the message is one sentence that names it and the mend."""


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _parts(value: object) -> object:
    """Split a comma-separated list, leaving out empty parts."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _tokens(value: object) -> object:
    """Split a comma-separated list of secrets, none of which may be empty."""
    if not isinstance(value, str):
        return value
    parts = tuple(part.strip() for part in value.split(","))
    if "" in parts:
        raise ValueError("holds an empty token: remove the needless comma, or unset it")
    return parts


def _json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('is not JSON: write it like {"1": "achievement"}') from None


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


Tokens = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_tokens)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts)]
Contracts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts)]
Names = Annotated[Mapping[int, str], NoDecode, BeforeValidator(_json)]
Url = Annotated[str | None, BeforeValidator(_none_if_empty)]


def _setting(variable: str, default: Any, meaning: str, *, unit: str = "", **limits: Any) -> Any:
    """Declare a setting: its environment variable, default, one sentence, unit and limits."""
    return Field(
        default=default,
        validation_alias=variable,
        description=meaning,
        json_schema_extra={"unit": unit},
        **limits,
    )


_DEPLOYMENT = ("deployer", "badge_issuer", "community_manager", "passport_nft", "passport_core")


class Settings(BaseSettings):
    """Everything that can be set, in the order of the README's table.

    A keyword argument (a flag) wins over the environment variable, and that over the default.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True
    )

    # The original falls back to devnet too; a real network needs a deployer, so that nobody
    # counts the events of the wrong one unawares.
    network: Annotated[Literal["devnet", "testnet", "mainnet"], BeforeValidator(_lower)] = _setting(
        "STACKS_NETWORK", "devnet", "The Stacks network whose deliveries are taken."
    )
    enabled: bool = _setting(
        "ANALYTICS_ENABLED",
        True,
        "Whether events are taken and counted; if not, only what is there is answered, and a hook "
        "gets 503, which makes it give up for good: stop it first.",
    )
    cache_ttl_ms: int = _setting(
        "ANALYTICS_CACHE_TTL_MS",
        300_000,
        "How long an answer may be reused while nothing new is committed; 0 for not at all.",
        unit="ms",
        ge=0,
    )
    batch_size: int = _setting(
        "ANALYTICS_BATCH_SIZE",
        50,
        "How many waiting events are committed without waiting for more.",
        unit="events",
        ge=1,
        le=10_000,
    )
    batch_timeout_ms: int = _setting(
        "ANALYTICS_BATCH_TIMEOUT_MS",
        10_000,
        "How long an event waits at most for its batch to fill.",
        unit="ms",
        ge=1,
    )
    backlog_batch_size: int = _setting(
        "PASSPORTX_BACKLOG_BATCH_SIZE",
        4_000,
        "How many events one commit takes when that many wait.",
        unit="events",
        ge=1,
        le=10_000,
    )
    host: str = _setting(
        "PASSPORTX_HOST", "127.0.0.1", "The address to listen on.", min_length=1, max_length=255
    )
    port: int = _setting(
        "PASSPORTX_PORT", 8000, "The port to listen on; 0 takes any free one.", ge=0, le=65_535
    )
    data_dir: Path = _setting(
        "PASSPORTX_DATA_DIR",
        Path(".passportx"),
        "The directory of the embedded database and of the ingest token made at the first start.",
        validate_default=True,
    )
    mongodb_url: Url = _setting(
        "MONGODB_URL",
        None,
        "The MongoDB replica set to use; without it, an embedded server is started.",
        repr=False,
    )
    mongodb_database: str = _setting(
        "MONGODB_DATABASE",
        "passportx",
        "The name of the database on that server.",
        pattern=_DATABASE_NAME,
    )
    redis_url: Url = _setting(
        "REDIS_URL",
        None,
        "The Redis by which several processes of one service tell each other of commits; one needs "
        "none, and while Redis is away they look every second.",
        repr=False,
    )
    deployer: Texts = _setting(
        "PASSPORTX_DEPLOYER",
        (),
        "The principal whose contracts are trusted; must be given on testnet and mainnet. Several "
        "deployments are several values here or in the four settings below, in the same order; "
        "where one value is given, it is that of all. Ids of the first deployment stay as they "
        "are, those of another bear its contract, as in 17@S….passport-nft-v2.",
        validate_default=True,
    )
    badge_issuer: Contracts = _setting(
        "PASSPORTX_BADGE_ISSUER",
        ("badge-issuer",),
        "The name, or full identifier, of the contract that issues and revokes badges.",
    )
    community_manager: Contracts = _setting(
        "PASSPORTX_COMMUNITY_MANAGER",
        ("community-manager",),
        "The name, or full identifier, of the contract that keeps communities.",
    )
    passport_nft: Contracts = _setting(
        "PASSPORTX_PASSPORT_NFT",
        ("passport-nft",),
        "The name, or full identifier, of the contract that owns the badge tokens.",
    )
    passport_core: Contracts = _setting(
        "PASSPORTX_PASSPORT_CORE",
        ("passport-core",),
        "The name, or full identifier, of the contract whose calls tell a badge's community.",
    )
    categories: Names = _setting(
        "PASSPORTX_CATEGORIES",
        dict(enumerate(_CATEGORIES, start=1)),
        "The names of the badge categories by number; another number is shown as unknown (n).",
    )
    levels: Names = _setting(
        "PASSPORTX_LEVELS",
        {level: f"Level {level}" for level in range(1, 6)},
        "The names of the badge levels by number; another number is shown as unknown (n).",
    )
    ingest_tokens: Tokens = _setting(
        "ANALYTICS_INGEST_TOKENS",
        (),
        "The secrets that allow to bring events; without any, one is made at the first start.",
    )
    admin_tokens: Tokens = _setting(
        "ANALYTICS_ADMIN_TOKENS", (), "The secrets that allow everything."
    )
    read_tokens: Tokens = _setting(
        "ANALYTICS_READ_TOKENS",
        (),
        "The secrets that allow to query; without any, a loopback address is open to read.",
    )
    webhook_authorization: SecretStr | None = _setting(
        "PASSPORTX_WEBHOOK_AUTHORIZATION",
        None,
        "The exact Authorization header that a Chainhook 1.x sends.",
    )
    introspection: bool = _setting(
        "PASSPORTX_INTROSPECTION", True, "Whether the GraphQL schema may be introspected."
    )
    allowed_origins: Texts = _setting(
        "PASSPORTX_ALLOWED_ORIGINS",
        (),
        "The origins of frontends served from elsewhere, such as https://app.example.org.",
    )
    allowed_hosts: Texts = _setting(
        "PASSPORTX_ALLOWED_HOSTS",
        (),
        "The host names by which the service may be addressed; without any, localhost on a "
        "loopback address and any name on another.",
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = (
        _setting("PASSPORTX_LOG_LEVEL", "info", "The least severity that is logged.")
    )

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @field_validator("redis_url")
    @classmethod
    def _one_of_redis(cls, value: str | None) -> str | None:
        if value is not None:
            from redis.asyncio import ConnectionPool  # noqa: PLC0415  # slow, and rarely needed

            try:
                pool = ConnectionPool.from_url(value)
                pool.connection_class(**pool.connection_kwargs)
            except (ValueError, TypeError):
                raise ValueError("is no Redis URL: write it like redis://host:6379/0") from None
        return value

    @field_validator("data_dir", "webhook_authorization", mode="before")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        if value == "":
            raise ValueError("is empty: give it a value, or unset it")
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute_directory(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("allowed_hosts")
    @classmethod
    def _only_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _HOST_NAME.fullmatch(name):
                raise ValueError(
                    f"holds {name}: write names without scheme and port, such as example.org, "
                    "*.example.org or [::1]"
                )
        return value

    @field_validator("deployer")
    @classmethod
    def _deployers_of_the_network(
        cls, value: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        network = info.data.get("network", "devnet")
        if not value and network == "devnet":
            return (DEVNET_DEPLOYER,)
        if not value:
            raise ValueError(f"must name the principal whose contracts are trusted on {network}")
        for address in value:
            if not address.startswith(_ADDRESS_STARTS[network]):
                starts = " or ".join(_ADDRESS_STARTS[network])
                raise ValueError(f"must start with {starts}, for STACKS_NETWORK is {network}")
            if not _ADDRESS.fullmatch(address):
                raise ValueError(
                    "is not a whole Stacks address: it has about 40 letters and digits"
                )
        return value

    @field_validator("badge_issuer", "community_manager", "passport_nft", "passport_core")
    @classmethod
    def _contract_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("is empty: give it a value, or unset it")
        for name in value:
            if not re.fullmatch(_CONTRACT_NAME, name.rpartition(".")[2]):
                raise ValueError(
                    f"holds {name}: a contract's name begins with a letter, and has letters, "
                    "digits, - and _"
                )
        return value

    @property
    def deployments(self) -> list[tuple[str, str, str, str, str]]:
        """Deployer, badge issuer, community manager, token and core of each deployment."""
        parts = {name: getattr(self, name) for name in _DEPLOYMENT}
        count = max(map(len, parts.values()))
        return list(zip(*(v * count if len(v) == 1 else v for v in parts.values()), strict=True))

    @model_validator(mode="after")
    def _deployments_are_whole(self) -> Self:
        lengths = {name: len(getattr(self, name)) for name in _DEPLOYMENT}
        count = max(lengths.values())
        for name, length in lengths.items():
            if length not in (1, count):
                raise ValueError(
                    f"{_variable_of(name)} has {length} values and another setting of the "
                    f"contracts {count}: give it one for each deployment, or one for all"
                )
        return self

    @model_validator(mode="after")
    def _backlog_batches_are_larger(self) -> Self:
        if self.backlog_batch_size < self.batch_size:
            raise ValueError(
                f"PASSPORTX_BACKLOG_BATCH_SIZE is {self.backlog_batch_size}: make it at least "
                f"ANALYTICS_BATCH_SIZE, which is {self.batch_size}"
            )
        return self


def make_data_directory(path: Path) -> None:
    """Make the directory if it is not there. Raises `SettingsError` if it cannot be used."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Whether it can be written to is best asked by writing.
        with TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise SettingsError(
            f"PASSPORTX_DATA_DIR {path} cannot be used ({error.strerror}): choose a directory that "
            "this user may write to, with --data-dir."
        ) from None


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of this process; `overrides` are the flags, by field name.

    Raises `SettingsError` for the first setting that will not do.
    """
    try:
        return Settings(**overrides)
    except ValidationError as failure:
        # Not `from failure`: what was rejected may be a secret.
        raise SettingsError(_sentence(failure)) from None


def _sentence(failure: ValidationError) -> str:
    error = failure.errors(include_url=False, include_input=False)[0]
    message = re.sub(r"^(Value error, |(Input|String) (?=should))", "", error["msg"])
    if not error["loc"]:
        return f"{message}."
    variable, *place = map(str, error["loc"])
    inside = f" at {place[0]}" if place else ""
    return f"{_variable_of(variable)}{inside} {message}."


def _variable_of(location: str) -> str:
    field = Settings.model_fields.get(location)
    return str(field.validation_alias) if field else location


def settings_table() -> str:
    """Return the Markdown table of all settings that the README shows."""
    rows = [
        "| Variable | Flag | Type | Default | Meaning |",
        "|---|---|---|---|---|",
        *(_row(name, field) for name, field in Settings.model_fields.items()),
    ]
    return "\n".join(rows) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    flag = name.replace("_", "-")
    flags = f"`--{flag}`, `--no-{flag}`" if field.annotation is bool else f"`--{flag}`"
    variable, default = field.validation_alias, _shown_default(name, field.default)
    return f"| `{variable}` | {flags} | {_type_of(field)} | {default} | {field.description} |"


def _type_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    unit = extra["unit"] if isinstance(extra, dict) else ""
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(field.annotation))
    if get_origin(field.annotation) is tuple:
        return "comma-separated"
    if get_origin(field.annotation) is Mapping:
        return "JSON object"
    kinds: dict[object, str] = {int: "integer", bool: "`true` or `false`", Path: "path"}
    kind = kinds.get(field.annotation, "text")
    return f"{kind}, {unit}" if unit else kind


def _shown_default(name: str, default: object) -> str:
    if name == "deployer":
        return f"on devnet `{DEVNET_DEPLOYER}`"
    if default is None or default == ():
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{json.dumps(default)}`" if isinstance(default, dict) else f"`{default}`"
