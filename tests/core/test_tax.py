"""Tax: each rate once on the taxable sum, shared out to the lines."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.number import round_quotient
from tallystick.core.tax import TaxRate, share, tax
from tallystick.errors import CurrencyMismatch, InvalidInput, InvalidNumber

EUR, USD, JPY, KWD = map(currency, ("EUR", "USD", "JPY", "KWD"))

percents = st.decimals(0, 100, places=5)
minors = st.integers(-(10**12), 10**12)


def eur(text: str) -> Money:
    return Money.parse(text, EUR)


def rate(percent: str, *, inclusive: bool = False) -> TaxRate:
    return TaxRate(percent, Decimal(percent), inclusive=inclusive)


@pytest.mark.parametrize(
    ("taxable", "rates", "taxes"),
    [
        ("100.00", ["8.875"], ["8.88"]),
        ("99.99", ["20"], ["20.00"]),
        ("123.45", ["7.25"], ["8.95"]),
        ("1.00", ["0.1"], ["0.00"]),
        ("99.99", ["8.875", "2.125", "0.5"], ["8.87", "2.12", "0.50"]),
        ("10.00", ["12", "5"], ["1.20", "0.50"]),
        ("-99.99", ["20"], ["-20.00"]),
        ("0.00", ["20"], ["0.00"]),
        ("10.00", ["0"], ["0.00"]),
        ("10.00", [], []),
        ("100.00", ["0.000000000000000001"], ["0.00"]),
    ],
)
def test_each_rate_is_rounded_once(taxable: str, rates: list[str], taxes: list[str]) -> None:
    taxed = tax(eur(taxable), [rate(percent) for percent in rates])
    assert [each.amount for each in taxed.taxes] == [eur(amount) for amount in taxes]
    assert [each.rate.name for each in taxed.taxes] == rates
    assert taxed.total_tax == Money.total(map(eur, taxes), EUR)
    assert (taxed.net, taxed.gross) == (eur(taxable), eur(taxable) + taxed.total_tax)


@pytest.mark.parametrize(
    ("minor", "unit", "percent", "taken"),
    [(999, JPY, "10.5", 105), (1000, JPY, "8", 80), (10_005, KWD, "5", 500), (50, JPY, "1", 1)],
)
def test_a_tax_has_the_decimals_of_its_currency(
    minor: int, unit: Any, percent: str, taken: int
) -> None:
    assert tax(Money(minor, unit), [rate(percent)]).total_tax == Money(taken, unit)


@pytest.mark.parametrize(
    ("gross", "rates", "net", "taxes"),
    [
        ("121.00", ["21"], "100.00", ["21.00"]),
        ("100.00", ["20"], "83.33", ["16.67"]),
        ("-100.00", ["20"], "-83.33", ["-16.67"]),
        ("115.00", ["10", "5"], "100.00", ["10.00", "5.00"]),
        ("100.00", ["5", "9.975"], "86.97", ["4.35", "8.68"]),
    ],
)
def test_inclusive_rates_come_out_of_one_common_net(
    gross: str, rates: list[str], net: str, taxes: list[str]
) -> None:
    taxed = tax(eur(gross), [rate(percent, inclusive=True) for percent in rates])
    assert taxed.net == eur(net)
    assert [each.amount for each in taxed.taxes] == [eur(amount) for amount in taxes]
    assert taxed.gross == eur(gross)


def test_an_exclusive_rate_beside_an_inclusive_one_is_taken_on_the_net() -> None:
    taxed = tax(eur("121.00"), [rate("10"), rate("21", inclusive=True)])
    assert [each.amount for each in taxed.taxes] == [eur("10.00"), eur("21.00")]
    assert (taxed.net, taxed.gross) == (eur("100.00"), eur("131.00"))


@given(minors, st.lists(st.tuples(percents, st.booleans()), max_size=5))
def test_net_and_taxes_add_up_and_mirror(minor: int, rates: list[tuple[Decimal, bool]]) -> None:
    asked = [TaxRate("t", percent, inclusive=inside) for percent, inside in rates]
    taxed, mirror = tax(Money(minor, EUR), asked), tax(Money(-minor, EUR), asked)
    inside = [each.amount for each in taxed.taxes if each.rate.inclusive]
    assert taxed.net + Money.total(inside, EUR) == Money(minor, EUR)
    assert (mirror.net, mirror.total_tax) == (-taxed.net, -taxed.total_tax)
    for each in taxed.taxes:
        if not each.rate.inclusive:
            exact = Fraction(taxed.net.minor) * Fraction(each.rate.percent) / 100
            assert each.amount.minor == round_quotient(exact)


@pytest.mark.parametrize("percent", ["-1", "-0.000001"])
def test_no_rate_is_below_zero(percent: str) -> None:
    with pytest.raises(InvalidInput, match="below zero"):
        rate(percent)


@pytest.mark.parametrize("percent", [20, 20.0, "20", None, *map(Decimal, ("NaN", "1e99", "1e-19"))])
def test_a_rate_is_a_finite_number_of_some_digits(percent: Any) -> None:
    with pytest.raises(InvalidNumber):
        TaxRate("VAT", percent)


# --- sharing out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whole", "lines", "parts"),
    [
        ("0.05", ["1.00", "1.00", "1.00"], ["0.02", "0.02", "0.01"]),
        ("-0.05", ["-1.00", "-1.00", "-1.00"], ["-0.02", "-0.02", "-0.01"]),
        ("10.00", ["100.00", "0.00"], ["10.00", "0.00"]),
        ("5.00", ["100.00", "-50.00"], ["10.00", "-5.00"]),
        ("-5.00", ["-100.00", "50.00"], ["-10.00", "5.00"]),
        ("0.00", ["5.00", "-5.00"], ["0.00", "0.00"]),
        ("0.00", [], []),
    ],
)
def test_a_tax_is_shared_out_by_largest_remainder(
    whole: str, lines: list[str], parts: list[str]
) -> None:
    assert share(eur(whole), list(map(eur, lines))) == tuple(map(eur, parts))


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1).filter(lambda each: sum(each) != 0), percents
)
def test_a_shared_tax_adds_up_and_each_line_has_its_own_to_the_minor_unit(
    minor: list[int], percent: Decimal
) -> None:
    lines = [Money(each, EUR) for each in minor]
    whole = tax(Money.total(lines, EUR), [TaxRate("t", percent)]).total_tax
    parts = share(whole, lines)
    assert Money.total(parts, EUR) == whole
    for part, line in zip(parts, lines, strict=True):
        assert abs(part.minor - Fraction(whole.minor * line.minor, sum(minor))) < 1
    assert share(-whole, [-line for line in lines]) == tuple(-part for part in parts)
    if min(minor) > 0:
        assert parts == whole.split(minor)


def test_a_tax_on_nothing_cannot_be_shared_out() -> None:
    with pytest.raises(InvalidInput, match="add up to nothing"):
        share(eur("1.00"), [eur("5.00"), eur("-5.00")])
    with pytest.raises(InvalidInput, match="add up to nothing"):
        share(eur("1.00"), [])


def test_lines_of_another_currency_carry_no_part_of_a_tax() -> None:
    with pytest.raises(CurrencyMismatch):
        share(eur("1.00"), [Money(100, USD)])
