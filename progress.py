"""Telling how far long work is: a bar on a terminal, a line now and then in a pipe."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class WorkFailed(Exception):
    """The work cannot go on; the message is one sentence with the mend."""


Tell = Callable[[int, int], None]
"""Says how much is done, of how much."""


@contextmanager
def telling(title: str, unit: str, seconds: float = 5.0) -> Iterator[Tell]:
    """Tell of one piece of work on standard error; in a pipe, after so many seconds each."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(title, unit, seconds)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *columns, console=console) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(title: str, unit: str, seconds: float) -> Tell:
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= seconds:
            told = time.monotonic()
            click.echo(f"{title}: {done:,} of {total:,} {unit}", err=True)

    return tell
