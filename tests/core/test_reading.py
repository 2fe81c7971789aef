"""Corrections, lateness, filters and values: from events to the readings of a meter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from tallystick.core.event import UsageEvent, parse_event
from tallystick.core.meter import Aggregation, Meter
from tallystick.core.reading import (
    Reading,
    amended,
    check_correction,
    check_event,
    effective,
    group_key,
    group_of_key,
    is_late,
    key_text,
    reading_of,
    readings_of,
)
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from tallystick.core.property import Value

NOW: Final = datetime(2027, 3, 1, 12, tzinfo=UTC)
SUM: Final = Meter(key="m")


def use(key: str = "e", *, days: int = 0, late: int = 0, **properties: Any) -> UsageEvent:
    """Record an event of a number of days ago, arriving a number of days later."""
    at = NOW - timedelta(days=days)
    return parse_event(
        {"id": key, "customer": "c", "type": "m", "occurred_at": at, "properties": properties},
        received_at=at + timedelta(days=late),
    )


def correct(key: str, target: str, *, days: int = 0, **fields: Any) -> UsageEvent:
    """Correct an event: with properties an amendment, else a void."""
    kind = "amend" if "properties" in fields else "void"
    tree = {"id": key, "customer": "c", kind: target, **fields}
    return parse_event(tree, received_at=NOW - timedelta(days=days))


def values(meter: Meter, *events: UsageEvent) -> list[Decimal]:
    return [reading.value for reading in readings_of(meter, events)]


# --- corrections --------------------------------------------------------------------------------


def test_a_void_takes_its_target_away_and_an_amendment_changes_it() -> None:
    first, second = use("a", quantity=1), use("b", quantity=2)
    assert values(SUM, first, second, correct("x", "a")) == [2]
    amend = correct("x", "a", properties={"quantity": 5})
    assert values(SUM, first, second, amend) == [5, 2]
    assert amended(first, amend) == replace(first, properties={"quantity": Decimal(5)})
    assert amended(first, correct("x", "a")) is None
    assert amended(first, None) is first


def test_the_last_amendment_to_arrive_counts_and_a_void_is_for_good() -> None:
    event = use("a", quantity=1)
    amends = [correct(f"x{n}", "a", properties={"quantity": n}) for n in (5, 7)]
    assert values(SUM, event, *amends) == [7]
    assert values(SUM, event, *reversed(amends)) == [5]
    assert values(SUM, event, amends[0], correct("v", "a"), amends[1]) == []
    assert values(SUM, amends[0], event) == [5]


def test_an_amended_event_keeps_its_place_and_moves_only_where_it_says_so() -> None:
    events = [use("a", quantity=1), use("b", quantity=2)]
    amend = correct("x", "a", properties={"quantity": 5})
    assert [e.id for e in effective([*events, amend])] == ["a", "b"]
    moved = correct("x", "a", properties={"quantity": 5}, occurred_at="2027-03-01T12:00:01Z")
    assert [e.id for e in effective([*events, moved])] == ["b", "a"]


def test_a_correction_of_what_is_not_there_does_nothing() -> None:
    event = use("a", quantity=1)
    other = replace(correct("x", "a"), customer="other")
    assert values(SUM, event, correct("x", "b"), correct("y", "x"), other) == [1]
    assert values(SUM, correct("x", "a")) == []


def test_looking_back_does_not_see_what_arrived_later() -> None:
    event = use("a", days=9, quantity=1)
    events = [event, correct("x", "a", days=5, properties={"quantity": 5}), correct("y", "a")]
    seen = [
        [r.value for r in readings_of(SUM, events, as_of=NOW - timedelta(days=days))]
        for days in (10, 9, 6, 5, 1, 0)
    ]
    assert seen == [[], [1], [1], [5], [5], []]


# --- what a meter takes -------------------------------------------------------------------------


def test_a_meter_takes_its_type_and_what_its_filter_allows() -> None:
    meter = Meter(key="m", filter={"region": ("eu", "us"), "paid": ("true",), "tier": ("2",)})
    taken = use(region="eu", paid=True, tier=Decimal("2.0"))
    assert reading_of(meter, taken) is not None
    assert reading_of(meter, use(region="eu", paid=True)) is None
    assert reading_of(meter, use(region="EU", paid=True, tier=2)) is None
    assert reading_of(Meter(key="m", event_type="other"), taken) is None
    assert reading_of(Meter(key="other", event_type="m"), taken) is not None


def test_an_event_that_names_no_quantity_counts_one_in_a_sum_and_nothing_else() -> None:
    assert values(SUM, use(), use("b", quantity=None)) == [1, 1]
    assert values(Meter(key="m", aggregation="count"), use(quantity="x")) == [1]
    every: list[Aggregation] = ["min", "max", "last", "unique", "average", "time_weighted"]
    for aggregation in every:
        meter = Meter(key="m", aggregation=aggregation)
        assert values(meter, use()) == []
        with pytest.raises(InvalidUsage, match="is missing"):
            check_event(use(), [meter])


@pytest.mark.parametrize(
    "written", ["x", "", "1_000", "١٢", "1e5", "NaN", "Infinity", " 1", "+1", "-1", True, -1]
)
def test_a_value_that_is_no_quantity_is_refused_at_the_door_and_never_read(written: Value) -> None:
    event = use(quantity=written)
    with pytest.raises(InvalidUsage) as refused:
        check_event(event, [SUM, Meter(key="n", event_type="m")])
    assert list(refused.value.fields) == ["properties.quantity"]
    assert reading_of(SUM, event) is None
    assert check_event(event, [Meter(key="m", aggregation="count")]) == ()
    assert check_event(event, [Meter(key="other")]) == ()


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity", "1e999999", "1e-400"])
def test_a_number_made_in_code_is_held_to_the_same_bounds(number: str) -> None:
    event = replace(use(), properties={"quantity": Decimal(number)})
    with pytest.raises(InvalidUsage):
        check_event(event, [SUM])
    assert reading_of(SUM, event) is None


def test_a_meter_may_take_values_below_zero_and_numbers_written_as_texts() -> None:
    meter = Meter(key="m", allow_negative=True)
    assert values(meter, use(quantity=-1), use("b", quantity="-0.5")) == [-1, Decimal("-0.5")]


# --- lateness -----------------------------------------------------------------------------------

LATE: Final = Meter(key="m", late_after=2, late="refuse")


def test_late_is_more_than_the_days_after_it_occurred() -> None:
    assert not is_late(LATE, use(late=2))
    assert is_late(LATE, replace(use(late=2), occurred_at=NOW - timedelta(microseconds=1)))
    assert not is_late(SUM, use(late=9_999))
    assert not is_late(LATE, replace(use(late=9), received_at=None))


def test_a_late_event_is_left_out_by_who_refuses_it_and_counted_by_the_others() -> None:
    event = use(late=3, quantity=4)
    other = Meter(key="other", event_type="m", late_after=2)
    assert values(LATE, event) == []
    assert values(other, event) == [4]
    assert check_event(event, [LATE, other]) == ("m",)
    with pytest.raises(InvalidUsage) as refused:
        check_event(event, [LATE, Meter(key="unfed")])
    assert list(refused.value.fields) == ["occurred_at"]


def test_a_late_event_need_not_be_readable_by_who_leaves_it_out() -> None:
    counts = Meter(key="n", event_type="m", aggregation="count")
    assert check_event(use(late=3, quantity="x"), [LATE, counts]) == ("m",)


def test_a_late_correction_is_left_out_too() -> None:
    event = use("a", days=9, quantity=4)
    in_time = correct("x", "a", days=7, properties={"quantity": 5})
    late = correct("y", "a", days=6, properties={"quantity": 6})
    void = correct("z", "a", days=1)
    assert values(LATE, event, in_time, late, void) == [5]
    assert values(SUM, event, in_time, late, void) == []
    moved = correct("w", "a", days=7, properties={}, occurred_at="2027-01-01T00:00:00Z")
    assert values(LATE, event, moved) == [4]


def test_a_correction_is_held_to_the_meters_at_the_door() -> None:
    event = use("a", days=9, quantity=4)
    void, other = correct("x", "a", days=6), Meter(key="other", event_type="m")
    assert check_correction(void, event, [LATE, other]) == ("m",)
    assert check_correction(void, event, [other]) == ()
    assert check_correction(void, event, []) == ()
    with pytest.raises(InvalidUsage, match="occurred_at"):
        check_correction(void, event, [LATE])
    bad = correct("x", "a", properties={"quantity": "x"})
    with pytest.raises(InvalidUsage, match=r"properties\.quantity"):
        check_correction(bad, event, [other])
    eu = Meter(key="eu", event_type="m", filter={"region": ("eu",)})
    into = correct("x", "a", properties={"quantity": "x", "region": "eu"})
    with pytest.raises(InvalidUsage, match=r"properties\.quantity"):
        check_correction(into, event, [eu])
    assert check_correction(bad, event, [eu]) == ()


# --- groups -------------------------------------------------------------------------------------


def test_a_group_is_the_texts_of_its_properties() -> None:
    meter = Meter(key="m", group_by=("region", "tier"), aggregation="unique", value="user")
    event = use(region="eu", tier=Decimal("2.0"), user="ann")
    assert reading_of(meter, event) == Reading(NOW, 0, Decimal(1), ("eu", "2"), "ann")
    (only,) = readings_of(meter, [use(user="")])
    assert (only.group, only.label) == ((None, None), "")


@pytest.mark.parametrize("group", [(), ("eu",), (None,), ("null",), ('a"b', "é\n", ""), ("[]",)])
def test_a_group_is_kept_as_json_and_read_back(group: tuple[str | None, ...]) -> None:
    assert group_of_key(group_key(group)) == group


def test_a_long_text_is_kept_short_and_stays_itself() -> None:
    long = "é" * 1000
    others = [long[:-1], long + "!", "x" * 121, "x" * 122, "…", key_text(long), "x" * 120, "x", ""]
    texts = {key_text(text) for text in [long, *others]}
    assert len(texts) == len(others) + 1
    assert all(len((text or "").encode()) <= 170 for text in texts)
    assert key_text("x" * 120) == "x" * 120
    assert key_text(None) is None
    assert len(group_key((key_text('"' * 120),) * 5).encode()) <= 1_300
