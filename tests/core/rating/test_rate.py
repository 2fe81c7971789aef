"""The reckoning of one price, from what was measured to the rounded line."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.currency import CODES
from tallystick.core.money import Money
from tallystick.core.number import EXACT
from tallystick.core.price import (
    Conversion,
    Dynamic,
    FixedOff,
    Flat,
    Graduated,
    Package,
    Percentage,
    PercentOff,
    PerUnit,
    Price,
    Tier,
    Volume,
)
from tallystick.core.rating import (
    Earlier,
    Measured,
    Priced,
    Quantity,
    RatedLine,
    Transactions,
    rate,
)
from tallystick.errors import (
    CurrencyMismatch,
    InvalidInput,
    InvalidUsage,
    OutOfBounds,
    TallystickError,
)
from tests.core.rating.words import (
    AMOUNTS,
    GRADUATED,
    PER_UNIT,
    QUANTITIES,
    SHAPES,
    USD,
    d,
    decimals,
    price,
    rows,
    tiers,
    total,
    transactions,
    units,
)

STAIRS = Graduated(tiers((5, 0, 10000), (10, 0, 5000), (15, 500, 0), (None, 100, 0)))


def names(line: RatedLine) -> list[str]:
    return [step.name for step in line.steps]


# --- the order of the steps -----------------------------------------------------------------


def test_the_steps_come_in_the_order_of_the_house() -> None:
    full = price(
        PerUnit(d(10)),
        convert=Conversion("divide", d(1000), "ceiling"),
        included=d("0.5"),
        discount=PercentOff(d(50)),
        maximum=d(5),
        minimum=d(9),
    )
    line = rate(full, units(1400))
    assert names(line) == [
        *("convert", "included", "price", "discount", "maximum", "minimum", "round")
    ]
    assert [step.result for step in line.steps] == [2, d("1.5"), 15, d("7.5"), 5, 9, 9]


def test_free_units_come_off_the_rounded_units() -> None:
    line = rate(
        price(
            PerUnit(d(1000)), convert=Conversion("divide", d(1000), "ceiling"), included=d("0.5")
        ),
        units(1400),
    )
    assert line.measured == 1400
    assert line.billed == d("1.5")
    assert line.amount.minor == 1500


def test_a_minimum_quantity_is_charged_after_the_free_units() -> None:
    seats = price(
        Graduated(tiers((10, 200, 0), (None, 60, 0))), included=d(5), minimum_quantity=d(10)
    )
    assert rate(seats, units(3)).amount.minor == 2000
    assert rate(seats, units(20)).amount.minor == 2300


def test_the_discount_is_taken_of_the_exact_amount() -> None:
    assert rate(price(PerUnit(d("10.01")), discount=PercentOff(d(50))), units(1)).exact == d(
        "5.005"
    )
    assert rate(price(PerUnit(d(700)), discount=FixedOff(d(1000))), units(1)).amount.minor == 0


def test_the_minimum_is_owed_after_discount_and_maximum() -> None:
    bounded = price(PerUnit(d(100)), discount=PercentOff(d(50)), maximum=d(3000), minimum=d(2000))
    assert rate(bounded, units(10)).amount.minor == 2000
    assert rate(bounded, units(50)).amount.minor == 2500
    assert rate(bounded, units(500)).amount.minor == 3000


def test_a_line_is_rounded_once_and_not_tier_by_tier() -> None:
    shape = Graduated(tiers((1, "0.4", 0), (2, "0.4", 0), (None, "0.4", 0)))
    line = rate(price(shape), units(3))
    assert line.exact == d("1.2")
    assert line.amount.minor == 1


# --- below zero -----------------------------------------------------------------------------


def test_negative_usage_counts_as_nothing() -> None:
    line = rate(price(PerUnit(d(100))), units(-5))
    assert line.amount.minor == 0
    assert (line.measured, line.billed) == (-5, 0)


@pytest.mark.parametrize("shape", [STAIRS, Volume(STAIRS.tiers)])
def test_below_zero_not_even_the_first_flat_fee_is_due(shape: Graduated | Volume) -> None:
    assert rate(price(shape), units(0)).amount.minor == 10000
    line = rate(price(shape), units(-5))
    assert (line.amount.minor, line.components, line.billed) == (0, (), 0)
    assert names(line) == ["floor", "price", "round"]
    assert rate(price(shape, minimum=d(300)), units(-5)).amount.minor == 300
    assert rate(price(shape, minimum_quantity=d(3)), units(-5)).amount.minor == 10000
    assert rate(price(shape, allow_negative=True), units(-5)).amount.minor == -10000


@pytest.mark.parametrize(
    "shape",
    [
        PerUnit(d("1.5")),
        Graduated(tiers((100, 10, 7), (500, 5, 0), (None, 2, 1))),
        Volume(tiers((100, 10, 7), (500, 5, 0), (None, 2, 1))),
        Package(d(7), d(3)),
    ],
)
@pytest.mark.parametrize("quantity", ["0.3", "100", "250", "1000.01"])
def test_with_allow_negative_a_correction_is_the_mirror_of_the_charge(
    shape: Graduated | Volume | PerUnit | Package, quantity: str
) -> None:
    both = price(
        shape,
        allow_negative=True,
        convert=Conversion(rounding="ceiling", to=d(10)),
        included=d(3),
        discount=PercentOff(d(10)),
        maximum=d(900),
    )
    charge, credit = rate(both, units(quantity)), rate(both, units(f"-{quantity}"))
    assert credit.exact == -charge.exact
    assert credit.amount == -charge.amount
    assert credit.billed == -charge.billed


def test_the_minimum_is_a_floor_and_has_no_mirror() -> None:
    floor = price(PerUnit(d(10)), allow_negative=True, minimum=d(100))
    assert rate(floor, units(-5)).amount.minor == 100


# --- slices of a period ---------------------------------------------------------------------


def test_a_slice_pays_what_the_tiers_add_to_date() -> None:
    earlier = Earlier(units(12), Money(16000, USD))
    line = rate(price(STAIRS), units(22), earlier=earlier)
    assert line.amount.minor == 2200
    assert rows(line.components) == [("tier 3 units", "3", "1500"), ("tier 4 units", "7", "700")]
    assert (line.measured, line.billed, line.exact) == (10, 10, 2200)


def test_a_flat_fee_is_not_repeated_even_where_nothing_had_been_used() -> None:
    stairs = price(STAIRS)
    first = rate(stairs, units(0), last=False)
    assert first.amount.minor == 10000
    again = rate(stairs, units(3), earlier=Earlier(units(0), first.amount))
    assert again.amount.minor == 0
    assert rows(again.components) == [("tier 1 units", "3", "0")]


def test_a_slice_corrects_the_rounding_of_those_before() -> None:
    third = price(PerUnit(d("0.4")))
    amounts = []
    earlier = None
    for measured in (1, 2, 3):
        line = rate(third, units(measured), earlier=earlier, last=measured == 3)
        billed = line.amount if earlier is None else earlier.billed + line.amount
        earlier = Earlier(units(measured), billed)
        amounts.append(line.amount.minor)
    assert amounts == [0, 1, 0]


def test_a_minimum_waits_for_the_last_slice() -> None:
    committed = price(STAIRS, minimum=d(100_000), minimum_quantity=d(7))
    first = rate(committed, units(2), last=False)
    assert first.amount.minor == 10000
    last = rate(committed, units(2), earlier=Earlier(units(2), first.amount))
    assert last.amount.minor == 90000


def test_a_maximum_is_that_of_the_whole_period() -> None:
    capped = price(STAIRS, maximum=d(17000))
    line = rate(capped, units(22), earlier=Earlier(units(12), Money(16000, USD)), last=False)
    assert line.amount.minor == 1000
    assert rows(line.components)[-1] == ("above the maximum", "1", "-1200")


def test_volume_tiers_are_settled_at_the_end_of_the_period() -> None:
    volume = price(Volume(tiers((10, 100, 0), (None, 50, 0))), minimum=d(400))
    first = rate(volume, units(8), last=False)
    assert (first.amount.minor, first.components, names(first)) == (0, (), ["defer"])
    second = rate(volume, units(9), earlier=Earlier(units(8), first.amount), last=False)
    assert (second.amount.minor, second.measured) == (0, 1)
    last = rate(volume, units(20), earlier=Earlier(units(9), second.amount))
    assert last.amount.minor == 1000


def test_usage_that_was_taken_back_gives_a_credit() -> None:
    line = rate(price(PerUnit(d(10))), units(3), earlier=Earlier(units(5), Money(50, USD)))
    assert line.amount.minor == -20
    assert rows(line.components) == [("units", "-2", "-20")]


def test_what_was_billed_in_another_currency_is_refused() -> None:
    earlier = Earlier(units(5), Money(50, CODES["EUR"]))
    with pytest.raises(CurrencyMismatch):
        rate(price(PerUnit(d(10))), units(6), earlier=earlier)


@given(SHAPES, st.lists(QUANTITIES, min_size=1, max_size=5), AMOUNTS, AMOUNTS, QUANTITIES)
def test_slices_add_up_to_the_whole_for_any_cut(
    shape: Graduated, parts: list[Decimal], one: Decimal, other: Decimal, included: Decimal
) -> None:
    minimum, maximum = sorted((one, other))
    around = price(
        shape, included=included, minimum=minimum, maximum=maximum, discount=PercentOff(d("7.5"))
    )
    measured, exact, counted = Decimal(0), Decimal(0), Decimal(0)
    earlier = None
    for index, part in enumerate(parts):
        measured = EXACT.add(measured, part)
        last = index == len(parts) - 1
        line = rate(around, Quantity(measured), earlier=earlier, last=last)
        billed = line.amount if earlier is None else earlier.billed + line.amount
        earlier = Earlier(Quantity(measured), billed)
        exact, counted = EXACT.add(exact, line.exact), EXACT.add(counted, line.measured)
    whole = rate(around, Quantity(measured))
    assert earlier is not None
    assert earlier.billed == whole.amount
    assert exact == whole.exact
    assert counted == measured


# --- what always holds ----------------------------------------------------------------------

SIGNED = QUANTITIES | QUANTITIES.map(Decimal.copy_negate)
CONVERSIONS = st.builds(
    Conversion,
    st.sampled_from(["multiply", "divide"]),
    decimals(0, 100, 2).filter(bool),
    st.sampled_from(["none", "ceiling", "floor", "half_up"]),
    decimals(0, 20, 2).filter(bool),
)
PERCENTAGES = st.builds(
    Percentage,
    decimals(0, 100, 3),
    AMOUNTS,
    st.none() | st.integers(0, 5),
    st.none() | AMOUNTS,
    st.none() | AMOUNTS,
    st.none() | AMOUNTS,
)
CASES: st.SearchStrategy[tuple[Any, Measured]] = (
    st.tuples(SHAPES | AMOUNTS.map(Flat), SIGNED.map(Quantity))
    | st.tuples(PERCENTAGES, st.lists(SIGNED, max_size=6).map(tuple).map(Transactions))
    | st.tuples(decimals(0, 9, 3).map(Dynamic), st.builds(Priced, SIGNED, SIGNED))
)


AROUND = st.fixed_dictionaries(
    {
        "discount": st.none() | decimals(0, 100, 2).map(PercentOff) | AMOUNTS.map(FixedOff),
        "minimum": st.none() | AMOUNTS,
        "maximum": st.none() | AMOUNTS,
        "allow_negative": st.booleans(),
    }
)
AROUND_UNITS = st.fixed_dictionaries(
    {
        "convert": st.none() | CONVERSIONS,
        "included": QUANTITIES | st.just(Decimal(0)),
        "minimum_quantity": QUANTITIES | st.just(Decimal(0)),
    }
)


@given(CASES, AROUND, AROUND_UNITS)
def test_components_add_up_to_the_exact_figure(
    case: tuple[Any, Measured], around: dict[str, Any], around_units: dict[str, Any]
) -> None:
    shape, measured = case
    if isinstance(measured, Quantity):
        around = around | around_units
    line = rate(price(shape, **around), measured)
    assert total(line.components) == line.exact
    assert abs(Fraction(line.exact) - line.amount.minor) <= Fraction(1, 2)
    for part in line.components:
        assert Fraction(part.quantity) * Fraction(part.unit) == Fraction(part.amount)


@given(GRADUATED | PER_UNIT, QUANTITIES, QUANTITIES, QUANTITIES, AMOUNTS)
def test_more_usage_never_costs_less(
    shape: Graduated, one: Decimal, other: Decimal, included: Decimal, maximum: Decimal
) -> None:
    around = price(shape, included=included, maximum=maximum, discount=PercentOff(d(20)))
    less, more = sorted((one, other))
    assert rate(around, Quantity(less)).amount <= rate(around, Quantity(more)).amount


WILD = st.decimals(allow_nan=False, allow_infinity=False) | st.integers(0, 10**40).map(Decimal)


@given(st.tuples(WILD, WILD, WILD, WILD), st.booleans(), st.booleans())
def test_any_finite_figures_give_a_line_or_a_typed_refusal(
    figures: tuple[Decimal, Decimal, Decimal, Decimal], negative: bool, last: bool
) -> None:
    measured, unit, bound, rest = figures
    shapes: list[Any] = [
        PerUnit(unit),
        Graduated((Tier(bound, unit, rest), Tier(None, rest, unit))),
        Volume((Tier(bound, unit, rest), Tier(None, rest, unit))),
        Package(bound, unit),
        Percentage(unit, rest, 2, bound),
        Dynamic(unit),
    ]
    for shape in shapes:
        for build in (
            lambda: Quantity(measured),
            lambda: Transactions((measured, rest)),
            lambda: Priced(measured, rest),
        ):
            try:
                around = price(shape, allow_negative=negative, included=rest, maximum=bound)
                line = rate(around, build(), last=last)
            except TallystickError:
                continue
            assert total(line.components) == line.exact


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["9223372036854775808", "1e400", "1e999999"])
def test_a_figure_that_no_ledger_holds_is_refused(unit: str) -> None:
    with pytest.raises(OutOfBounds):
        rate(price(PerUnit(d(unit))), units(1))


def test_the_largest_figure_passes() -> None:
    line = rate(price(PerUnit(d(1))), units(2**63 - 1))
    assert line.amount.minor == 2**63 - 1


def test_more_digits_than_can_be_reckoned_are_refused() -> None:
    with pytest.raises(OutOfBounds, match=r"price 'calls'.*more digits"):
        rate(price(Graduated(tiers(("1e-500", 1, 0), (None, 1, 0)))), units(2))
    with pytest.raises(OutOfBounds, match="more digits"):
        rate(price(Graduated(tiers((1, "1e-500", 0), (None, 1, 0)))), units(2))


@pytest.mark.parametrize("wrong", ["NaN", "Infinity"])
def test_a_price_that_is_not_finite_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput, match="is not an amount"):
        rate(price(PerUnit(d(wrong))), units(1))


@pytest.mark.parametrize("wrong", [Decimal(5), 5, None, "5", {"quantity": 5}])
def test_what_is_no_measured_value_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidUsage, match=r"Quantity\(Decimal\(5\)\)"):
        rate(price(PerUnit(d(5))), wrong)


def test_a_price_refuses_what_it_cannot_count() -> None:
    for shape, measured in (
        (PerUnit(d(5)), transactions(5)),
        (STAIRS, Priced(d(1), d(1))),
        (Percentage(d(1)), units(5)),
        (Dynamic(), units(5)),
    ):
        with pytest.raises(InvalidUsage):
            rate(Price(id="x", currency=USD, shape=shape), measured)


def test_rating_leaves_the_default_context_alone_and_does_not_use_it() -> None:
    quantity, unit = d("123456789012345678.123456789012"), d("0.000000000123456789")
    line = rate(price(PerUnit(unit)), Quantity(quantity))
    assert Fraction(line.exact) == Fraction(quantity) * Fraction(unit)
    assert line.exact != quantity * unit
