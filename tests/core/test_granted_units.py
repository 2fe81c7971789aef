"""What a grant of units adds to a limit: what is left while it lasts, and what it paid."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tallystick.core.access import Window
from tallystick.core.credit import CreditGrant
from tallystick.core.granted_units import UnitGrant

JANUARY, FEBRUARY, MARCH = (datetime(2027, month, 1, tzinfo=UTC) for month in (1, 2, 3))
GRANT = CreditGrant(
    id="g",
    customer="acme",
    amount=Decimal(10),
    feature="calls",
    effective_at=JANUARY,
    expires_at=MARCH,
)
USED = UnitGrant(GRANT, Decimal(3), Decimal(7), ((JANUARY, Decimal(5)), (FEBRUARY, Decimal(2))))


@pytest.mark.parametrize(
    ("window", "at", "units"),
    [
        (Window(JANUARY, FEBRUARY), JANUARY, 3 + 5),
        (Window(FEBRUARY, MARCH), FEBRUARY, 3 + 2),
        (Window(FEBRUARY.replace(day=2), MARCH), FEBRUARY.replace(day=2), 3),
        (Window(MARCH, MARCH.replace(month=4)), MARCH, 0),
        (Window(JANUARY, MARCH.replace(month=4)), MARCH, 7),
        (None, FEBRUARY, 3 + 7),
        (None, MARCH, 7),
        (None, JANUARY.replace(year=2026), 7),
    ],
)
def test_what_it_adds(window: Window | None, at: datetime, units: int) -> None:
    assert USED.adds(window, at) == units
