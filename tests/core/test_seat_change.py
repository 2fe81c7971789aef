"""Changes of the number of seats: what they come to, and whether they are allowed."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.core.seat_change import SeatChange, seat_refusal, seats_over_cycle
from tallystick.errors import InvalidInput


@pytest.mark.parametrize(
    ("initial", "changes", "now", "then"),
    [
        (5, [(2, "now"), (-5, "period_end")], 7, 2),
        (5, [(2, None), (-5, None)], 7, 2),
        (5, [(2, "period_end")], 5, 7),
        (5, [(-2, "now")], 3, 3),
        (20, [(-5, None)], 20, 15),
        (1, [], 1, 1),
        (1, [(-1, None)], 1, 0),
    ],
)
def test_more_seats_count_at_once_and_fewer_from_the_periods_end(
    initial: int, changes: list[Any], now: int, then: int
) -> None:
    seats = seats_over_cycle(initial, [SeatChange(*each) for each in changes])
    assert (seats.now, seats.after_period_end) == (now, then)


@pytest.mark.parametrize(
    ("initial", "changes"),
    [(7, [(-5, None), (-5, None)]), (1, [(-2, "now"), (5, "period_end")]), (-1, [])],
)
def test_there_are_never_fewer_seats_than_none(initial: int, changes: list[Any]) -> None:
    with pytest.raises(InvalidInput, match="fewer seats than none"):
        seats_over_cycle(initial, [SeatChange(*each) for each in changes])


@pytest.mark.parametrize(
    ("current", "delta", "least", "most", "pending", "refusal"),
    [
        (10, 100, 1, 50, 0, "above_maximum"),
        (10, 40, 1, 50, 0, None),
        (10, 41, 1, 50, 0, "above_maximum"),
        (10, 41, 1, None, 0, None),
        (10, -10, 1, 50, 0, "below_minimum"),
        (10, -9, 1, 50, 0, None),
        (7, -5, 0, 100, -5, "below_minimum"),
        (7, -2, 0, 100, -5, None),
        (3, -5, 0, None, 0, "below_minimum"),
        (3, -5, -9, None, 0, "below_minimum"),
        (50, 1, 1, 50, -5, "above_maximum"),
        (45, 3, 1, 50, 5, "above_maximum"),
        (10, -10, 1, 50, 5, "below_minimum"),
        (60, -5, 1, 50, 0, None),
        (1, 1, 5, 50, 0, None),
        (10, 0, 1, 50, 0, "no_change"),
    ],
)
def test_what_waits_counts_against_a_change_and_never_for_it(
    current: int, delta: int, least: int, most: int | None, *, pending: int, refusal: str | None
) -> None:
    assert seat_refusal(current, delta, least=least, most=most, pending=pending) == refusal


def test_seats_are_whole_and_change_now_or_at_the_end() -> None:
    half: Any = 0.5
    later: Any = "tomorrow"
    with pytest.raises(InvalidInput):
        SeatChange(half)
    with pytest.raises(InvalidInput, match="'tomorrow'"):
        SeatChange(1, later)
    for parts in ({"current": half}, {"delta": True}, {"most": half}, {"pending": None}):
        asked: Any = {"current": 1, "delta": 1, **parts}
        with pytest.raises(InvalidInput):
            seat_refusal(asked.pop("current"), asked.pop("delta"), **asked)
