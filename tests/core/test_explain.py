"""The printed sums, redone with nothing but what is printed."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.explain import explain
from tallystick.core.money import Money
from tallystick.core.price import (
    Conversion,
    Dynamic,
    FixedOff,
    Flat,
    Graduated,
    Percentage,
    PercentOff,
    PerUnit,
    Price,
    Volume,
)
from tallystick.core.rating import Earlier, Priced, Quantity, rate
from tests.core.rating.words import (
    AMOUNTS,
    JPY,
    QUANTITIES,
    SHAPES,
    USD,
    d,
    decimals,
    price,
    tiers,
    transactions,
    units,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.price import Shape

NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?")
MULTIPLE = re.compile(
    r", (rounded up|rounded down|rounded half away from zero) to a multiple of ([0-9.,]+)$"
)


def numbers(text: str) -> list[Decimal]:
    return [Decimal(found.replace(",", "")) for found in NUMBER.findall(text)]


def half_away(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2)) if exact >= 0 else -floor(-exact + Fraction(1, 2))


def redo(left: str) -> Fraction:
    """Type what stands left of the `=` into a calculator that knows × and ÷ before + and -."""
    rounding = MULTIPLE.search(left)
    left = MULTIPLE.sub("", left).replace(",", "")
    words = [word for word in left.split() if re.fullmatch(r"-?[0-9.]+|[-+×÷]", word)]
    terms, sign = [Fraction(words[0])], "+"
    for sign, figure in zip(words[1::2], words[2::2], strict=True):
        value = Fraction(figure)
        if sign == "\N{MULTIPLICATION SIGN}":
            terms[-1] *= value
        elif sign == "\N{DIVISION SIGN}":
            terms[-1] /= value
        else:
            terms.append(value if sign == "+" else -value)
    result = sum(terms, Fraction(0))
    if rounding is None:
        return result
    to = Fraction(rounding[2].replace(",", ""))
    ways: dict[str, Callable[[Fraction], int]] = {"up": ceil, "down": floor, "half": half_away}
    return ways[rounding[1].split()[1]](result / to) * to


def checked(texts: tuple[str, ...], label: str, decimals_of_currency: int = 2) -> Decimal:
    """Redo each sum, and give the last figure."""
    last = Decimal(0)
    for text in texts:
        assert text.startswith(f"{label}  ")
        body = text.removeprefix(f"{label}  ")
        body = body.rsplit(": ", 1)[-1]
        left, _, right = body.rpartition(" = ")
        last = numbers(right)[0]
        if "rounded half away from zero" in text and "multiple" not in text:
            exact = Fraction(numbers(left or right)[0]) * 10**decimals_of_currency
            assert half_away(exact) == Fraction(last) * 10**decimals_of_currency
        elif "kept to 12 decimals" in text:
            assert abs(redo(left.replace(", kept to 12 decimals", "")) - Fraction(last)) < Fraction(
                1, 10**12
            )
        elif left:
            assert redo(left) == Fraction(last), text
    return last


def test_the_sum_reads_like_a_receipt() -> None:
    calls = Price(
        id="p",
        name="apiRequests",
        currency=USD,
        shape=PerUnit(d("0.02")),
        included=d(1_000_000),
    )
    assert explain(rate(calls, units(1_250_000))) == (
        "apiRequests  1,250,000 - 1,000,000 included = 250,000",
        "apiRequests  250,000 × 0.0002 USD = 50.00 USD",
        "apiRequests  rounded half away from zero: 50.00 USD",
    )


def test_a_slice_shows_the_sums_to_date_and_what_was_billed() -> None:
    stairs = price(Graduated(tiers((10, 100, 500), (None, 50, 0))), maximum=d(1600))
    line = rate(stairs, units(15), earlier=Earlier(units(4), Money(900, USD)))
    assert [text.removeprefix("calls  ") for text in explain(line)] == [
        "tier 1 units: 10 × 1.00 USD = 10.00 USD",
        "tier 1 flat fee: 1 × 5.00 USD = 5.00 USD",
        "tier 2 units: 5 × 0.50 USD = 2.50 USD",
        "sum: 10.00 USD + 5.00 USD + 2.50 USD = 17.50 USD",
        "no more than the maximum: 17.50 USD - 1.50 USD = 16.00 USD",
        "rounded half away from zero: 16.00 USD",
        "16.00 USD - 9.00 USD billed earlier = 7.00 USD",
    ]


def test_a_percentage_is_a_share_of_money() -> None:
    fee = price(Percentage(d("1.3"), d(200), None, d(25000)))
    line = rate(fee, transactions(5000, 10000, 25000, 40000, -1))
    assert [text.removeprefix("calls  ") for text in explain(line)] == [
        "5 - 1 transactions given back = 4",
        "percentage: 550.00 USD × 0.013 = 7.15 USD",
        "fixed fees: 2 × 2.00 USD = 4.00 USD",
        "sum: 7.15 USD + 4.00 USD = 11.15 USD",
        "rounded half away from zero: 11.15 USD",
    ]


def test_steps_that_change_nothing_by_a_sum_say_so_in_words() -> None:
    volume = price(Volume(tiers((None, 5, 0))), included=d(10))
    assert explain(rate(volume, units(4), last=False)) == (
        "calls  4 within 10 included: 0",
        "calls  volume tiers are settled at the period's end: 0",
    )
    seats = price(PerUnit(d(500)), minimum_quantity=d(3))
    assert explain(rate(seats, units(-2)))[:2] == (
        "calls  -2 is below zero and counts as nothing: 0",
        "calls  0 is below the minimum quantity: 3",
    )
    refund = rate(price(Dynamic()), Priced(d(2), d(-150)))
    assert explain(refund)[0] == "calls  -1.50 USD is below zero and counts as nothing: 0"


def test_a_currency_without_decimals_is_written_without_them() -> None:
    yen = Price(id="fee", currency=JPY, shape=Flat(d("1234.5")))
    assert explain(rate(yen, units(1))) == (
        "fee  flat fee: 1 × 1,234.5 JPY = 1,234.5 JPY",
        "fee  rounded half away from zero: 1,234.5 JPY = 1,235 JPY",
    )


def test_a_quotient_without_end_says_where_it_was_cut() -> None:
    third = price(PerUnit(d(300)), convert=Conversion("divide", d(3)))
    assert "kept to 12 decimals" in explain(rate(third, units(1)))[0]
    assert "kept" not in explain(rate(third, units(6)))[0]


AROUND = st.fixed_dictionaries(
    {
        "convert": st.none()
        | st.builds(
            Conversion,
            st.sampled_from(["multiply", "divide"]),
            decimals(0, 100, 2).filter(bool),
            st.sampled_from(["none", "ceiling", "floor", "half_up"]),
            decimals(0, 20, 2).filter(bool),
        ),
        "included": QUANTITIES | st.just(Decimal(0)),
        "discount": st.none() | decimals(0, 100, 2).map(PercentOff) | AMOUNTS.map(FixedOff),
        "minimum": st.none() | AMOUNTS,
        "maximum": st.none() | AMOUNTS,
        "allow_negative": st.booleans(),
    }
)


@given(SHAPES, QUANTITIES | QUANTITIES.map(Decimal.copy_negate), AROUND)
def test_a_person_who_redoes_the_printed_sums_gets_the_line(
    shape: Shape, quantity: Decimal, around: dict[str, Any]
) -> None:
    line = rate(price(shape, **around), Quantity(quantity))
    assert checked(explain(line), "calls") == line.amount.major
