"""Coupons and taxes of a whole document: what they are line by line, or lines have to tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.coupon import Coupon
from tallystick.core.currency import currency
from tallystick.core.discount import CouponLine, apply_coupons
from tallystick.core.line_tax import tax_lines
from tallystick.core.money import Money
from tallystick.core.price import PercentOff
from tallystick.core.redemption import Redemption
from tallystick.core.tax import TaxRate
from tallystick.core.whole_sum import WholeSum, offs_of, percents_of

USD = currency("USD")
AMOUNTS = st.lists(st.integers(0, 10**7), min_size=1, max_size=6)
PERCENTS = st.decimals(0, 100, places=3)
OFFS = st.lists(
    st.one_of(
        st.builds(PercentOff, PERCENTS),
        st.integers(1, 10**6).map(lambda minor: (Money(minor, USD),)),
    ),
    max_size=4,
)


def coupons(offs: list[Any]) -> list[Coupon]:
    return [Coupon(id=f"c{place}", off=off, duration="forever") for place, off in enumerate(offs)]


def redeemed(*some: Coupon) -> list[Redemption]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Redemption(id=f"r{n}", coupon=c, customer="a", redeemed_at=at) for n, c in enumerate(some)
    ]


@given(AMOUNTS, OFFS)
def test_coupons_take_off_a_sum_what_they_take_off_its_lines(
    amounts: list[int], offs: list[Any]
) -> None:
    some = coupons(offs)
    lines = [CouponLine(str(n), Money(minor, USD)) for n, minor in enumerate(amounts)]
    found = offs_of(redeemed(*some), USD)
    assert found is not None
    whole = WholeSum(USD, found)
    assert whole.discount(sum(amounts)) == apply_coupons(some, lines, USD).discount.minor


@given(AMOUNTS, st.lists(PERCENTS, max_size=4, unique=True))
def test_rates_add_to_a_sum_what_they_add_to_its_lines(
    amounts: list[int], percents: list[Decimal]
) -> None:
    rates = [TaxRate(f"r{place}", percent) for place, percent in enumerate(percents)]
    taken = tax_lines([Money(minor, USD) for minor in amounts], [rates] * len(amounts))
    tax = sum(each.amount.minor for some in taken for each in some)
    assert WholeSum(USD, (), percents).tax(sum(amounts)) == tax


def test_a_coupon_counts_once_and_one_of_some_lines_needs_lines() -> None:
    half = Coupon(id="half", off=PercentOff(Decimal(50)), duration="forever")
    found = offs_of(redeemed(half, half), USD)
    assert found == [PercentOff(Decimal(50))]
    assert WholeSum(USD, found, [Decimal(10)]).total(1_001) == 500 + 50  # half of 1001 is 501 off
    for limits in ({"plans": {"a"}}, {"products": {"a"}}, {"prices": {"a"}}, {"meters": {"a"}}):
        some: dict[str, Any] = {name: frozenset(ids) for name, ids in limits.items()}
        one = Coupon(id="one", off=PercentOff(Decimal(50)), duration="forever", **some)
        assert offs_of(redeemed(half, one), USD) is None
    assert offs_of(redeemed(Coupon(id="once", off=PercentOff(Decimal(5)))), USD) is None


def ended(**more: Any) -> str:
    """Write the end of a body as it is kept."""
    tree = {"lines": [{"evidence": {"taxes": [{"percent": "99"}]}}], "subtotal": 1_000, **more}
    return json.dumps({**tree, "total": 1_200}, separators=(",", ":"))


VAT = {"amount": 200, "name": "VAT", "percent": "20", "taxable": 1_000}


@pytest.mark.parametrize(
    ("end", "percents"),
    [
        (ended(taxes=[VAT]), ["20"]),
        (ended(taxes=[VAT, {**VAT, "percent": "1.5"}]), ["20", "1.5"]),
        (ended(taxes=[{**VAT, "inclusive": True}]), []),
        (ended(taxes=[VAT, {**VAT, "inclusive": True}]), None),
        (ended(taxes=[{**VAT, "taxable": 900}]), None),
        (ended(taxes=[{**VAT, "name": '"taxes":['}]), ["20"]),
        (None, None),
        ('"taxes":[', None),
    ],
)
def test_the_rates_are_read_where_all_lines_have_them(
    end: str | None, percents: list[str] | None
) -> None:
    wanted = None if percents is None else [Decimal(each) for each in percents]
    assert percents_of(end, 1_000) == wanted


def test_a_document_without_taxes_has_none() -> None:
    end = '"subtotal":1000,"tax":0,"total":1000}'
    assert percents_of(end, 1_000) == []
