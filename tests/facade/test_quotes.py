"""`tally.quotes`: what is quoted is what is charged, or the quote is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    PriceChanged,
    QuoteExpired,
    SetupError,
    UnknownPlan,
)
from tallystick.testing.clock import FrozenClock
from tests.facade.billing import catalog, day, digest, opened, usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tests.databases import Database

LATER = day("2026-10-01T20:00")


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        ledger.signing_keys = (b"k" * 32,)
        yield ledger


def test_what_was_quoted_is_what_is_charged(tally: Tallystick) -> None:
    before = digest(tally)
    text = tally.quotes.make("acme", "pro", seats=3, billing="calendar", at=day("2026-10-11"))
    assert digest(tally) == before
    quote = tally.quotes.read(text, at=day("2026-10-11T01:00"))
    assert quote.today is not None
    assert quote.renewal is not None
    made = tally.quotes.accept(text, at=day("2026-10-11T23:00"))
    tally.invoices.run(at=day("2026-11-01T02:00"))
    first, second = sorted(
        tally.invoices.list(customer="acme"), key=lambda each: each.invoice.issued_at or LATER
    )
    assert made.subscription.id == quote.subscription == first.invoice.subscription
    assert (first.invoice.total, first.invoice.at) == (quote.today.total, quote.today.at)
    assert [line.amount for line in first.invoice.lines] == [
        line.amount for line in quote.today.lines
    ]
    assert (second.invoice.total, second.invoice.at) == (quote.renewal.total, quote.renewal.at)
    assert quote.today.total == usd("30.48")  # 21 of 31 days of 30.00 and of 3 seats at 5.00
    assert tally.verify().ok


def test_a_second_acceptance_changes_nothing(tally: Tallystick) -> None:
    text = tally.quotes.make("acme", "pro")
    made = tally.quotes.accept(text)
    before = digest(tally)
    assert tally.quotes.accept(text, at=LATER) == made
    assert digest(tally) == before


def test_two_quotes_of_one_plan_sell_it_once(tally: Tallystick) -> None:
    one, other = tally.quotes.make("acme", "pro"), tally.quotes.make("acme", "basic")
    tally.quotes.accept(one)
    before = digest(tally)
    with pytest.raises(Conflict):
        tally.quotes.accept(other)
    assert digest(tally) == before


def test_a_new_version_of_the_plan_leaves_the_quote_as_it_is(tally: Tallystick) -> None:
    text = tally.quotes.make("acme", "basic")
    tally.publish(catalog(basic="12.00"), author="anna")
    assert tally.quotes.accept(text).subscription.plan == "basic@1"


def test_what_is_not_sold_any_more_is_refused(tally: Tallystick) -> None:
    text = tally.quotes.make("acme", "basic")
    tree: Any = to_tree(catalog())
    tree["products"][0]["plans"][0]["active"] = False
    tally.publish(read_catalog(tree), author="anna")
    made = tally.quotes.accept(text)  # what was quoted is what is sold: its version, `basic@1`
    assert made.subscription.plan == "basic@1"


def test_other_figures_are_refused_and_nothing_is_kept(tally: Tallystick) -> None:
    text = tally.quotes.make("acme", "basic")
    tally.invoices.add_item("acme", "Set-up", usd("5.00"))
    before = digest(tally)
    with pytest.raises(PriceChanged) as changed:
        tally.quotes.accept(text, at=LATER)
    assert changed.value.data["quoted"] == "10.00 USD"
    assert changed.value.data["now"] == "15.00 USD"
    assert digest(tally) == before


def test_usage_in_between_is_no_change_of_price(tally: Tallystick) -> None:
    text = tally.quotes.make("acme", "pro")
    tally.clock = FrozenClock(LATER)
    tally.usage.record("acme", "calls", id="1", quantity=5_000, occurred_at=LATER)
    assert tally.quotes.accept(text, at=LATER).subscription.plan == "pro@1"


def test_a_trial_is_quoted_and_given_once(tally: Tallystick) -> None:
    text = tally.quotes.make("acme", "pro", trial_days=14)
    quote = tally.quotes.read(text)
    assert quote.today is None
    assert quote.renewal is not None
    assert quote.renewal.at == day("2026-10-15")
    assert tally.quotes.accept(text, identities=["card/1"]).subscription.state == "trialing"
    tally.customers.create("globex")
    again = tally.quotes.make("globex", "pro", trial_days=14)
    with pytest.raises(Conflict, match="trial"):
        tally.quotes.accept(again, identities=["card/1"])


def test_a_trial_is_held_for_the_identities_it_was_quoted_for(tally: Tallystick) -> None:
    tally.customers.create("globex")
    one, other = (
        tally.quotes.make(name, "pro", trial_days=14, identities=iter(["card/1"]))
        for name in ("acme", "globex")
    )
    assert tally.quotes.read(one).identities == ("card/1",)
    tally.quotes.accept(one, identities=["card/1", "card/2"])
    with pytest.raises(Conflict, match="trial"):
        tally.quotes.accept(other)


def test_what_is_refused(tally: Tallystick) -> None:
    text = tally.quotes.make("acme", "pro", valid_for=timedelta(hours=1))
    with pytest.raises(QuoteExpired):
        tally.quotes.accept(text, at=LATER)
    with pytest.raises(InvalidInput, match="no quote of ours"):
        tally.quotes.accept(text, customer="globex")
    with pytest.raises(InvalidInput, match="no quote of ours"):
        tally.quotes.accept(text[:-1])
    for valid_for in (timedelta(), timedelta(days=91), 3):
        with pytest.raises(InvalidInput, match="valid_for"):
            tally.quotes.make("acme", "pro", valid_for=valid_for)  # type: ignore[arg-type]  # that is what is refused
    with pytest.raises(NotFound):
        tally.quotes.make("nobody", "pro")
    with pytest.raises(UnknownPlan):
        tally.quotes.make("acme", "nothing")
    tally.signing_keys = ()
    with pytest.raises(SetupError, match="TALLYSTICK_SIGNING_KEYS"):
        tally.quotes.make("acme", "pro")
