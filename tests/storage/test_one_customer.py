"""SQLite has no row security: there every statement for one customer names that customer itself.

Each statement that a use case for one customer sends is watched; where it speaks of a table that
customers own, it compares the owner's column, with that customer's id among its parameters.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import pytest
from sqlalchemy import event, func, select

from tallystick.app.customer import (
    create_customer,
    export_page,
    forget_customer,
    get_customer,
    update_customer,
)
from tallystick.app.usage import export, quantity, read, record_many
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.storage.owned import owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.storage.tables import Tables
    from tallystick.storage.unit import Storage, Unit

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONTH = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
RAGGED = Period(datetime(2026, 11, 20, 7, 5, 3, tzinfo=UTC), AT + timedelta(hours=1))
METERS = {
    kind: Meter(key=kind, event_type="calls", aggregation=kind, group_by=("region",))
    for kind in ("sum", "unique", "last", "time_weighted")
}
ONE = "the-one"


class Watch:
    """Every statement of an engine, with its parameters."""

    def __init__(self, storage: Storage) -> None:
        self.said: list[tuple[str, Any]] = []
        self.storage = storage

    def __enter__(self) -> Self:
        event.listen(self.storage.engine, "before_cursor_execute", self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self.storage.engine, "before_cursor_execute", self._hear)

    def _hear(self, *heard: Any) -> None:
        self.said.append((heard[2], heard[3]))

    def of_customers(self) -> list[tuple[str, Any]]:
        """Give the statements that speak of a table that customers own."""
        names = "|".join(owners(self.storage.tables))
        return [(said, bound) for said, bound in self.said if re.search(rf"\b({names})\b", said)]

    def strays(self, customer: str) -> list[str]:
        """Give those that could speak of another customer."""
        return [s for s, b in self.of_customers() if not names_customer(s, b, customer)]


def names_customer(statement: str, bound: Any, customer: str) -> bool:
    """Tell whether a statement is held to one customer, in each set of its parameters."""
    sets: Sequence[Any] = bound if isinstance(bound, list) else [bound]
    named = all(customer in (each.values() if isinstance(each, dict) else each) for each in sets)
    if re.match(r"\s*INSERT", statement, re.IGNORECASE):
        return named
    where = statement.partition("WHERE")[2]
    held = re.search(r"\b(customer_id|\w*customers\.id) (=|IN)", where)
    row_held = re.search(r"\(([\w.]+\.)?customer_id,[^)]*\)\s*IN", where)
    return named and bool(held or row_held)


@pytest.fixture
def watched(storage_sqlite_file: Storage) -> Iterator[Watch]:
    """A ledger of two customers, with corrections, whose statements are watched from here on."""
    storage = storage_sqlite_file
    items: list[dict[str, object]] = [
        {
            "id": str(n),
            "customer": customer,
            "type": "calls",
            "occurred_at": (AT - timedelta(hours=n)).isoformat(),
            "properties": {"quantity": n, "region": "eu" if n % 2 else "us"},
        }
        for n in range(1, 60)
        for customer in (ONE, "the-other")
    ]
    fixes = [
        {"id": "v", "customer": ONE, "type": "calls", "void": {"source": "api", "id": "3"}},
        {
            "id": "m",
            "customer": ONE,
            "type": "calls",
            "amend": {"source": "api", "id": "4"},
            "properties": {"quantity": 40},
        },
    ]
    with storage.begin() as unit:
        for customer in (ONE, "the-other"):
            create_customer(unit, AT, customer, {"email": "same@example.org"})
        recorded = record_many(unit, [*items, *fixes], METERS, AT)
        assert recorded.rejected == ()
        unit.commit()
    with Watch(storage) as watch:
        yield watch


def reading(meter: Meter, period: Period) -> Callable[[Unit], object]:
    """Give the use case that reads a meter for the one customer."""
    return lambda unit: quantity(unit, meter, ONE, period)


READING: dict[str, Callable[[Unit], object]] = {
    **{f"{kind} of a month": reading(meter, MONTH) for kind, meter in METERS.items()},
    **{f"{kind} with ragged ends": reading(meter, RAGGED) for kind, meter in METERS.items()},
    "groups": lambda unit: read(unit, METERS["sum"], ONE, RAGGED, group_by=("region",)),
    "windows": lambda unit: read(unit, METERS["sum"], ONE, RAGGED, window="hour"),
    "as of": lambda unit: read(unit, METERS["sum"], ONE, MONTH, as_of=AT),
    "one group": lambda unit: read(unit, METERS["sum"], ONE, MONTH, group={"region": "eu"}),
    "usage export": lambda unit: list(export(unit, customer=ONE)),
    "usage export of a month": lambda unit: list(export(unit, customer=ONE, period=MONTH)),
    "get": lambda unit: get_customer(unit, ONE),
}


@pytest.mark.parametrize("name", READING)
def test_reading_for_one_customer_names_it_in_every_statement(watched: Watch, name: str) -> None:
    with watched.storage.look() as unit:
        READING[name](unit)
    assert watched.of_customers() != []
    assert watched.strays(ONE) == []


def test_handing_over_names_it_in_every_statement(watched: Watch) -> None:
    with watched.storage.look() as unit:
        page = export_page(unit, ONE)
        while page.place is not None:
            page = export_page(unit, ONE, page.place)
    assert {table for table in owners(watched.storage.tables) if _spoken_of(watched, table)} == set(
        owners(watched.storage.tables)
    )
    assert watched.strays(ONE) == []


def test_changing_and_forgetting_name_it_in_every_statement(watched: Watch) -> None:
    with watched.storage.begin() as unit:
        update_customer(unit, AT, ONE, {"name": "Ada"})
        forget_customer(unit, AT, ONE)
        unit.commit()
    assert watched.of_customers() != []
    assert watched.strays(ONE) == []


def _spoken_of(watch: Watch, table: str) -> bool:
    return any(re.search(rf"\b{table}\b", statement) for statement, _ in watch.of_customers())


FORGETFUL: list[Callable[[Tables], Any]] = [
    lambda t: select(func.count()).select_from(t.usage_events),
    lambda t: select(t.usage_days.c.customer_id).order_by(t.usage_days.c.customer_id),
    lambda t: select(t.customers).where(t.customers.c.email == ONE),
    lambda t: select(t.usage_events).where(t.usage_events.c.customer_id == "the-other"),
    lambda t: t.usage_values.delete().where(t.usage_values.c.value == ONE),
]


@pytest.mark.parametrize("forgetful", FORGETFUL)
def test_the_watch_sees_a_statement_that_forgets(
    watched: Watch, forgetful: Callable[[Tables], Any]
) -> None:
    with watched.storage.begin() as unit:
        unit.connection.execute(forgetful(unit.tables))
    assert len(watched.strays(ONE)) == 1
