"""What Stripe says of a subscription, read: every status, every pause, what cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tallystick.core.intent import ProviderAccount
from tallystick.core.lock import Lock, LockedPrice
from tallystick.core.mirror import Mirrored, newer
from tallystick.errors import Conflict, InvalidInput, SetupError
from tallystick.providers.stripe.provider import Stripe
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.providers.stripe.subscription import mirrored_of, price_lines
from tallystick.providers.stripe.subscriptions import StripeSubscriptions

ACCOUNT = ProviderAccount(id="acct_1", live=False)
AT = datetime(2026, 2, 1, tzinfo=UTC)
SECOND = int(AT.timestamp())
MONTH = 28 * 86_400


def fetched(**more: Any) -> dict[str, Any]:
    item = {
        "id": "si_1",
        "created": SECOND,
        "current_period_start": SECOND,
        "current_period_end": SECOND + MONTH,
        "price": {"id": "price_1", "metadata": {}},
        "quantity": 3,
    }
    base = {
        "id": "sub_1",
        "livemode": False,
        "status": "active",
        "customer": "cus_1",
        "currency": "usd",
        "metadata": {},
        "items": {"data": [item], "has_more": False},
        "created": SECOND,
        "start_date": SECOND,
        "billing_cycle_anchor": SECOND,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "ended_at": None,
        "trial_start": None,
        "trial_end": None,
        "pause_collection": None,
    }
    return {**base, **more}


def read(**more: Any) -> Mirrored:
    return mirrored_of(fetched(**more), account=ACCOUNT, lines={"price_1": "pro:USD"}, as_of=AT)


@pytest.mark.parametrize(
    ("status", "state", "lapsed"),
    [
        ("incomplete", "scheduled", False),
        ("incomplete_expired", "canceled", False),
        ("trialing", "trialing", False),
        ("active", "active", False),
        ("past_due", "past_due", False),
        ("unpaid", "paused", True),
        ("paused", "paused", False),
        ("canceled", "canceled", False),
    ],
)
def test_every_status_is_a_state(status: str, state: str, *, lapsed: bool) -> None:
    told = read(status=status)
    assert (told.state, told.lapsed) == (state, lapsed)


@pytest.mark.parametrize(
    ("behavior", "state"),
    [("void", "paused"), ("keep_as_draft", "active"), ("mark_uncollectible", "active")],
)
def test_only_a_pause_without_service_is_one(behavior: str, state: str) -> None:
    assert read(pause_collection={"behavior": behavior, "resumes_at": None}).state == state


def test_a_pause_says_when_it_ends() -> None:
    pause = {"behavior": "void", "resumes_at": SECOND + 60}
    told = read(pause_collection=pause, status="past_due")
    assert (told.state, told.lapsed, told.resumes_at) == (
        *("paused", True, AT + timedelta(minutes=1)),
    )


def test_a_line_and_its_terms_are_read() -> None:
    told = read(cancel_at_period_end=True, metadata={"billing_plan_id": "pro"})
    (line,) = told.lines
    assert (line.item, line.price, line.line, line.quantity) == ("si_1", "price_1", "pro", 3)
    assert (told.plan, told.currency, told.payer) == ("pro", "USD", "cus_1")
    assert told.period is not None
    assert told.cancel_at == told.period.end
    assert read(customer={"id": "cus_2", "object": "customer"}).payer == "cus_2"


def test_a_price_of_a_lock_file_is_known_by_its_line() -> None:
    prices = {"pro": LockedPrice(provider_id="price_1")}
    assert price_lines(Lock(provider="stripe", environment="test", prices=prices)) == {
        "price_1": "pro"
    }


def test_what_went_on_or_is_over_is_later_at_the_same_instant() -> None:
    first = read()
    renewed = fetched()
    renewed["items"]["data"][0] |= {
        "current_period_start": SECOND + MONTH,
        "current_period_end": SECOND + 2 * MONTH,
    }
    later = read(items=renewed["items"])
    over = read(status="canceled", canceled_at=SECOND, ended_at=SECOND)
    assert newer(later.freshness, first.freshness)
    assert newer(over.freshness, later.freshness)
    assert read().freshness == first.freshness
    assert not newer(replace(over, as_of=AT - timedelta(1)).freshness, first.freshness)


@pytest.mark.parametrize(
    "broken",
    [
        {"items": {"data": []}},
        {"items": None},
        {"status": "hibernating"},
        {"currency": "doubloons"},
        {"start_date": "yesterday"},
        {"start_date": 10**30},
        {"customer": None},
        {"items": {"data": [], "has_more": True}},
        {"pause_collection": {"behavior": "void", "resumes_at": []}},
    ],
)
def test_what_cannot_be_read_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        read(**broken)


@pytest.mark.parametrize("mode", [True, None, "false"])
def test_the_other_mode_is_refused(mode: object) -> None:
    with pytest.raises(Conflict, match="not of the test mode"):
        read(livemode=mode)


@pytest.mark.parametrize(
    "other", [{"account": "acct_other"}, {"livemode": True}, {"provider": "paypal"}]
)
def test_the_lock_of_another_account_stops_the_start(other: dict[str, Any]) -> None:
    settings = StripeSettings(key="sk_test_abcd", account="acct_1")
    lock = Lock(provider="stripe", environment="test", account="acct_1", livemode=False)
    assert StripeSubscriptions(settings, lock).account.id == "acct_1"
    with pytest.raises(SetupError, match="the lock file of test"):
        Stripe(settings, replace(lock, **other))
