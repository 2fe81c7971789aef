"""Coupons on rounded lines: in the order given, each on what is left."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.coupon import Coupon
from tallystick.core.currency import currency
from tallystick.core.discount import (
    CouponLine,
    apply_coupons,
    fixed_off,
    percent_off,
)
from tallystick.core.money import Money
from tallystick.core.price import PercentOff
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidNumber

EUR, USD, JPY = map(currency, ("EUR", "USD", "JPY"))


def eur(text: str) -> Money:
    return Money.parse(text, EUR)


def fixed(name: str, amount: str, **more: Any) -> Coupon:
    return Coupon(id=name, off=(eur(amount),), **more)


def percent(name: str, size: str, **more: Any) -> Coupon:
    return Coupon(id=name, off=PercentOff(Decimal(size)), **more)


def lines(*amounts: str) -> list[CouponLine]:
    return [CouponLine(str(index), eur(amount)) for index, amount in enumerate(amounts)]


# --- one figure -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exact", "size", "unit", "minor"),
    [
        ("10000", "15", USD, 1500),
        ("1000", "33.333", USD, 333),
        ("999.9", "10", JPY, 100),
        ("9999.9", "10", USD, 1000),
        ("100", "0.1", USD, 0),
        ("5", "10", USD, 1),
        ("10000", "100", USD, 10000),
        ("10000", "150", USD, 10000),
        ("9999.5", "100", USD, 10000),
        ("0", "10", USD, 0),
        ("-10000", "10", USD, 0),
        ("10000", "0", USD, 0),
    ],
)
def test_a_percentage_of_an_exact_figure_is_rounded_once(
    exact: str, size: str, unit: Any, minor: int
) -> None:
    assert percent_off(Decimal(exact), Decimal(size), unit) == Money(minor, unit)


@pytest.mark.parametrize(
    ("amount", "off", "taken"),
    [
        ("100.00", "10.00", "10.00"),
        ("10.00", "15.00", "10.00"),
        ("50.00", "50.00", "50.00"),
        ("1.00", "0.00", "0.00"),
        ("0.00", "5.00", "0.00"),
        ("-5.00", "5.00", "0.00"),
    ],
)
def test_a_fixed_discount_takes_no_more_than_there_is(amount: str, off: str, taken: str) -> None:
    assert fixed_off(eur(amount), eur(off)) == eur(taken)


def test_a_discount_never_makes_a_thing_dearer() -> None:
    for wrong in (
        lambda: fixed_off(eur("1.00"), eur("-0.01")),
        lambda: percent_off(Decimal(100), Decimal(-1), EUR),
        lambda: fixed("a", "-1.00"),
        lambda: percent("a", "-1"),
    ):
        with pytest.raises(InvalidInput):
            wrong()


@pytest.mark.parametrize("size", [20, 20.0, "20", None, Decimal("NaN"), Decimal("1e99")])
def test_a_percentage_is_a_finite_decimal(size: Any) -> None:
    with pytest.raises(InvalidNumber):
        Coupon(id="a", off=PercentOff(size))


def test_a_coupon_takes_a_percentage_or_money_off() -> None:
    wrongs: list[Any] = [Decimal(10), eur("1.00"), (), (Decimal(1),), [eur("1.00")], None]
    for wrong in wrongs:
        with pytest.raises(InvalidInput, match="PercentOff off, or Money"):
            Coupon(id="a", off=wrong)


# --- lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amounts", "coupons", "by_coupon", "by_line"),
    [
        (["0.04", "0.02"], [fixed("a", "0.12")], ["0.06"], ["0.04", "0.02"]),
        (["1.00"], [fixed("a", "0.10"), percent("b", "20")], ["0.10", "0.18"], ["0.28"]),
        (["1.00"], [percent("b", "20"), fixed("a", "0.10")], ["0.20", "0.10"], ["0.30"]),
        (["1.00", "2.00"], [fixed("a", "1.00")], ["1.00"], ["0.33", "0.67"]),
        (["100.00", "-50.00"], [fixed("a", "20.00")], ["20.00"], ["20.00", "0.00"]),
        (["49.00"], [percent("a", "20"), percent("a", "20")], ["9.80"], ["9.80"]),
        (["10.00"], [percent("a", "100"), fixed("b", "5.00")], ["10.00", "0.00"], ["10.00"]),
        (["0.00"], [fixed("a", "0.12")], ["0.00"], ["0.00"]),
        ([], [fixed("a", "0.12")], ["0.00"], []),
        (["1.00"], [], [], ["0.00"]),
    ],
)
def test_coupons_act_in_turn_on_what_is_left(
    amounts: list[str], coupons: list[Coupon], by_coupon: list[str], by_line: list[str]
) -> None:
    came = apply_coupons(coupons, lines(*amounts), EUR)
    assert [each.amount for each in came.discounts] == list(map(eur, by_coupon))
    assert came.by_line == tuple(map(eur, by_line))
    assert came.discount == Money.total(map(eur, by_coupon), EUR)
    assert came.total == Money.total(map(eur, amounts), EUR) - came.discount


def test_a_coupon_is_limited_to_plans_and_meters() -> None:
    mixed = [
        CouponLine("a", eur("1.00"), plan="pro"),
        CouponLine("b", eur("1.00"), plan="pro", meter="calls"),
        CouponLine("c", eur("1.00"), meter="calls"),
        CouponLine("d", eur("1.00")),
    ]
    taken = {
        "plan": percent("x", "10", plans=frozenset({"pro", "max"})),
        "meter": percent("x", "10", meters=frozenset({"calls"})),
        "both": percent("x", "10", plans=frozenset({"pro"}), meters=frozenset({"calls"})),
        "other": percent("x", "10", plans=frozenset({"free"})),
    }
    by_line = {
        name: [each.minor for each in apply_coupons([coupon], mixed, EUR).by_line]
        for name, coupon in taken.items()
    }
    assert by_line == {
        "plan": [10, 10, 0, 0],
        "meter": [0, 10, 10, 0],
        "both": [0, 10, 0, 0],
        "other": [0, 0, 0, 0],
    }


def test_a_line_counts_with_what_earlier_discounts_have_left_of_it() -> None:
    before = [
        CouponLine("a", eur("0.50"), discounted=eur("0.15")),
        CouponLine("b", eur("1.50"), discounted=eur("0.45")),
    ]
    came = apply_coupons([fixed("x", "0.12")], before, EUR)
    assert came.by_line == (eur("0.03"), eur("0.09"))
    assert came.total == eur("1.28")


def test_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatch):
        apply_coupons([fixed("a", "1.00")], [CouponLine("l", Money(100, USD))], USD)
    with pytest.raises(CurrencyMismatch):
        apply_coupons([], [CouponLine("l", Money(100, USD))], EUR)


amounts = st.lists(st.integers(-(10**6), 10**6), max_size=8)
offs = st.one_of(
    st.integers(0, 10**6).map(lambda minor: Money(minor, EUR)),
    st.decimals(0, 120, places=3).map(PercentOff),
)


@given(amounts, st.lists(offs, max_size=4))
def test_what_coupons_take_and_leave_adds_up_and_never_turns_a_charge_into_a_credit(
    minor: list[int], sizes: list[PercentOff | Money]
) -> None:
    charged = [CouponLine(str(i), Money(each, EUR)) for i, each in enumerate(minor)]
    coupons = [
        Coupon(id=str(i), off=off if isinstance(off, PercentOff) else (off,))
        for i, off in enumerate(sizes)
    ]
    came = apply_coupons(coupons, charged, EUR)
    assert came.total + came.discount == Money(sum(minor), EUR)
    for discount in came.discounts:
        assert Money.total(discount.by_line, EUR) == discount.amount
        assert discount.amount.minor >= 0
    for line, left, taken in zip(charged, came.left, came.by_line, strict=True):
        assert left + taken == line.amount
        assert min(line.amount.minor, 0) <= left.minor <= line.amount.minor
