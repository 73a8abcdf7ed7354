"""The command line, `passportx`."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

import click

from documents.connection import DatabaseError
from progress import WorkFailed
from schema import serving
from settings import Settings, SettingsError, load_settings

F = TypeVar("F", bound=Callable[..., Any])

_OF_THE_LOG = (
    *("network", "enabled", "backlog_batch_size", "data_dir", "mongodb_url", "mongodb_database"),
    *("deployer", "badge_issuer", "community_manager", "passport_nft", "passport_core"),
    "log_level",
)


class StartError(Exception):
    """The service cannot start; the message is one sentence that names the setting and the mend."""


def main() -> None:
    """Run a command; what stops it is told in one sentence."""
    try:
        cli()
    except (SettingsError, StartError, DatabaseError, WorkFailed) as error:
        click.echo(f"passportx: {error}", err=True)
        raise SystemExit(1) from None


def with_settings(command: F) -> F:
    """Give a command a flag for every setting; the command gets those that were used."""
    return _with_flags(command, Settings.model_fields)


def with_settings_of_the_log(command: F) -> F:
    """Give a command the flags of the settings that decide what is counted, and where it lies."""
    return _with_flags(command, _OF_THE_LOG)


def _with_flags(command: F, names: Iterable[str]) -> F:
    for name in reversed(list(names)):
        field = Settings.model_fields[name]
        flag = f"--{name.replace('_', '-')}"
        is_switch = field.annotation is bool
        command = click.option(
            f"{flag}/--no-{name.replace('_', '-')}" if is_switch else flag,
            name,
            default=None,
            type=bool if is_switch else str,
            metavar=None if is_switch else "VALUE",
            help=f"{field.description}  [{field.validation_alias}]",
        )(command)
    return command


def given(flags: dict[str, Any]) -> Settings:
    """Return the settings with the flags that were used."""
    settings = load_settings(**{name: value for name, value in flags.items() if value is not None})
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if settings.log_level != "debug":
        for talkative in ("httpx", "uvicorn"):
            logging.getLogger(talkative).setLevel(logging.WARNING)
    return settings


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="passportx-analytics")
def cli() -> None:
    """Live, exact analytics of PassportX badges.

    Chainhook events come in; GraphQL answers and pushed updates go out. `passportx serve` starts
    the service with a database of its own, `passportx demo` plays a chain into it.
    """


@cli.command()
@with_settings
def serve(**flags: Any) -> None:
    """Serve GraphQL, the webhook and the dashboard."""
    settings = given(flags)
    # At once: who connects while the rest is imported and mongod starts, waits and is answered.
    listening = listen(settings)
    import server  # noqa: PLC0415  # neither `--help` nor a bad setting needs a server

    server.run(server.serve(settings, listening))


@cli.command()
@with_settings
@click.option("--badges", default=4000, show_default=True, help="Badges in the history.")
@click.option("--blocks-per-minute", default=6.0, show_default=True, help="Blocks that follow it.")
@click.option("--seed", default=1, show_default=True, help="Another seed is another chain.")
def demo(badges: int, blocks_per_minute: float, seed: int, **flags: Any) -> None:
    """Serve with a synthetic PassportX chain played into the webhook.

    Half a year of history comes within seconds, then a few blocks a minute, with a reorganisation
    among them now and then. The data lies in a `demo` directory inside the data directory.
    """
    settings = given(flags)
    if not settings.enabled:
        raise StartError("ANALYTICS_ENABLED is false, and a demo brings events: set it to true.")
    import server  # noqa: PLC0415  # neither `--help` nor a bad setting needs a server
    from ingest.demo import DemoError  # noqa: PLC0415  # nothing else needs it

    if settings.mongodb_url is None:
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "demo"})
    try:
        server.run(
            server.demonstrate(
                settings,
                listen(settings),
                badges=badges,
                blocks_per_minute=blocks_per_minute,
                seed=seed,
            )
        )
    except DemoError as error:
        raise StartError(
            f"The demo cannot go on, for {error}: the lines of the log above tell why."
        ) from None


@cli.command("import")
@with_settings_of_the_log
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
def import_(files: tuple[str, ...], **flags: Any) -> None:
    """Take recorded deliveries and events, and count them.

    Each FILE, or standard input for -, has one JSON document a line: a Chainhook delivery of either
    generation, as it was posted to the webhook, or an event as `mutation ingestEvents` takes it.
    They may be mixed, and packed with gzip. For example:

    \b
        passportx import deliveries.ndjson.gz
        jq -c . delivery-*.json | passportx import -
        echo '{"userJoined": {"user": "ST1..."}}' | passportx import -

    A service may be running on the same database. After a crash or Ctrl-C, the same command goes
    on where it was: nothing is lost, and nothing is taken twice, for a file is known by its
    content. A line that will not do is counted with its reason, and does not stop the others.

    The exit code is 0 if every line was taken, 1 if one was rejected or the work was not finished,
    and 130 after Ctrl-C.
    """
    import importer  # noqa: PLC0415  # `--help` needs no database

    settings = given(flags)
    try:
        is_whole = asyncio.run(importer.run(settings, files))
    except KeyboardInterrupt:
        click.echo("Stopped; the same command goes on from here.", err=True)
        raise SystemExit(130) from None
    raise SystemExit(0 if is_whole else 1)


@cli.command()
@with_settings_of_the_log
def rebuild(**flags: Any) -> None:
    """Derive every figure again from the log.

    The old figures answer until the new ones are there. A service may be running on the same
    database; it takes up the new figures by itself.
    """
    import maintenance  # noqa: PLC0415  # `--help` needs no database

    asyncio.run(maintenance.rebuild(given(flags)))


@cli.command()
@with_settings_of_the_log
def verify(**flags: Any) -> None:
    """Recount every figure by brute force, and print what differs.

    A service may be running on the same database. The exit code is 1 if anything differs.
    """
    import maintenance  # noqa: PLC0415  # `--help` needs no database

    raise SystemExit(0 if asyncio.run(maintenance.verify(given(flags))) else 1)


@cli.command()
@with_settings_of_the_log
@click.option("--whole", is_flag=True, help="All that is kept of each, not its beginning.")
def refused(whole: bool, **flags: Any) -> None:  # click passes a flag
    """Print the last bodies that the webhook could not read.

    A delivery that is no JSON, or is packed in an unknown way, is counted and answered 200, so that
    the hook goes on; of the last 20, the first 64 KiB are kept.
    """
    import maintenance  # noqa: PLC0415  # `--help` needs no database

    asyncio.run(maintenance.list_refused(given(flags), whole=whole))


@cli.group()
def quarantine() -> None:
    """Deal with entries of the log that could not be committed.

    An entry that fails again and again is set aside, and the rest goes on without it. It counts
    nowhere until it is retried. Numbers are those that `list` prints.
    """


@quarantine.command("list")
@with_settings_of_the_log
@click.option("--all", "everything", is_flag=True, help="Those dropped or retried, too.")
def list_(everything: bool, **flags: Any) -> None:  # click passes a flag
    """Print the entries that are set aside: number, state, time, events, reason."""
    import maintenance  # noqa: PLC0415  # `--help` needs no database

    asyncio.run(maintenance.list_quarantine(given(flags), everything=everything))


@quarantine.command()
@with_settings_of_the_log
@click.argument("numbers", nargs=-1, type=int, metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="Every entry that is set aside.")
def retry(numbers: tuple[int, ...], everything: bool, **flags: Any) -> None:
    """Append entries to the log once more, for a version that can commit them.

    A service that is running takes them up by itself.
    """
    _decide("retry", numbers, everything, flags)


@quarantine.command()
@with_settings_of_the_log
@click.argument("numbers", nargs=-1, type=int, metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="Every entry that is set aside.")
def drop(numbers: tuple[int, ...], everything: bool, **flags: Any) -> None:
    """Decide that entries never count. They stay in the log, and can be retried still."""
    _decide("drop", numbers, everything, flags)


def _decide(
    decision: Literal["retry", "drop"],
    numbers: tuple[int, ...],
    everything: bool,  # a flag passed on
    flags: dict[str, Any],
) -> None:
    import maintenance  # noqa: PLC0415  # `--help` needs no database

    if bool(numbers) == everything:
        raise click.UsageError("Name the numbers of entries, or else --all.")
    asyncio.run(maintenance.decide(given(flags), decision, None if everything else numbers))


@cli.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from schema.schema import sdl  # noqa: PLC0415  # no other command needs it alone

    click.echo(sdl(), nl=False)


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens as the settings say. Raises `StartError`."""
    try:
        return serving.listen(settings.host, settings.port)
    except OSError as error:
        # Python adds which address it was, and that is told here.
        reason, *_ = str(error.strerror).split(" (while attempting")
        raise StartError(
            f"PASSPORTX_HOST and PASSPORTX_PORT: {settings.host}:{settings.port} cannot be "
            f"listened on ({reason}); stop what uses it, or choose another with --port."
        ) from None


if __name__ == "__main__":
    main()
