"""What was reached is counted: a proof that does not say how much it tried is not believed.

The counts are printed, and compared, in tests/conftest.py: it is read by the process that collects
the reports, also where others run the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.databases import storage, storage_postgresql, storage_sqlite_file
from tests.proof.places import KINDS, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.proof.places import Place

__all__ = ["Count", "storage", "storage_postgresql", "storage_sqlite_file"]

Count: TypeAlias = Callable[[str], None]


HERE = Path(__file__).parent


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Write a line into the report at the end of the run."""
    return lambda text: record_property("proof", text)


@pytest.fixture(params=KINDS)
def somewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty database of each kind that other processes can open."""
    with place(request.param, tmp_path) as found:
        yield found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder: whatever leaves the proof out, leaves out all of it."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.proof)
