"""What Stripe makes of amounts and intervals."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.currency import CODES, currency
from tallystick.core.money import Money, to_minor
from tallystick.core.period import Cadence
from tallystick.errors import InvalidInput, InvalidNumber, OutOfBounds
from tallystick.providers.stripe.wire import (
    allowed_api_amounts,
    api_amount,
    check_api_amount,
    decimals,
    from_api_amount,
    nearest_api_amount,
    recurring,
)

if TYPE_CHECKING:
    from tallystick.core.currency import Currency

UNKNOWN = {"IQD", "LYD", "CLF", "UYW", "UYI"}
taken = st.sampled_from([each for code, each in sorted(CODES.items()) if code not in UNKNOWN])


def money(text: str) -> Money:
    amount, code = text.split()
    return Money.parse(amount, currency(code))


def exact(text: str) -> tuple[Decimal, Currency]:
    amount, code = text.split()
    return to_minor(Decimal(amount), currency(code)), currency(code)


@pytest.mark.parametrize(
    ("places", "codes"),
    [
        (0, "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"),
        (2, "USD EUR GBP HUF TWD ISK UGX IDR INR COP"),
        (3, "BHD JOD KWD OMR TND"),
    ],
)
def test_the_decimals_of_an_api_amount(places: int, codes: str) -> None:
    assert {decimals(currency(code)) for code in codes.split()} == {places}


@pytest.mark.parametrize("code", sorted(UNKNOWN))
def test_a_currency_is_refused_rather_than_guessed_at(code: str) -> None:
    with pytest.raises(InvalidInput, match=f"Stripe does not take {code}"):
        decimals(currency(code))
    with pytest.raises(InvalidInput, match=f"Stripe does not take {code}"):
        check_api_amount(1000, currency(code))


@pytest.mark.parametrize(
    ("amount", "integer"),
    [
        ("10 USD", 1000),
        ("9.99 USD", 999),
        ("500 JPY", 500),
        ("10.45 HUF", 1045),
        ("800.45 TWD", 80045),
        ("5 ISK", 500),
        ("5 UGX", 500),
        ("5 MGA", 5),
        ("1.230 BHD", 1230),
        ("5 TND", 5000),
        ("0 USD", 0),
        ("-9.99 USD", -999),
        ("-5 ISK", -500),
    ],
)
def test_money_becomes_the_integer_that_says_the_same_to_stripe(amount: str, integer: int) -> None:
    assert api_amount(money(amount)) == integer
    assert from_api_amount(integer, money(amount).currency) == money(amount)


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("5.124 KWD", "5120 or 5130, not 5124"),
        ("-5.124 KWD", "-5130 or -5120, not -5124"),
        ("10.50 MGA", "whole units only"),
        ("1 IQD", "does not take IQD"),
    ],
)
def test_what_stripe_cannot_take_is_refused_with_what_it_can(amount: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        api_amount(money(amount))


@pytest.mark.parametrize(
    ("integer", "code"),
    [(4010, "ISK"), (4001, "UGX"), (50, "UGX")]
    + [(5124, code) for code in ("BHD", "JOD", "KWD", "OMR", "TND")],
)
def test_an_integer_that_stripe_refuses_is_refused(integer: int, code: str) -> None:
    with pytest.raises(InvalidInput, match="in steps of"):
        check_api_amount(integer, currency(code))


@pytest.mark.parametrize("code", ["HUF", "TWD"])
def test_forint_and_taiwan_dollar_are_paid_out_whole(code: str) -> None:
    unit = currency(code)
    assert check_api_amount(1045, unit) == 1045
    assert check_api_amount(1000, unit, payout=True) == 1000
    with pytest.raises(InvalidInput, match="1000 or 1100, not 1045"):
        check_api_amount(1045, unit, payout=True)
    with pytest.raises(InvalidInput, match="payouts"):
        api_amount(Money(1045, unit), payout=True)


@pytest.mark.parametrize("integer", [True, 10.0, "10", None, Decimal(10)])
def test_an_api_amount_is_an_int(integer: Any) -> None:
    for refuse in (check_api_amount, from_api_amount):
        with pytest.raises(InvalidInput, match="is an int"):
            refuse(integer, currency("USD"))


def test_no_amount_has_more_than_twelve_digits() -> None:
    assert check_api_amount(10**12 - 1, currency("IDR")) == 10**12 - 1
    for integer in (10**12, -(10**12), 10**40):
        with pytest.raises(OutOfBounds):
            check_api_amount(integer, currency("IDR"))


def test_a_fraction_that_a_currency_does_not_have_is_not_read() -> None:
    with pytest.raises(InvalidInput, match="no whole number of units"):
        from_api_amount(4010, currency("ISK"))


@given(taken, st.integers(-(10**9), 10**9))
def test_each_amount_is_read_back_as_it_was_sent(unit: Currency, minor: int) -> None:
    amount = Money(minor, unit)
    try:
        integer = api_amount(amount)
    except InvalidInput:
        assert unit.code == "MGA" or unit.decimals == 3
        return
    assert from_api_amount(integer, unit) == amount


# --- the nearest ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "allowed", "nearest"),
    [
        ("5.124 KWD", (5120, 5130), 5120),
        ("5.125 KWD", (5120, 5130), 5130),
        ("5.1249 KWD", (5120, 5130), 5120),
        ("-5.125 KWD", (-5130, -5120), -5130),
        ("5.120 KWD", (5120,), 5120),
        ("0.001 BHD", (0, 10), 0),
        ("40.10 ISK", (4000, 4100), 4000),
        ("40.50 UGX", (4000, 4100), 4100),
        ("10.50 MGA", (10, 11), 11),
        ("0.5 JPY", (0, 1), 1),
        ("9.994 USD", (999, 1000), 999),
        ("9.99 USD", (999,), 999),
    ],
)
def test_the_amounts_next_to_an_exact_one_and_the_nearest_of_them(
    amount: str, allowed: tuple[int, ...], nearest: int
) -> None:
    assert allowed_api_amounts(*exact(amount)) == allowed
    assert nearest_api_amount(*exact(amount)) == nearest


@given(taken, st.decimals(-(10**8), 10**8, places=3))
def test_the_nearest_is_one_of_the_allowed_and_stripe_takes_them_all(
    unit: Currency, minor: Decimal
) -> None:
    allowed = allowed_api_amounts(minor, unit)
    assert nearest_api_amount(minor, unit) in allowed
    assert len(allowed) == len(set(allowed)) <= 2
    assert [check_api_amount(each, unit) for each in allowed] == sorted(allowed)


@pytest.mark.parametrize("minor", ["NaN", "Infinity", "1e1000000", "1e13"])
def test_no_amount_is_next_to_what_is_out_of_bounds(minor: str) -> None:
    for find in (allowed_api_amounts, nearest_api_amount):
        with pytest.raises((OutOfBounds, InvalidNumber)):
            find(Decimal(minor), currency("KWD"))


# --- intervals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cadence", "count"),
    [
        (Cadence("month", 3), 3),
        (Cadence("year"), 1),
        (Cadence("year", 3), 3),
        (Cadence("month", 36), 36),
        (Cadence("week", 156), 156),
        (Cadence("day", 1095), 1095),
    ],
)
def test_a_cadence_is_said_as_interval_and_count(cadence: Cadence, count: int) -> None:
    assert recurring(cadence) == {"interval": cadence.interval, "interval_count": count}


@pytest.mark.parametrize(
    "cadence",
    [Cadence("year", 4), Cadence("month", 37), Cadence("week", 157), Cadence("day", 1096)],
)
def test_more_than_three_years_at_a_time_are_refused(cadence: Cadence) -> None:
    with pytest.raises(InvalidInput, match="at most three years"):
        recurring(cadence)
