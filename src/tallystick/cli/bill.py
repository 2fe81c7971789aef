"""`tallystick bill`: a month of usage as exact invoice lines, without a database."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import (
    AsJson,
    Environment,
    Usage,
    ends_well,
    opened,
    plan_of,
    split_file,
)
from tallystick.cli.output import say, say_json, say_table, whole
from tallystick.core.money import Money
from tallystick.core.number import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tallystick.core.catalog import Plan
    from tallystick.core.currency import Currency
    from tallystick.core.line_item import LineItem
    from tallystick.core.meter import Meter
    from tallystick.core.usage_row import UsageRow

__all__ = ["bill"]


@ends_well
def bill(
    words: Annotated[list[str], typer.Argument(metavar="[FILE] PLAN", help="What is billed.")],
    usage: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Key and quantity as JSON object, JSON Lines or CSV; - for JSON Lines on stdin.",
        ),
    ],
    explain: Annotated[bool, typer.Option("--explain", help="Print each sum.")] = False,
    base: Annotated[
        bool, typer.Option("--base", help="Add the plan's flat lines for one period.")
    ] = False,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Turn usage into the lines of an invoice, each rounded once, half away from zero.

    Keys are feature keys, or the meters of metered and per-seat prices.
    """
    from tallystick.core.line_item import bill as bill_lines
    from tallystick.core.meter import measure

    file, (plan_id,) = split_file(words, "PLAN")
    catalog = opened(file, environment).catalog
    plan = plan_of(catalog, plan_id)
    rows = _rows(usage)
    lines = bill_lines(plan, measure(plan, rows, catalog.meters), base=base)
    if as_json:
        say_json(_tree(plan, lines, explain=explain))
    else:
        _print(lines, plan.currency, _notes(plan, rows, catalog.meters), explain=explain)


def _rows(usage: str) -> tuple[UsageRow, ...]:
    from tallystick.files import read_usage, usage_rows

    rows = (
        tuple(usage_rows(sys.stdin, "jsonl", name="stdin")) if usage == "-" else read_usage(usage)
    )
    customers = sorted({row.customer for row in rows if row.customer is not None})
    if len(customers) > 1:
        raise Usage(f"the usage is of several customers ({', '.join(customers[:5])}): bill one")
    return rows


def _notes(
    plan: Plan[Any], rows: tuple[UsageRow, ...], meters: Mapping[str, Meter]
) -> dict[str, str]:
    """Say of a gauge that only one of its values counts: a quota without a reset is read as one."""
    from tallystick.core.meter import meter_of

    counts = Counter(row.key for row in rows)
    kinds = {key: meter_of(plan, key, meters).aggregation for key in counts}
    return {
        key: f"the {kinds[key]} of {count:,} values"
        for key, count in counts.items()
        if count > 1 and kinds[key] in {"last", "max"}
    }


def _print(
    lines: tuple[LineItem, ...], currency: Currency, notes: Mapping[str, str], *, explain: bool
) -> None:
    if explain:
        say(*(text for line in lines for text in _sums(line)))
    else:
        say_table(
            ["key", "description", "quantity", "included", "overage", "amount", "note"],
            (
                [
                    line.feature_key,
                    line.description,
                    _quantity(line.quantity),
                    _quantity(line.included),
                    _quantity(line.overage),
                    str(line.amount),
                    _note(line, notes),
                ]
                for line in lines
            ),
            right="quantity included overage amount",
        )
    say(f"total  {Money.total((line.amount for line in lines), currency)}")


def _note(line: LineItem, notes: Mapping[str, str]) -> str:
    over = "over the limit, no price" if line.unpriced_overage else ""
    return "; ".join(filter(None, [over, notes.get(line.feature_key, "")]))


def _sums(line: LineItem) -> tuple[str, ...]:
    from tallystick.core.explain import explain as sums

    if line.unpriced_overage:
        over, limit = _quantity(line.overage), _quantity(line.included)
        text = f"{over} beyond the limit of {limit}; the plan names no price, so nothing is charged"
        return (f"{line.description}  {text}",)
    return sums(line.rated)


def _tree(plan: Plan[Any], lines: tuple[LineItem, ...], *, explain: bool) -> dict[str, Any]:
    return {
        "plan": plan.id,
        "currency": plan.currency,
        "lines": [
            {
                "key": line.feature_key,
                "description": line.description,
                "quantity": whole(line.quantity),
                "included": whole(line.included),
                "overage": whole(line.overage),
                "unit_price": line.unit_price,
                "amount": line.amount.minor,
                "currency": str(line.amount.currency),
                "unpriced_overage": line.unpriced_overage,
                **({"steps": list(_sums(line))} if explain else {}),
            }
            for line in lines
        ],
        "total": Money.total((line.amount for line in lines), plan.currency).minor,
    }


def _quantity(number: Decimal) -> str:
    whole, dot, part = plain(number).partition(".")
    return f"{int(whole):,}{dot}{part}"
