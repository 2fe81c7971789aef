"""Histories of usage for the tests of storage: events and corrections, late and out of order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from sqlalchemy import delete, select

from tallystick.core.event import UsageEvent
from tallystick.core.meter import Meter
from tallystick.core.period import Period

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.storage.unit import Storage

__all__ = [
    "METERS",
    "START",
    "after",
    "clear",
    "event",
    "histories",
    "periods",
    "rolled_up",
    "tables_of",
]

START: Final = datetime(2027, 1, 30, tzinfo=UTC)
DAY: Final = 86_400
DAYS: Final = 4

METERS: Final[Mapping[str, Meter]] = {
    meter.key: meter
    for meter in (
        Meter(key="n", event_type="use", aggregation="count", group_by=("place",)),
        Meter(key="sum", event_type="use", aggregation="sum", allow_negative=True),
        Meter(key="sum_of_a", event_type="use", filter={"place": ("a",)}, allow_negative=True),
        Meter(key="min", event_type="use", aggregation="min", allow_negative=True),
        Meter(key="max", event_type="use", aggregation="max", allow_negative=True),
        Meter(
            key="last",
            event_type="use",
            aggregation="last",
            group_by=("place",),
            allow_negative=True,
        ),
        Meter(key="unique", event_type="use", aggregation="unique", group_by=("place",)),
        Meter(key="average", event_type="use", aggregation="average", allow_negative=True),
        Meter(
            key="level",
            event_type="use",
            aggregation="time_weighted",
            group_by=("place",),
            allow_negative=True,
        ),
        Meter(
            key="strict",
            event_type="use",
            aggregation="time_weighted",
            allow_negative=True,
            late="refuse",
            late_after=2,
        ),
        Meter(key="strict_sum", event_type="use", allow_negative=True, late="refuse", late_after=1),
    )
}


def after(seconds: int) -> datetime:
    """Give a time some seconds after the start."""
    return START + timedelta(seconds=seconds)


def event(key: str, at: datetime, **named: Any) -> UsageEvent:
    """Give an event of customer c."""
    quantity = named.pop("quantity", 1)
    properties = {"quantity": Decimal(quantity), **named.pop("properties", {})}
    return UsageEvent(
        **{
            "id": key,
            "customer": "c",
            "type": "use",
            "occurred_at": at,
            "properties": properties,
            **named,
        }
    )


TIMES: Final = st.one_of(
    st.integers(0, DAYS * 4).map(lambda quarter: after(quarter * DAY // 4)),
    st.integers(0, DAYS * DAY).map(after),
)
QUANTITIES: Final = st.one_of(
    st.integers(-3, 9).map(Decimal), st.decimals(0, 10**6, places=3), st.just(Decimal("0.5"))
)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """Give a period that starts and ends anywhere, often at midnight."""
    ends = draw(st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] != pair[1]))
    return Period(min(ends), max(ends))


@st.composite
def histories(draw: st.DrawFn) -> list[list[UsageEvent]]:
    """Give batches in the order of arrival, some of whose events will be refused."""
    batches: list[list[UsageEvent]] = []
    ids = [f"e{n}" for n in range(10)]
    for place in range(draw(st.integers(1, 5))):
        arrived = after(DAY // 2 + place * DAY)
        batches.append(
            [_drawn(draw, draw(st.sampled_from(ids)), arrived) for _ in range(draw(SIZES))]
        )
    return batches


SIZES: Final = st.integers(1, 6)


def _drawn(draw: st.DrawFn, key: str, arrived: datetime) -> UsageEvent:
    kind = draw(st.sampled_from(["use", "use", "use", "amend", "amend", "void"]))
    properties = {
        "quantity": draw(QUANTITIES),
        "place": draw(st.sampled_from(["a", "b", None])),
    }
    named: dict[str, Any] = {"received_at": arrived, "customer": draw(st.sampled_from("ccd"))}
    if kind == "use":
        return event(key, draw(TIMES), properties=properties, **named)
    return event(
        f"{kind}-{key}-{draw(st.integers(0, 3))}",
        draw(TIMES),
        kind=kind,
        type=draw(st.sampled_from(["", "use"])),
        target=("api", key),
        properties=properties if kind == "amend" else {},
        timed=kind == "amend" and draw(st.booleans()),
        **named,
    )


def rolled_up(storage: Storage) -> list[tuple[Any, ...]]:
    """Give every row of the roll-ups."""
    return tables_of(storage, "usage_days", "usage_values")


def tables_of(storage: Storage, *names: str) -> list[tuple[Any, ...]]:
    """Give every row of some tables."""
    with storage.look() as unit:
        found: list[tuple[Any, ...]] = []
        for name in names:
            rows = unit.connection.execute(select(getattr(unit.tables, name))).all()
            found += sorted((name, *map(str, row)) for row in rows)
        return found


def clear(storage: Storage) -> None:
    """Forget every event and roll-up, for the next example: past what keeps events for ever."""
    with storage.begin() as unit:
        run = unit.connection.exec_driver_sql
        guards: list[tuple[str, str]] = []
        if unit.dialect == "postgresql":
            run("SET LOCAL session_replication_role = replica")
        else:
            events = f"type = 'trigger' AND tbl_name = '{unit.tables.usage_events.name}'"
            found = run(f"SELECT name, sql FROM sqlite_master WHERE {events}")  # noqa: S608 - names of ours
            guards += [(name, sql) for name, sql in found]
        for name, _ in guards:
            run(f"DROP TRIGGER {name}")
        for name in ("usage_values", "usage_days", "usage_events"):
            unit.connection.execute(delete(getattr(unit.tables, name)))
        for _, sql in guards:
            run(sql)
        unit.commit()
