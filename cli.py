"""The command line, `passportx`."""

import logging
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import click

from documents.connection import DatabaseError
from settings import Settings, SettingsError, load_settings

F = TypeVar("F", bound=Callable[..., Any])


class StartError(Exception):
    """The service cannot start; the message is one sentence that names the setting and the mend."""


def main() -> None:
    """Run a command; what stops it is told in one sentence."""
    try:
        cli()
    except (SettingsError, StartError, DatabaseError) as error:
        click.echo(f"passportx: {error}", err=True)
        raise SystemExit(1) from None


def with_settings(command: F) -> F:
    """Give a command a flag for every setting; the command gets those that were used."""
    for name, field in reversed(Settings.model_fields.items()):
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
    logging.getLogger("httpx").setLevel(logging.WARNING)
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
    import server  # noqa: PLC0415  # `--help` needs no server

    settings = given(flags)
    server.run(server.serve(settings, listen(settings)))


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
    import server  # noqa: PLC0415  # `--help` needs no server

    settings = given(flags)
    if settings.mongodb_url is None:
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "demo"})
    server.run(
        server.demonstrate(
            settings,
            listen(settings),
            badges=badges,
            blocks_per_minute=blocks_per_minute,
            seed=seed,
        )
    )


@cli.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from schema.schema import sdl  # noqa: PLC0415  # no other command needs it alone

    click.echo(sdl(), nl=False)


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens as the settings say. Raises `StartError`."""
    from schema import websocket  # noqa: PLC0415  # `--help` needs no server

    try:
        return websocket.listen(settings.host, settings.port)
    except OSError as error:
        raise StartError(
            f"PASSPORTX_HOST and PASSPORTX_PORT: {settings.host}:{settings.port} cannot be "
            f"listened on ({error.strerror or error}); stop what uses it, or choose another with "
            "--port."
        ) from None


if __name__ == "__main__":
    main()
