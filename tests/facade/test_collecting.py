"""Invoices that a provider collects by itself: when due, and again at each step of their ladder."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from tallystick import Tallystick
from tallystick.app import collecting
from tallystick.errors import Conflict, InvalidInput, OutcomeUnknown, SetupError
from tallystick.providers.stripe.provider import Stripe
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, Fault, Seen, running
from tallystick.testing.ids import CountedIds
from tests.bank import DECLINES, PAYS, Bank
from tests.facade.billing import START, catalog, day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import Database

KEY = "sk_test_fake1"
FIRST = "INV-000001"
LADDER: dict[str, Any] = {"steps": [3, 6], "end": "cancel", "end_days": 9}


def after(days: float) -> Any:
    return START + timedelta(days=days)


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path)


@pytest.fixture
def fake() -> FakeStripe:
    return FakeStripe(FrozenClock(START), api_key=KEY)


@pytest.fixture
def stripe(fake: FakeStripe) -> Iterator[Stripe]:
    with running(fake) as address:
        back = "https://shop.example/paid"
        yield Stripe(
            StripeSettings(key=KEY, account=fake.account.id, address=address, return_url=back)
        )


@pytest.fixture
def tally(database: Database, bank: Bank, stripe: Stripe) -> Iterator[Tallystick]:
    """Give a ledger without customers."""
    with Tallystick(
        database.url,
        catalog=catalog(),
        clock=FrozenClock(START),
        ids=CountedIds(),
        providers=[bank, stripe],
    ) as found:
        found.migrate()
        found.publish(author="anna", at=day("2026-01-01"))
        found.seller.set(dunning=LADDER, at=START)
        yield found


def sold(tally: Tallystick, customer: str = "acme", **fields: Any) -> None:
    """Let a customer owe 10.00 from the start on."""
    tally.customers.create(customer, name="Acme", **fields)
    tally.subscriptions.start(customer, "basic", id=f"s-{customer}", at=START)
    tally.invoices.run(at=START)


def card(fake: FakeStripe, tally: Tallystick, stripe: Stripe, name: str) -> None:
    """Let acme leave a card at Stripe."""
    client, customer = stripe.client, tally.customers.get("acme").provider_id or ""
    kept = client.v1.payment_methods.attach(name, {"customer": customer}).id
    client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": kept}})


def run(tally: Tallystick, at: Any) -> Any:
    """Do what the worker does."""
    tally.invoices.run(at=at)
    return tally.payments.run(at=at)


def tries(tally: Tallystick) -> list[tuple[str, str | None]]:
    return [(each.state, each.idempotency_key) for each in tally.payments.list(limit=100)]


# --- when -----------------------------------------------------------------------------------------


def test_what_is_due_is_collected_once(tally: Tallystick, bank: Bank) -> None:
    sold(tally, provider="bank", provider_id=PAYS)
    done = run(tally, START)
    assert (done.begun, done.succeeded) == (1, 1)
    assert tally.invoices.get(FIRST).status == "paid"
    assert run(tally, after(1)).begun == 0
    assert (bank.moved(), len(bank.calls)) == (1000, 1)
    assert tally.verify().ok


def test_nothing_is_collected_of_who_does_not_say_so(tally: Tallystick, bank: Bank) -> None:
    sold(tally, provider_id=PAYS)
    sold(tally, "other", provider="nobody knows", provider_id="x")
    assert run(tally, after(20)).begun == 0
    assert bank.calls == []


def test_nothing_is_collected_before_it_is_due(tally: Tallystick, bank: Bank) -> None:
    tally.seller.set(net_days=14, at=START)
    sold(tally, provider="bank", provider_id=PAYS)
    assert run(tally, after(13)).begun == 0
    assert run(tally, after(14)).succeeded == 1


def test_a_person_sees_the_transfer_of_who_pays_by_hand(tally: Tallystick) -> None:
    sold(tally, provider="manual")
    assert run(tally, START).waiting == 1
    (asked,) = tally.payments.list()
    tally.payments.confirm(asked.id, at=after(1))
    assert tally.invoices.get(FIRST).status == "paid"


def test_only_what_is_left_is_collected(tally: Tallystick, bank: Bank) -> None:
    sold(tally, provider="bank", provider_id=PAYS)
    tally.invoices.pay(FIRST, "4.00", method="cash", idempotency_key="cash", at=START)
    assert run(tally, START).succeeded == 1
    assert bank.moved() == 600
    assert tally.verify().ok


def test_who_collects_is_checked(tally: Tallystick) -> None:
    with pytest.raises(InvalidInput) as refused:
        tally.customers.create("acme", provider=7)  # type: ignore[arg-type]  # on purpose
    assert list(refused.value.fields) == ["provider"]


# --- declined -------------------------------------------------------------------------------------


def test_a_refusal_is_tried_again_at_each_step_by_an_intent_of_its_own(
    tally: Tallystick, bank: Bank
) -> None:
    sold(tally, provider="bank", provider_id=DECLINES)
    assert run(tally, START).declined == 1
    for hours in range(1, 72, 9):
        assert run(tally, START + timedelta(hours=hours)).begun == 0
    assert run(tally, after(3)).declined == 1
    assert tally.subscriptions.get("s-acme").state == "past_due"
    assert run(tally, after(5)).begun == 0
    assert run(tally, after(6)).declined == 1
    assert run(tally, after(9)).begun == 0  # the end: it is canceled, and asked no more
    assert run(tally, after(25)).begun == 0
    invoice = tally.invoices.get(FIRST).invoice.id
    assert tries(tally) == [
        ("declined", f"tallystick/collect/{invoice}/{steps}") for steps in range(3)
    ]
    assert bank.moved() == 0
    assert tally.verify().ok


def test_paid_at_a_later_step_it_recovers(tally: Tallystick, bank: Bank) -> None:
    sold(tally, provider="bank", provider_id=DECLINES)
    run(tally, START)
    run(tally, after(3))
    tally.customers.update("acme", provider_id=PAYS)
    assert run(tally, after(6)).succeeded == 1
    assert tally.subscriptions.get("s-acme").state == "active"
    assert tally.dunning.get(FIRST).state == "recovered"
    assert bank.moved() == 1000
    assert tally.verify().ok


def test_steps_that_were_missed_are_one_try(tally: Tallystick, bank: Bank) -> None:
    sold(tally, provider="bank", provider_id=DECLINES)
    run(tally, START)
    assert run(tally, after(8)).begun == 1
    assert len(tries(tally)) == 2


def test_without_a_ladder_it_is_asked_once(tally: Tallystick, bank: Bank) -> None:
    tally.seller.set(dunning=None)
    sold(tally, provider="bank", provider_id=DECLINES)
    assert [run(tally, after(days)).begun for days in range(0, 28, 3)] == [1] + [0] * 9


def test_nothing_begins_while_an_intent_is_live_or_set_aside(tally: Tallystick, bank: Bank) -> None:
    sold(tally, provider="bank", provider_id=PAYS)
    bank.gives = lambda outcome: "what?"
    assert run(tally, START).silent == 1
    run(tally, after(3))
    assert run(tally, after(6)).begun == 0
    assert len(tries(tally)) == 1


# --- many, and at once ----------------------------------------------------------------------------


def test_many_are_begun_in_batches_with_few_statements(
    tally: Tallystick, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "_AT_ONCE", 7)
    for number in range(20):
        tally.customers.create(f"c-{number}", provider="bank", provider_id=f"acct-{number}")
        tally.subscriptions.start(f"c-{number}", "basic", id=f"s-{number}", at=START)
    tally.invoices.run(at=START)
    met: list[str] = []
    event.listen(
        tally.storage.engine,
        "before_cursor_execute",
        lambda *told: met.append(told[2]),
    )
    begun = collecting.begin_collections(
        tally.storage, tally.providers.values(), tally.ids, lambda: START
    )
    assert begun == 20
    assert len(met) <= 40  # four batches, not a statement for each
    done = tally.payments.run(at=START, limit=5)
    assert (done.begun, done.asked) == (0, 5)
    assert tally.payments.run(at=START).succeeded == 15
    assert bank.moved() == 20_000


def test_no_more_are_begun_than_asked_for(tally: Tallystick, bank: Bank) -> None:
    for name in ("a", "b", "c"):
        sold(tally, name, provider="bank", provider_id=f"acct-{name}")
    done = tally.payments.run(at=START, limit=2)
    assert (done.begun, done.succeeded) == (2, 2)
    assert tally.payments.run(at=START, limit=2).begun == 1


def test_two_workers_at_once_begin_each_once(tally: Tallystick, bank: Bank) -> None:
    for number in range(12):
        sold(tally, f"c-{number}", provider="bank", provider_id=f"acct-{number}")
    begun: list[int] = []

    def work() -> None:
        begun.append(
            collecting.begin_collections(
                tally.storage, tally.providers.values(), tally.ids, lambda: START
            )
        )

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (sum(begun), len(tries(tally))) == (12, 12)
    assert tally.payments.run(at=START).succeeded == 12


# --- at Stripe ------------------------------------------------------------------------------------


def test_a_customer_without_a_card_pays_once_on_a_page_and_then_by_itself(
    tally: Tallystick, fake: FakeStripe
) -> None:
    clock: Any = fake.account.clock
    sold(tally, provider="stripe", email="a@example.com")
    assert run(tally, START).waiting == 1
    (customer,) = fake.account.of("customer").values()
    assert tally.customers.get("acme").provider_id == customer["id"]
    (asked,) = tally.payments.list()
    assert asked.answer is not None
    assert asked.answer["url"].startswith("http")
    fake.pay(asked.reference or "")
    assert run(tally, START + timedelta(hours=1)).succeeded == 1
    assert tally.invoices.get(FIRST).status == "paid"
    clock.advance(timedelta(days=31))
    assert run(tally, after(31)).succeeded == 1
    assert tally.invoices.get("INV-000002").status == "paid"
    back = tally.payments.refund(asked.id, "4.00", at=after(32))
    assert back.state == "succeeded"
    charges = fake.account.of("charge").values()
    assert sum(each["amount_captured"] - each["amount_refunded"] for each in charges) == 1600
    assert tally.verify().ok


def test_declined_then_paid_by_another_card_it_recovers(
    tally: Tallystick, fake: FakeStripe, stripe: Stripe
) -> None:
    tally.customers.create("acme", name="Acme", provider="stripe")
    made = stripe.name_payer(tally.customers.get("acme"))
    tally.customers.update("acme", provider_id=made)
    card(fake, tally, stripe, "pm_card_chargeCustomerFail")
    tally.subscriptions.start("acme", "basic", id="s-acme", at=START)
    assert run(tally, START).declined == 1
    assert run(tally, after(3)).declined == 1
    assert tally.subscriptions.get("s-acme").state == "past_due"
    card(fake, tally, stripe, "pm_card_visa")
    assert run(tally, after(6)).succeeded == 1
    assert tally.subscriptions.get("s-acme").state == "active"
    kinds = [each["status"] for each in fake.account.of("payment_intent").values()]
    assert sorted(kinds) == ["requires_payment_method", "requires_payment_method", "succeeded"]
    assert tally.verify().ok


@pytest.mark.parametrize("seen", [Seen.LIMITED, Seen.BROKEN, Seen.CUT])
def test_who_cannot_be_named_is_asked_later_and_blocks_nobody(
    seen: Seen, tally: Tallystick, fake: FakeStripe, bank: Bank
) -> None:
    sold(tally, provider="stripe")
    sold(tally, "other", provider="bank", provider_id=PAYS)
    fake.account.faults.add(Fault(seen, "POST /v1/customers", after=seen is Seen.CUT))
    done = run(tally, START)
    assert (done.begun, done.succeeded) == (1, 1)
    assert run(tally, START + timedelta(minutes=1)).waiting == 1
    assert len(fake.account.of("customer")) == 1


def test_one_whom_stripe_refuses_holds_up_no_other(
    tally: Tallystick, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "_AT_ONCE", 1)
    for name in ("a", "b", "c"):
        sold(tally, name, provider="stripe")
    real = stripe.name_payer

    def name_payer(customer: Any) -> str:
        if customer.id == "a":
            raise Conflict("Stripe refused it")
        return real(customer)

    monkeypatch.setattr(stripe, "name_payer", name_payer)
    assert run(tally, START).waiting == 2
    assert tally.customers.get("a").provider_id is None


@pytest.mark.parametrize(
    "fault", [OutcomeUnknown("the line is dead"), SetupError("no such key"), RuntimeError("broken")]
)
def test_a_provider_that_names_nobody_is_left_in_peace(
    fault: Exception,
    tally: Tallystick,
    stripe: Stripe,
    bank: Bank,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    for number in range(6):
        sold(tally, f"c-{number}", provider="stripe")
    sold(tally, "other", provider="bank", provider_id=PAYS)

    def name_payer(customer: Any) -> str:
        asked.append(customer.id)
        raise fault

    monkeypatch.setattr(stripe, "name_payer", name_payer)
    assert run(tally, START).begun == 1
    assert (len(asked), bank.moved()) == (3, 1000)


def test_a_name_that_was_given_meanwhile_stays(
    tally: Tallystick, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally.customers.create("acme", provider="stripe")
    before = tally.customers.get("acme")
    tally.customers.update("acme", provider_id="cus_by_hand")
    assert collecting.name_payer(tally.storage, stripe, before, START) == "cus_by_hand"
    assert tally.customers.get("acme").provider_id == "cus_by_hand"
