"""What is printed: a line for each figure, with its reference and its pass line."""

from dataclasses import dataclass, field

import click


@dataclass
class Report:
    """The figures of a run."""

    missed: list[str] = field(default_factory=list)
    """What fell short of its pass line."""

    def title(self, text: str) -> None:
        """Begin a part."""
        click.echo(f"\n{text}")

    def figure(
        self, name: str, value: str, reference: str = "", *, holds: bool | None = None
    ) -> None:
        """Print a figure; `holds` says whether it is within its pass line."""
        mark = {True: "ok", False: "SHORT", None: ""}[holds]
        click.echo(f"  {name:<46} {value:>16}  {mark:<6}{reference}")
        if holds is False:
            self.missed.append(name)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
