"""Who pays for whom at an instant, and when a billing day ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tallystick.core.parent import Parent, end_of_day, payer_at


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


HELD = Parent(customer="north", parent="holding", from_at=at("2027-03-01"), until=at("2027-04-01"))


@pytest.mark.parametrize(
    ("day", "child", "parent"),
    [
        ("2027-02-28T23:59:59", None, None),
        ("2027-03-01", "holding", "holding"),
        ("2027-03-31T23:59:59", "holding", "holding"),
        ("2027-04-01", None, None),
    ],
)
def test_the_parent_pays_from_an_instant_to_another(
    day: str, child: str | None, parent: str | None
) -> None:
    assert payer_at([HELD], "north", at(day)) == child
    assert payer_at([HELD], "holding", at(day)) == parent
    assert payer_at([HELD], "south", at(day)) is None


@pytest.mark.parametrize(
    ("now", "zone", "end"),
    [
        ("2027-03-01T00:00:00", None, "2027-03-02T00:00:00"),
        ("2027-03-01T23:59:59", None, "2027-03-02T00:00:00"),
        ("2027-03-27T23:30:00", "Europe/Vienna", "2027-03-28T22:00:00"),
        ("2027-03-27T22:30:00", "Europe/Vienna", "2027-03-27T23:00:00"),
    ],
)
def test_a_day_ends_at_midnight_on_the_payers_clock(now: str, zone: str | None, end: str) -> None:
    assert end_of_day(at(now), zone) == at(end)
