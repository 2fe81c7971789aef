"""Whatever price is put into Stripe costs there what it costs here.

Stripe's side is the fake's tariff, which is written from Stripe's documentation and knows nothing
of our own reckoning.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.rating import rate
from tallystick.core.rating.usage import Quantity
from tallystick.providers.stripe.book_wanted import wish_of
from tallystick.testing.fake_stripe.tariff import cost, whole
from tests.providers.stripe.bookshop import AT, Shop, catalog_of, plan_of

COSTS = st.decimals(0, 1000, places=4).map(str)
FEES = st.decimals(0, 1000, places=2).map(str)
WHOLE = st.integers(1, 1000)


@st.composite
def tiers(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Give up to four steps, with flat fees or without, the last without an end."""
    bounds = sorted(draw(st.sets(WHOLE, max_size=3)))
    return [
        {"up_to": bound, "cost": draw(COSTS), "flat_cost": draw(FEES)}
        for bound in [*bounds, "unlimited"]
    ]


def lines(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give lines of usage with these fields."""
    return st.fixed_dictionaries(
        {k: v for k, v in fields.items() if k != "included"},
        optional={"included": fields["included"]} if "included" in fields else {},
    )


LINES = st.one_of(
    lines(type=st.just("per_unit"), cost=COSTS, included=WHOLE),
    lines(type=st.just("graduated"), tiers=tiers(), included=WHOLE),
    lines(type=st.just("volume"), tiers=tiers()),
    lines(
        type=st.just("package"),
        cost=FEES,
        package_size=WHOLE,
        round_packages=st.sampled_from(["up", "down"]),
    ),
    lines(
        type=st.just("per_unit"),
        cost=COSTS,
        convert=st.fixed_dictionaries(
            {
                "operation": st.just("divide"),
                "factor": WHOLE,
                "rounding": st.sampled_from(["ceiling", "floor"]),
            }
        ),
    ),
)
QUANTITIES = st.lists(st.decimals(0, 3000, places=2), min_size=1, max_size=5)


@settings(deadline=None, max_examples=120)
@given(line=LINES, quantities=QUANTITIES)
def test_a_quantity_costs_the_same_on_both_sides(
    line: dict[str, Any], quantities: list[Decimal]
) -> None:
    catalog = catalog_of(plan_of("p", {"id": "line", **line}))
    wish = wish_of(catalog, AT)
    assert wish.problems == ()
    shop = Shop()
    shop.apply(catalog)
    (price,) = catalog["p"].prices
    for quantity in [*quantities, Decimal(0)]:
        ours = rate(price, Quantity(quantity)).amount.minor
        assert whole(cost(shop.price("line"), quantity)) == ours
    assert shop.compare(catalog).steps == ()
