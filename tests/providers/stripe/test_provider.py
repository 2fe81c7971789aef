"""Stripe as a provider, on the fake: the contract, each fault at each call, and what it answers."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.currency import currency
from tallystick.core.customer import Customer
from tallystick.core.intent import Canceled, Charge, Declined, Refund, Succeeded, Waiting
from tallystick.core.money import Money
from tallystick.errors import Conflict, NotFound, OutcomeUnknown, SetupError
from tallystick.providers.known import providers_of
from tallystick.providers.stripe import client as of_client
from tallystick.providers.stripe import payment
from tallystick.providers.stripe.provider import Stripe
from tallystick.testing.fake_stripe import Fault, Seen
from tallystick.testing.provider_contract import ProviderContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tallystick.providers.stripe.settings import StripeSettings
    from tallystick.testing.fake_stripe import FakeStripe

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CREATE = "POST /v1/payment_intents"
CONFIRM = "POST /v1/payment_intents/*/confirm"
PAGES = "POST /v1/checkout/sessions"
REFUND = "POST /v1/refunds"
FAULTS = [
    Fault(Seen.LIMITED),
    *(
        Fault(seen, after=after)
        for seen in (Seen.BROKEN, Seen.CUT, Seen.SILENCE)
        for after in (False, True)
    ),
]


def named(fault: Fault) -> str:
    return f"{fault.seen.value} {'after' if fault.after else 'before'}"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_client, "_ANSWER_SECONDS", 0.5)


@pytest.fixture
def stripe(settings: StripeSettings) -> Stripe:
    return Stripe(settings)


def payer(stripe: Stripe, card: str | None = "pm_card_visa") -> str:
    """Make a customer at Stripe that pays by a card."""
    customer = stripe.client.v1.customers.create({}).id
    if card is not None:
        kept = stripe.client.v1.payment_methods.attach(card, {"customer": customer}).id
        stripe.client.v1.customers.update(
            customer, {"invoice_settings": {"default_payment_method": kept}}
        )
    return customer


def charge(whose: str | None, key: str = "tallystick/int_1", minor: int = 1000) -> Charge:
    return Charge(
        key=key,
        invoice="inv_1",
        customer="acme",
        amount=Money(minor, currency("USD")),
        label="INV-000001",
        payer=whose,
    )


def refund_of(done: Any, minor: int, key: str = "tallystick/int_2") -> Refund:
    return Refund(
        key=key,
        invoice="inv_1",
        customer="acme",
        amount=Money(minor, currency("USD")),
        payment=done.reference,
    )


def taken(fake: FakeStripe) -> int:
    """Add up what was really taken and not given back."""
    charges = fake.account.of("charge").values()
    return sum(each["amount_captured"] - each["amount_refunded"] for each in charges)


def objects(fake: FakeStripe, key: str) -> int:
    """Count what was made for a key: payments, pages and refunds; a page's payment is the page."""
    kinds = ("payment_intent", "checkout.session", "refund")
    ours = [
        each["metadata"]
        for kind in kinds
        for each in fake.account.of(kind).values()
        if each["metadata"].get("tallystick_key") == key
    ]
    return sum("tallystick_page" not in each for each in ours)


class TestContract(ProviderContract):
    """The promises of every provider; the line is cut at the call that has the effect."""

    calls = CREATE

    @pytest.fixture(autouse=True)
    def _where(self, fake: FakeStripe, stripe: Stripe, settings: StripeSettings) -> None:
        self.fake, self.settings = fake, settings
        self.good, self.bad = payer(stripe), payer(stripe, "pm_card_chargeCustomerFail")

    def open_provider(self) -> Stripe:
        return Stripe(self.settings)

    def payer(self, *, pays: bool) -> str:
        return self.good if pays else self.bad

    def objects(self, key: str) -> int:
        return objects(self.fake, key)

    def silent(self, provider: Any, when: Any) -> AbstractContextManager[Any]:
        @contextmanager
        def cut() -> Iterator[None]:
            self.fake.account.faults.add(Fault(Seen.CUT, self.calls, after=when == "after"))
            yield

        return cut()


