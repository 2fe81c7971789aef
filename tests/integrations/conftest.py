"""Host frameworks are tested on every database: see tests/databases.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick import Tallystick
from tallystick.testing.clock import FrozenClock
from tests.databases import database
from tests.integrations.shop import NOON, PLANS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

__all__ = ["database"]


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    """A ledger of the shop on each database; nothing is migrated yet."""
    clock = FrozenClock(NOON)
    with Tallystick(database.url, catalog=PLANS, default_plan="free", clock=clock) as ledger:
        yield ledger
