"""The invariants hold on a ledger that was used, and each is seen to fail on a broken one."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import delete, insert, update

from tallystick import define_plans
from tallystick.app.customer import create_customer, forget_customer
from tallystick.app.publish import publish
from tallystick.app.usage import record_many
from tallystick.app.verify import ALL_CHECKS, MOST_ROWS, verify_ledger
from tallystick.core.canonical import digest
from tallystick.core.meter import Meter
from tallystick.core.published import catalog_text
from tallystick.storage import verify_rollups
from tallystick.storage.meters import hold_alone, register
from tallystick.storage.verify import CHECKS
from tallystick.storage.verify_rollups import wrong_rollups

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.storage.unit import Storage, Unit

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PLAN: Final = {"id": "a", "name": "A", "price": 1, "currency": "USD", "interval": "month"}
SUM, LAST, SEEN, LEVEL = (
    Meter(key="sum", event_type="calls"),
    Meter(key="last", event_type="calls", aggregation="last", group_by=("region",)),
    Meter(key="seen", event_type="calls", aggregation="unique", value="user"),
    Meter(key="level", event_type="calls", aggregation="time_weighted"),
)
METERS = {
    meter.key: meter
    for meter in (
        SUM, LAST, SEEN, LEVEL,
        Meter(key="count", event_type="calls", aggregation="count"),
        Meter(key="least", event_type="calls", aggregation="min"),
        Meter(key="most", event_type="calls", aggregation="max"),
        Meter(key="mean", event_type="calls", aggregation="average"),
    )
}  # fmt: skip


def event(n: int, **more: object) -> dict[str, object]:
    return {
        "id": f"e{n}",
        "customer": f"c{n % 2}",
        "type": "calls",
        "occurred_at": (NOON - timedelta(hours=7 * n)).isoformat(),
        "properties": {"quantity": n, "user": f"u{n % 3}", "region": "eu" if n % 5 else "us"},
        **more,
    }


@pytest.fixture
def used(storage: Storage) -> Storage:
    """A ledger with a bit of everything, three months of it."""
    with storage.begin() as unit:
        publish(unit, NOON, define_plans([PLAN | {"features": []}]), author="anna")
        create_customer(unit, NOON, "c0", {"name": "Anna"})
        create_customer(unit, NOON, "gone", {"name": "Anna"})
        forget_customer(unit, NOON, "gone")
        hold_alone(unit)
        register(unit, METERS.values())
        events = [event(n) for n in range(40)] + [event(400)]
        corrections = [
            {"id": "v", "customer": "c0", "void": "e2"},
            {
                "id": "a1", "customer": "c1", "amend": "e3",
                "properties": {"quantity": 5, "user": "x"},
            },
            {
                "id": "a2", "customer": "c0", "amend": "e4",
                "occurred_at": (NOON - timedelta(days=60)).isoformat(),
                "properties": {"quantity": Decimal("7.5"), "user": "u1"},
            },
        ]  # fmt: skip
        done = record_many(unit, [*events, *corrections], METERS, NOON)
        assert done.rejected == ()
        unit.commit()
    return storage


def test_every_invariant_holds_on_a_ledger_that_was_used(used: Storage) -> None:
    with used.look() as unit:
        report = verify_ledger(unit)
    assert report.broken == ()
    assert report.ok
    assert [each.name for each in report.checks] == [check.name for check in ALL_CHECKS]


def test_they_hold_on_an_empty_one(storage: Storage) -> None:
    with storage.look() as unit:
        assert verify_ledger(unit).ok


# --- each can fail ------------------------------------------------------------------------------


def bare(unit: Unit, table: str) -> None:
    """Take everything off a table that would refuse what is planted: a copy without a rule."""
    name = getattr(unit.tables, table).name
    for statement in (
        f"CREATE TABLE planted AS SELECT * FROM {name}",  # noqa: S608 - a name of ours
        f"DROP TABLE {name}" + (" CASCADE" if unit.dialect == "postgresql" else ""),
        f"ALTER TABLE planted RENAME TO {name}",
    ):
        unit.connection.exec_driver_sql(statement)


def row(**more: Any) -> dict[str, Any]:
    return {
        "seq": 1000, "customer_id": "c0", "source": "api", "id": "new", "kind": "use",
        "type": "calls-of-nobody", "occurred_at": NOON, "received_at": NOON, "properties": "{}",
        "digest": "sha256:" + "0" * 64, **more,
    }  # fmt: skip


def usage(**more: Any) -> Callable[[Unit], None]:
    def plant(unit: Unit) -> None:
        bare(unit, "usage_events")
        unit.connection.execute(insert(unit.tables.usage_events).values(row(**more)))

    return plant


def days(meter: str, **values: Any) -> Callable[[Unit], None]:
    def plant(unit: Unit) -> None:
        table, meters = unit.tables.usage_days, unit.tables.meters
        found = update(table).values(values)
        where = table.c.meter_id == meters.c.id, meters.c.key == meter, table.c.day == NOON.date()
        unit.connection.execute(found.where(*where, table.c.customer_id == "c0"))

    return plant


def labels(unit: Unit) -> None:
    table = unit.tables.usage_values
    unit.connection.execute(
        update(table).where(table.c.customer_id == "c0").values(n=table.c.n + 1)
    )


def lost_days(unit: Unit) -> None:
    table = unit.tables.usage_days
    unit.connection.execute(delete(table).where(table.c.day == NOON.date()))


def days_of_nothing(unit: Unit) -> None:
    table = unit.tables.usage_days
    unit.connection.execute(
        insert(table).values(
            meter_id=1, customer_id="nobody", group_key="[]", day=date(2020, 1, 1), n=1,
            total=Decimal(1),
        )
    )  # fmt: skip


def lost_event(unit: Unit) -> None:
    bare(unit, "usage_events")
    unit.connection.execute(
        delete(unit.tables.usage_events).where(unit.tables.usage_events.c.id == "e6")
    )


def published(
    column: str, value: object, table: str = "catalog_versions"
) -> Callable[[Unit], None]:
    def plant(unit: Unit) -> None:
        name = getattr(unit.tables, table).name
        if unit.dialect == "postgresql":
            unit.connection.exec_driver_sql(f"ALTER TABLE {name} DISABLE TRIGGER USER")
        else:
            unit.connection.exec_driver_sql(f"DROP TRIGGER {name}_unchanged")
        unit.connection.execute(update(getattr(unit.tables, table)).values({column: value}))

    return plant


def skipped(unit: Unit) -> None:
    catalog = define_plans([PLAN | {"name": "B", "features": []}])
    unit.connection.execute(
        insert(unit.tables.catalog_versions).values(
            number=3, digest=digest(catalog), author="a", published_at=NOON,
            tree=catalog_text(catalog),
        )
    )  # fmt: skip


def remembered(unit: Unit) -> None:
    table = unit.tables.customers
    unit.connection.execute(update(table).where(table.c.id == "gone").values(email="a@b.de"))


HEX: Final = "sha256:" + "0" * 63
VIOLATIONS: Final[dict[str, tuple[str, Callable[[Unit], None]]]] = {
    "an event twice": ("usage-keys", usage(id="e0", type="calls-of-nobody")),
    "a digest too short": ("usage-digests", usage(digest=HEX)),
    "a digest of other letters": ("usage-digests", usage(digest=HEX + "G")),
    "a digest of another kind": ("usage-digests", usage(digest="sha512:" + "0" * 64)),
    "no id": ("usage-shapes", usage(id="")),
    "an endless source": ("usage-shapes", usage(source="x" * 201)),
    "a kind that is none": ("usage-shapes", usage(kind="gift")),
    "a use with a target": ("usage-shapes", usage(target_source="api", target_id="e0")),
    "a void without a target": ("usage-shapes", usage(kind="void")),
    "a target that is not there": (
        "usage-targets",
        usage(kind="void", target_source="api", target_id="nothing", type="calls"),
    ),
    "a target of another customer": (
        "usage-targets",
        usage(kind="void", target_source="api", target_id="e1", type="calls"),
    ),
    "a target that is a correction": (
        "usage-targets",
        usage(kind="void", target_source="api", target_id="a2", type="calls"),
    ),
    "a target of another type": (
        "usage-targets",
        usage(kind="amend", target_source="api", target_id="e8", type="other"),
    ),
    "a target that came later": (
        "usage-targets",
        usage(seq=0, kind="amend", target_source="api", target_id="e8", type="calls"),
    ),
    "a correction of what was voided": (
        "usage-voids",
        usage(kind="amend", target_source="api", target_id="e2", type="calls"),
    ),
    "an event of tomorrow": (
        "usage-times",
        usage(occurred_at=NOON + timedelta(hours=1, seconds=1)),
    ),
    "a count": ("roll-ups", days("count", n=77)),
    "a sum": ("roll-ups", days("sum", total=Decimal("0.5"))),
    "a least": ("roll-ups", days("least", least=Decimal(-1))),
    "a last": ("roll-ups", days("last", last_value=Decimal(-1))),
    "a last order": ("roll-ups", days("last", last_order=1000)),
    "an area": ("roll-ups", days("level", area=Decimal(1))),
    "an area that is not kept": ("roll-ups", days("level", area=None)),
    "a figure of another aggregation": ("roll-ups", days("count", total=Decimal(1))),
    "labels": ("roll-ups", labels),
    "days that are lost": ("roll-ups", lost_days),
    "days of nothing": ("roll-ups", days_of_nothing),
    "an event that is lost": ("roll-ups", lost_event),
    "another tree": ("catalog-digests", published("tree", "{}")),
    "no tree": ("catalog-digests", published("tree", "]")),
    "another digest": ("catalog-digests", published("digest", "sha256:" + "0" * 64)),
    "another offer": ("catalog-digests", published("tree", "{}", "plan_versions")),
    "a gap": ("catalog-numbers", skipped),
    "a gap of a plan": ("catalog-numbers", published("version", 3, "plan_versions")),
    "a customer that is remembered": ("forgotten", remembered),
}


OF_ROLL_UPS = [violation for violation, (name, _) in VIOLATIONS.items() if name == "roll-ups"]


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_violation_is_found_with_its_row(used: Storage, violation: str) -> None:
    name, plant = VIOLATIONS[violation]
    with used.begin() as unit:
        plant(unit)
        report = verify_ledger(unit)
    broken = {each.name: each for each in report.broken}
    assert name in broken
    assert broken[name].rows
    assert not report.ok
    if not name.startswith("usage") and violation != "an event that is lost":
        assert list(broken) == [name]


@pytest.mark.parametrize(
    "violation", [each for each in VIOLATIONS if VIOLATIONS[each][0] == "roll-ups"]
)
@pytest.mark.parametrize(("events", "customers"), [(3, 100), (25, 1), (10_000, 1)])
def test_roll_ups_are_looked_at_in_parts_as_they_are_at_once(
    used: Storage, monkeypatch: pytest.MonkeyPatch, violation: str, events: int, customers: int
) -> None:
    with used.begin() as unit:
        VIOLATIONS[violation][1](unit)
        whole = list(wrong_rollups(unit))
        monkeypatch.setattr(verify_rollups, "_EVENTS_AT_ONCE", events)
        monkeypatch.setattr(verify_rollups, "_CUSTOMERS_AT_ONCE", customers)
        parts = list(wrong_rollups(unit))
    assert whole
    assert sorted(parts, key=str) == sorted(whole, key=str)


def test_a_ledger_that_is_looked_at_in_parts_holds(
    used: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_rollups, "_EVENTS_AT_ONCE", 3)
    with used.look() as unit:
        assert list(wrong_rollups(unit)) == []


def test_each_check_is_among_those_seen_to_fail() -> None:
    assert {name for name, _ in VIOLATIONS.values()} == {check.name for check in CHECKS}
    assert all(re.fullmatch(r"I\d+( I\d+)*", check.invariants) for check in CHECKS)


def test_no_more_rows_are_told_than_anybody_reads(used: Storage) -> None:
    with used.begin() as unit:
        bare(unit, "usage_events")
        rows = [row(seq=1000 + n, id=f"n{n}", digest="") for n in range(MOST_ROWS + 1)]
        unit.connection.execute(insert(unit.tables.usage_events), rows)
        found = next(each for each in verify_ledger(unit).checks if each.name == "usage-digests")
    assert (len(found.rows), found.more) == (MOST_ROWS, True)
