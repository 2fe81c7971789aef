"""Lines of an invoice on a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.cli.output import say, say_table, whole
from tallystick.core.money import Money
from tallystick.core.number import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tallystick.core.catalog import Plan
    from tallystick.core.currency import Currency
    from tallystick.core.line_item import LineItem

__all__ = ["lines_tree", "print_lines", "quantity_text"]


def print_lines(
    lines: tuple[LineItem, ...],
    currency: Currency,
    notes: Mapping[str, str] | None = None,
    *,
    explain: bool = False,
) -> None:
    """Print lines and their total as a table, or each sum."""
    if explain:
        say(*(text for line in lines for text in _sums(line)))
    else:
        say_table(
            ["key", "description", "quantity", "included", "overage", "amount", "note"],
            (
                [
                    line.feature_key,
                    line.description,
                    quantity_text(line.quantity),
                    quantity_text(line.included),
                    quantity_text(line.overage),
                    str(line.amount),
                    _note(line, notes or {}),
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
        over, limit = quantity_text(line.overage), quantity_text(line.included)
        text = f"{over} beyond the limit of {limit}; the plan names no price, so nothing is charged"
        return (f"{line.description}  {text}",)
    return sums(line.rated)


def lines_tree(
    plan: Plan[Any], lines: tuple[LineItem, ...], *, explain: bool = False
) -> dict[str, Any]:
    """Give lines and their total as plain values: amounts in minor units."""
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


def quantity_text(number: Decimal) -> str:
    """Write a quantity for people: 1,250,000.5."""
    whole, dot, part = plain(number).partition(".")
    return f"{int(whole):,}{dot}{part}"
