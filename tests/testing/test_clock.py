from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tallystick.errors import InvalidPeriod
from tallystick.testing.clock import AheadClock, FrozenClock

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_clock_ahead_runs_as_the_other_does() -> None:
    other = FrozenClock(NOON)
    clock = AheadClock(other)
    assert clock.now() == NOON
    assert clock.skip(timedelta(days=31)) == NOON + timedelta(days=31)
    other.advance(timedelta(seconds=5))
    clock.skip(timedelta(days=1))
    assert clock.now() == NOON + timedelta(days=32, seconds=5)


def test_it_is_never_turned_back() -> None:
    clock = AheadClock(FrozenClock(NOON))
    with pytest.raises(InvalidPeriod, match="never turned back"):
        clock.skip(timedelta(seconds=-1))
    assert clock.now() == NOON
