"""Stories are played on both databases; `PROOF=full` plays them in a file of SQLite, too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

from tests.databases import KINDS, migrated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.storage.unit import Storage

_PLAYED_ON: Final = [
    kind for kind in KINDS if kind != "sqlite-file" or os.environ.get("PROOF") == "full"
]


@pytest.fixture(params=_PLAYED_ON)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """A migrated database, opened."""
    with migrated(request.param, tmp_path) as opened:
        yield opened