class TestContractAtConfirm(TestContract):
    """The same where the line is cut at the call that moves the money."""

    calls = CONFIRM


class TestContractOnPages(TestContract):
    """The same for payers who have left nothing to pay with: a page waits for them."""

    calls = PAGES

    @pytest.fixture(autouse=True)
    def _where(self, fake: FakeStripe, stripe: Stripe, settings: StripeSettings) -> None:
        self.fake, self.settings = fake, settings
        self.good, self.bad = payer(stripe, None), payer(stripe, "pm_card_chargeCustomerFail")


# --- faults ---------------------------------------------------------------------------------------


def until_answered(act: Callable[[], Any], most: int = 4) -> Any:
    """Ask again and again, as a worker does."""
    for _ in range(most):
        try:
            return act()
        except OutcomeUnknown:
            continue
    raise AssertionError(f"no answer after {most} tries")


@pytest.mark.parametrize("fault", FAULTS, ids=named)
@pytest.mark.parametrize(
    "call", ["GET /v1/payment_intents", "GET /v1/customers/*", CREATE, CONFIRM]
)
def test_each_fault_at_each_call_of_a_collection(
    call: str, fault: Fault, stripe: Stripe, fake: FakeStripe
) -> None:
    asked = charge(payer(stripe))
    fake.account.faults.add(replace(fault, call=call))
    with pytest.raises(OutcomeUnknown):
        stripe.collect(asked)
    done = until_answered(lambda: stripe.collect(asked))
    assert isinstance(done, Succeeded)
    assert (done.amount, done.account, done.payer) == (asked.amount, stripe.account, asked.payer)
    assert (objects(fake, asked.key), taken(fake)) == (1, 1000)
    assert stripe.collect(asked) == done


@pytest.mark.parametrize("fault", FAULTS, ids=named)
@pytest.mark.parametrize("call", ["GET /v1/checkout/sessions", PAGES])
def test_each_fault_at_each_call_of_a_page(
    call: str, fault: Fault, stripe: Stripe, fake: FakeStripe
) -> None:
    asked = charge(payer(stripe, None))
    fake.account.faults.add(replace(fault, call=call))
    with pytest.raises(OutcomeUnknown):
        stripe.collect(asked)
    done = until_answered(lambda: stripe.collect(asked))
    assert isinstance(done, Waiting)
    assert (objects(fake, asked.key), taken(fake)) == (1, 0)


@pytest.mark.parametrize("fault", FAULTS, ids=named)
@pytest.mark.parametrize("call", ["GET /v1/refunds", REFUND])
def test_each_fault_at_each_call_of_a_refund(
    call: str, fault: Fault, stripe: Stripe, fake: FakeStripe
) -> None:
    clock: Any = fake.account.clock
    paid = stripe.collect(charge(payer(stripe)))
    asked = refund_of(paid, 400)
    fake.account.faults.add(replace(fault, call=call))
    with pytest.raises(OutcomeUnknown):
        stripe.refund(asked)
    if fault.seen is Seen.BROKEN and call == REFUND and not fault.after:
        with pytest.raises(OutcomeUnknown):  # the key says so for a day
            stripe.refund(asked)
        clock.advance(timedelta(hours=25))
    done = until_answered(lambda: stripe.refund(asked))
    assert isinstance(done, Succeeded)
    assert (objects(fake, asked.key), taken(fake)) == (1, 600)
    assert stripe.refund(asked) == done


