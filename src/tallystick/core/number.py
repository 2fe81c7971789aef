"""Exact numbers: reading them strictly, and the wide arithmetic that never rounds in silence.

Python's default decimal context has 28 digits and rounds without a word.  All arithmetic on
money goes through `EXACT`, which has room for every product the bounds below allow and raises
where a result would not be exact.
"""

from __future__ import annotations

import re
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from fractions import Fraction
from typing import Final

from tallystick.errors import InvalidNumber, OutOfBounds

__all__ = [
    "EXACT",
    "QUANTITY_DECIMALS",
    "RATE_DECIMALS",
    "ZERO",
    "exact_product",
    "exact_sum",
    "parse_number",
    "plain",
    "round_half_away",
    "round_quotient",
]

WHOLE_DIGITS: Final = 18
QUANTITY_DECIMALS: Final = 12
RATE_DECIMALS: Final = 18
ZERO: Final = Decimal(0)

EXACT: Final = Context(
    prec=400,
    Emin=MIN_EMIN,
    Emax=MAX_EMAX,
    traps=[Inexact, InvalidOperation, DivisionByZero, Overflow],
)
"""The context of every product and sum of money: wide, and trapping Inexact."""

_SHAPE: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)
_LONGEST: Final = 1 + WHOLE_DIGITS + 1 + RATE_DECIMALS
_LEDGER_BOUND: Final = 2**63


def parse_number(token: str, *, decimals: int = QUANTITY_DECIMALS) -> Decimal:
    """Read a plain decimal number: ASCII digits, at most 18 before the point and `decimals` after.

    No exponent, no NaN or infinity, no underscore, no sign but a leading minus, no blanks.
    The length is looked at first, so a number of 5,000 digits costs nothing.

    Raises InvalidNumber.
    """
    if not isinstance(token, str):
        raise InvalidNumber(f"a number is read from its text, not from {type(token).__name__}")
    if len(token) > _LONGEST:
        raise InvalidNumber(f"a number of {len(token)} characters is too long")
    if _SHAPE.fullmatch(token) is None:
        raise InvalidNumber(f"{token!r} is not a plain decimal number such as 12 or 0.25")
    whole, _, fraction = token.lstrip("-").partition(".")
    if len(whole.lstrip("0")) > WHOLE_DIGITS:
        raise InvalidNumber(f"{token!r} has more than {WHOLE_DIGITS} digits before the point")
    if len(fraction) > decimals:
        raise InvalidNumber(f"{token!r} has more than {decimals} decimals")
    return Decimal(token)


def exact_product(*factors: Decimal) -> Decimal:
    """Multiply without any rounding."""
    product = Decimal(1)
    for factor in factors:
        product = EXACT.multiply(product, factor)
    return product


def exact_sum(*terms: Decimal) -> Decimal:
    """Add without any rounding."""
    total = ZERO
    for term in terms:
        total = EXACT.add(total, term)
    return total


def round_half_away(exact: Decimal) -> int:
    """Round to a whole number, half away from zero: 2.5 gives 3, -2.5 gives -3.

    This is the one rounding of money (ADR-0003).  Raises OutOfBounds from 2^63 on.
    """
    rounded = exact.to_integral_value(ROUND_HALF_UP)
    if rounded.adjusted() > WHOLE_DIGITS + 1 or abs(int(rounded)) >= _LEDGER_BOUND:
        raise OutOfBounds(f"an amount of about 10^{exact.adjusted()} minor units is out of bounds")
    return int(rounded)


def round_quotient(exact: Fraction) -> int:
    """Round a quotient to a whole number, half away from zero.

    For shares of time and of sums, which no decimal holds exactly.  Raises OutOfBounds.
    """
    doubled = 2 * abs(exact.numerator) + exact.denominator
    size = doubled // (2 * exact.denominator)
    if size >= _LEDGER_BOUND:
        raise OutOfBounds("an amount is out of bounds")
    return -size if exact < 0 else size


def plain(number: Decimal) -> str:
    """Write a number without exponent and without trailing zeros: 10, 0.02, -1.5."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
