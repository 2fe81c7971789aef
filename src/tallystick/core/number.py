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
from typing import TYPE_CHECKING, Final

from tallystick.errors import InvalidNumber, InvalidUsage, OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

__all__ = [
    "EXACT",
    "QUANTITY_DECIMALS",
    "RATE_DECIMALS",
    "ZERO",
    "bounded",
    "exact_product",
    "exact_sum",
    "left_in_turn",
    "parse_number",
    "percent_of",
    "plain",
    "quantity_of",
    "round_half_away",
    "round_quotient",
    "round_quotient_to",
    "taken_in_turn",
]

WHOLE_DIGITS: Final = 18
QUANTITY_DECIMALS: Final = 12
"""The most decimals a quantity may have."""
RATE_DECIMALS: Final = 18
"""The most decimals a rate, a percentage or a factor may have."""
ZERO: Final = Decimal(0)
"""Nothing, as a decimal."""

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


def bounded(number: Decimal, *, decimals: int = QUANTITY_DECIMALS) -> Decimal:
    """Hold a number that was made in code to the bounds of the parser, and give it back.

    Raises InvalidNumber for what is no Decimal, for NaN and infinity, and for too many digits.
    """
    if not isinstance(number, Decimal):
        raise InvalidNumber(f"a number is a Decimal here, not {type(number).__name__}")
    if not number.is_finite():
        raise InvalidNumber(f"{number} is not a finite number")
    if number and number.adjusted() >= WHOLE_DIGITS:
        raise InvalidNumber(f"a number has at most {WHOLE_DIGITS} digits before the point")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -decimals:
        raise InvalidNumber(f"a number has at most {decimals} decimals here")
    return number


def exact_product(*factors: Decimal) -> Decimal:
    """Multiply without any rounding.  Raises OutOfBounds where 400 digits do not hold it."""
    product = Decimal(1)
    try:
        for factor in factors:
            product = EXACT.multiply(product, factor)
    except (Inexact, InvalidOperation) as error:
        raise OutOfBounds("a product has more digits than exact arithmetic holds") from error
    return product


def exact_sum(*terms: Decimal) -> Decimal:
    """Add without any rounding.  Raises OutOfBounds where 400 digits do not hold it."""
    total = ZERO
    try:
        for term in terms:
            total = EXACT.add(total, term)
    except (Inexact, InvalidOperation) as error:
        raise OutOfBounds("a sum has more digits than exact arithmetic holds") from error
    return total


def taken_in_turn(need: Decimal, offers: Iterable[Decimal]) -> tuple[Decimal, ...]:
    """Take what is needed from each offer in turn, as far as it goes.

    60 of (20, 50, 100) is (20, 40): offers that nothing is needed of are not even looked at.
    """
    taken: list[Decimal] = []
    offered = iter(offers)
    while need > 0 and (offer := next(offered, None)) is not None:
        part = max(ZERO, min(need, offer))
        taken.append(part)
        need = EXACT.subtract(need, part)
    return tuple(taken)


def left_in_turn(need: Decimal, offers: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """Give what is left of each offer once `taken_in_turn` took its part."""
    taken = taken_in_turn(need, offers)
    first = (EXACT.subtract(each, part) for each, part in zip(offers, taken, strict=False))
    return (*first, *offers[len(taken) :])


def percent_of(exact: Decimal, percent: Decimal) -> Decimal:
    """Take a percentage without any rounding: 20 percent of 12.5 is 2.5."""
    return exact_product(exact, percent).scaleb(-2, EXACT)


def round_half_away(exact: Decimal) -> int:
    """Round to a whole number, half away from zero: 2.5 gives 3, -2.5 gives -3.

    This is the one rounding of money (ADR-0003).  Raises OutOfBounds from 2^63 on, InvalidNumber
    for NaN and infinity.
    """
    if not exact.is_finite():
        raise InvalidNumber(f"{exact} is not an amount")
    rounded = exact.to_integral_value(ROUND_HALF_UP)
    if rounded.adjusted() > WHOLE_DIGITS + 1 or abs(int(rounded)) >= _LEDGER_BOUND:
        raise OutOfBounds(f"an amount of about 10^{exact.adjusted()} minor units is out of bounds")
    return int(rounded)


def round_quotient(exact: Fraction) -> int:
    """Round a quotient to a whole number, half away from zero.

    For shares of time and of sums, which no decimal holds exactly.  Raises OutOfBounds.
    """
    rounded = _nearest(exact)
    if abs(rounded) >= _LEDGER_BOUND:
        raise OutOfBounds("an amount is out of bounds")
    return rounded


def round_quotient_to(exact: Fraction, decimals: int) -> Decimal:
    """Round a quotient to a number of decimals, half away from zero: 2/3 to 4 gives 0.6667.

    For quantities, which have no ledger bound.  Raises OutOfBounds beyond 400 digits.
    """
    whole = _nearest(exact * 10**decimals)
    try:
        return EXACT.create_decimal(whole).scaleb(-decimals, EXACT)
    except Inexact as error:
        raise OutOfBounds("a quantity has more digits than exact arithmetic holds") from error


def _nearest(exact: Fraction) -> int:
    size = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return -size if exact < 0 else size


def plain(number: Decimal) -> str:
    """Write a number without exponent and without trailing zeros: 10, 0.02, -1.5."""
    text = str(number)
    if "E" in text:
        text = format(number, "f")  # which takes several times as long
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def quantity_of(value: object, name: str = "quantity", *, negative: bool = False) -> Decimal:
    """Take a quantity from a caller: an int, a Decimal, or a plain text; up to 12 decimals.

    A float is refused, as it is rarely the number that was meant; so is a bool.

    Raises InvalidUsage, with `name` as the field.
    """
    try:
        quantity = _quantity(value)
    except InvalidNumber as refused:
        raise InvalidUsage(f"{name}: {refused}", {name: [str(refused)]}) from None
    if quantity < 0 and not negative:
        text = f"{plain(quantity)} is below zero"
        raise InvalidUsage(f"{name}: {text}", {name: [text]})
    return quantity


def _quantity(value: object) -> Decimal:
    if isinstance(value, str):
        return parse_number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 10**WHOLE_DIGITS:
            raise InvalidNumber(f"the number has more than {WHOLE_DIGITS} digits")
        return Decimal(value)
    if not isinstance(value, Decimal):
        kind = type(value).__name__
        raise InvalidNumber(f"a quantity is an int, a Decimal or a plain text, not {kind}")
    if not value.is_finite():
        raise InvalidNumber(f"{value} is not a finite number")
    if value and not -RATE_DECIMALS <= value.adjusted() < WHOLE_DIGITS:
        raise InvalidNumber("the number has too many digits")
    return parse_number(plain(value))
