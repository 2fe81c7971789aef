"""Shown = quoted = charged, for random carts in random catalogues; and nothing else is accepted."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick import Tallystick
from tallystick.core.dialects import read_catalog
from tallystick.core.period import Period
from tallystick.core.quote import quoted
from tallystick.errors import InvalidInput, QuoteExpired
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.databases import database, storage
from tests.facade.billing import day, digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.checkout import ResolvedPlan
    from tallystick.storage.unit import Storage

__all__ = ["database", "storage"]

START = day("2027-01-31")
LATER = day("2028-04-01")
few = settings(max_examples=12, suppress_health_check=list(HealthCheck))

MONEY = ("USD", "EUR", "JPY", "KWD")
PLANS = ("pro", "plus", "yearly", "life")
COUPONS: list[dict[str, Any]] = [
    {"id": "all", "percent_off": "33.3", "automatic": True, "first_purchase": True},
    {"id": "third", "percent_off": "33.33", "codes": ["THIRD"], "duration": "forever"},
    {"id": "once", "amount_off": {"USD": "7.77", "JPY": "777"}, "codes": ["ONCE"]},
    {"id": "ever", "amount_off": {"EUR": "3", "KWD": "1.234"}, "codes": ["EVER"],
     "duration": "repeating", "months": 2},
    {"id": "whole", "percent_off": "100", "codes": ["WHOLE"], "plans": ["sms"]},
    {"id": "gift", "percent_off": "12.5", "duration": "forever"},
]  # fmt: skip


def price(id_: str, cost: int, kind: str = "flat") -> dict[str, Any]:
    """Give a price whose figure is the same number of minor units in each currency, but its own."""
    return {
        "id": id_,
        "name": id_,
        "type": kind,
        "cost": f"{cost}",
        "currencies": {"EUR": f"{cost + 1}", "JPY": f"{cost * 100 + 1}", "KWD": f"{cost}.005"},
    }


def sold() -> Any:
    def plan(id_: str, *prices: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"id": id_, "name": id_, "interval": "month", "prices": list(prices), **more}

    plans = [
        plan("pro", price("pro", 30), price("seat", 7, "per_seat"), setup_fee="9"),
        plan("plus", price("plus", 11), price("pseat", 3, "per_seat"), trial_days=10),
        plan("yearly", price("yearly", 99), interval="year"),
        plan("life", price("life", 499), interval=None),
        plan("sms", price("sms", 4)),
        plan("more", price("more", 1)),
    ]
    for each in plans:
        if each["interval"] is None:
            del each["interval"]
            each["interval"] = None
    return read_catalog(
        {
            "dialect": "tallystick",
            "currency": "USD",
            "products": [{"id": "app", "name": "App", "currency": "USD", "plans": plans}],
            "coupons": COUPONS,
        }
    )


@pytest.fixture
def tally(storage: Storage) -> Iterator[Tallystick]:
    clock = FrozenClock(START)
    ledger = Tallystick(storage.engine, clock=clock, ids=CountedIds(), signing_keys=[b"k" * 32])
    ledger.publish(sold(), author="anna")
    yield ledger
    assert ledger.verify().ok


carts = st.fixed_dictionaries(
    {
        "plan": st.sampled_from(PLANS),
        "quantity": st.integers(1, 40),
        "add_ons": st.dictionaries(st.sampled_from(["sms", "more"]), st.integers(1, 5)).map(
            lambda many: [{"plan": name, "quantity": n} for name, n in many.items()]
        ),
    }
)
codes = st.lists(st.sampled_from(["third", "ONCE", "Ever", "whole", "nothing"]), max_size=4)
names = (f"c{number}" for number in count())


def resolved(tally: Tallystick, cart: Any, codes: list[str], money: str, *, gift: bool) -> Any:
    """Make a customer who pays in a currency, and resolve a cart for it."""
    customer = next(names)
    tally.customers.create(customer, currency=money)
    if gift:
        tally.coupons.redeem(customer, coupon="gift")
    [found] = tally.checkouts.resolve(customer, [cart], codes=codes)
    return customer, found


def charged(tally: Tallystick, subscription: str, at: Any) -> list[Any]:
    tally.invoices.run(at)
    found = tally.invoices.list(subscription=subscription, limit=100)
    return [quoted(each.invoice) for each in found if each.number is not None]


@few
@given(cart=carts, codes=codes, money=st.sampled_from(MONEY), gift=st.booleans())
def test_shown_is_quoted_is_charged(
    tally: Tallystick, cart: Any, codes: list[str], money: str, gift: bool
) -> None:
    customer, found = resolved(tally, cart, codes, money, gift=gift)
    told: ResolvedPlan = found
    assert told.available, told.reasons
    assert told.quote is not None
    quote = tally.quotes.read(told.quote)
    assert (told.today, told.renewal) == (quote.today, quote.renewal)
    made = tally.quotes.accept(told.quote, customer=customer)
    documents = charged(tally, made.subscription.id, LATER)
    for shown in filter(None, (told.today, told.renewal)):
        issued = [each for each in documents if each.at == shown.at]
        asked = any(line.amount.minor for line in shown.lines)
        assert issued == ([shown] if asked else [])
    assert Period(START, LATER).contains(documents[0].at) if documents else True
