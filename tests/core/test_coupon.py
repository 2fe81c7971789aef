"""What a coupon is: its limits, its codes, and what contradicts itself."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.coupon import LONGEST_CODE, Code, Coupon, code_key
from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.price import PercentOff
from tallystick.errors import CurrencyMismatch, InvalidInput
from tests.core.builders import EUR, USD, fixed_coupon, money, percent_coupon

JPY = currency("JPY")
TEN = PercentOff(Decimal(10))


# --- codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "WELCOME10",
        "welcome10",
        "  Welcome10\t\n",
        "\N{NO-BREAK SPACE}WELCOME10",
        "\uff37\uff25\uff2c\uff23\uff2f\uff2d\uff25\uff11\uff10",  # full-width letters
        "welcome\N{CIRCLED NUMBER TEN}",
    ],
)
def test_the_ways_to_type_a_code_are_one_code(typed: str) -> None:
    assert code_key(typed) == "welcome10"


@pytest.mark.parametrize(
    ("one", "other"),
    [("straße", "STRASSE"), ("\u00e9t\u00e9", "e\u0301te\u0301"), ("ΣΑΣ", "σας"), ("ﬁt", "FIT")],
)
def test_letters_that_are_the_same_to_a_reader_are_one_code(one: str, other: str) -> None:
    assert code_key(one) == code_key(other)


@pytest.mark.parametrize("one", ["a b", "a-b", "ab", "ab1", "аb"])  # the last in Cyrillic
def test_blanks_within_and_other_letters_are_other_codes(one: str) -> None:
    keys = [code_key(each) for each in ("a b", "a-b", "ab", "ab1", "\N{CYRILLIC SMALL LETTER A}b")]
    assert keys.count(code_key(one)) == 1


@pytest.mark.parametrize(
    "typed", ["", " ", "\u3000", "a\x00b", "a\u200bb", "a" * 101, 5, None, b"a"]
)
def test_what_is_no_code_is_refused(typed: Any) -> None:
    with pytest.raises(InvalidInput, match="code"):
        code_key(typed)


def test_a_code_that_grows_beyond_bounds_is_refused() -> None:
    with pytest.raises(InvalidInput, match="code"):
        code_key("\ufdfa" * LONGEST_CODE)  # one character of eighteen letters


def key_or_none(text: str) -> str | None:
    try:
        return code_key(text)
    except InvalidInput:
        return None


@given(st.text(max_size=20))
def test_the_key_of_a_key_is_itself(text: str) -> None:
    key = key_or_none(text)
    assert key is None or code_key(key) == key
    assert key_or_none(f"  {text} ") == key
    assert key_or_none(unicodedata.normalize("NFD", text)) == key


def test_the_key_of_any_one_letter_is_settled_at_once() -> None:
    keys = {key_or_none(chr(point)) for point in range(sys.maxunicode + 1)}
    assert [key for key in keys if key is not None and code_key(key) != key] == []


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20))
def test_case_does_not_count(text: str) -> None:
    assert code_key(text.upper()) == code_key(text.lower()) == code_key(text)


def test_a_code_keeps_how_it_was_written_and_is_compared_by_its_key() -> None:
    code = Code(code=" Welcome ", max_redemptions=5)
    assert (code.code, code.key) == (" Welcome ", "welcome")


# --- currencies -----------------------------------------------------------------------------------


def test_a_fixed_coupon_takes_another_amount_in_each_currency() -> None:
    coupon = fixed_coupon("a", "10.00 USD", "9.00 EUR")
    assert coupon.off_in(USD) == money("10.00 USD")
    assert coupon.off_in(EUR) == money("9.00 EUR")
    assert [coupon.takes(each) for each in (USD, EUR, JPY)] == [True, True, False]
    with pytest.raises(CurrencyMismatch, match="'a' is not for JPY"):
        coupon.off_in(JPY)


def test_a_percentage_is_for_every_currency_that_no_list_and_no_minimum_keeps_out() -> None:
    least = (money("50.00 USD"), money("5000 JPY"))
    for limits, expected in (
        ({}, [True, True, True]),
        ({"currencies": frozenset({USD, EUR})}, [True, True, False]),
        ({"minimum": least}, [True, False, True]),
        ({"minimum": least, "currencies": frozenset({USD, EUR})}, [True, False, False]),
    ):
        coupon = percent_coupon("a", **limits)
        assert [coupon.takes(each) for each in (USD, EUR, JPY)] == expected
    assert percent_coupon("a", minimum=least).minimum_in(JPY) == Money(5000, JPY)
    assert percent_coupon("a").minimum_in(JPY) == Money(0, JPY)


def test_amounts_have_no_order() -> None:
    one = fixed_coupon("a", "10.00 USD", "9.00 EUR")
    assert one == fixed_coupon("a", "9.00 EUR", "10.00 USD")
    assert hash(one) == hash(replace(one, name="Other"))


# --- what contradicts itself ----------------------------------------------------------------------

START, END = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"off": (money("1.00 USD"), money("2.00 USD"))}, "two amounts in one currency"),
        ({"off": (Money(-1, USD),)}, "below zero"),
        ({"off": (money("1.00 USD"),), "currencies": frozenset({USD})}, "already"),
        ({"minimum": (Money(-1, USD),)}, "below zero"),
        ({"minimum": (money("1.00 USD"), money("2.00 USD"))}, "two amounts"),
        ({"duration": "always"}, "once, repeating or forever"),
        ({"duration": "repeating"}, "months just where it is repeating"),
        ({"duration": "forever", "months": 3}, "months just where it is repeating"),
        ({"duration": "repeating", "months": 0}, "months is a whole number from 1"),
        ({"duration": "repeating", "months": True}, "months is a whole number from 1"),
        ({"duration": "repeating", "months": 1_201}, "at most 1,200 months"),
        ({"max_redemptions": 0}, "max_redemptions is a whole number from 1"),
        ({"max_redemptions": 10**5000 * -1}, "whole number from 1"),
        ({"max_redemptions_per_customer": 1.5}, "max_redemptions_per_customer is a whole"),
        ({"starts_at": END, "ends_at": START}, "ends after it starts"),
        ({"starts_at": START, "ends_at": START}, "ends after it starts"),
        ({"starts_at": START.replace(tzinfo=None)}, "no time zone"),
    ],
)
def test_a_coupon_that_contradicts_itself_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Coupon(id="a", **({"off": TEN} | wrong))


def test_a_code_has_limits_of_its_own_that_are_checked_too() -> None:
    wrongs: list[dict[str, Any]] = [{"max_redemptions": 0}, {"starts_at": END, "ends_at": START}]
    for wrong in wrongs:
        with pytest.raises(InvalidInput):
            Code(code="a", **wrong)
