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
from tallystick.errors import InvalidInput, InvalidNumber

EUR, JPY, KWD = map(currency, ("EUR", "JPY", "KWD"))

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


@pytest.mark.parametrize(
    ("percent", "note", "why"), [("0", "charity", "a note that is none"), ("20", "exempt", "not 0")]
)
def test_a_note_says_why_nothing_is_taken(percent: str, note: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        TaxRate("VAT", Decimal(percent), note=note)
    assert TaxRate("", Decimal(0), note="exempt") != TaxRate("", Decimal(0))


# --- sharing out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whole", "exact", "parts"),
    [
        (5, ["1.5", "1.5", "1.5"], [2, 2, 1]),
        (-5, ["-1.5", "-1.5", "-1.5"], [-2, -2, -1]),
        (4, ["1.4", "1.4", "1.4"], [2, 1, 1]),
        (1000, ["1000", "0"], [1000, 0]),
        (500, ["1000", "-500"], [1000, -500]),
        (1, ["2000", "-1999.4"], [2000, -1999]),  # 20 % of 100.00 and of -99.97
        (0, ["2000", "-1999.6"], [2000, -2000]),
        (0, ["0.4", "-0.4"], [0, 0]),
        (0, [], []),
    ],
)
def test_a_tax_is_shared_out_by_largest_remainder(
    whole: int, exact: list[str], parts: list[int]
) -> None:
    assert [each.minor for each in share(Money(whole, EUR), list(map(Fraction, exact)))] == parts


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1), percents)
def test_a_shared_tax_adds_up_and_each_line_has_its_own_to_the_minor_unit(
    minor: list[int], percent: Decimal
) -> None:
    whole = tax(Money(sum(minor), EUR), [TaxRate("t", percent)]).total_tax
    exact = [Fraction(line) * Fraction(percent) / 100 for line in minor]
    parts = share(whole, exact)
    assert Money.total(parts, EUR) == whole
    for part, own in zip(parts, exact, strict=True):
        assert abs(part.minor - own) < 1
    assert share(-whole, [-own for own in exact]) == tuple(-part for part in parts)


def test_a_tax_that_the_lines_do_not_bear_cannot_be_shared_out() -> None:
    with pytest.raises(InvalidInput, match="cannot bear"):
        share(eur("1.00"), [Fraction(500), Fraction(-500)])
    with pytest.raises(InvalidInput, match="cannot bear"):
        share(eur("1.00"), [])
