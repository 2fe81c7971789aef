"""A share of each transaction's amount, plus a fixed fee for it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from tallystick.core.number import EXACT, ZERO, exact_sum
from tallystick.core.rating.line import Component, component
from tallystick.core.rating.usage import Transactions
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.price import Percentage
    from tallystick.core.rating.usage import Measured

__all__ = ["percentage"]

_ONE: Final = Decimal(1)
_BACK: Final = Decimal(-1)


class _Fee(NamedTuple):
    """What one paying transaction adds: the sign, what is paid on, and the correction."""

    sign: Decimal
    volume: Decimal
    raised: Decimal
    lowered: Decimal


def percentage(shape: Percentage, measured: Measured) -> tuple[Component, ...]:
    """Add up the fees of all transactions, in the order in which they happened.

    The free transactions and the free volume end together at whichever comes first.  A transaction
    that the allowance covers in part pays the percentage of the rest and its fixed fee.  The
    per-transaction bounds include the fixed fee and leave wholly free transactions alone.
    A negative amount gives back the fee of its positive mirror, past any allowance.

    The order of the bounds is Lago's (charge model `percentage`), the maximum last.
    """
    if not isinstance(measured, Transactions):
        raise InvalidUsage(
            f"a percentage needs the single Transactions, not {type(measured).__name__}"
        )
    factor = shape.percent.scaleb(-2, EXACT)
    fees = [_fee(shape, factor, paid) for paid in _paying(shape, measured.amounts)]
    volume = exact_sum(*(fee.volume for fee in fees))
    number = exact_sum(*(fee.sign for fee in fees))
    raised = exact_sum(*(fee.raised for fee in fees))
    lowered = exact_sum(*(fee.lowered for fee in fees))
    parts = (
        Component("percentage", volume, factor, EXACT.multiply(volume, factor), "money"),
        component("fixed fees", number, shape.fixed),
        component("raised to the minimum", _ONE, raised),
        component("lowered to the maximum", _ONE, lowered),
    )
    return tuple(part for part in parts if part.amount)


def _paying(shape: Percentage, amounts: Iterable[Decimal]) -> Iterator[Decimal]:
    """Give the part of each transaction that is not free; wholly free ones are left out."""
    transactions = shape.free_transactions if (shape.free_transactions or 0) > 0 else None
    volume = shape.free_volume if (shape.free_volume or ZERO) > 0 else None
    free = transactions is not None or volume is not None
    for amount in amounts:
        if not free or amount < 0:
            yield amount
            continue
        rest = ZERO if volume is None else EXACT.subtract(amount, volume)
        if rest > 0:
            yield rest
        if volume is not None:
            volume = EXACT.subtract(volume, amount)
            free = volume > 0
        if transactions is not None:
            transactions -= 1
            free = free and transactions > 0


def _fee(shape: Percentage, factor: Decimal, paid: Decimal) -> _Fee:
    sign = _BACK if paid < 0 else _ONE
    fee = EXACT.fma(paid.copy_abs(), factor, shape.fixed)
    raised = lowered = ZERO
    if shape.minimum is not None and fee < shape.minimum:
        raised = EXACT.subtract(shape.minimum, fee)
    if shape.maximum is not None and EXACT.add(fee, raised) > shape.maximum:
        lowered = EXACT.subtract(shape.maximum, EXACT.add(fee, raised))
    return _Fee(sign, paid, EXACT.multiply(sign, raised), EXACT.multiply(sign, lowered))
