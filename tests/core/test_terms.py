"""What an item is charged: the list, and one customer's differences from it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.canonical import price_to_tree
from tallystick.core.frozen import FrozenDict
from tallystick.core.line_item import map_usage_to_line_items
from tallystick.core.period import Cadence
from tallystick.core.price import (
    Dynamic,
    FixedOff,
    Flat,
    Graduated,
    Percentage,
    PercentOff,
    PerUnit,
)
from tallystick.core.rating import Quantity, Transactions, rate
from tallystick.core.subscription import MAIN, Item
from tallystick.core.terms import (
    MOST_SEATS,
    cadence_of_price,
    check_item,
    fitting,
    item_plan,
    prices_of,
    scaled_allowance,
)
from tallystick.errors import (
    CurrencyMismatch,
    InvalidInput,
    InvalidPeriod,
    UnknownPlan,
)
from tests.core.builders import (
    EUR,
    USD,
    counts,
    feature,
    flat,
    metered,
    metered_prices,
    plan,
    seats,
    tiers,
    usd,
)

PRO = plan(
    "pro",
    flat("29", id="pro", description="All of it"),
    seats("9", id="seat"),
    metered(PerUnit(usd("0.01")), included=Decimal(100)),
    feature("exports", 10, unit_price=Decimal("2.5"), description="Exports"),
    feature("projects", 3),
    feature("builds", unit_price=Decimal(4), meter="minutes"),
)
OFFERS = {PRO.ref: PRO}


def item(**overrides: Any) -> Item:
    """Have the plan with differences, by price id."""
    return Item(MAIN, "pro@1", overrides=overrides)


def refused(**overrides: Any) -> dict[str, list[str]]:
    """Have differences that no price can have; give the texts by path."""
    with pytest.raises(InvalidInput) as error:
        prices_of(item(**overrides), OFFERS)
    with pytest.raises(InvalidInput) as again:
        check_item(item(**overrides), OFFERS, USD)
    assert again.value.fields == error.value.fields
    return error.value.fields


# --- the list -------------------------------------------------------------------------------------


def test_prices_come_first_then_the_features_that_charge_in_the_plans_order() -> None:
    found = prices_of(item(), OFFERS)
    assert list(found) == ["pro", "seat", "calls", "exports", "builds"]
    assert [found[price.id] for price in PRO.prices] == list(PRO.prices)


def test_a_feature_is_written_as_the_price_for_usage_it_is() -> None:
    exports, builds = (prices_of(item(), OFFERS)[key] for key in ("exports", "builds"))
    assert (exports.basis, exports.shape) == ("usage", PerUnit(Decimal("2.5")))
    assert (exports.included, exports.name, exports.meter) == (Decimal(10), "Exports", "exports")
    assert (builds.included, builds.meter) == (Decimal(0), "minutes")


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_feature_costs_the_same_as_a_price_and_as_a_line_item(limit: int, used: int) -> None:
    offer = plan("p", feature("exports", limit, unit_price=Decimal("0.35")))
    (price,) = prices_of(Item(MAIN, "p@1"), {"p@1": offer}).values()
    (line,) = map_usage_to_line_items(offer, {"exports": used})
    assert rate(price, Quantity(Decimal(used))).amount == line.amount


@pytest.mark.parametrize(
    "silent",
    [
        feature("exports", 10),
        feature("exports", -1, unit_price=Decimal(1)),
        feature("exports", 10, unit_price=Decimal(1), enabled=False),
        feature("calls", 10, unit_price=Decimal(1)),
        feature("exports", 10, unit_price=Decimal(1), meter="calls"),
        feature("seat", 10, unit_price=Decimal(1)),
    ],
)
def test_a_feature_that_charges_nothing_of_its_own_has_no_price(silent: Any) -> None:
    offer = plan("p", *PRO.prices[1:], silent)
    assert list(prices_of(Item(MAIN, "p@1"), {"p@1": offer})) == ["seat", "calls"]


def test_a_feature_named_as_a_fee_is_charged_beside_it() -> None:
    offer = plan("api", flat("5", id="api"), feature("api", 10, unit_price=Decimal(1)))
    found = prices_of(Item(MAIN, "api@1"), {"api@1": offer})
    assert [(key, price.id, price.basis) for key, price in found.items()] == [
        ("api", "api", "flat"),
        ("api/usage", "api/usage", "usage"),
    ]
    assert found["api/usage"].meter == "api"


def test_a_price_is_charged_by_its_own_cadence_else_by_the_plans() -> None:
    yearly = plan("p", interval="year", interval_count=2)
    assert cadence_of_price(flat("1"), yearly) == Cadence("year", 2)
    assert cadence_of_price(flat("1", interval="month"), yearly) == Cadence("month")
    own = flat("1", interval="month", interval_count=6)
    assert cadence_of_price(own, yearly) == Cadence("month", 6)
    assert cadence_of_price(own, replace(yearly, interval=None)) is None


def test_cadences_fit_where_one_is_a_whole_multiple_of_the_other() -> None:
    assert fitting(Cadence("year"), Cadence("month", 4))
    assert fitting(Cadence("month", 4), Cadence("year"))
    assert not fitting(Cadence("month", 5), Cadence("year"))
    assert not fitting(Cadence("week"), Cadence("month"))


# --- differences ----------------------------------------------------------------------------------


def test_a_difference_replaces_a_field_in_major_units_and_leaves_the_rest() -> None:
    found = prices_of(item(pro={"cost": "5.00"}, calls={"included": 500, "cost": "0.002"}), OFFERS)
    assert found["pro"] == replace(PRO.prices[0], shape=Flat(Decimal(500)))
    assert found["seat"] is PRO.prices[1]
    own = replace(PRO.prices[2], included=Decimal(500), shape=PerUnit(Decimal("0.2")))
    assert found["calls"] == own
    assert list(found) == list(prices_of(item(), OFFERS))


def test_a_feature_can_have_its_own_price_for_a_customer() -> None:
    found = prices_of(item(exports={"cost": "0.10", "included": "5", "maximumSpend": 20}), OFFERS)
    assert found["exports"].shape == PerUnit(Decimal(10))
    assert (found["exports"].included, found["exports"].maximum) == (Decimal(5), Decimal(2000))
    assert (found["exports"].unit, found["exports"].meter) == ("", "exports")


def test_null_takes_a_field_away() -> None:
    assert prices_of(item(calls={"included": None}), OFFERS)["calls"].included == 0
    assert refused(pro={"cost": None}) == {
        "overrides.pro.cost": ["is missing: a flat price has an amount"]
    }


def test_one_kind_of_discount_takes_the_place_of_the_other() -> None:
    cheap = plan("p", flat("20", discount=FixedOff(usd("5"))))
    own = Item(MAIN, "p@1", overrides={"base": {"discount_percent": 10}})
    assert prices_of(own, {"p@1": cheap})["base"].discount == PercentOff(Decimal(10))
    assert "overrides.pro.discount_amount" in refused(
        pro={"discount_amount": 1, "discount_percent": 10}
    )


@pytest.mark.parametrize(
    ("own", "off", "left"),
    [(None, "50", "50"), (PercentOff(Decimal(10)), "50", "45"), (PercentOff(Decimal(100)), 5, "0")],
)
def test_a_percentage_off_comes_off_what_the_price_leaves(own: Any, off: Any, left: str) -> None:
    offer = plan("p", flat("1", discount=own))
    mine = Item(MAIN, "p@1", overrides={"base": {"percent_off": off}})
    price = prices_of(mine, {"p@1": offer})["base"]
    assert rate(price, Quantity(Decimal(1))).exact == Decimal(left)


def test_a_percentage_off_and_another_field_go_together() -> None:
    price = prices_of(item(pro={"cost": "8", "percentOff": "25"}), OFFERS)["pro"]
    assert (price.shape, price.discount) == (Flat(Decimal(800)), PercentOff(Decimal(25)))


def test_a_percentage_off_a_fixed_discount_is_refused_with_a_cure() -> None:
    offer = plan("p", flat("20", discount=FixedOff(usd("5"))))
    mine = Item(MAIN, "p@1", overrides={"base": {"percent_off": "50"}})
    with pytest.raises(InvalidInput, match="override discount_amount with null"):
        prices_of(mine, {"p@1": offer})
    mine = replace(mine, overrides={"base": {"percent_off": "50", "discount_amount": None}})
    assert prices_of(mine, {"p@1": offer})["base"].discount == PercentOff(Decimal(50))


def test_tiers_and_the_cadence_can_be_ones_own() -> None:
    offer = plan("p", metered(Graduated(tiers((None, "1")))), interval="year")
    steps = [{"up_to": 10, "cost": "2"}, {"upTo": None, "cost": 1}]
    own = {"calls": {"tiers": steps, "interval": "month", "interval_count": 3}}
    price = prices_of(Item(MAIN, "p@1", overrides=own), {"p@1": offer})["calls"]
    assert price.shape == Graduated(tiers(("10", "2"), (None, "1")))
    assert cadence_of_price(price, offer) == Cadence("month", 3)


@pytest.mark.parametrize(
    ("overrides", "path", "said"),
    [
        ({"por": {"cost": 1}}, "por", "pro@1 has no such price (did you mean 'pro'?)"),
        ({"projects": {"cost": 1}}, "projects", "pro@1 has no such price"),
        (
            {"pro": {"csot": 1}},
            "pro.csot",
            "is not a field that a price has (did you mean 'cost'?)",
        ),
        ({"pro": {5: 1}}, "pro.5", "is not a field that a price has"),
        ({"pro": {"id": "x"}}, "pro.id", "cannot be overridden (put the customer on another plan)"),
        ({"pro": {"type": "flat"}}, "pro.type", "cannot be overridden"),
        ({"pro": {"currency": "EUR"}}, "pro.currency", "cannot be overridden"),
        ({"calls": {"meter": "x"}}, "calls.meter", "cannot be overridden"),
        ({"calls": {"groupBy": ["x"]}}, "calls.groupBy", "cannot be overridden"),
        ({"pro": {"setup_fee": 1}}, "pro.setup_fee", "cannot be overridden"),
        ({"pro": {"discount_percent": 1, "discountPercent": 1}}, "pro.discountPercent", "twice"),
        ({"pro": "5.00"}, "pro", "must be an object of fields, not '5.00'"),
        ({"pro": {"cost": "-1"}}, "pro.cost", "must be zero or more"),
        ({"pro": {"cost": "1.001"}}, "pro.cost", "more decimals than USD allows"),
        ({"pro": {"cost": "1e5"}}, "pro.cost", "is not a plain decimal number"),
        ({"pro": {"cost": True}}, "pro.cost", "true is not a number"),
        ({"pro": {"cost": "9" * 5_000}}, "pro.cost", "too long"),
        ({"pro": {"cost": Decimal("NaN")}}, "pro.cost", "not a finite number"),
        ({"pro": {"cost": {1, 2}}}, "pro.cost", "is not a number"),
        ({"pro": {"included": 5}}, "pro.included", "means nothing on a flat price"),
        ({"pro": {"percent_off": "101"}}, "pro.percent_off", "must be at most 100"),
        ({"pro": {"percent_off": "-1"}}, "pro.percent_off", "must be zero or more"),
        ({"calls": {"interval": "week"}}, "calls.interval", "does not go evenly"),
        ({"calls": {"interval_count": 2}}, "calls.interval_count", "without an interval"),
        ({"calls": {"tiers": []}}, "calls.tiers", "must not be empty"),
    ],
)
def test_a_difference_that_no_price_can_have_is_told_by_its_path(
    overrides: dict[str, Any], path: str, said: str
) -> None:
    fields = refused(**overrides)
    assert said in fields[f"overrides.{path}"][0]


def test_all_that_is_wrong_is_told_at_once() -> None:
    fields = refused(pro={"cost": -1, "x": 1}, seat={"cost": "y"}, gone={})
    assert list(fields) == [
        "overrides.pro.x",
        "overrides.pro.cost",
        "overrides.seat.cost",
        "overrides.gone",
    ]


def test_a_cadence_of_ones_own_means_nothing_on_a_one_time_plan() -> None:
    once = plan("p", flat("5"), interval=None, interval_count=None)
    mine = Item(MAIN, "p@1", overrides={"base": {"interval": "month"}})
    with pytest.raises(InvalidInput, match="one-time"):
        prices_of(mine, {"p@1": once})


def test_what_is_nested_without_end_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["pro"] = loop
    with pytest.raises(InvalidInput, match="nested"):
        prices_of(Item(MAIN, "pro@1", overrides=loop), OFFERS)


def test_equal_keys_of_unlike_values_are_not_taken_for_each_other() -> None:
    good, bad = item(calls={"allow_negative": True}), item(calls={"allow_negative": 1})
    assert prices_of(good, OFFERS)["calls"].allow_negative
    with pytest.raises(InvalidInput, match="must be true or false"):
        prices_of(bad, OFFERS)


def test_the_same_answer_is_given_again_and_cannot_be_changed() -> None:
    own = {"pro": FrozenDict({"cost": "5"})}
    first = prices_of(item(**own), OFFERS)
    assert prices_of(item(pro={"cost": "5"}), OFFERS) is first
    assert prices_of(item(), OFFERS) is prices_of(item(), {PRO.ref: PRO})
    with pytest.raises(TypeError):
        first["pro"] = PRO.prices[1]  # type: ignore[index]  # what a caller must not do


def test_a_change_of_the_overrides_afterwards_changes_nothing_that_was_given() -> None:
    mine: dict[str, Any] = {"pro": {"cost": "5"}}
    before = prices_of(item(**mine), OFFERS)
    mine["pro"]["cost"] = "6"
    assert before["pro"].shape == Flat(Decimal(500))
    assert prices_of(item(**mine), OFFERS)["pro"].shape == Flat(Decimal(600))


@settings(max_examples=100)
@given(metered_prices())
def test_a_price_overridden_by_its_own_fields_is_itself(price: Any) -> None:
    offer = plan(
        "p", price, interval=price.interval or "month", interval_count=price.interval_count
    )
    fields = {
        name: value
        for name, value in price_to_tree(price, USD).items()
        if name not in {"id", "type", "meter"}
    }
    mine = Item(MAIN, "p@1", overrides={price.id: fields})
    assert prices_of(mine, {"p@1": offer})[price.id] == price


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.decimals(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
names = st.sampled_from(["cost", "included", "tiers", "percent_off", "interval", "convert", "name"])


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["pro", "calls"]), st.dictionaries(names, junk) | junk))
def test_whatever_is_written_there_is_a_price_or_an_error_with_paths(overrides: Any) -> None:
    fields: dict[str, list[str]] = {}
    try:
        found = prices_of(item(**overrides), OFFERS)
    except InvalidInput as error:
        fields, found = error.fields, prices_of(item(), OFFERS)
    else:
        check_item(item(**overrides), OFFERS, USD)
    assert list(found) == list(prices_of(item(), OFFERS))
    assert all(path.startswith("overrides") for path in fields)


# --- what a subscription can have -----------------------------------------------------------------


def test_a_plan_that_is_not_offered_is_unknown() -> None:
    gone: Any
    for gone in ("gone@1", "", None, []):
        with pytest.raises(UnknownPlan):
            item_plan(Item(MAIN, gone), OFFERS)
        with pytest.raises(UnknownPlan):
            check_item(Item(MAIN, gone), OFFERS, USD)


@pytest.mark.parametrize("count", [0, -1, MOST_SEATS + 1, True, "2", Decimal(2), 1.0, None])
def test_seats_are_a_whole_number_within_bounds(count: Any) -> None:
    with pytest.raises(InvalidInput) as error:
        check_item(Item(MAIN, "pro@1", count), OFFERS, USD)
    assert list(error.value.fields) == ["seats"]


def test_what_can_be_had_passes() -> None:
    for count in (1, MOST_SEATS):
        check_item(Item(MAIN, "pro@1", count, {"pro": {"cost": "1"}}), OFFERS, USD)


def test_a_custom_plan_another_currency_and_overrides_that_are_none_are_refused() -> None:
    custom = plan("x", custom=True)
    with pytest.raises(InvalidInput, match="agreed by hand"):
        check_item(Item(MAIN, "x@1"), {"x@1": custom}, USD)
    with pytest.raises(CurrencyMismatch, match="sold in USD, the subscription is in EUR"):
        check_item(item(), OFFERS, EUR)
    nothing: Any = ["pro"]
    with pytest.raises(InvalidInput, match="must be an object of prices"):
        check_item(Item(MAIN, "pro@1", overrides=nothing), OFFERS, USD)


# --- a part of a period ---------------------------------------------------------------------------


def test_allowances_and_bounds_count_by_time_share() -> None:
    price = metered(
        PerUnit(usd("1")),
        included=Decimal(100),
        minimum_quantity=Decimal(10),
        minimum=Decimal(1001),
        maximum=Decimal(9000),
        discount=FixedOff(Decimal(300)),
    )
    half = scaled_allowance(price, 1, 2)
    assert (half.included, half.minimum_quantity) == (Decimal(50), Decimal(5))
    assert (half.minimum, half.maximum) == (Decimal("500.5"), Decimal(4500))
    assert half.discount == FixedOff(Decimal(150))
    assert half.shape == price.shape
    assert scaled_allowance(price, 2, 2) is price


def test_what_has_no_end_is_kept_to_twelve_decimals_half_away_from_zero() -> None:
    price = metered(PerUnit(usd("1")), included=Decimal(100), minimum=Decimal(200))
    third = scaled_allowance(price, 1, 3)
    assert third.included == Decimal("33.333333333333")
    assert third.minimum == Decimal("66.666666666667")
    fine = metered(PerUnit(usd("1")), included=Decimal("0.000000000001"))
    assert scaled_allowance(fine, 1, 2).included == Decimal("0.000000000001")


@pytest.mark.parametrize(
    ("number", "volume", "scaled"),
    [
        (10, None, (5, None)),
        (3, Decimal(900), (2, Decimal(450))),
        (None, Decimal(5), (None, Decimal("2.5"))),
        (0, None, (None, None)),
    ],
)
def test_free_transactions_and_free_volume_are_allowances_too(
    number: int | None, volume: Decimal | None, scaled: tuple[Any, Any]
) -> None:
    shape = Percentage(Decimal(1), free_transactions=number, free_volume=volume)
    half = scaled_allowance(metered(shape), 1, 2).shape
    assert isinstance(half, Percentage)
    assert (half.free_transactions, half.free_volume) == scaled


def test_where_no_transaction_is_free_any_more_no_volume_is() -> None:
    shape = Percentage(Decimal(1), free_transactions=1, free_volume=Decimal(1000))
    price = scaled_allowance(metered(shape), 1, 3)
    line = rate(price, Transactions((Decimal(100), Decimal(100))))
    assert line.exact == Decimal(2)


def test_tiers_percentages_and_the_price_of_an_event_stay() -> None:
    for shape in (Graduated(tiers(("10", "1"), (None, "2"))), Dynamic()):
        price = metered(shape, discount=PercentOff(Decimal(10)))
        assert scaled_allowance(price, 1, 3) == price


@given(counts, st.integers(1, 10**8), st.data())
def test_the_shares_of_a_period_add_up_to_the_whole_allowance(
    included: Decimal, whole: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, whole))
    price = metered(PerUnit(usd("1")), included=included)
    parts = [scaled_allowance(price, part, whole).included for part in (cut, whole - cut)]
    assert abs(Fraction(sum(parts)) - Fraction(included)) <= Fraction(1, 10**12)


@pytest.mark.parametrize(("part", "whole"), [(2, 1), (-1, 1), (0, 0), (1.0, 2), (True, 2)])
def test_a_part_lies_within_its_whole(part: Any, whole: Any) -> None:
    with pytest.raises(InvalidPeriod):
        scaled_allowance(flat("1"), part, whole)
