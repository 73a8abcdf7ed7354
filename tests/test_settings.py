"""Settings come from the environment or from flags, and a bad one stops the start."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app import contracts
from settings import DEVNET_DEPLOYER, Settings, SettingsError, load_settings, settings_table

README = Path(__file__).parent.parent / "README.md"
VARIABLES = [str(field.validation_alias) for field in Settings.model_fields.values()]
MAINNET_DEPLOYER = "SP2J6ZY48GV1EZ5V2V5RB9MP66SW86PYKKNRV9EJ7"
ONE_IS_EMPTY = "holds an empty token: remove the needless comma, or unset it."


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def test_the_originals_names_and_defaults_keep_working() -> None:
    settings = load_settings()
    assert settings.network == "devnet"
    assert settings.enabled is True
    assert settings.cache_ttl_ms == 300_000
    assert settings.batch_size == 50
    assert settings.batch_timeout_ms == 10_000
    assert settings.deployer == (DEVNET_DEPLOYER,)


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("STACKS_NETWORK", "DEVNET", "network", "devnet"),
        ("ANALYTICS_ENABLED", "false", "enabled", False),
        ("ANALYTICS_CACHE_TTL_MS", "0", "cache_ttl_ms", 0),
        ("ANALYTICS_BATCH_SIZE", "7", "batch_size", 7),
        ("ANALYTICS_BATCH_TIMEOUT_MS", "250", "batch_timeout_ms", 250),
        ("PASSPORTX_PORT", "0", "port", 0),
        ("PASSPORTX_CATEGORIES", '{"9": "mentoring"}', "categories", {9: "mentoring"}),
        ("PASSPORTX_ALLOWED_ORIGINS", "https://a, https://b,", "allowed_origins",
         ("https://a", "https://b")),
        ("PASSPORTX_BADGE_ISSUER", "badge-issuer-v2", "badge_issuer", ("badge-issuer-v2",)),
        ("MONGODB_URL", "", "mongodb_url", None),
        ("MONGODB_URL", "mongodb://db/", "mongodb_url", "mongodb://db/"),
    ],
)  # fmt: skip
def test_a_variable_of_the_environment_takes_effect(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, field: str, value: object
) -> None:
    monkeypatch.setenv(variable, text)
    assert getattr(load_settings(), field) == value


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSPORTX_PORT", "9000")
    assert load_settings().port == 9000
    assert load_settings(port=9001).port == 9001


def test_the_data_directory_is_absolute_and_below_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings().data_dir == tmp_path.resolve() / ".passportx"


def test_settings_cannot_change() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


def test_several_tokens_are_valid_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_INGEST_TOKENS", "old, new")
    tokens = load_settings().ingest_tokens
    assert [token.get_secret_value() for token in tokens] == ["old", "new"]


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URL", "mongodb://user:hush@db/")
    monkeypatch.setenv("REDIS_URL", "redis://:hush@cache/")
    monkeypatch.setenv("PASSPORTX_WEBHOOK_AUTHORIZATION", "hush")
    for kind in ("INGEST", "ADMIN", "READ"):
        monkeypatch.setenv(f"ANALYTICS_{kind}_TOKENS", "hush")
    settings = load_settings()
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PASSPORTX_PORT": "99999"}, "PASSPORTX_PORT should be less than or equal to 65535."),
        ({"PASSPORTX_PORT": "http"},
         "PASSPORTX_PORT should be a valid integer, unable to parse string as an integer."),
        ({"STACKS_NETWORK": "moon"},
         "STACKS_NETWORK should be 'devnet', 'testnet' or 'mainnet'."),
        ({"STACKS_NETWORK": "mainnet"},
         "PASSPORTX_DEPLOYER must name the principal whose contracts are trusted on mainnet."),
        ({"STACKS_NETWORK": "testnet", "PASSPORTX_DEPLOYER": MAINNET_DEPLOYER},
         "PASSPORTX_DEPLOYER must start with ST or SN, for STACKS_NETWORK is testnet."),
        ({"PASSPORTX_DEPLOYER": "ST1"},
         "PASSPORTX_DEPLOYER is not a whole Stacks address: it has about 40 letters and digits."),
        ({"ANALYTICS_INGEST_TOKENS": "a,"}, f"ANALYTICS_INGEST_TOKENS {ONE_IS_EMPTY}"),
        ({"ANALYTICS_ADMIN_TOKENS": ""}, f"ANALYTICS_ADMIN_TOKENS {ONE_IS_EMPTY}"),
        ({"ANALYTICS_READ_TOKENS": " , b"}, f"ANALYTICS_READ_TOKENS {ONE_IS_EMPTY}"),
        ({"PASSPORTX_WEBHOOK_AUTHORIZATION": ""},
         "PASSPORTX_WEBHOOK_AUTHORIZATION is empty: give it a value, or unset it."),
        ({"PASSPORTX_DATA_DIR": ""},
         "PASSPORTX_DATA_DIR is empty: give it a value, or unset it."),
        ({"PASSPORTX_LEVELS": "gold"},
         'PASSPORTX_LEVELS is not JSON: write it like {"1": "achievement"}.'),
        ({"ANALYTICS_BATCH_SIZE": "5000"},
         "PASSPORTX_BACKLOG_BATCH_SIZE is 4000: make it at least ANALYTICS_BATCH_SIZE, "
         "which is 5000."),
        ({"MONGODB_DATABASE": "a b"},
         "MONGODB_DATABASE should match pattern '^[a-zA-Z0-9_-]{1,63}$'."),
    ],
)  # fmt: skip
def test_a_bad_value_stops_the_start_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], sentence: str
) -> None:
    for variable, text in environment.items():
        monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert str(refusal.value) == sentence


def test_a_mistyped_deployer_is_noticed_by_its_checksum() -> None:
    settings = load_settings(network="mainnet", deployer=f"{MAINNET_DEPLOYER[:-1]}8")
    with pytest.raises(SettingsError, match=r"^PASSPORTX_DEPLOYER is mistyped.* copy it anew\.$"):
        contracts(settings)


def test_the_network_s_own_address_is_an_address() -> None:
    """It is shorter than all others, for it is all zeros."""
    settings = load_settings(network="testnet", deployer="ST000000000000000000002AMW42H")
    assert contracts(settings).badge_issuer == "ST000000000000000000002AMW42H.badge-issuer"


def test_several_deployments_are_lists_of_equal_length_or_one_value() -> None:
    settings = load_settings(
        network="testnet",
        deployer=DEVNET_DEPLOYER,
        badge_issuer="badge-issuer,badge-issuer-v2",
        passport_nft=f"passport-nft, {DEVNET_DEPLOYER}.passport-nft-v2",
    )
    trusted = contracts(settings)
    (second,) = trusted.further
    assert trusted.passport_nft == f"{DEVNET_DEPLOYER}.passport-nft"
    assert second.badge_issuer == f"{DEVNET_DEPLOYER}.badge-issuer-v2"
    assert second.passport_nft == f"{DEVNET_DEPLOYER}.passport-nft-v2"
    assert second.community_manager == trusted.community_manager


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "badge_issuer",
            "a,b",
            "PASSPORTX_BADGE_ISSUER has 2 values and another setting of the contracts 3: give it "
            "one for each deployment, or one for all.",
        ),
        ("badge_issuer", ",", "PASSPORTX_BADGE_ISSUER is empty: give it a value, or unset it."),
        (
            "passport_core",
            "a b",
            "PASSPORTX_PASSPORT_CORE holds a b: a contract's name begins with a letter, and has "
            "letters, digits, - and _.",
        ),
    ],
)
def test_deployments_that_do_not_fit_stop_the_start(name: str, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(passport_nft="a,b,c", **{name: text})
    assert str(refusal.value) == sentence


def test_a_rejected_secret_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYTICS_READ_TOKENS", "hush,")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert "hush" not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_every_setting_says_what_it_does_in_one_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert field.validation_alias in VARIABLES


def test_the_table_of_the_readme_is_the_table_of_the_code() -> None:
    """Mend the README with what `settings.settings_table()` returns."""
    _, _, rest = README.read_text().partition("<!-- settings -->\n")
    table, closed, _ = rest.partition("<!-- /settings -->")
    assert closed, "README.md has no table between <!-- settings --> and <!-- /settings -->"
    assert table.strip() == settings_table().strip()
