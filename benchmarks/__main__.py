"""`make bench`, or `python -m benchmarks [ingest] [bodies] [frames] [page] [answers]` for some."""

import asyncio
import os
import platform
import sys

import click

from benchmarks import answers, bodies, frames, ingest, page
from benchmarks.report import Report

PARTS = {
    "ingest": ingest.measure,
    "bodies": bodies.measure,
    "frames": frames.measure,
    "page": page.measure,
    "answers": answers.measure,
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: tuple[str, ...]) -> None:
    """Measure the service; without PARTS all of it, in about ten minutes.

    The exit code is 1 if anything falls short of its pass line.
    """
    report = Report()
    click.echo(f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}")
    for part in parts or PARTS:
        asyncio.run(PARTS[part](report))
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
