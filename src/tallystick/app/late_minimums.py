"""The minimum commitments that late usage counts for, though documents settled them already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.minimum import Settled, asked_for_minimum, counts_for_minimum

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.core.charge import Charge
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.reckoned_lines import Late
    from tallystick.storage.invoice_lines import BilledLine

__all__ = ["settled_minimums"]


def settled_minimums(
    charges: Iterable[Charge],
    lines: Sequence[BilledLine | InvoiceLine],
    late: Sequence[Late],
    part: str,
) -> tuple[Settled, ...]:
    """Give those commitments of earlier documents for which something late counts, in their order.

    `lines` are what these documents ask for: those that are void left out.
    """
    return tuple(
        Settled(
            charge=charge,
            before=asked_for_minimum(charge, lines),
            made_up=_sum(line for line in lines if _makes_up(charge, line)),
            part=part,
        )
        for charge in charges
        if charge.kind == "minimum" and any(_is_of(charge, each.charge) for each in late)
    )


def _is_of(minimum: Charge, late: Charge) -> bool:
    return counts_for_minimum(minimum, "late", late.item.key, late.window)


def _makes_up(minimum: Charge, line: BilledLine | InvoiceLine) -> bool:
    mine = (line.item, line.window) == (minimum.item.key, minimum.window)
    return line.kind == "minimum" and mine


def _sum(lines: Iterable[BilledLine | InvoiceLine]) -> int:
    return sum(line.amount.minor - line.discount.minor for line in lines)
