"""Whatever a catalogue charges, its lines add up, none is below zero, and more never costs less."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.dialects import read_catalog
from tallystick.core.explain import explain
from tallystick.core.line_item import bill, map_usage_to_line_items
from tallystick.core.meter import measure
from tallystick.core.money import Money, settle
from tallystick.core.number import exact_sum
from tallystick.core.price import Dynamic, Percentage, Volume
from tallystick.core.rating.usage import Measured, Priced, Quantity, Transactions
from tallystick.core.usage_row import UsageRow
from tallystick.errors import InvalidCatalog, InvalidUsage, OutOfBounds
from tests.core.builders import catalogs
from tests.properties.trees import EXAMPLES, nudged

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.line_item import LineItem
    from tallystick.core.price import Price

    Draw = Callable[[st.SearchStrategy[Any]], Any]

QUANTITIES = st.one_of(
    st.integers(0, 2000).map(Decimal),
    st.integers(0, 10**12).map(lambda n: Decimal(n).scaleb(-6)),
    st.sampled_from([Decimal(10**18 - 1), Decimal("1E-12"), Decimal(10**15), Decimal("0.0")]),
)
AMOUNTS = st.integers(0, 10**7).map(Decimal)


def metered(plan: Plan[Any]) -> list[tuple[str, Price]]:
    """Give the prices of a plan that count something, with the key they count by."""
    return [(price.meter or price.id, price) for price in plan.prices if price.basis != "flat"]


def draw_measured(draw: Draw, price: Price | None) -> Measured:
    """Draw something that a price can count."""
    if price is not None and isinstance(price.shape, Percentage):
        return Transactions(tuple(draw(st.lists(AMOUNTS, max_size=5))))
    if price is not None and isinstance(price.shape, Dynamic):
        return Priced(draw(QUANTITIES), draw(AMOUNTS))
    return Quantity(draw(QUANTITIES))


def more(draw: Draw, measured: Measured) -> Measured:
    """Draw at least as much of the same."""
    if isinstance(measured, Transactions):
        return Transactions((*measured.amounts, *draw(st.lists(AMOUNTS, max_size=3))))
    if isinstance(measured, Priced):
        amount = measured.amount + draw(AMOUNTS)
        return Priced(exact_sum(measured.quantity, draw(QUANTITIES)), amount)
    return Quantity(exact_sum(measured.value, draw(QUANTITIES)))


@st.composite
def usage_of(draw: st.DrawFn, plan: Plan[Any]) -> dict[str, Measured]:
    """Draw usage of any part of a plan."""
    prices = dict(metered(plan))
    keys = [*prices, *(key for key, feature in plan.features.items() if feature.enabled)]
    taken = draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    return {key: draw_measured(draw, prices.get(key)) for key in taken}


def check(lines: tuple[LineItem, ...], plan: Plan[Any]) -> None:
    """Add every line up again, from its components to the total."""
    total = Money.total((line.amount for line in lines), plan.currency)
    assert total.minor == sum(line.amount.minor for line in lines)
    for line in lines:
        assert line.amount.minor >= 0
        assert line.amount == settle(line.rated.exact, plan.currency)
        assert exact_sum(*(part.amount for part in line.rated.components)) == line.rated.exact
        assert line.overage >= 0
        assert list(explain(line.rated))


def try_bill(plan: Plan[Any], usage: dict[str, Measured]) -> tuple[LineItem, ...] | None:
    """Bill a plan; any error but InvalidUsage and OutOfBounds is a failure."""
    try:
        return bill(plan, usage, base=True)
    except (InvalidUsage, OutOfBounds):
        return None


@given(catalog=catalogs(), data=st.data())
def test_the_lines_of_a_bill_add_up_and_none_is_below_zero(
    catalog: Catalog[Any, Any], data: st.DataObject
) -> None:
    for plan in catalog:
        lines = try_bill(plan, data.draw(usage_of(plan)))
        if lines is not None:
            check(lines, plan)


@given(tree=nudged(), data=st.data())
def test_what_a_reader_accepts_can_be_billed(tree: Any, data: st.DataObject) -> None:
    try:
        catalog = read_catalog(tree)
    except InvalidCatalog:
        return
    for plan in catalog:
        lines = try_bill(plan, data.draw(usage_of(plan)))
        if lines is not None:
            check(lines, plan)


@given(catalog=catalogs(), data=st.data())
def test_more_usage_never_costs_less_but_for_volume_tiers(
    catalog: Catalog[Any, Any], data: st.DataObject
) -> None:
    for plan in catalog:
        usage = data.draw(usage_of(plan))
        after = {key: more(data.draw, measured) for key, measured in usage.items()}
        volume = {key for key, price in metered(plan) if isinstance(price.shape, Volume)}
        small, large = try_bill(plan, usage), try_bill(plan, after)
        if small is None or large is None:
            continue
        for before, line in zip(small, large, strict=True):
            assert before.feature_key == line.feature_key
            assert before.amount <= line.amount or line.feature_key in volume


@given(catalog=catalogs(), data=st.data())
def test_features_alone_are_billed_as_usage_is_mapped(
    catalog: Catalog[Any, Any], data: st.DataObject
) -> None:
    for plan in catalog:
        prices = dict(metered(plan))
        keys = [key for key, f in plan.features.items() if f.enabled and key not in prices]
        used = {key: data.draw(QUANTITIES) for key in keys}
        try:
            lines = map_usage_to_line_items(plan, used)
        except OutOfBounds:
            continue
        assert lines == bill(plan, {key: Quantity(value) for key, value in used.items()})
        assert [line.feature_key for line in lines] == keys
        for line in lines:
            assert line.quantity == used[line.feature_key]
            assert line.included + line.overage >= line.quantity


@given(
    tree=st.sampled_from(EXAMPLES),
    rows=st.lists(
        st.tuples(st.integers(0, 30), QUANTITIES, st.none() | AMOUNTS | st.just(Decimal("0.005"))),
        max_size=12,
    ),
)
def test_rows_of_usage_are_measured_and_billed_or_refused(
    tree: Any, rows: list[tuple[int, Decimal, Decimal | None]]
) -> None:
    catalog = read_catalog(tree)
    for plan in catalog:
        keys = [*dict(metered(plan)), *plan.features] or ["nothing"]
        found = [
            UsageRow(key=keys[number % len(keys)], quantity=quantity, amount=amount)
            for number, quantity, amount in rows
        ]
        lines = try_bill(plan, measure(plan, found, catalog.meters))
        if lines is not None:
            check(lines, plan)


def test_two_prices_on_one_meter_are_both_charged() -> None:
    line = {"type": "per_unit", "unit": "call", "meter": "calls"}
    plan = {
        "id": "pro",
        "name": "Pro",
        "interval": "month",
        "prices": [{**line, "id": "in", "cost": 1}, {**line, "id": "out", "cost": 2}],
    }
    tree = {"products": [{"id": "p", "name": "P", "currency": "USD", "plans": [plan]}]}
    pro = read_catalog(tree)["pro"]
    lines = bill(pro, measure(pro, [UsageRow(key="calls", quantity=Decimal(3))], {}))
    assert [str(line.amount) for line in lines] == ["3.00 USD", "6.00 USD"]


def test_a_line_that_stands_twice_in_a_plan_is_refused() -> None:
    line = {"id": "calls", "type": "per_unit", "unit": "call", "cost": 1}
    plan = {"id": "pro", "name": "Pro", "interval": "month", "prices": [line, line]}
    tree = {"products": [{"id": "p", "name": "P", "currency": "USD", "plans": [plan]}]}
    with pytest.raises(InvalidCatalog) as caught:
        read_catalog(tree)
    assert [problem.path for problem in caught.value.problems] == [
        "products[0].plans[0].prices[1].id"
    ]
