"""What a provider says of a subscription: what is newer, what is had, what follows."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.dialects import read_catalog
from tallystick.core.intent import ProviderAccount
from tallystick.core.mirror import (
    Freshness,
    Mirrored,
    MirroredLine,
    items_of,
    newer,
    origin_of,
)
from tallystick.core.move import Cancel, Mirror, Start
from tallystick.core.period import Period
from tallystick.core.subscription import Item
from tallystick.core.subscription_moves import advance, apply, next_at, start
from tallystick.core.trees import bytes_of, move_of, tree_of
from tallystick.errors import Conflict, CurrencyMismatch, InvalidInput, NotFound
from tests.selling import CATALOG, START

if TYPE_CHECKING:
    from tallystick.core.subscription import Subscription

OFFERS: dict[str, Any] = {each.ref: each for each in CATALOG}
ACCOUNT = ProviderAccount(id="acct_1", live=False)
FEBRUARY = Period(START, START + timedelta(days=28))


def line(price: str, of: str | None = None, quantity: int | None = 1, **more: Any) -> MirroredLine:
    return MirroredLine(item=f"si_{price}", price=price, line=of, quantity=quantity, **more)


def told(*lines: MirroredLine, **more: Any) -> Mirrored:
    base: dict[str, Any] = {
        "account": ACCOUNT,
        "provider": "stripe",
        "reference": "sub_1",
        "payer": "cus_1",
        "currency": "USD",
        "state": "active",
        "as_of": START,
        "stamp": "0",
        "started_at": START,
        "anchor": START,
        "period": FEBRUARY,
    }
    return Mirrored(**{**base, **more}, lines=lines or (line("p1", "basic"),))


def move(of: Mirrored, held: Subscription | None = None) -> Mirror:
    fields = {
        name: getattr(of, name)
        for name in ("currency", "state", "as_of", "stamp", "started_at", "anchor", "period")
    }
    items = items_of(of, [CATALOG], held, OFFERS)
    return Mirror(customer="acme", group="app", origin=origin_of(of), items=items, **fields)


def begun(of: Mirrored) -> Subscription:
    return start("s", move(of), START, OFFERS).subscription


# --- what is newer --------------------------------------------------------------------------------


def test_only_what_was_asked_for_later_is_newer() -> None:
    held = Freshness(START, "5")
    assert newer(held, None)
    assert newer(Freshness(START + timedelta(microseconds=1), "0"), held)
    assert not newer(Freshness(START - timedelta(seconds=1), "9"), held)
    assert newer(Freshness(START, "6"), held)
    assert not newer(Freshness(START, "4"), held)
    assert not newer(held, held)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=6))
def test_any_order_and_repetition_ends_at_the_newest(news: list[tuple[int, str]]) -> None:
    fresh = [Freshness(START + timedelta(seconds=second), stamp) for second, stamp in news]
    ends = set()
    for order in itertools.islice(itertools.permutations([*fresh, *fresh[:1]]), 200):
        held = None
        for each in order:
            held = each if newer(each, held) else held
        ends.add(held)
    assert ends == {max(fresh)}


# --- what is had ----------------------------------------------------------------------------------


def test_seats_are_those_of_the_line_that_is_charged_by_seat() -> None:
    found = items_of(told(line("a", "pro", 1), line("b", "seat", 7)), [CATALOG], None, OFFERS)
    assert found == (Item("plan", "pro@1", 7),)


def test_the_plan_that_is_named_comes_first_and_the_rest_are_add_ons() -> None:
    lines = (line("a", "sms", 2), line("b", "basic", 1))
    found = items_of(told(*lines, plan="basic"), [CATALOG], None, OFFERS)
    assert [(each.key, each.offer, each.seats) for each in found] == [
        ("plan", "basic@1", 1),
        ("sms", "sms@1", 2),
    ]
    assert items_of(told(*lines), [CATALOG], None, OFFERS)[0].offer == "sms@1"


@pytest.mark.parametrize("quantity", [0, -1, 10**7, True, 1.5])
def test_seats_that_nobody_can_have_are_refused(quantity: Any) -> None:
    with pytest.raises(InvalidInput, match="can be mirrored"):
        items_of(told(line("a", "basic", quantity)), [CATALOG], None, OFFERS)


def test_what_is_not_known_or_not_there_is_refused() -> None:
    with pytest.raises(NotFound, match="plan for the price of stripe"):
        items_of(told(line("a", "other")), [CATALOG], None, OFFERS)
    with pytest.raises(InvalidInput, match="no lines"):
        items_of(replace(told(), lines=()), [CATALOG], None, OFFERS)
    with pytest.raises(CurrencyMismatch):
        items_of(told(currency="EUR"), [CATALOG], None, OFFERS)


def test_a_version_stays_while_its_prices_there_are_the_same() -> None:
    again = read_catalog(
        {
            "dialect": "tallystick",
            "currency": "USD",
            "products": [
                {
                    "id": "app",
                    "name": "App",
                    "currency": "USD",
                    "plans": [
                        {
                            "id": "basic",
                            "name": "B",
                            "interval": "month",
                            "interval_count": 1,
                            "prices": [{"id": "basic", "name": "B", "type": "flat", "cost": "12"}],
                        }
                    ],
                }
            ],
        }
    )
    newest = replace(next(iter(again)), version=2)
    catalog = replace(again, products=(replace(again.products[0], plans=(newest,)),))
    offers = {**OFFERS, newest.ref: newest}
    held = begun(told(line("p1", "basic")))
    assert items_of(told(line("p1", "basic")), [catalog], held, offers)[0].offer == "basic@1"
    assert items_of(told(line("p2", "basic")), [catalog], held, offers)[0].offer == "basic@2"


# --- the fold -------------------------------------------------------------------------------------


def test_time_does_nothing_to_a_mirror() -> None:
    held = begun(told())
    assert next_at(held) is None
    later = advance(held, START + timedelta(days=900), OFFERS)
    assert (later.subscription, later.dues, later.grants) == (held, (), ())


def test_a_mirror_is_the_whole_of_what_is_said() -> None:
    held = begun(told(cancel_at=START + timedelta(days=3)))
    said = told(line("b", "pro"), line("c", "seat", 4), state="past_due", stamp="1")
    done = apply(held, move(said, held), START + timedelta(hours=1), OFFERS).subscription
    assert (done.plan, done.seats, done.state, done.cancel_at, done.moves) == (
        *("pro@1", 4, "past_due", None, 2),
    )


def test_a_mirror_is_of_one_subscription_for_ever() -> None:
    held = begun(told())
    with pytest.raises(Conflict, match="no mirror of 'sub_2'"):
        apply(held, move(told(reference="sub_2")), START, OFFERS)
    with pytest.raises(Conflict, match="the customer of subscription"):
        apply(held, replace(move(told()), customer="beta"), START, OFFERS)
    with pytest.raises(Conflict, match="stripe bills subscription"):
        apply(held, Cancel(), START, OFFERS)


def test_ours_is_never_a_mirror() -> None:
    ours = Start(customer="acme", group="app", offer="basic@1", currency="USD")
    held = start("s", ours, START, OFFERS).subscription
    assert held.biller == "tallystick"
    with pytest.raises(Conflict, match="mirrors no other"):
        apply(held, move(told()), START, OFFERS)


def test_what_is_over_is_mirrored_no_more() -> None:
    held = begun(told(state="canceled"))
    with pytest.raises(Conflict, match="nothing happens to it any more"):
        apply(held, move(told()), START, OFFERS)


def test_quotas_count_from_the_period_where_the_anchor_does_not_fit() -> None:
    assert begun(told()).anchor == START
    odd = Period(START + timedelta(days=2), START + timedelta(days=28))
    assert begun(told(period=odd)).anchor == odd.start
    assert begun(told(period=None)).anchor == START


def test_a_mirror_is_kept_as_it_is() -> None:
    made = move(told())
    assert move_of(tree_of(made)) == made
    held = begun(told())
    assert b'"origin"' in bytes_of(held)
    assert held.origin is not None
    assert held.origin.prices == {"p1"}
