"""Values in messages: short, on one line, whatever they are."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from tallystick.core.bad_number import BadNumber
from tallystick.core.shown import shown


class Hostile:
    """Whatever is asked of it, it refuses."""

    def __repr__(self) -> str:
        raise RuntimeError("never asked")

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-7, "-7"),
        (True, "true"),
        (None, "null"),
        (10**31, "a huge number"),
        (9.99, "9.99"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (Decimal("1.50"), "1.50"),
        (Decimal("sNaN"), "sNaN"),
        (Fraction(1, 3), "a value of type Fraction"),
        (b"raw", "a value of type bytes"),
        (1j, "a value of type complex"),
        (Hostile(), "a value of type Hostile"),
        ("two\nlines", "'two?lines'"),
        ("x" * 61, f"'{'x' * 60}…'"),
        ([1], "a list"),
        ((), "a list"),
        ({}, "an object"),
        (BadNumber("1e9", "has an exponent"), "1e9"),
    ],
)
def test_a_value_is_shown_short_and_unasked(value: object, words: str) -> None:
    assert shown(value) == words
