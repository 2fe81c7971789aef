"""What was reached is printed: a proof that does not say how much it tried is not believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.databases import storage, storage_postgresql, storage_sqlite_file
from tests.proof.places import KINDS, place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.proof.places import Place

__all__ = ["Count", "storage", "storage_postgresql", "storage_sqlite_file"]

Count: TypeAlias = Callable[[str], None]


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Write a line into the report at the end of the run."""
    return lambda text: record_property("proof", text)


@pytest.fixture(params=KINDS)
def somewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty database of each kind that other processes can open."""
    with place(request.param, tmp_path) as found:
        yield found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was reached (here for a run without xdist; see report.py)."""
    from tests.proof.report import print_report  # noqa: PLC0415 - pytest imports this file by path

    print_report(terminalreporter)