def test_a_day_later_the_key_is_forgotten_and_nothing_is_paid_twice(
    stripe: Stripe, fake: FakeStripe
) -> None:
    clock: Any = fake.account.clock
    card, page = charge(payer(stripe)), charge(payer(stripe, None), "tallystick/int_3")
    first, opened = stripe.collect(card), stripe.collect(page)
    back = refund_of(first, 400)
    given = stripe.refund(back)
    fake.pay(opened.reference or "")
    clock.advance(timedelta(days=3))
    assert stripe.collect(card) == first
    assert stripe.refund(back) == given
    found = stripe.collect(page)
    assert isinstance(found, Succeeded)
    assert found.reference == opened.reference
    assert taken(fake) == 1600


def test_an_error_that_stripe_keeps_five_times_is_silence(stripe: Stripe, fake: FakeStripe) -> None:
    asked = charge(payer(stripe))
    fake.account.faults.add(Fault(Seen.BROKEN, CREATE, times=99))
    for _ in range(9):
        with pytest.raises(OutcomeUnknown):
            stripe.collect(asked)
    assert objects(fake, asked.key) == 0


def test_a_card_taken_away_between_two_tries_leads_to_a_page(
    stripe: Stripe, fake: FakeStripe
) -> None:
    whose = payer(stripe)
    asked = charge(whose)
    fake.account.faults.add(Fault(Seen.CUT, CONFIRM))
    with pytest.raises(OutcomeUnknown):
        stripe.collect(asked)
    (kept,) = stripe.client.v1.customers.payment_methods.list(whose).data
    stripe.client.v1.payment_methods.detach(kept.id)
    assert isinstance(stripe.collect(asked), Waiting)
    assert taken(fake) == 0


# --- what it answers ------------------------------------------------------------------------------


@pytest.mark.parametrize(("card", "kind"), [("pm_card_chargeCustomerFail", "generic_decline")])
def test_a_declined_card_is_a_value_with_its_code(card: str, kind: str, stripe: Stripe) -> None:
    done = stripe.collect(charge(payer(stripe, card)))
    assert isinstance(done, Declined)
    assert (done.code, bool(done.message)) == (kind, True)
    assert stripe.look_up(charge(None), done.reference or "") == done


def test_the_newest_card_pays_where_none_is_the_default(stripe: Stripe, fake: FakeStripe) -> None:
    whose = payer(stripe, None)
    stripe.client.v1.payment_methods.attach("pm_card_visa", {"customer": whose})
    assert isinstance(stripe.collect(charge(whose)), Succeeded)
    assert taken(fake) == 1000


def test_who_left_no_card_pays_on_a_page_and_the_card_is_kept(
    stripe: Stripe, fake: FakeStripe
) -> None:
    asked = charge(payer(stripe, None))
    opened = stripe.collect(asked)
    assert isinstance(opened, Waiting)
    assert stripe.look_up(asked, opened.reference) == opened
    session = fake.account.of("checkout.session")[opened.reference]
    assert (session["amount_total"], session["currency"]) == (1000, "usd")
    assert opened.url == session["url"]
    fake.pay(opened.reference)
    done = stripe.look_up(asked, opened.reference)
    assert done == Succeeded(
        reference=opened.reference, amount=asked.amount, account=stripe.account, payer=asked.payer
    )
    assert stripe.collect(asked) == done
    assert stripe.cancel(asked, opened.reference) == done
    back = stripe.refund(refund_of(done, 300))
    assert isinstance(back, Succeeded)
    next_month = stripe.collect(charge(asked.payer, "tallystick/int_9"))
    assert isinstance(next_month, Succeeded)
    assert taken(fake) == 1700


def test_nobody_in_particular_pays_on_a_page_too(stripe: Stripe, fake: FakeStripe) -> None:
    asked = charge(None)
    opened = stripe.collect(asked)
    assert isinstance(opened, Waiting)
    assert stripe.collect(asked) == opened
    fake.pay(opened.reference)
    done = stripe.collect(asked)
    assert isinstance(done, Succeeded)
    assert (done.reference, taken(fake)) == (opened.reference, 1000)


