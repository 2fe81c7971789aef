"""The amounts of a plan in other currencies: read beside its own, and held to be complete.

A plan is sold in every currency that it, one of its lines or one of its features names.  What has
an amount in the plan's own currency then needs one in each of these; what is zero or no money needs
none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.catalog import PlanIn
from tallystick.core.dialects.amounts import amount_of
from tallystick.core.dialects.field import MONEY
from tallystick.core.dialects.report import Record
from tallystick.core.money import Rate
from tallystick.core.number import exact_sum
from tallystick.core.sold_in import carries_money

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.core.currency import Currency
    from tallystick.core.price import Price

__all__ = ["plan_currencies", "records_in", "unit_prices"]


def records_in(
    record: Record, table: str, own: Currency
) -> Iterator[tuple[Currency, Record, Record]]:
    """Give a record for each other currency it is written in: all of it, with the amounts there.

    The last one holds only what was written for the currency.  Notes a currency that is its own,
    amounts that are missing there, and those that its own have no counterpart for.
    """
    for unit, entry in record.get("currencies", {}).items():
        if unit == own:
            text = f"{own} is its own currency, whose amounts stand outside of `currencies`"
            entry.report.problem(entry.path, text)
            continue
        names = MONEY[table]
        for name in names:
            _check(record, entry, name, own)
        whole = Record(entry.path, record.report)
        whole.update({key: value for key, value in record.items() if key not in names})
        whole.update({name: record[name] for name in names if name in record} | entry)
        whole.written = record.written | entry.written
        whole.bad = record.bad | entry.bad
        yield unit, whole, entry


def _check(record: Record, entry: Record, name: str, own: Currency) -> None:
    """Hold one amount in another currency to that in its own: there are both or none."""
    if name in record.bad or name in entry.bad:
        return
    if _matters(record.get(name)) and name not in entry:
        entry.problem(name, f"is missing: there is one in {own}")
    elif _matters(entry.get(name)) and name not in record:
        entry.problem(name, f"has no counterpart: there is none in {own}", "write both or none")


def _matters(value: Any) -> bool:
    """Whether it is money: any amount but zero; tiers that are more than percentages."""
    if isinstance(value, list):
        return any(tier.get("cost") or tier.get("flat_cost") for tier in value)
    return bool(value)


def unit_prices(record: Record, own: Currency) -> tuple[Rate, ...]:
    """Give what a unit of a feature beyond its limit costs in each other currency."""
    found = (
        (unit, entry.get("unit_price")) for unit, _, entry in records_in(record, "feature", own)
    )
    return tuple(Rate(price, unit) for unit, price in found if price is not None)


def plan_currencies(
    record: Record,
    own: Currency,
    lines: Sequence[tuple[Record, Price | None]],
    features: Sequence[Record] = (),
) -> tuple[PlanIn, ...]:
    """Give the other currencies a plan is sold in, with its own amounts in each.

    Notes what of it has an amount, and none in one of them.
    """
    parts = [record, *(line for line, _ in lines), *features]
    if any("currencies" in part.bad for part in parts):
        return ()  # which they are is not known, and was told already
    own_amounts = {unit: entry for unit, entry, _ in records_in(record, "plan", own)}
    units = sorted({unit for part in parts for unit in part.get("currencies", {})} - {own})
    lacking = [record] if any(_matters(record.get(name)) for name in MONEY["plan"]) else []
    lacking += [line for line, price in lines if price is not None and carries_money(price)]
    lacking += [line for line, _ in lines if _matters(line.get("setup_fee"))]
    lacking += [feature for feature in features if _matters(feature.get("unit_price"))]
    for part in {id(part): part for part in lacking}.values():
        _check_all(part, units, own)
    for credit in record.get("credits", ()) if units else ():
        if credit.has("amount"):
            text = f"is money in {own} only, and the plan is sold in {units[0]} too"
            credit.problem("amount", text, "grant units of a feature, or sell two plans")
    return tuple(
        _plan_in(unit, own_amounts.get(unit), [part for part, _ in lines]) for unit in units
    )


def _check_all(part: Record, units: Sequence[Currency], own: Currency) -> None:
    """Note each currency in which the plan is sold and this part of it has no amount."""
    for unit in units:
        if unit not in part.get("currencies", {}):
            place = f"{part.at('currencies')}.{unit}"
            text = f"is missing: the plan is sold in {unit}, and this has an amount in {own} only"
            part.report.problem(place, text)


def _plan_in(unit: Currency, entry: Record | None, lines: Sequence[Record]) -> PlanIn:
    written = (line.get("currencies", {}).get(unit) for line in lines)
    fees = [amount_of(each, "setup_fee", unit) for each in (entry, *written) if each is not None]
    bounds = ("minimum_commitment", "invoice_threshold")
    own = {} if entry is None else {n: amount_of(entry, n, unit) for n in bounds if n in entry}
    return PlanIn(currency=unit, setup_fee=exact_sum(*fees), **own)
