"""Automatic top-ups as rows: the rule of a customer, and the purchases that it began."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from sqlalchemy import func, insert, select, update

from tallystick.core.credit_moves import TopUpRule
from tallystick.core.currency import currency
from tallystick.core.money import Money

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import RowMapping

    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = [
    "RuleRow",
    "TopUpRow",
    "TopUpStatus",
    "add_rule",
    "add_top_up",
    "end_rule",
    "hold_top_up",
    "made_in",
    "rule_by_id",
    "rules_of",
    "set_status",
    "top_ups_of",
]

TopUpStatus: TypeAlias = Literal["open", "granted", "canceled"]
"""How a purchase stands: to be paid, granted, or given up."""

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A rule by which a customer's credits are topped up, and what each costs.

    Without a price each is a gift, granted at once.
    """

    customer: str
    id: str
    rule: TopUpRule
    price: Money | None
    recorded_at: Instant
    ended_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpRow:
    """A purchase: the `number`-th of a month (`2027-03`), and the grant that came of it.

    `size` is in minor units, or units.
    """

    customer: str
    id: str
    rule: str
    month: str
    number: int
    size: Decimal
    status: TopUpStatus
    at: Instant
    grant: str | None = None


def add_rule(unit: Unit, row: RuleRow) -> None:
    """Store a rule of money."""
    below, bought = row.rule.threshold, row.rule.amount
    assert isinstance(below, Money)  # noqa: S101 - rules are of money
    assert isinstance(bought, Money)  # noqa: S101 - rules are of money
    values = {
        "customer_id": row.customer,
        "id": row.id,
        "currency": bought.currency.code,
        "threshold": Decimal(below.minor),
        "size": Decimal(bought.minor),
        "price_minor": None if row.price is None else row.price.minor,
        "price_currency": None if row.price is None else row.price.currency.code,
        "most": row.rule.most,
        "recorded_at": row.recorded_at,
    }
    unit.connection.execute(insert(unit.tables.top_up_rules).values(values))


def end_rule(unit: Unit, row: RuleRow, at: Instant) -> None:
    """Note that a rule tops up no more."""
    table = unit.tables.top_up_rules
    mine = (table.c.customer_id == row.customer, table.c.id == row.id)
    running = table.c.ended_at.is_(None)
    unit.connection.execute(update(table).where(*mine, running).values(ended_at=at))


def rules_of(
    unit: Unit, customers: Collection[str], *, ended: bool = False, lock: bool = False
) -> dict[str, list[RuleRow]]:
    """Give the rules of customers that run, or also those that ended; by customer and age."""
    table = unit.tables.top_up_rules
    found: dict[str, list[RuleRow]] = defaultdict(list)
    names = sorted(set(customers))
    for start in range(0, len(names), _AT_ONCE):
        query = select(table).where(table.c.customer_id.in_(names[start : start + _AT_ONCE]))
        if not ended:
            query = query.where(table.c.ended_at.is_(None))
        query = query.order_by(table.c.customer_id, table.c.recorded_at, table.c.id)
        rows = unit.connection.execute(query.with_for_update() if lock else query)
        for row in rows.mappings():
            found[row["customer_id"]].append(_rule(row))
    return found


def rule_by_id(unit: Unit, id_: str) -> RuleRow | None:
    """Give a rule, or None."""
    table = unit.tables.top_up_rules
    row = unit.connection.execute(select(table).where(table.c.id == id_)).mappings().first()
    return None if row is None else _rule(row)


def add_top_up(unit: Unit, row: TopUpRow) -> None:
    """Store a purchase; the database refuses a number that was, and a second open one."""
    values = {
        "customer_id": row.customer,
        "id": row.id,
        "rule_id": row.rule,
        "month": row.month,
        "number": row.number,
        "size": row.size,
        "status": row.status,
        "at": row.at,
        "grant_id": row.grant,
    }
    unit.connection.execute(insert(unit.tables.top_ups).values(values))


def made_in(unit: Unit, row: RuleRow, month: str) -> tuple[int, bool]:
    """Give how many purchases a rule began in a month, and whether one of any month is open."""
    c = unit.tables.top_ups.c
    mine = (c.customer_id == row.customer, c.rule_id == row.id)
    last = select(func.max(c.number)).where(*mine, c.month == month)
    open_ = select(c.id).where(*mine, c.status == "open")
    number: int = unit.connection.execute(last).scalar() or 0
    return number, unit.connection.execute(open_).first() is not None


def hold_top_up(unit: Unit, id_: str) -> TopUpRow | None:
    """Give a purchase and hold it until the transaction ends; None where there is none."""
    table = unit.tables.top_ups
    query = select(table).where(table.c.id == id_).with_for_update()
    row = unit.connection.execute(query).mappings().first()
    return None if row is None else _top_up(row)


def set_status(unit: Unit, row: TopUpRow) -> None:
    """Keep how a purchase stands that is held."""
    table = unit.tables.top_ups
    mine = (table.c.customer_id == row.customer, table.c.id == row.id)
    values = {"status": row.status, "grant_id": row.grant}
    unit.connection.execute(update(table).where(*mine).values(values))


def top_ups_of(unit: Unit, customer: str) -> tuple[TopUpRow, ...]:
    """Give the purchases of a customer, the first first."""
    table = unit.tables.top_ups
    query = select(table).where(table.c.customer_id == customer)
    order = (table.c.at, table.c.month, table.c.number, table.c.id)
    return tuple(map(_top_up, unit.connection.execute(query.order_by(*order)).mappings()))


def _rule(row: RowMapping) -> RuleRow:
    unit = currency(row["currency"])
    price = row["price_minor"]
    rule = TopUpRule(
        threshold=Money(int(row["threshold"]), unit),
        amount=Money(int(row["size"]), unit),
        most=row["most"],
    )
    return RuleRow(
        customer=row["customer_id"],
        id=row["id"],
        rule=rule,
        price=None if price is None else Money(price, currency(row["price_currency"])),
        recorded_at=row["recorded_at"],
        ended_at=row["ended_at"],
    )


def _top_up(row: RowMapping) -> TopUpRow:
    return TopUpRow(
        customer=row["customer_id"],
        id=row["id"],
        rule=row["rule_id"],
        month=row["month"],
        number=row["number"],
        size=row["size"],
        status=cast("TopUpStatus", row["status"]),
        at=row["at"],
        grant=row["grant_id"],
    )
