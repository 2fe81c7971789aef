"""What is read equals a plain fold over the raw events, on every database."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as listening

from tallystick.app.meters import prepare, rebuild
from tallystick.app.usage import export, quantity, read, record_many
from tallystick.core.fold import fold, fold_by
from tallystick.core.period import Period
from tallystick.errors import InvalidPeriod, InvalidUsage
from tallystick.storage import usage_fill, usage_read
from tests.usage_histories import (
    METERS,
    after,
    clear,
    event,
    histories,
    periods,
    rolled_up,
)

if TYPE_CHECKING:
    from tallystick.app.usage import Recorded
    from tallystick.core.event import UsageEvent
    from tallystick.storage.unit import Storage, Unit


def examples(storage: Storage, most: int) -> int:
    """Give how many examples to try: fewer where each is written to a disk."""
    return most if storage.engine.url.database is None else most // 5


def _recorded(unit: Unit, *, batch: list[UsageEvent]) -> Recorded:
    return record_many(unit, batch, METERS, after(0))


def recorded(storage: Storage, batches: list[list[UsageEvent]]) -> list[UsageEvent]:
    """Record batches, each in a transaction of its own; give what is stored."""
    clear(storage)
    for batch in batches:
        storage.attempt(partial(_recorded, batch=batch))
    with storage.look() as unit:
        return list(export(unit))


def test_what_is_read_is_what_the_fold_gives(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(storage, METERS.values())

    @settings(
        max_examples=examples(storage, 60), deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(histories(), st.lists(periods(), min_size=1, max_size=3))
    def equal(batches: list[list[UsageEvent]], asked: list[Period]) -> None:
        stored = recorded(storage, batches)
        mine = [each for each in stored if each.customer == "c"]
        with storage.look() as unit:
            for meter in METERS.values():
                for period in asked:
                    whole = quantity(unit, meter, "c", period)
                    assert whole == fold(meter, mine, period), meter.key
                    figures = read(unit, meter, "c", period, group_by=meter.group_by)
                    by = {f.group: f.quantity for f in figures}
                    expected = fold_by(meter, mine, period, meter.group_by)
                    assert by == (expected if meter.group_by else {(): whole})
        before = rolled_up(storage)
        for most in (20_000, 2):  # whatever events a page of the filling ends with
            monkeypatch.setattr(usage_fill, "_AT_ONCE", most)
            with storage.begin() as unit:
                for meter in METERS.values():
                    rebuild(unit, meter)
                unit.commit()
            assert rolled_up(storage) == before

    equal()


def test_a_read_is_one_statement_however_many_groups_there_are(storage: Storage) -> None:
    """After who it is for, where that is asked: no query for a group, a day or a meter."""
    prepare(storage, METERS.values())
    events = [
        event(f"e{n}", after(n * 3_600), quantity=n, properties={"place": f"p{n % 40}"})
        for n in range(200)
    ]
    storage.attempt(partial(_recorded, batch=events))
    ragged = Period(after(40_000), after(500_000))
    said: list[str] = []

    @listening.listens_for(storage.engine, "before_cursor_execute")
    def _hear(*heard: Any) -> None:
        said.append(heard[2])

    with storage.look() as unit:
        for meter in METERS.values():
            read(unit, meter, "c", ragged, group_by=meter.group_by, window="day")
    asked = [each for each in said if "set_config" not in each and each != "BEGIN"]
    assert len(asked) == len(METERS)


def test_what_stands_in_a_ragged_end_or_was_moved_out_of_it_is_read_as_corrected(
    storage: Storage,
) -> None:
    """An amendment that stands elsewhere takes its target out of the end it stood in."""
    prepare(storage, METERS.values())
    moved = {"kind": "amend", "type": "", "properties": {"quantity": 7}}
    ends = Period(after(-3_600), after(3 * 86_400 + 3_600))
    batches = [
        [event("a", after(-60), quantity=1), event("b", after(100), quantity=2)],
        [event("out", after(9 * 86_400), target=("api", "a"), **moved)],
        [event("c", after(-9 * 86_400), quantity=4)],
        [event("in", after(-30), target=("api", "c"), **moved)],
    ]
    for batch in batches:
        outcome = storage.attempt(partial(_recorded, batch=batch))
        assert outcome.rejected == ()
        with storage.look() as unit:
            stored = list(export(unit, customer="c"))
            for meter in METERS.values():
                assert quantity(unit, meter, "c", ends) == fold(meter, stored, ends), meter.key
    with storage.look() as unit:
        assert quantity(unit, METERS["sum"], "c", ends) == 2 + 7


@pytest.mark.parametrize("count", [1, 25])
def test_a_page_of_the_filling_is_whole_days_however_full_they_are(
    storage: Storage, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [
        event(f"e{day}-{n}", after(day * 86_400 + n), quantity=n, customer=customer)
        for customer in ("a", "b")
        for day in range(4)
        for n in range(count)
    ]
    storage.attempt(partial(_recorded, batch=events))
    monkeypatch.setattr(usage_fill, "_AT_ONCE", 4)
    prepare(storage, METERS.values())
    with storage.look() as unit:
        for meter in METERS.values():
            for customer in ("a", "b"):
                mine = list(export(unit, customer=customer))
                period = Period(after(0), after(4 * 86_400))
                assert quantity(unit, meter, customer, period) == fold(meter, mine, period)


# --- answers that are too long --------------------------------------------------------------------


def test_more_figures_than_an_answer_has_are_refused_with_the_cure(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_read, "_MOST_FIGURES", 12)
    monkeypatch.setattr(usage_read, "_MOST_LEVELS", 100)
    prepare(storage, METERS.values())
    events = [event(f"e{n}", after(n), properties={"place": f"p{n}"}) for n in range(13)]
    storage.attempt(partial(_recorded, batch=events))
    hours = Period(after(0), after(9 * 3_600))
    with storage.look() as unit:
        by_place = partial(read, unit, METERS["n"], "c", hours, group_by=("place",))
        with pytest.raises(InvalidUsage, match=r"13 groups .* more than 12 .* name fewer") as told:
            by_place()
        assert "group_by" in told.value.fields
        with pytest.raises(InvalidPeriod, match=r"9 windows of 13 groups .* ask for less time"):
            by_place(window="hour")
        assert len(by_place(group={"place": "p3"}, window="hour")) == 1
        assert len(read(unit, METERS["n"], "c", hours, window="hour")) == 9
        with pytest.raises(InvalidPeriod, match="too many for one answer"):
            read(unit, METERS["last"], "c", hours, window="hour")
        assert read(unit, METERS["last"], "c", hours)[0].quantity == 13
