"""A ledger that was used for some months: subscriptions, usage, documents, payments, a balance.

What happens comes in the order of time, so usage arrives before the documents that count it:

* acme has Pro (a flat fee, seats, graduated calls, a level of storage) from the 31st of January,
  takes more seats in mid-February, and goes on to a yearly plan in April;
* beta has Basic with a minimum commitment, pays, cancels with the rest given back, and starts
  again, which its balance then pays in part;
* acme buys something once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import text

from tallystick.app.billing import run_billing
from tallystick.app.customer import create_customer
from tallystick.app.invoice import Way, pay_invoice
from tallystick.app.publish import prepare_meters, publish
from tallystick.app.seller import set_seller
from tallystick.app.subscription import make_move, start_subscription
from tallystick.app.usage import record_many
from tallystick.core.currency import currency
from tallystick.core.dialects import read_catalog
from tallystick.core.meter import meters_of
from tallystick.core.money import Money
from tallystick.core.move import Start
from tallystick.core.trees import move_of, value_of
from tallystick.storage import invoice_items
from tests.databases import migrated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tallystick.core.meter import Meter
    from tallystick.storage.unit import Storage, Unit

__all__ = [
    "CATALOG",
    "LATE",
    "STEPS",
    "TREE",
    "act",
    "bared",
    "bill_until",
    "day",
    "fill",
    "migrated",
    "play",
    "unguarded",
]

R = TypeVar("R")
USD: Final = currency("USD")
TREE: Final[dict[str, Any]] = {
    "dialect": "tallystick",
    "currency": "USD",
    "meters": [
        {"key": "calls", "aggregation": "sum"},
        {"key": "storage", "aggregation": "time_weighted", "value": "gb"},
    ],
    "products": [
        {
            "id": "app",
            "name": "App",
            "currency": "USD",
            "plans": [
                {
                    "id": "basic",
                    "name": "Basic",
                    "interval": "month",
                    "interval_count": 1,
                    "minimum_commitment": "25.00",
                    "prices": [{"id": "basic", "name": "Basic", "type": "flat", "cost": "10.00"}],
                },
                {
                    "id": "pro",
                    "name": "Pro",
                    "interval": "month",
                    "interval_count": 1,
                    "setup_fee": "15.00",
                    "prices": [
                        {"id": "pro", "name": "Pro", "type": "flat", "cost": "30.00"},
                        {"id": "seat", "name": "Seats", "type": "per_seat", "cost": "5.00"},
                        {
                            "id": "calls",
                            "name": "Calls",
                            "type": "graduated",
                            "meter": "calls",
                            "unit": "call",
                            "included": "100",
                            "tiers": [
                                {"up_to": 1000, "cost": "0.013"},
                                {"up_to": "unlimited", "cost": "0.007"},
                            ],
                        },
                        {
                            "id": "storage",
                            "name": "Storage",
                            "type": "per_unit",
                            "meter": "storage",
                            "unit": "GB",
                            "cost": "0.11",
                        },
                    ],
                },
                {
                    "id": "year",
                    "name": "Year",
                    "interval": "year",
                    "interval_count": 1,
                    "prices": [{"id": "year", "name": "Year", "type": "flat", "cost": "300.00"}],
                },
            ],
        }
    ],
}
CATALOG: Final = read_catalog(TREE)


def day(text_: str) -> datetime:
    """Give an instant in UTC: `day("2027-01-31")` is its midnight."""
    return datetime.fromisoformat(text_.removesuffix("Z")).replace(tzinfo=UTC)


# --- what happened, as plain JSON values ----------------------------------------------------------


def _call(n: int, at: str, quantity: object) -> dict[str, Any]:
    return {
        "id": f"call{n}",
        "customer": "acme",
        "type": "calls",
        "occurred_at": f"{at}Z",
        "properties": {"quantity": quantity},
    }


def _level(n: int, at: str, gb: object) -> dict[str, Any]:
    return {
        "id": f"level{n}",
        "customer": "acme",
        "type": "storage",
        "occurred_at": f"{at}Z",
        "properties": {"gb": gb},
    }


def _start(id_: str, customer: str, plan: str, **more: Any) -> dict[str, Any]:
    tree = {"kind": "start", "customer": customer, "offer": f"{plan}@1", **more}
    return {"of": id_, "start": {"group": "default", "currency": "USD", **tree}}


def _move(id_: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"of": id_, "move": {"kind": kind, **more}}


STEPS: Final[list[dict[str, Any]]] = [
    {"at": "2027-01-01", "publish": "anna"},
    {"at": "2027-01-01", "seller": {"name": "Us GmbH", "net_days": 14}},
    {"at": "2027-01-01", "customer": "acme", "fields": {"name": "Acme"}},
    {"at": "2027-01-01", "customer": "beta", "fields": {"name": "Beta"}},
    {"at": "2027-01-31T09:00:00", **_start("s-acme", "acme", "pro", seats=3)},
    {"at": "2027-02-03", **_start("s-beta", "beta", "basic")},
    {"at": "2027-02-04", "bill": True},
    {
        "at": "2027-02-10",
        "record": [
            *(_call(n, f"2027-02-0{n}T08:00:00", 137 * n) for n in range(1, 10)),
            _level(1, "2027-02-01T00:00:00", 10),
        ],
    },
    {
        "at": "2027-02-15T12:00:00",
        **_move("s-acme", "change", seats=5, proration="next_invoice"),
    },
    {"at": "2027-02-20", "record": [_level(2, "2027-02-18T06:30:00", "25.5")]},
    {
        "at": "2027-02-21",
        "record": [
            {"id": "fix1", "customer": "acme", "void": "call3"},
            {"id": "fix2", "customer": "acme", "amend": "call4", "properties": {"quantity": 1}},
        ],
    },
    {"at": "2027-02-22", "pay": "INV-000002", "minor": 1_000},
    {"at": "2027-03-05", "bill": True},
    {"at": "2027-03-06", "pay": "INV-000004", "minor": 2_500},
    {
        "at": "2027-03-10",
        "item": {
            "customer": "acme",
            "id": "training",
            "subscription": "s-acme",
            "description": "Training",
            "quantity": "2",
            "minor": 24_000,
        },
    },
    {"at": "2027-03-10", **_move("s-beta", "cancel", timing="now", credit=True)},
    {"at": "2027-03-12", "bill": True},
    {"at": "2027-03-20", **_start("s-beta2", "beta", "basic")},
    {"at": "2027-03-25", "record": [_call(20, "2027-03-24T00:00:00", 2_500)]},
    {"at": "2027-04-02", "bill": True},
    {"at": "2027-04-10", **_move("s-acme", "change", offer="year@1")},
    {"at": "2027-05-31", "bill": True},
]
"""What happened, in the order of time."""

LATE: Final[list[dict[str, Any]]] = [
    *STEPS[:13],
    {
        "at": "2027-03-08",
        "record": [
            _call(30, "2027-02-20T00:00:00", 700),
            {"id": "fix3", "customer": "acme", "void": "call9"},
        ],
    },
    *STEPS[13:],
]
"""The same with usage of February that came in March, after its invoice."""


def act(storage: Storage, use_case: Callable[[Unit], R]) -> R:
    """Run a use case in a transaction of its own, for all customers."""
    with storage.begin() as unit:
        unit.as_all()
        done = use_case(unit)
        unit.commit()
        return done


def bill_until(storage: Storage, at: str) -> None:
    """Bill everything that is due by then."""
    done = run_billing(storage, day(at))
    assert not done.set_aside, done.set_aside


def play(
    storage: Storage, steps: Sequence[Mapping[str, Any]], tree: Mapping[str, Any] = TREE
) -> None:
    """Let all this happen, one step after the other, each at its own time."""
    catalog = read_catalog(dict(tree))
    meters = meters_of(catalog)
    for step in steps:
        if "bill" in step:
            bill_until(storage, step["at"])
        else:
            act(storage, lambda unit, step=step: _take(unit, step, catalog, meters))  # type: ignore[misc]  # it is called at once
        if "publish" in step:
            prepare_meters(storage, meters.values())


def _take(unit: Unit, step: Mapping[str, Any], catalog: Any, meters: Mapping[str, Meter]) -> None:
    at = day(step["at"])
    match step:
        case {"publish": author}:
            publish(unit, at, catalog, author=author)
        case {"seller": fields}:
            set_seller(unit, at, fields)
        case {"customer": id_, "fields": fields}:
            create_customer(unit, at, id_, fields)
        case {"of": id_, "start": tree}:
            start_subscription(unit, at, id_, value_of(Start, tree))
        case {"of": id_, "move": tree}:
            make_move(unit, at, id_, move_of(tree))
        case {"record": events}:
            done = record_many(unit, events, meters, at)
            assert done.rejected == (), done.rejected
        case {"pay": number, "minor": minor}:
            pay_invoice(unit, at, number, Money(minor, USD), Way(id=f"pay_{number}"))
        case {"item": tree}:
            _add_item(unit, at, dict(tree))
        case _:
            raise AssertionError(step)


def _add_item(unit: Unit, at: datetime, tree: dict[str, Any]) -> None:
    minor, quantity = tree.pop("minor"), Decimal(tree.pop("quantity"))
    item = invoice_items.InvoiceItem(quantity=quantity, amount=Money(minor, USD), at=at, **tree)
    invoice_items.add_item(unit, item)


def fill(storage: Storage) -> None:
    """Let it all happen, until the end of May 2027."""
    play(storage, STEPS)


# --- planting what must be found ------------------------------------------------------------------


def bared(unit: Unit, table: str) -> None:
    """Put a copy without any rule in a table's place, so that whatever is planted is taken."""
    name = getattr(unit.tables, table).fullname
    for statement in (
        f"CREATE TABLE planted AS SELECT * FROM {name}",  # noqa: S608 - a name of ours
        f"ALTER TABLE {name} RENAME TO ruled",
        f"ALTER TABLE planted RENAME TO {name}",
    ):
        unit.connection.exec_driver_sql(statement)


def unguarded(unit: Unit, *tables: str) -> None:
    """Take the triggers off tables, as their owner can: what is planted then is not refused."""
    for table in tables:
        name = getattr(unit.tables, table).fullname
        if unit.dialect == "postgresql":
            unit.connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
            continue
        found = unit.connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"),
            {"table": name},
        )
        for trigger in found.scalars().all():
            unit.connection.execute(text(f"DROP TRIGGER {trigger}"))
