"""The checkout resolver: who may, which coupons act, and what is due, from values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.checkout import Buyer, CheckoutRequest, PlanWish
from tallystick.core.checkout_resolve import resolve_checkout
from tallystick.core.coupon import Code
from tallystick.core.customer import Customer
from tallystick.core.frozen import FrozenDict
from tallystick.core.move import Start
from tallystick.core.price import Graduated
from tallystick.core.provider import Abilities
from tallystick.core.qualification import Redeemed
from tallystick.core.redemption import Redemption
from tallystick.core.subscription_moves import start
from tallystick.errors import InvalidInput
from tests.core.billing import day
from tests.core.builders import (
    EUR,
    USD,
    catalog,
    fixed_coupon,
    flat,
    metered,
    percent_coupon,
    plan,
    product,
    seats,
    tiers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.core.catalog import Catalog
    from tallystick.core.checkout import ResolvedPlan
    from tallystick.core.coupon import Coupon

AT = day("2027-01-31")
ANNA = Customer(id="anna", created_at=AT, updated_at=AT)
CALLS = metered(Graduated(tiers((None, "0.01"))))


def shop(*coupons: Coupon, **of_pro: Any) -> Catalog:
    """Build a shop of a plan with seats and calls, one of nine a month, and others not for sale."""
    app = product(
        "app",
        plan("pro", flat("30.00", id="pro"), seats("5.00"), CALLS, **of_pro),
        plan("basic", flat("9.00", id="basic")),
        plan("sms", flat("4.00", id="sms")),
        plan("old", flat("1.00", id="old"), active=False),
        plan("talk", custom=True, label="Let's talk"),
    )
    secret = product("secret", plan("vip", flat("1.00", id="vip")), hidden=True)
    desk = product(
        "desk", plan("desk", flat("7.00", id="d", currency=EUR), currency=EUR), group="d"
    )
    return catalog(app, secret, desk, coupons=coupons)


def asked(*plans: str | PlanWish, codes: Sequence[str] = (), **more: Any) -> CheckoutRequest:
    wishes = tuple(PlanWish(plan=each) if isinstance(each, str) else each for each in plans)
    return CheckoutRequest(plans=wishes, codes=tuple(codes), **more)


def resolved(
    sold: Catalog, wish: str | PlanWish = "pro", buyer: Buyer | None = None, **more: Any
) -> ResolvedPlan:
    names = {name: more.pop(name) for name in ("biller", "abilities") if name in more}
    [found] = resolve_checkout(
        asked(wish, **more), sold, buyer or Buyer(customer=ANNA), AT, **names
    )
    return found


def code(id_: str, percent: str = "10", **more: Any) -> Coupon:
    return percent_coupon(id_, percent, codes=(Code(code=id_.upper()),), **more)


def totals(found: ResolvedPlan) -> tuple[str | None, str | None]:
    today, renewal = (
        None if each is None else each.total.major for each in (found.today, found.renewal)
    )
    return None if today is None else str(today), None if renewal is None else str(renewal)


# --- figures --------------------------------------------------------------------------------------


def test_lines_are_those_of_the_first_document_and_of_the_renewal() -> None:
    wish = PlanWish(plan="pro", quantity=3, add_ons=(("sms", 2),))
    found = resolved(shop(), wish)
    assert found.available
    assert found.today is not None
    assert [(each.price, each.quantity, each.amount.minor) for each in found.today.lines] == [
        ("pro", 1, 3000),
        ("seats", 3, 1500),
        ("sms", 2, 800),
    ]
    assert found.renewal is not None
    assert found.renewal.at == day("2027-02-28"), "the anchor day is kept and clamped"
    assert totals(found) == ("53.00", "53.00")


def test_a_one_time_plan_has_no_renewal() -> None:
    once = plan("life", flat("99.00", id="life"), interval=None, interval_count=None)
    found = resolved(catalog(once), "life")
    assert totals(found) == ("99.00", None)


def test_a_stranger_sees_prices_too() -> None:
    found = resolved(shop(), buyer=Buyer())
    assert found.available
    assert totals(found) == ("35.00", "35.00")


# --- who may --------------------------------------------------------------------------------------


def test_what_is_not_sold_says_why_and_has_no_figures() -> None:
    for name, reason in (("old", "not_offered"), ("talk", "custom")):
        found = resolved(shop(), name)
        assert [each.code for each in found.reasons] == [reason]
        assert (found.available, found.today, found.start) == (False, None, None)


@pytest.mark.parametrize("name", ["vip", "pro@1", "nothing", "Pro"])
def test_what_is_hidden_or_not_there_is_no_plan_here(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        resolved(shop(), name)
    assert list(refused.value.fields) == ["plans[0].plan"]
    assert "vip" not in str(refused.value).replace(f"'{name}'", "")
    wish = PlanWish(plan="pro", add_ons=((name, 1),))
    with pytest.raises(InvalidInput) as refused:
        resolved(shop(), wish)
    assert list(refused.value.fields) == ["plans[0].add_ons[0].plan"]


def test_a_plan_of_another_currency_is_not_available() -> None:
    dollars = Buyer(customer=replace(ANNA, currency=USD))
    assert [each.code for each in resolved(shop(), "desk", dollars).reasons] == ["currency"]
    assert resolved(shop(), "desk").currency == EUR
    assert [each.code for each in resolved(shop(), "pro", dollars, currency=EUR).reasons] == [
        "currency",
        "currency",
    ]
    beside = PlanWish(plan="pro", add_ons=(("desk", 1),))
    assert [each.text for each in resolved(shop(), beside).reasons] == [
        "plan desk is sold in EUR, not in USD"
    ]


def had(offer: str, group: str = "default", **more: Any) -> Any:
    move = Start(customer="anna", group=group, offer=offer, currency="USD", **more)
    sold = shop()
    return start("s", move, AT - timedelta(days=9), {each.ref: each for each in sold}).subscription


def test_who_has_a_plan_of_the_group_changes_that_one() -> None:
    buyer = Buyer(customer=ANNA, subscriptions=[had("basic@1")])
    found = resolved(shop(), "pro", buyer)
    assert [each.code for each in found.reasons] == ["subscribed"]
    assert "basic" in found.reasons[0].text
    assert totals(found) == ("35.00", "35.00"), "what it would cost is no secret"
    assert resolved(shop(), "desk", buyer).available, "another group is another subscription"
    ended = replace(had("basic@1"), state="ended")
    assert resolved(shop(), "pro", Buyer(customer=ANNA, subscriptions=[ended])).available


RULES = {
    "eligibility": {
        "all": [
            {"attr": "customer.country", "op": "in", "value": ["DE", "AT"]},
            {"attr": "is_new_customer", "op": "eq", "value": True},
            {"attr": "stated.student", "op": "eq", "value": "yes"},
            {"attr": "context.partner", "op": "exists"},
        ]
    }
}


def test_every_failed_leaf_is_a_reason() -> None:
    sold = shop(business_rules=RULES)
    french = replace(ANNA, address=FrozenDict({"country": "FR"}))
    found = resolved(sold, buyer=Buyer(customer=french, bought=True), stated={"student": "no"})
    assert {each.code for each in found.reasons} == {"not_eligible"}
    assert [each.text for each in found.reasons] == [
        "customer.country is FR, not one of DE, AT",
        "is_new_customer is false, not true",
        "stated.student is no, not yes",
        "context.partner is not known",
    ]
    german = Buyer(customer=replace(ANNA, address=FrozenDict({"country": "DE"})))
    said: dict[str, Any] = {"stated": {"student": "yes"}, "context": {"partner": "x"}}
    assert resolved(sold, buyer=german, **said).available


def test_what_is_stated_never_becomes_what_is_known() -> None:
    sold = shop(business_rules={"eligibility": RULES["eligibility"]["all"][0]})
    claims: tuple[dict[str, Any], ...] = (
        {"stated": {"customer.country": "DE", "country": "DE"}},
        {"context": {"customer.country": "DE", "../customer.country": "DE"}},
    )
    for said in claims:
        assert not resolved(sold, **said).available
        assert not resolved(sold, buyer=Buyer(), **said).available
    assert not resolved(sold, buyer=Buyer()).available, "nothing is known of a stranger"


def test_the_products_rule_and_those_of_add_ons_count_too() -> None:
    closed = {"eligibility": {"attr": "customer.country", "op": "eq", "value": "DE"}}
    whole = catalog(product("app", plan("pro", flat("1.00")), business_rules=closed))
    assert [each.code for each in resolved(whole).reasons] == ["not_eligible"]
    part = catalog(plan("pro", flat("1.00")), plan("sms", flat("2.00"), business_rules=closed))
    assert resolved(part).available
    wish = PlanWish(plan="pro", add_ons=(("sms", 1),))
    assert not resolved(part, wish).available


def test_a_rule_may_ask_for_another_subscription() -> None:
    rule = {"eligibility": {"attr": "subscription.plan", "op": "eq", "value": "basic"}}
    desk = plan("desk", flat("1.00"), business_rules=rule)
    sold = catalog(product("desk", desk, group="d"))
    assert not resolved(sold, "desk").available
    buyer = Buyer(customer=ANNA, subscriptions=[had("basic@1")])
    assert resolved(sold, "desk", buyer).available


# --- trials ---------------------------------------------------------------------------------------


def test_a_trial_is_given_once() -> None:
    sold = shop(trial_days=14)
    found = resolved(sold)
    assert (found.trial, found.today, totals(found)) == ("given", None, (None, "35.00"))
    assert found.renewal is not None
    assert found.renewal.at == day("2027-02-14")
    again = resolved(sold, buyer=Buyer(customer=ANNA, had_trial=True))
    assert (again.trial, totals(again)) == ("had", ("35.00", "35.00"))
    assert again.start is not None
    assert again.start.trial_days is None
    assert resolved(shop()).trial == "none"


# --- coupons --------------------------------------------------------------------------------------


def promotion(coupon: Coupon, **more: Any) -> Redemption:
    return Redemption(id=f"r-{coupon.id}", coupon=coupon, customer="anna", redeemed_at=AT, **more)


def test_coupons_act_in_the_order_plan_customer_codes_as_typed() -> None:
    first, second = code("a", "10"), fixed_coupon("b", "1.00 USD", codes=(Code(code="B"),))
    own, given_one = percent_coupon("own", "50"), fixed_coupon("gift", "5.00 USD")
    sold = shop(own, first, second, coupon_ids=("own", "at-the-provider"))
    buyer = Buyer(customer=ANNA, promotions=[promotion(given_one)])
    found = resolved(sold, buyer=buyer, codes=["b", " A ", "ｂ", "gone"])
    assert [(each.coupon.id, each.source) for each in found.taken] == [
        ("own", "plan"),
        ("gift", "customer"),
        ("b", "code"),
        ("a", "code"),
    ]
    off = [None if each.today is None else each.today.major for each in found.taken]
    assert [str(each) for each in off] == ["17.50", "5.00", "1.00", "1.15"]
    assert totals(found) == ("10.35", "35.00")
    assert [(each.typed, each.reasons) for each in found.left_out] == [("gone", ("unknown_code",))]
    assert found.start is not None
    assert found.start.coupons == ("b", "a")


def test_of_a_refused_code_nothing_is_told() -> None:
    late = code("late", ends_at=AT)
    others = code("others", plans=frozenset({"basic"}))
    used = code("used", max_redemptions=1)
    known: dict[tuple[str, str | None], Redeemed] = {("used", "used"): Redeemed(total=1)}
    found = resolved(
        shop(late, others, used),
        buyer=Buyer(customer=ANNA, redeemed=known),
        codes=["late", "others", "used", "no-such", "", "\0", "x" * 400],
    )
    assert found.taken == ()
    told = {(each.coupon, each.reasons, each.words) for each in found.left_out}
    assert told == {(None, ("unknown_code",), ("this code is not known, or not valid here",))}
    assert len(found.left_out) == 7
    assert found.available, "it can be bought, at its price"


def test_of_the_plans_own_coupons_it_is_told_why_not() -> None:
    own = percent_coupon("own", first_purchase=True)
    sold = shop(own, coupon_ids=("own",))
    assert [each.coupon.id for each in resolved(sold).taken] == ["own"]
    for buyer in (Buyer(customer=ANNA, bought=True), Buyer()):
        found = resolved(sold, buyer=buyer)
        [left] = found.left_out
        assert (left.coupon, left.reasons) == (own, ("first_purchase",))


def test_a_coupon_that_acts_already_acts_once() -> None:
    both = code("both", "10", automatic=True)
    found = resolved(shop(both), codes=["both"])
    assert [(each.coupon.id, each.source) for each in found.taken] == [("both", "plan")]
    assert [(each.typed, each.reasons) for each in found.left_out] == [("both", ("held",))]
    buyer = Buyer(customer=ANNA, promotions=[promotion(both)])
    found = resolved(shop(both), buyer=buyer)
    assert [each.source for each in found.taken] == ["customer"]
    assert found.left_out == ()


def test_a_promotion_acts_in_its_time_and_currency() -> None:
    ended = promotion(percent_coupon("ended"), ended_at=AT)
    euros = promotion(fixed_coupon("euros", "5.00 EUR"))
    found = resolved(shop(), buyer=Buyer(customer=ANNA, promotions=[ended, euros]))
    assert found.taken == ()
    assert [(each.coupon, each.reasons) for each in found.left_out] == [
        (euros.coupon, ("currency",))
    ]


def test_a_minimum_is_held_against_what_is_bought() -> None:
    big = code("big", "10", minimum=(fixed_coupon("_", "40.00 USD").off[0],))  # type: ignore[index]  # fixed amounts are a tuple
    assert resolved(shop(big), codes=["big"]).taken == ()
    wish = PlanWish(plan="pro", quantity=2)
    assert len(resolved(shop(big), wish, codes=["big"]).taken) == 1


# --- as many as a provider takes ------------------------------------------------------------------


def limit(most: int | None) -> dict[str, Any]:
    return {"p": Abilities(name="p", discounts_per_checkout=most)}


def test_on_our_own_invoices_all_of_them_act() -> None:
    sold = shop(code("a"), code("b"), provider="p")
    found = resolved(sold, codes=["a", "b"], abilities=limit(1))
    assert len(found.taken) == 2


def test_where_the_provider_bills_it_takes_as_many_as_it_says() -> None:
    own, better = percent_coupon("own", "10", automatic=True), code("b", "20")
    sold = shop(own, better, provider="p")
    found = resolved(sold, codes=["b"], biller="provider", abilities=limit(1))
    assert [each.coupon.id for each in found.taken] == ["b"]
    [left] = found.left_out
    assert (left.coupon, left.typed, left.limit) == (own, None, 1)
    assert left.words == ("the provider takes at most 1 of the coupons at once",)
    assert totals(found) == ("28.00", "35.00")
    none = resolved(sold, codes=["b"], biller="provider", abilities=limit(0))
    assert [(each.typed, each.limit) for each in none.left_out] == [(None, 0), ("b", 0)]
    free = resolved(sold, codes=["b"], biller="provider", abilities=limit(None))
    assert len(free.taken) == 2


Kind = tuple[str, int, str]  # percent or fixed, how much, for how long
kinds = st.lists(
    st.tuples(
        st.sampled_from(["percent", "fixed"]),
        st.sampled_from([0, 1, 10, 33, 50, 99, 100]),
        st.sampled_from(["once", "repeating", "forever"]),
    ),
    max_size=6,
)


def made(place: int, kind: Kind) -> Coupon:
    how, much, long = kind
    more: dict[str, Any] = {"duration": long, "automatic": True}
    if long == "repeating":
        more["months"] = 1 + place % 2
    if how == "percent":
        return percent_coupon(f"c{place}", str(much), **more)
    return fixed_coupon(f"c{place}", f"{much}.00 USD", **more)


def by_hand(places: Sequence[int], kinds: Sequence[Kind]) -> tuple[int, int]:
    """Reckon 9.00 today and at the renewal in whole cents, as one would on paper."""
    left, unused = 900, set()
    for place in places:
        off = taken(kinds[place], left)
        unused |= set() if off else {place}
        left -= off
    again = 900
    for place in places:
        long = kinds[place][2]
        months = 1 + place % 2
        goes_on = long == "forever" or (long == "repeating" and months > 1)
        if goes_on or (long == "once" and place in unused):
            again -= taken(kinds[place], again)
    return left, again


def taken(kind: Kind, left: int) -> int:
    how, much, _ = kind
    return (left * much + 50) // 100 if how == "percent" else min(left, much * 100)


@given(kinds, st.integers(0, 3))
def test_the_choice_is_the_best_there_is(kinds: list[Kind], most: int) -> None:
    coupons = [made(place, kind) for place, kind in enumerate(kinds)]
    sold = catalog(plan("basic", flat("9.00"), provider="p"), coupons=tuple(coupons))
    found = resolved(sold, "basic", biller="provider", abilities=limit(most))
    places = range(len(kinds))
    sets = [each for n in range(most + 1) for each in combinations(places, n)]
    least = min(by_hand(each, kinds) for each in sets)
    full = min(most, len(kinds))
    best = min(each for each in sets if len(each) == full and by_hand(each, kinds) == least)
    assert [each.coupon.id for each in found.taken] == [f"c{place}" for place in best]
    assert found.today is not None
    assert found.renewal is not None
    assert (found.today.total.minor, found.renewal.total.minor) == least
    assert len(found.left_out) == len(kinds) - full


# --- what cannot be meant -------------------------------------------------------------------------


def test_what_no_subscription_can_be_names_its_place() -> None:
    with pytest.raises(InvalidInput) as refused:
        resolve_checkout(
            asked("basic", PlanWish(plan="pro", quantity=0)), shop(), Buyer(customer=ANNA), AT
        )
    assert list(refused.value.fields) == ["plans[1].seats"]
