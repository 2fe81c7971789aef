"""From the records of a plan's credits to what it grants again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.core.credit import DEFAULT_PRIORITY
from tallystick.core.credit_cadence import RecurringGrant
from tallystick.core.dialects.amounts import amount_of
from tallystick.core.dialects.prices import check_cadence
from tallystick.core.money import Money
from tallystick.core.number import ZERO
from tallystick.core.period import Cadence
from tallystick.core.rollover import Rollover

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal
    from typing import Literal

    from tallystick.core.currency import Currency
    from tallystick.core.dialects.report import Record

__all__ = ["credits_of"]

_MOST_CADENCES: Final = 120
_MOST_PRIORITY: Final = 1_000


def credits_of(
    records: Iterable[Record], currency: Currency, *, one_time: bool
) -> tuple[RecurringGrant, ...]:
    """Give what a plan grants, noting every problem; one with a problem is left out.

    Amounts are in the plan's currency; in a plan that is paid once each says how often it comes.
    """
    taken: dict[str, str] = {}
    found = []
    for record in records:
        key = record.get("id")
        if key is not None and key in taken:
            text = f"{key!r} is taken by {taken[key]}: ids of credits are unique in a plan"
            record.problem("id", text)
        elif key is not None:
            taken[key] = record.at("id")
        made = _credit(record, currency, one_time=one_time)
        found += [] if made is None else [made]
    return tuple(found)


def _credit(record: Record, currency: Currency, *, one_time: bool) -> RecurringGrant | None:
    amount = _amount(record, currency)
    cadence = _cadence(record, one_time=one_time)
    if record.get("priority", 0) > _MOST_PRIORITY:
        record.problem("priority", f"is a whole number from 0 to {_MOST_PRIORITY:,}")
    expires = _expiry(record, "expires_after", "next")
    inner = record.get("rollover")
    rollover, cap = (None, None) if inner is None else _rollover(inner, record, currency, cadence)
    if expires == "never" and inner is not None:
        record.problem("rollover", "means nothing where credits never expire")
    if record.bad or (inner is not None and inner.bad) or amount is None:
        return None
    return RecurringGrant(
        key=record["id"],
        amount=amount,
        cadence=cadence,
        expires=expires,
        feature=record.get("feature"),
        category=record.get("category", "promotional"),
        priority=record.get("priority", DEFAULT_PRIORITY),
        rollover=rollover,
        cap=cap,
    )


def _amount(record: Record, currency: Currency) -> Money | Decimal | None:
    """Give the amount of money, or the units of a feature: one of them."""
    written = [name for name in ("amount", "units") if record.has(name)]
    if not written:
        record.problem("amount", "is missing: say what is granted", "or write units of a feature")
        return None
    if len(written) > 1:
        record.problem("units", "goes without an amount: a credit is of money or of units")
        return None
    if written == ["units"]:
        if not record.has("feature"):
            record.problem("feature", "is missing: units are of a feature")
        units: Decimal | None = record.get("units")
        return units
    if record.has("feature"):
        record.problem("feature", "is for units: an amount is of money")
    if "amount" not in record:
        return None
    minor = amount_of(record, "amount", currency)
    return None if "amount" in record.bad else Money(int(minor), currency)


def _cadence(record: Record, *, one_time: bool) -> Cadence | None:
    unit = record.get("interval")
    if unit is None:
        if record.has("interval_count"):
            text = "is missing: the plan's own cadence has a count of its own"
            record.problem("interval", text)
        elif one_time and "interval" not in record.bad:
            record.problem("interval", "is missing: a plan that is paid once has no cadence")
        return None
    check_cadence(record)
    if record.bad & {"interval", "interval_count"}:
        return None
    return Cadence(unit, record.get("interval_count", 1))


def _expiry(
    record: Record, name: str, absent: Literal["next", "never"]
) -> int | Literal["next", "never"]:
    """Give for how many of its own cadences it may be used; an explicit null is for ever."""
    if not record.has(name) or name in record.bad:
        return absent
    count: int | None = record.get(name)
    if count is None:
        return "never"
    if count > _MOST_CADENCES:
        record.problem(name, f"is more than {_MOST_CADENCES}", "write null for ever")
    return "next" if count == 1 else count


def _rollover(
    record: Record, credit: Record, currency: Currency, cadence: Cadence | None
) -> tuple[Rollover | None, Decimal | None]:
    """Give what goes on of one that ends, and the cap over all that went on."""
    money = credit.has("amount")
    found: dict[str, Decimal | None] = {}
    for name in ("maximum", "minimum", "cap"):
        if name not in record:
            found[name] = None
        else:
            found[name] = amount_of(record, name, currency) if money else record[name]
    most, least = found["maximum"], found["minimum"] or ZERO
    if most is not None and most < least:
        record.problem("minimum", "is more than the maximum, which holds")
    lasts = None
    if "expires_after" in record and record["expires_after"] is not None:
        if cadence is None:
            text = "needs the interval of the credit: say how often it comes"
            record.problem("expires_after", text)
        elif record["expires_after"] > _MOST_CADENCES:
            record.problem("expires_after", f"is more than {_MOST_CADENCES}", "leave it out")
        else:
            lasts = Cadence(cadence.interval, cadence.count * record["expires_after"])
    if record.bad:
        return None, None
    return Rollover(maximum=most, minimum=least, lasts=lasts), found["cap"]