def test_a_card_that_asks_its_holder_leads_to_a_page(stripe: Stripe, fake: FakeStripe) -> None:
    asked = charge(payer(stripe, "pm_card_authenticationRequired"))
    opened = stripe.collect(asked)
    assert isinstance(opened, Waiting)
    assert stripe.collect(asked) == opened
    assert taken(fake) == 0
    fake.pay(opened.reference, "pm_card_authenticationRequired")
    assert isinstance(stripe.look_up(asked, opened.reference), Succeeded)
    assert isinstance(stripe.collect(asked), Succeeded)
    assert taken(fake) == 1000


@pytest.mark.parametrize(
    ("card", "code"),
    [(None, "no_payment_method"), ("pm_card_authenticationRequired", "authentication_required")],
)
def test_without_an_address_to_come_back_to_there_is_no_page(
    card: str | None, code: str, settings: StripeSettings, fake: FakeStripe
) -> None:
    stripe = Stripe(replace(settings, return_url=None))
    done = stripe.collect(charge(payer(stripe, card)))
    assert isinstance(done, Declined)
    assert (done.code, len(fake.account.of("checkout.session"))) == (code, 0)


def test_a_page_that_nobody_paid_on_is_over_after_a_day(stripe: Stripe, fake: FakeStripe) -> None:
    clock: Any = fake.account.clock
    asked = charge(payer(stripe, None))
    opened = stripe.collect(asked)
    clock.advance(timedelta(hours=25))
    assert stripe.look_up(asked, opened.reference or "") == Canceled(reference=opened.reference)


@pytest.mark.parametrize("arrives", [True, False])
def test_money_that_takes_days(arrives: bool, stripe: Stripe, fake: FakeStripe) -> None:
    asked = charge(payer(stripe, "pm_usBankAccount_success"))
    begun = stripe.collect(asked)
    assert isinstance(begun, Waiting)
    assert begun.url is None
    assert stripe.cancel(asked, begun.reference) == begun
    fake.settle(begun.reference, arrives=arrives)
    done = stripe.look_up(asked, begun.reference)
    assert isinstance(done, Succeeded if arrives else Declined)
    assert taken(fake) == (1000 if arrives else 0)


def test_a_page_paid_by_money_that_takes_days(stripe: Stripe, fake: FakeStripe) -> None:
    asked = charge(payer(stripe, None))
    opened = stripe.collect(asked)
    reference = opened.reference or ""
    fake.pay(reference, "pm_usBankAccount_success")
    assert isinstance(stripe.look_up(asked, reference), Waiting)
    assert isinstance(stripe.collect(asked), Waiting)
    payment = fake.account.of("checkout.session")[reference]["payment_intent"]
    fake.settle(payment)
    assert isinstance(stripe.look_up(asked, reference), Succeeded)


@pytest.mark.parametrize(("minor", "code"), [(10, "amount_too_small"), (10**9, "amount_too_large")])
def test_an_amount_that_stripe_does_not_take_is_declined(
    minor: int, code: str, stripe: Stripe
) -> None:
    done = stripe.collect(charge(payer(stripe), minor=minor))
    assert isinstance(done, Declined)
    assert done.code == code


def test_amounts_are_in_stripes_units(stripe: Stripe, fake: FakeStripe) -> None:
    krona = replace(charge(payer(stripe)), amount=Money(5, currency("ISK")))
    done = stripe.collect(krona)
    assert isinstance(done, Succeeded)
    assert done.amount == krona.amount
    assert [each["amount"] for each in fake.account.of("payment_intent").values()] == [500]


def test_a_refund_of_what_is_disputed_is_declined(stripe: Stripe) -> None:
    paid = stripe.collect(charge(payer(stripe, "pm_card_createDispute")))
    done = stripe.refund(refund_of(paid, 100))
    assert isinstance(done, Declined)
    assert done.code == "charge_disputed"


