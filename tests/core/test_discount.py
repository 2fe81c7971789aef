"""Coupons on rounded lines: in the order given, each on what is left."""

from __future__ import annotations

from datetime import UTC, datetime
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
from tallystick.core.period import Period
from tallystick.core.price import PercentOff
from tallystick.core.proration import TimeShare, share
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


# --- parts of a period ----------------------------------------------------------------------------

JUNE = Period(datetime(2027, 6, 1, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC))
MIDDLE = datetime(2027, 6, 16, tzinfo=UTC)
REST = Period(MIDDLE, JUNE.end)
HALF = TimeShare.remaining(JUNE, MIDDLE)


def part(name: str, amount: str, window: Period = REST, time: TimeShare = HALF) -> CouponLine:
    """Build the line of a fee for a part of June, its second half unless told."""
    return CouponLine(name, eur(amount), window=window, time=time)


def test_a_fixed_coupon_that_recurs_counts_by_the_share_of_the_period() -> None:
    # 300 and 200 a month under 90 off: 246 and 164, of which half is 123 and 82
    halves = [part("a", "150.00"), part("b", "100.00")]
    forever = fixed("x", "90.00", duration="forever")
    assert apply_coupons([forever], halves, EUR).left == (eur("123.00"), eur("82.00"))
    once = fixed("x", "90.00")
    assert apply_coupons([once], halves, EUR).discount == eur("90.00")


def test_what_is_due_for_a_part_and_for_the_next_period_have_an_amount_each() -> None:
    charged = [part("rest", "150.00"), CouponLine("next", eur("300.00"))]
    credited = CouponLine("credit", eur("-40.00"), window=REST, time=HALF)
    came = apply_coupons([fixed("x", "90.00", duration="forever")], [credited, *charged], EUR)
    assert came.by_line == (eur("0.00"), eur("45.00"), eur("90.00"))


def test_two_parts_of_one_period_share_out_the_coupon_by_time() -> None:
    later = Period(datetime(2027, 6, 21, tzinfo=UTC), JUNE.end)
    charged = [
        part("a", "150.00", window=Period(MIDDLE, later.start), time=TimeShare(5, 30)),
        part("b", "100.00", window=later, time=TimeShare(10, 30)),
    ]
    came = apply_coupons([fixed("x", "90.00", duration="forever")], charged, EUR)
    assert came.by_line == (eur("15.00"), eur("30.00"))


def test_what_a_coupon_gave_for_the_same_time_before_is_not_given_twice() -> None:
    forever = fixed("x", "90.00", duration="forever")
    for before, taken in (
        ("0.00", "45.00"),
        ("30.00", "15.00"),
        ("45.00", "0.00"),
        ("60.00", "0.00"),
    ):
        given_before = {("x", REST): eur(before), ("y", REST): eur("9.00")}
        came = apply_coupons([forever], [part("a", "150.00")], EUR, given=given_before)
        assert came.discount == eur(taken)


def test_the_rest_for_a_part_of_a_period_is_lost_too() -> None:
    charged = [part("a", "20.00"), CouponLine("next", eur("300.00"))]
    came = apply_coupons([fixed("x", "90.00", duration="forever")], charged, EUR)
    assert came.by_line == (eur("20.00"), eur("90.00"))


def test_a_percentage_knows_no_parts() -> None:
    charged = [part("a", "0.05"), CouponLine("b", eur("0.05"))]
    came = apply_coupons([percent("x", "10", duration="forever")], charged, EUR)
    assert came.discount == eur("0.01")  # of 0.10, where 0.05 each would give 0.02


@given(
    st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 3)), max_size=6),
    st.lists(st.integers(0, 10**6), max_size=3),
)
def test_over_parts_too_what_is_taken_adds_up_and_stays_within(
    charged: list[tuple[int, int]], sizes: list[int]
) -> None:
    times = (None, HALF, TimeShare(1, 3), TimeShare(0, 1))
    made = [
        CouponLine(str(i), Money(minor, EUR), window=REST if kind else None, time=times[kind])
        for i, (minor, kind) in enumerate(charged)
    ]
    coupons = [
        Coupon(id=str(i), off=(Money(size, EUR),), duration="forever")
        for i, size in enumerate(sizes)
    ]
    came = apply_coupons(coupons, made, EUR)
    assert came.total + came.discount == Money(sum(minor for minor, _ in charged), EUR)
    for line, left in zip(made, came.left, strict=True):
        assert min(line.amount.minor, 0) <= left.minor <= line.amount.minor
    for discount, size in zip(came.discounts, sizes, strict=True):
        parts = list(zip(made, discount.by_line, strict=True))
        for time in times:
            taken = sum(each.minor for line, each in parts if line.time is time)
            whole = Money(size, EUR)
            assert taken <= (whole if time is None else share(whole, time)).minor


def test_a_coupon_is_limited_to_products_and_prices() -> None:
    mixed = [
        CouponLine("a", eur("1.00"), product="suite", price="base"),
        CouponLine("b", eur("1.00"), product="suite", price="calls"),
        CouponLine("c", eur("1.00"), price="base"),
    ]
    products = percent("x", "10", products=frozenset({"suite"}))
    prices = percent("y", "10", prices=frozenset({"base"}))
    assert [each.minor for each in apply_coupons([products], mixed, EUR).by_line] == [10, 10, 0]
    assert [each.minor for each in apply_coupons([prices], mixed, EUR).by_line] == [10, 0, 10]


def test_a_coupon_of_another_currency_is_refused_even_where_it_applies_to_nothing() -> None:
    other = fixed("x", "1.00", plans=frozenset({"pro"}))
    with pytest.raises(CurrencyMismatch, match="'x' is not for USD"):
        apply_coupons([other], [], USD)
