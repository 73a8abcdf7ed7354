"""The documents that are generated are what the code says now."""

from pathlib import Path

from services.trends import document

DOCS = Path(__file__).parent.parent / "docs"


def test_the_catalogue_of_metrics_is_the_one_of_the_code() -> None:
    assert (DOCS / "metrics.md").read_text() == document(), "run `make docs`"
