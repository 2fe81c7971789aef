"""The table of changes: what each change is, and when it takes effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.change import POLICY, ChangeKind, Policy, kind_of_change, policy_of
from tallystick.core.move import Proration, Timing
from tallystick.core.price import Graduated, PerUnit
from tallystick.core.subscription import MAIN, Item
from tallystick.errors import UnknownPlan
from tests.core.builders import catalog, flat, metered, plan, product, seats, tiers, usd

SOLD = catalog(
    product(
        "x",
        plan("free"),
        plan("basic", flat("10", id="basic")),
        plan("team", flat("10", id="team")),
        plan("pro", flat("29", id="pro"), seats("5", id="pro-seat")),
        plan("pro-year", flat("290", id="pro-y"), interval="year"),
        plan("pro-twelve", flat("500", id="pro-12"), interval_count=12),
        plan("usage", metered(PerUnit(usd("1")))),
        plan("split", flat("100", id="split", interval="month"), interval="year"),
        plan("once", flat("500", id="once"), interval=None, interval_count=None),
        plan("twice", flat("900", id="twice"), interval=None, interval_count=None),
    )
)
OFFERS = {offer.ref: offer for offer in SOLD} | {
    "pro@2": replace(SOLD["pro"], version=2),
    "pro@3": replace(SOLD["pro"], version=3, prices=(flat("39", id="pro"),)),
}


def item(offer: str, count: int = 1, **overrides: Any) -> Item:
    """Have a plan, by its ref without `@1`, with so many seats."""
    ref = offer if "@" in offer else f"{offer}@1"
    return Item(MAIN, ref, count, overrides)


CHANGES = [
    # plans: the list price per year at the same seats, ties by catalogue order
    (item("basic"), item("pro"), "upgrade"),
    (item("pro"), item("basic"), "downgrade"),
    (item("free"), item("basic"), "upgrade"),
    (item("basic"), item("free"), "downgrade"),
    (item("basic"), item("team"), "upgrade"),
    (item("team"), item("basic"), "downgrade"),
    (item("free"), item("usage"), "upgrade"),
    (item("pro-year"), item("split"), "upgrade"),
    (item("once"), item("twice"), "upgrade"),
    # versions of one plan
    (item("pro@1"), item("pro@2"), "same_price"),
    (item("pro@2"), item("pro@3"), "upgrade"),
    (item("pro@3"), item("pro@1"), "downgrade"),
    # another interval comes first, whatever the prices
    (item("pro"), item("pro-year"), "interval"),
    (item("pro-year"), item("basic"), "interval"),
    (item("pro"), item("once"), "interval"),
    (item("pro-year"), item("pro-twelve"), "upgrade"),  # the same cadence, written otherwise
    # seats
    (item("pro", 2), item("pro", 3), "seats_up"),
    (item("pro", 3), item("pro", 2), "seats_down"),
    (item("pro@1", 3), item("pro@2", 2), "seats_down"),
    # two things at once: the plan decides
    (item("basic", 5), item("pro", 1), "upgrade"),
    (item("pro", 1), item("basic", 5), "downgrade"),
    (item("pro", 1), item("pro-year", 5), "interval"),
    # prices of one's own count
    (item("pro"), item("pro", pro={"cost": "5"}), "downgrade"),
    (item("pro", pro={"cost": "5"}), item("pro"), "upgrade"),
    (item("pro", pro={"percent_off": "50"}), item("pro"), "upgrade"),
    (item("pro", pro={"cost": "1"}), item("basic"), "upgrade"),
    (item("pro", 9, pro={"name": "Pro"}), item("pro", 8), "seats_down"),
    (item("usage"), item("usage", calls={"cost": "9"}), "same_price"),
    # nothing at all
    (item("pro"), item("pro"), "same_price"),
    # add-ons
    (None, item("basic"), "add_on"),
    (item("basic"), None, "removal"),
    (None, None, "same_price"),
]


@pytest.mark.parametrize(("before", "after", "kind"), CHANGES)
def test_every_change_is_of_a_kind(before: Item | None, after: Item | None, kind: str) -> None:
    assert kind_of_change(before, after, OFFERS) == kind


def test_the_list_prices_are_compared_at_the_seats_before_the_change() -> None:
    rows = Graduated(tiers(("5", "1"), (None, "20")))
    few = plan("few", metered(rows, id="few", basis="seats"))
    many = plan("many", seats("3", id="many"))
    offers = {offer.ref: offer for offer in catalog(few, many)}
    assert kind_of_change(item("few", 2), item("many", 50), offers) == "upgrade"
    assert kind_of_change(item("few", 50), item("many", 2), offers) == "downgrade"


def test_without_a_catalogue_the_order_of_the_offers_settles_a_tie() -> None:
    loose = {ref: replace(OFFERS[ref], catalog=None) for ref in ("team@1", "basic@1")}
    assert kind_of_change(item("basic"), item("team"), loose) == "downgrade"
    alone = {"basic@1": OFFERS["basic@1"], "far@1": plan("far", flat("10"))}
    assert kind_of_change(item("basic"), item("far"), alone) == "same_price"


def test_the_table_has_a_row_for_every_kind_and_only_known_words() -> None:
    assert set(POLICY) == set(get_args(ChangeKind))
    for policy in POLICY.values():
        assert policy.timing in get_args(Timing)
        assert policy.proration in get_args(Proration)


TABLE = {
    "interval": ("now", "invoice_now", True),
    "upgrade": ("now", "next_invoice", False),
    "downgrade": ("period_end", "next_invoice", False),
    "seats_up": ("now", "next_invoice", False),
    "seats_down": ("period_end", "next_invoice", False),
    "same_price": ("now", "next_invoice", False),
    "add_on": ("now", "next_invoice", False),
    "removal": ("period_end", "next_invoice", False),
}


def test_the_table_is_this() -> None:
    assert POLICY == TABLE


def with_add_ons(main: Item, **others: Item) -> tuple[Item, ...]:
    """Have add-ons beside the plan."""
    return (main, *(replace(other, key=key) for key, other in others.items()))


@pytest.mark.parametrize(
    ("before", "after", "policy"),
    [
        (with_add_ons(item("pro")), with_add_ons(item("pro")), TABLE["same_price"]),
        (with_add_ons(item("pro")), with_add_ons(item("basic")), TABLE["downgrade"]),
        (with_add_ons(item("pro")), with_add_ons(item("pro-year")), TABLE["interval"]),
        (with_add_ons(item("pro")), with_add_ons(item("pro"), a=item("basic")), TABLE["add_on"]),
        (with_add_ons(item("pro"), a=item("basic")), with_add_ons(item("pro")), TABLE["removal"]),
        # the plan decides for what comes and goes with it
        (with_add_ons(item("basic"), a=item("team")), with_add_ons(item("pro")), TABLE["upgrade"]),
        (
            with_add_ons(item("pro")),
            with_add_ons(item("basic"), a=item("team")),
            TABLE["downgrade"],
        ),
        # else the latest of the parts
        (
            with_add_ons(item("pro", 2), a=item("basic")),
            with_add_ons(item("pro", 3)),
            TABLE["removal"],
        ),
        (
            with_add_ons(item("pro", 3)),
            with_add_ons(item("pro", 2), a=item("basic")),
            TABLE["seats_down"],
        ),
        # an add-on of another interval is invoiced at once, and restarts nothing
        (
            with_add_ons(item("pro"), a=item("basic")),
            with_add_ons(item("pro"), a=item("pro-year")),
            ("now", "invoice_now", False),
        ),
    ],
)
def test_a_change_of_a_whole_subscription_has_one_policy(
    before: tuple[Item, ...], after: tuple[Item, ...], policy: Policy
) -> None:
    assert policy_of(before, after, OFFERS) == policy


def test_a_plan_that_nobody_sells_is_refused() -> None:
    with pytest.raises(UnknownPlan, match="gone@1"):
        kind_of_change(item("basic"), item("gone"), OFFERS)


MIRROR = {"upgrade": "downgrade", "seats_up": "seats_down", "add_on": "removal"}
MIRROR |= {other: kind for kind, other in MIRROR.items()}


@settings(max_examples=100)
@given(st.sampled_from(sorted(OFFERS)), st.sampled_from(sorted(OFFERS)), st.integers(1, 9))
def test_there_and_back_are_each_others_mirror(one: str, other: str, count: int) -> None:
    there = kind_of_change(item(one, count), item(other, count), OFFERS)
    back = kind_of_change(item(other, count), item(one, count), OFFERS)
    assert MIRROR.get(there, there) == back
