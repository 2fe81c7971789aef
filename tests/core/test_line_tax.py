"""Taxes on lines: each rate once on its lines, all of them given back in whatever parts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.currency import currency
from tallystick.core.invoice import InvoiceLine
from tallystick.core.line_tax import (
    NOTHING,
    Invoiced,
    tax_given_back,
    tax_lines,
    taxed_line,
    taxes_by_rate,
    taxes_of,
)
from tallystick.core.money import Money
from tallystick.core.number import round_quotient
from tallystick.core.tax import Tax, TaxRate, tax

UNITS = tuple(map(currency, ("JPY", "EUR", "KWD", "CLF")))
EUR = UNITS[1]
VAT = TaxRate("VAT", Decimal(20))
LOW = TaxRate("VAT", Decimal(10))
INSIDE = TaxRate("GST", Decimal(5), inclusive=True)
QST = TaxRate("QST", Decimal("9.975"))
EXEMPT = TaxRate("", Decimal(0), note="exempt")
RATES = (VAT, LOW, INSIDE, QST, EXEMPT, TaxRate("IVA", Decimal(21), inclusive=True))

some_rates = st.lists(st.sampled_from(RATES), unique=True, max_size=4).map(tuple)
units = st.sampled_from(UNITS)


def line(minor: int, unit: Any = EUR, discount: int = 0) -> InvoiceLine:
    zero = Money.zero(unit)
    return InvoiceLine(
        kind="fee",
        description="Pro",
        price="pro",
        quantity=Decimal(1),
        billed=Decimal(1),
        amount=Money(minor, unit),
        discount=Money(discount, unit),
        credit=zero,
        tax=zero,
    )


def taxed(*priced: tuple[int, tuple[TaxRate, ...]], unit: Any = EUR) -> list[InvoiceLine]:
    """Tax lines of so many minor units, each with its rates."""
    lines = [line(minor, unit) for minor, _ in priced]
    found = tax_lines([each.amount for each in lines], [rates for _, rates in priced])
    return [taxed_line(each, taxes) for each, taxes in zip(lines, found, strict=True)]


def by_rate(lines: list[InvoiceLine]) -> list[tuple[str, str, str]]:
    rows = taxes_by_rate(lines)
    return [(f"{each.percent:f}", str(each.taxable.major), str(each.amount.major)) for each in rows]


# --- taking ---------------------------------------------------------------------------------------


def test_a_rate_is_rounded_once_on_the_lines_it_applies_to() -> None:
    lines = taxed((3, (VAT,)), (3, (LOW,)), (3, (VAT,)))
    assert by_rate(lines) == [("20", "0.06", "0.01"), ("10", "0.03", "0.00")]  # 1.2 and 0.3
    assert [each.tax.minor for each in lines] == [1, 0, 0]


def test_one_rate_stands_on_lines_that_have_others_too() -> None:
    lines = taxed((9999, (VAT, QST)), (5000, (VAT,)))
    assert by_rate(lines) == [("20", "149.99", "30.00"), ("9.975", "99.99", "9.97")]
    assert [each.tax.minor for each in lines] == [2000 + 997, 1000]


def test_an_inclusive_tax_is_in_the_line_and_not_added_to_it() -> None:
    (only,) = taxed((10_500, (INSIDE, VAT)))
    assert by_rate([only]) == [("5", "100.00", "5.00"), ("20", "100.00", "20.00")]
    assert only.tax.minor == 2000
    assert only.amount.minor == 10_500


@given(units, st.lists(st.tuples(st.integers(-(10**9), 10**9), some_rates), max_size=8))
def test_taxes_add_up_by_line_and_by_rate(
    unit: Any, priced: list[tuple[int, tuple[TaxRate, ...]]]
) -> None:
    lines = taxed(*priced, unit=unit)
    rows = taxes_by_rate(lines)
    added = sum(each.amount.minor for each in rows if not each.inclusive)
    assert sum(each.tax.minor for each in lines) == added
    for row in rows:
        rate = TaxRate(row.name, row.percent, inclusive=row.inclusive, note=row.note)
        own = [each.amount for one in lines for each in taxes_of(one) if each.rate == rate]
        assert Money.total(own, unit) == row.amount
        if not row.inclusive:
            exact = Fraction(row.taxable.minor) * Fraction(row.percent) / 100
            assert row.amount.minor == round_quotient(exact)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=6), some_rates)
def test_lines_of_one_kind_are_taxed_as_their_sum(minors: list[int], rates: Any) -> None:
    rows = taxes_by_rate(taxed(*((minor, rates) for minor in minors)))
    whole = tax(Money(sum(minors), EUR), rates)
    assert [each.amount for each in rows] == [each.amount for each in whole.taxes]
    assert all(each.taxable == whole.net for each in rows)


@given(st.lists(st.tuples(st.integers(-(10**6), 10**6), some_rates), max_size=6))
def test_all_turned_around_is_taxed_turned_around(priced: Any) -> None:
    lines = taxed(*priced)
    mirror = taxed(*((-minor, rates) for minor, rates in priced))
    assert [each.tax for each in mirror] == [-each.tax for each in lines]


def test_what_has_no_rates_is_not_taxed() -> None:
    assert tax_lines([], []) == ()
    assert taxed((100, ())) == [line(100)]
    assert taxes_by_rate([line(100)]) == ()


def test_taxes_are_read_again_as_they_were_written() -> None:
    (only,) = taxed((10_000, (INSIDE, EXEMPT, QST)))
    assert [each.rate for each in taxes_of(only)] == [INSIDE, EXEMPT, QST]
    assert only.evidence["taxes"][1] == {
        "name": "",
        "percent": "0",
        "amount": 0,
        "note": "exempt",
    }


def test_a_discount_is_not_taxed() -> None:
    reduced = taxed_line(line(10_000, discount=5000), [Tax(VAT, Money(1000, EUR))])
    (row,) = taxes_by_rate([reduced])
    assert (row.taxable.minor, row.amount.minor) == (5000, 1000)


# --- giving back ----------------------------------------------------------------------------------


@given(
    st.integers(1, 10**7),
    some_rates,
    st.lists(st.integers(1, 10**6), min_size=1, max_size=8),
)
def test_parts_that_are_given_back_add_up_to_the_tax_that_was_invoiced(
    minor: int, rates: Any, weights: list[int]
) -> None:
    (only,) = taxed((minor, rates))
    taxes = taxes_of(only)
    given_ = [0] * len(taxes)
    so_far = 0
    for part in Money(minor, EUR).split(weights):
        so_far += part.minor
        back = tax_given_back(taxes, Fraction(so_far, minor), given_)
        for place, each in enumerate(back):
            assert each.rate == taxes[place].rate
            given_[place] -= each.amount.minor
            assert 0 <= given_[place] <= taxes[place].amount.minor
    assert given_ == [each.amount.minor for each in taxes]


@given(st.integers(1, 10**6), st.integers(1, 10**6), some_rates)
def test_what_is_added_to_a_part_is_its_share_of_what_was_added(
    minor: int, part: int, rates: Any
) -> None:
    part = min(part, minor)
    (only,) = taxed((minor, rates))
    back = tax_given_back(taxes_of(only), Fraction(part, minor), [0] * len(rates))
    added = -sum(each.amount.minor for each in back if not each.rate.inclusive)
    assert added == round_quotient(Fraction(part * only.tax.minor, minor))


def test_a_fee_knows_what_is_left_of_it() -> None:
    fee = Invoiced(sold=3000, taxes=(Tax(VAT, Money(600, EUR)),), given=833, given_taxes=(167,))
    assert fee.left == 2167
    (back,) = fee.taxes_of(1500)
    assert back.amount.minor == -300  # 600 × 2333 / 3000 = 467, of which 167 were given
    (rest,) = fee.taxes_of(2167)
    assert rest.amount.minor == -433
    assert replace(fee, given=5000).left == 0
    assert Invoiced(sold=0).taxes_of(0) == ()


def test_lines_that_were_billed_are_taken_together() -> None:
    first, second = taxed((1000, (VAT,)), (500, (LOW, QST)))
    both = NOTHING.plus(first).plus(second).plus(taxed((100, (VAT,)))[0])
    assert both.sold == 1600
    assert [(each.rate, each.amount.minor) for each in both.taxes] == [
        (VAT, 220),
        (LOW, 50),
        (QST, 50),
    ]
    assert [each.amount.minor for each in both.taxes_of(1600)] == [-220, -50, -50]


@pytest.mark.parametrize("unit", UNITS, ids=lambda each: each.code)
def test_an_amount_has_the_decimals_of_its_currency(unit: Any) -> None:
    (only,) = taxed((10_005, (LOW,)), unit=unit)
    assert only.tax == Money(1001, unit)
