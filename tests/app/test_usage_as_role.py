"""Usage through units of nobody's, as the role of a program: each use case says for whom it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.app.customer import create_customer, get_customer, list_customers
from tallystick.app.measured import measured
from tallystick.app.meters import meter_states, prepare, rebuild
from tallystick.app.usage import export, quantity, read, record_many
from tallystick.app.verify import verify_ledger
from tallystick.core.dialects import define_plans
from tallystick.core.meter import Meter
from tallystick.core.period import Period
from tallystick.core.rating.usage import Quantity
from tallystick.errors import InvalidInput
from tallystick.storage.scope import NOBODY, bound
from tests.storage.roles import bare, ledger

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage
    from tests.storage.roles import Ledger

__all__ = ["bare", "ledger"]

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONTH = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
RAGGED = Period(AT - timedelta(days=9, hours=3), AT + timedelta(hours=1))
METERS = {
    kind: Meter(key=kind, event_type="calls", aggregation=kind, group_by=("region",))
    for kind in ("sum", "unique", "last", "time_weighted")
}


def items(*customers: str) -> list[dict[str, object]]:
    """Give the same ten events for each customer, and a correction of one of them."""
    uses: list[dict[str, object]] = [
        {
            "id": str(n),
            "customer": customer,
            "type": "calls",
            "occurred_at": (AT - timedelta(days=n)).isoformat(),
            "properties": {"quantity": n + 1, "region": "eu" if n % 2 else "us"},
        }
        for customer in customers
        for n in range(10)
    ]
    voids: list[dict[str, object]] = [
        {"id": "v", "customer": customer, "void": {"source": "api", "id": "9"}}
        for customer in customers
    ]
    return uses + voids


@pytest.fixture
def app(ledger: Ledger) -> Storage:
    """A database spoken to as the role, with the usage of two customers."""
    with ledger.app.begin() as unit:
        unit.as_all()
        recorded = record_many(unit, items("a", "b"), METERS, AT)
        assert recorded.rejected == ()
        unit.commit()
    return ledger.app


@pytest.mark.parametrize("prepared", [False, True])
def test_a_read_sees_its_customer_whoever_the_unit_was_for(app: Storage, *, prepared: bool) -> None:
    if prepared:
        prepare(app, METERS.values())
    with app.look() as unit:
        assert bound(unit.connection) == NOBODY
        assert quantity(unit, METERS["sum"], "a", MONTH) == 45
        assert quantity(unit, METERS["sum"], "b", RAGGED) == 45
        assert quantity(unit, METERS["unique"], "a", MONTH) == 9
        assert quantity(unit, METERS["last"], "b", MONTH) == 1 + 2
        figures = read(unit, METERS["sum"], "a", RAGGED, group_by=("region",))
        assert {f.group: f.quantity for f in figures} == {("eu",): 20, ("us",): 25}
        assert quantity(unit, METERS["sum"], "c", MONTH) == 0
        assert bound(unit.connection).customer == "c"


def test_an_export_is_of_its_customer_or_of_all(app: Storage) -> None:
    with app.look() as unit:
        assert {event.customer for event in export(unit, customer="a")} == {"a"}
        assert len(list(export(unit))) == 22
        assert len(list(export(unit, customer="b", period=RAGGED))) == 11


def test_figures_for_a_plan_are_the_customers_own(app: Storage) -> None:
    (plan,) = define_plans(
        [
            {
                "id": "pro",
                "name": "Pro",
                "price": 100,
                "currency": "EUR",
                "interval": "month",
                "features": [{"featureKey": "sum", "enabled": True, "limit": 5}],
            }
        ]
    )
    with app.look() as unit:
        assert measured(unit, plan, "a", MONTH, METERS) == {"sum": Quantity(Decimal(45))}
        assert measured(unit, plan, "c", MONTH, METERS) == {}


def test_meters_are_prepared_and_rebuilt_over_every_customers_events(app: Storage) -> None:
    assert {kept.state for kept in prepare(app, METERS.values())} == {"ready"}
    with app.begin() as unit:
        for meter in METERS.values():
            rebuild(unit, meter)
        unit.commit()
    with app.look() as unit:
        assert len(meter_states(unit)) == len(METERS)
        assert quantity(unit, METERS["sum"], "b", MONTH) == 45
    with app.look() as unit:
        assert verify_ledger(unit).broken == ()


def test_customers_are_found_by_a_unit_that_was_for_nobody(app: Storage) -> None:
    for customer in ("a", "b"):
        with app.begin() as unit:
            create_customer(unit, AT, customer, {"name": customer.upper()})
            unit.commit()
    with app.look() as unit:
        assert get_customer(unit, "a").name == "A"
        assert [each.id for each in list_customers(unit).items] == ["a", "b"]


@pytest.mark.parametrize("wrong", [None, 5, ["a"]])
def test_a_customer_that_is_no_text_is_refused(app: Storage, wrong: Any) -> None:
    with app.look() as unit, pytest.raises(InvalidInput, match="a text"):
        read(unit, METERS["sum"], wrong, MONTH)
