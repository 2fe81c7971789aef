"""What stands around a shape."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.price import Conversion, FixedOff, PercentOff
from tallystick.core.rating.modifiers import (
    Allowance,
    BoundLine,
    above,
    allowance,
    bound_spend,
    convert,
    discounted,
    quotient,
    true_up,
)
from tallystick.errors import InvalidInput
from tests.core.rating.words import AMOUNTS, QUANTITIES, d, decimals

Rounding = Literal["none", "ceiling", "floor", "half_up"]


@pytest.mark.parametrize(
    ("rule", "quantity", "billed"),
    [
        (("multiply", "1.2", "none", "1"), "10", "12"),
        (("divide", "1000", "ceiling", "1"), "1400", "2"),
        (("divide", "1000", "floor", "1"), "1900", "1"),
        (("divide", "1000", "half_up", "1"), "1500", "2"),
        (("divide", "1000", "half_up", "1"), "1499.999", "1"),
        (("divide", "1000", "none", "1"), "1400", "1.4"),
        (("divide", "3", "none", "1"), "1", "0.333333333333"),
        (("divide", "3", "none", "1"), "2", "0.666666666667"),
        (("divide", "3", "ceiling", "1"), "1000", "334"),
        (("divide", "3", "ceiling", "1"), "999", "333"),
        (("multiply", "1", "ceiling", "1000"), "99500", "100000"),
        (("multiply", "1", "ceiling", "1000"), "150000", "150000"),
        (("multiply", "1", "floor", "0.5"), "2.7", "2.5"),
        (("multiply", "3", "half_up", "0.25"), "0.125", "0.5"),
        (("divide", "60", "ceiling", "0.1"), "61", "1.1"),
        (("divide", "1000", "ceiling", "1"), "0", "0"),
        # The exact quotient rounds up, its first twelve decimals would not.
        (("divide", "1000000000000000", "ceiling", "1"), "2000000000000000.1", "3"),
    ],
)
def test_units_are_converted_then_rounded_to_a_multiple(
    rule: tuple[Literal["multiply", "divide"], str, Rounding, str], quantity: str, billed: str
) -> None:
    operation, factor, rounding, to = rule
    assert convert(Conversion(operation, d(factor), rounding, d(to)), d(quantity)) == d(billed)


@pytest.mark.parametrize(
    "rule",
    [Conversion("divide", d(figure), "none", d(1)) for figure in (0, -1, "NaN", "Infinity")]
    + [Conversion(to=d(0))],
)
def test_a_conversion_by_nothing_is_refused(rule: Conversion) -> None:
    with pytest.raises(InvalidInput, match="above zero"):
        convert(rule, d(1))


@given(
    QUANTITIES,
    decimals(0, 1000, 3).filter(bool),
    decimals(0, 50, 2).filter(bool),
    st.sampled_from(["ceiling", "floor", "half_up"]),
)
def test_the_rounding_looks_at_the_exact_quotient(
    quantity: Decimal, factor: Decimal, to: Decimal, rounding: Rounding
) -> None:
    exact = Fraction(quantity) / Fraction(factor) / Fraction(to)
    whole = {
        "ceiling": ceil(exact),
        "floor": floor(exact),
        "half_up": floor(exact + Fraction(1, 2)),
    }
    billed = convert(Conversion("divide", factor, rounding, to), quantity)
    assert Fraction(billed) == whole[rounding] * Fraction(to)


def test_a_quotient_that_ends_is_exact_however_long() -> None:
    assert quotient(d(1), d(2**40)) == Decimal(5**40).scaleb(-40)
    assert quotient(d(-1), d(3)) == d("-0.333333333333")


@pytest.mark.parametrize(
    ("included", "before", "now", "used", "billable"),
    [
        (10, 5, 15, 5, 10),
        (10, 0, 15, 10, 5),
        (10, 20, 15, 0, 15),
        (10, 10, 1, 0, 1),
        (10, 0, 10, 10, 0),
        (0, 0, 7, 0, 7),
        (10, 15, -10, -5, -5),
        (10, 0, -5, 0, -5),
    ],
)
def test_the_first_units_of_a_period_are_the_free_ones(
    included: int, before: int, now: int, used: int, billable: int
) -> None:
    assert allowance(d(included), d(before), d(now)) == Allowance(d(used), d(billable))


@given(QUANTITIES, st.lists(QUANTITIES, max_size=6))
def test_slices_share_the_allowance_that_the_whole_has(
    included: Decimal, slices: list[Decimal]
) -> None:
    before, used = Decimal(0), Decimal(0)
    for now in slices:
        used += allowance(included, before, now).used
        before += now
    assert used == allowance(included, Decimal(0), before).used == min(included, before)


def test_a_discount_is_a_share_or_never_more_than_there_is() -> None:
    assert discounted(PercentOff(d("12.5")), d("10.005")) == d("1.250625")
    assert discounted(FixedOff(d(30)), d(100)) == 30
    assert discounted(FixedOff(d(300)), d(100)) == 100
    assert discounted(FixedOff(d(30)), d(-100)) == -30
    assert discounted(FixedOff(d(300)), d(-100)) == -100


def test_a_maximum_bounds_a_charge_and_a_credit_alike() -> None:
    assert above(d(100), d(135)) == 35
    assert above(d(100), d(100)) == 0
    assert above(d(100), d(-135)) == -35


def test_a_true_up_closes_the_gap_only() -> None:
    assert true_up(d(1000), d(700)) == 300
    assert true_up(d(1000), d(1000)) == 0
    assert true_up(d(1000), d(1200)) == 0


def lines(*figures: tuple[str | int, str | int, str | int]) -> tuple[BoundLine, ...]:
    """Write lines as (gross, discount, net)."""
    return tuple(BoundLine(d(gross), d(off), d(net)) for gross, off, net in figures)


def test_the_maximum_takes_from_the_later_lines_first() -> None:
    bound = bound_spend([d(1500), d(700)], maximum=d(17000), billed=d(16000), last=False)
    assert bound == lines((1500, 500, 1000), (700, 700, 0))


def test_the_percentage_comes_off_before_the_maximum() -> None:
    bound = bound_spend([d(20000)], percent=d(50), maximum=d(10000), billed=d(3500))
    assert bound == lines((20000, 13500, 6500))


def test_a_period_that_is_full_already_bills_nothing_more() -> None:
    assert bound_spend([d(100)], maximum=d(50), billed=d(60)) == lines((100, 100, 0))


def test_a_credit_makes_room_again() -> None:
    bound = bound_spend([d(-40), d(100)], maximum=d(100), billed=d(100))
    assert bound == lines((-40, 0, -40), (100, 60, 40))


def test_the_minimum_is_a_line_of_its_own_in_the_last_slice() -> None:
    assert bound_spend([], minimum=d(100), last=False) == ()
    assert bound_spend([], minimum=d(100)) == (BoundLine(d(100), d(0), d(100), is_true_up=True),)
    assert bound_spend([d(40)], minimum=d(100), billed=d(30))[-1].net == 30
    assert len(bound_spend([d(100)], minimum=d(100))) == 1
    assert bound_spend([d(80)], percent=d(50), minimum=d(100))[-1].net == 60


@given(st.lists(AMOUNTS, max_size=6), AMOUNTS, AMOUNTS, AMOUNTS, decimals(0, 100, 1))
def test_what_is_paid_stands_between_the_bounds(
    gross: list[Decimal], one: Decimal, other: Decimal, billed: Decimal, percent: Decimal
) -> None:
    minimum, maximum = sorted((one, other))
    bound = bound_spend(gross, percent=percent, minimum=minimum, maximum=maximum, billed=billed)
    paid = billed + sum(line.net for line in bound)
    assert minimum <= paid <= max(maximum, billed)
    for line in bound:
        assert line.gross - line.discount == line.net
        assert 0 <= line.net <= line.gross
