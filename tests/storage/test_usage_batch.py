"""What is read for a batch is what each question alone gives, and takes a few statements."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as listening

from tallystick.app.meters import prepare
from tallystick.app.usage import record_many
from tallystick.core.fold import fold, fold_by
from tallystick.core.period import Period
from tallystick.storage.usage_batch import Ask, read_many
from tallystick.storage.usage_read import read_figures
from tests.storage.test_usage_read import examples, recorded
from tests.usage_histories import METERS, after, event, histories, periods

if TYPE_CHECKING:
    from tallystick.core.event import UsageEvent
    from tallystick.storage.unit import Storage


def test_a_batch_gives_what_each_question_and_the_fold_give(storage: Storage) -> None:
    prepare(storage, METERS.values())

    @settings(
        max_examples=examples(storage, 60), deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        histories(),
        st.lists(periods(), min_size=1, max_size=3),
        st.sampled_from([None, 0, 100_000, 250_000]),
    )
    def equal(batches: list[list[UsageEvent]], asked: list[Period], looked: int | None) -> None:
        stored = recorded(storage, batches)
        as_of = None if looked is None else after(looked) - timedelta(microseconds=1)
        asks = [
            Ask(meter, customer, period, group_by, as_of)
            for meter in METERS.values()
            for customer in ("c", "d", "nobody")
            for period in asked
            for group_by in dict.fromkeys([(), meter.group_by])
        ]
        with storage.look() as unit:
            found = read_many(unit, asks)
            for ask, figures in zip(asks, found, strict=True):
                alone = read_figures(
                    unit,
                    ask.meter,
                    ask.customer,
                    ask.period,
                    group_by=ask.group_by,
                    as_of=ask.as_of,
                )
                assert figures == alone, ask
                mine = [each for each in stored if each.customer == ask.customer]
                if ask.group_by:
                    by = fold_by(ask.meter, mine, ask.period, ask.group_by, as_of=ask.as_of)
                    assert {each.group: each.quantity for each in figures} == by
                else:
                    whole = fold(ask.meter, mine, ask.period, as_of=ask.as_of)
                    assert [each.quantity for each in figures] == [whole]

    equal()


def test_nothing_asked_is_nothing_read(storage: Storage) -> None:
    with storage.look() as unit:
        assert read_many(unit, []) == []


def test_the_statements_are_as_many_for_two_hundred_customers_as_for_one(storage: Storage) -> None:
    prepare(storage, METERS.values())
    events = [
        event(f"e{n}", after(n * 3_600), quantity=n, customer=f"c{n}", properties={"place": "a"})
        for n in range(200)
    ]
    storage.attempt(lambda unit: record_many(unit, events, METERS, after(0)))
    ragged = Period(after(40_000), after(500_000))
    counts = [_statements(storage, partial(_asks, ragged, count)) for count in (1, 200)]
    assert counts[0] == counts[1] <= 12


def _asks(period: Period, count: int) -> list[Ask]:
    return [Ask(meter, f"c{n}", period) for meter in METERS.values() for n in range(count)]


def _statements(storage: Storage, asks: Any) -> int:
    said: list[str] = []

    def hear(*heard: Any) -> None:
        said.append(heard[2])

    with storage.look() as unit:
        listening.listen(storage.engine, "before_cursor_execute", hear)
        read_many(unit, asks())
        listening.remove(storage.engine, "before_cursor_execute", hear)
    return len([each for each in said if "set_config" not in each and each != "BEGIN"])
