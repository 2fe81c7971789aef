"""What is read equals a plain fold over the raw events, on every database."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.app.meters import prepare, rebuild
from tallystick.app.usage import export, quantity, read, record_many
from tallystick.core.fold import fold, fold_by
from tests.usage_histories import (
    METERS,
    after,
    clear,
    histories,
    periods,
    rolled_up,
)

if TYPE_CHECKING:
    from tallystick.app.usage import Recorded
    from tallystick.core.event import UsageEvent
    from tallystick.core.period import Period
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


def test_what_is_read_is_what_the_fold_gives(storage: Storage) -> None:
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
        with storage.begin() as unit:
            for meter in METERS.values():
                rebuild(unit, meter)
            unit.commit()
        assert rolled_up(storage) == before

    equal()