def test_a_refund_says_whose_it_is_and_can_be_looked_up(stripe: Stripe) -> None:
    asked = charge(payer(stripe))
    back = stripe.refund(refund_of(stripe.collect(asked), 100))
    assert isinstance(back, Succeeded)
    assert (back.payer, back.account) == (asked.payer, stripe.account)
    assert stripe.look_up(asked, back.reference) == back
    assert stripe.cancel(asked, back.reference) == back


def test_what_is_not_there_is_not_found(stripe: Stripe) -> None:
    with pytest.raises(NotFound):
        stripe.collect(charge("cus_nobody"))
    with pytest.raises(NotFound):
        stripe.refund(refund_of(Waiting(reference="pi_nothing"), 1))
    for reference in ("pi_nothing", "cs_nothing", "re_nothing", "x"):
        with pytest.raises(NotFound):
            stripe.look_up(charge(None), reference)


def test_two_wishes_with_one_key_are_refused(stripe: Stripe, fake: FakeStripe) -> None:
    whose = payer(stripe)
    stripe.collect(charge(whose))
    other = replace(charge(payer(stripe)), amount=Money(900, currency("USD")))
    with pytest.raises(Conflict):
        stripe.collect(other)
    assert taken(fake) == 1000


def test_an_old_payment_among_hundreds_is_found(
    stripe: Stripe, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment, "_PAGE", 2)
    clock: Any = fake.account.clock
    whose = payer(stripe)
    first = stripe.collect(charge(whose))
    for number in range(3):
        stripe.collect(charge(whose, f"tallystick/int_1{number}"))
    clock.advance(timedelta(days=40))
    assert stripe.collect(charge(whose)) == first
    assert taken(fake) == 4000


# --- customers ------------------------------------------------------------------------------------


def customer(**more: Any) -> Customer:
    born = {"created_at": BEGIN, "updated_at": BEGIN}
    return Customer(**{"id": "Zoë & co/1", "name": "Zoë", "email": "z@example.com", **born, **more})


@pytest.mark.parametrize("fault", FAULTS, ids=named)
@pytest.mark.parametrize(
    "call", ["GET /v1/customers/search", "POST /v1/customers", "POST /v1/customers/*"]
)
def test_one_customer_at_stripe_for_each_of_ours(
    call: str, fault: Fault, stripe: Stripe, fake: FakeStripe
) -> None:
    fake.account.faults.add(replace(fault, call=call))
    with pytest.raises(OutcomeUnknown):
        stripe.name_payer(customer())
    first = until_answered(lambda: stripe.name_payer(customer()))
    clock: Any = fake.account.clock
    clock.advance(timedelta(days=2))
    assert stripe.name_payer(customer(name="Zoë II")) == first
    (made,) = fake.account.of("customer").values()
    assert (made["id"], made["name"], made["email"]) == (first, "Zoë II", "z@example.com")
    assert made["metadata"]["tallystick_customer"] == "Zoë & co/1"


def test_customers_of_two_ledgers_are_two(stripe: Stripe) -> None:
    later = customer(created_at=BEGIN + timedelta(days=1))
    assert stripe.name_payer(customer()) != stripe.name_payer(later)


# --- opening it -----------------------------------------------------------------------------------


def test_it_is_named_among_the_providers(
    settings: StripeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_STRIPE_KEY", settings.key)
    with pytest.raises(SetupError, match="TALLYSTICK_STRIPE_ACCOUNT"):
        providers_of(["stripe"])
    monkeypatch.setenv("TALLYSTICK_STRIPE_ACCOUNT", settings.account or "")
    monkeypatch.setenv("TALLYSTICK_PROVIDERS", "stripe")
    found = providers_of(None)
    assert sorted(found) == ["manual", "stripe"]
    assert found["stripe"].account == settings.provider_account


def test_a_wrong_key_is_an_error_of_the_setup(settings: StripeSettings) -> None:
    stripe = Stripe(replace(settings, key="sk_test_another"))
    with pytest.raises(SetupError):
        stripe.collect(charge("cus_1"))
