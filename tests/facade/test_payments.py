"""Payments: stored first, asked outside of transactions, booked once, whatever comes back."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from tallystick import Money, Tallystick, currency
from tallystick.app import intent_book
from tallystick.app.asking import LEASE
from tallystick.app.intent_book import book
from tallystick.app.intent_run import claim_intent, finish_intent
from tallystick.core.intent import ProviderAccount, Succeeded
from tallystick.errors import Conflict, InvalidInput, NotFound, SetupError
from tallystick.system import SystemIds
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.bank import DECLINES, PAYS, PAYS_LATER, Bank
from tests.facade.billing import START, USD, catalog, day, digest, usd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import Database

FIRST = "INV-000001"
LATER = day("2026-10-02")


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path)


@pytest.fixture
def tally(database: Database, bank: Bank) -> Iterator[Tallystick]:
    """Give a ledger with an open invoice over 10.00."""
    with opened(database.url, bank) as found:
        found.migrate()
        found.publish(author="anna", at=day("2026-01-01"))
        found.customers.create("acme", name="Acme", provider_id=PAYS)
        found.subscriptions.start("acme", "basic", id="s", at=START)
        found.invoices.run(at=START)
        yield found


def opened(url: str, bank: Bank) -> Tallystick:
    return Tallystick(
        url, catalog=catalog(), clock=FrozenClock(START), ids=CountedIds(), providers=[bank]
    )


def left(tally: Tallystick) -> int:
    return tally.invoices.get(FIRST).left


def payer(tally: Tallystick, name: str) -> None:
    tally.customers.update("acme", provider_id=name)


# --- the plain way --------------------------------------------------------------------------------


def test_a_provider_collects_and_it_is_booked_once(tally: Tallystick, bank: Bank) -> None:
    done = tally.payments.collect(FIRST, provider="bank", idempotency_key="k", at=LATER)
    assert (done.state, done.amount, done.surplus) == ("succeeded", usd("10.00"), 0)
    assert done.key == f"tallystick/{done.id}"
    assert tally.invoices.get(FIRST).status == "paid"
    (payment,) = tally.invoices.payments(FIRST)
    assert (payment.method, payment.reference) == ("bank", f"bank-{done.key}")
    assert tally.payments.collect(FIRST, provider="bank", idempotency_key="k", at=LATER) == done
    assert tally.payments.run(at=LATER + timedelta(days=9)).asked == 0
    assert bank.moved() == 1000
    assert len(bank.calls) == 1
    assert tally.verify().ok


def test_a_part_is_collected_and_the_rest_by_hand(tally: Tallystick, bank: Bank) -> None:
    tally.payments.collect(FIRST, "4.00", provider="bank", at=LATER)
    assert left(tally) == 600
    with pytest.raises(Conflict, match="more than the"):
        tally.payments.collect(FIRST, "6.01", provider="bank", at=LATER)
    asked = tally.payments.collect(FIRST, provider="manual", at=LATER)
    assert (asked.state, asked.amount) == ("waiting", usd("6.00"))
    done = tally.payments.confirm(asked.id, at=LATER)
    assert done.state == "succeeded"
    assert tally.payments.confirm(asked.id, at=LATER) == done
    assert tally.invoices.get(FIRST).status == "paid"
    assert [each.method for each in tally.invoices.payments(FIRST)] == ["bank", "bank"]
    assert tally.verify().ok


def test_a_refusal_is_a_value_and_the_next_try_is_another_intent(
    tally: Tallystick, bank: Bank
) -> None:
    payer(tally, DECLINES)
    first = tally.payments.collect(FIRST, provider="bank", at=LATER)
    assert first.state == "declined"
    assert first.answer == {"code": "no_funds", "message": "there is too little on the account"}
    assert left(tally) == 1000
    payer(tally, PAYS)
    second = tally.payments.collect(FIRST, provider="bank", at=LATER)
    assert (second.state, second.key != first.key) == ("succeeded", True)
    assert tally.verify().ok


def test_what_waits_is_looked_up_until_it_is_paid(tally: Tallystick, bank: Bank) -> None:
    payer(tally, PAYS_LATER)
    waits = tally.payments.collect(FIRST, provider="bank", at=LATER)
    assert (waits.state, waits.answer) == ("waiting", {"url": "https://bank.example/pay"})
    assert tally.payments.run(at=LATER).asked == 0
    later = LATER + timedelta(hours=1)
    assert tally.payments.run(at=later).waiting == 1
    bank.pays(waits.key)
    assert tally.payments.run(at=later).asked == 0
    assert tally.payments.run(at=later + timedelta(hours=1)).succeeded == 1
    assert tally.invoices.get(FIRST).status == "paid"
    assert tally.verify().ok


# --- silence --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["silent before", "silent after", "broken"])
def test_silence_is_asked_again_with_the_same_key(
    fault: Any, tally: Tallystick, bank: Bank
) -> None:
    bank.plan.extend([fault, fault])
    asked = tally.payments.collect(FIRST, provider="bank", at=LATER)
    assert (asked.state, asked.attempts, left(tally)) == ("open", 1, 1000)
    assert asked.answer is not None
    assert "silence" in asked.answer
    assert tally.payments.run(at=LATER).asked == 0  # not at once
    assert tally.payments.run(at=LATER + timedelta(seconds=15)).silent == 1
    assert tally.payments.run(at=LATER + timedelta(minutes=2)).succeeded == 1
    assert {each.split()[1] for each in bank.calls} == {asked.key}
    assert (bank.moved(), left(tally)) == (1000, 0)
    assert tally.verify().ok


def test_what_is_no_outcome_is_silence(tally: Tallystick, bank: Bank) -> None:
    answers = iter([None, Succeeded(reference="a\x00b", amount=usd("10"), account=bank.account)])
    bank.gives = lambda outcome: next(answers, outcome)
    assert tally.payments.collect(FIRST, provider="bank", at=LATER).state == "open"
    assert tally.payments.run(at=LATER + timedelta(minutes=1)).silent == 1
    assert tally.payments.run(at=LATER + timedelta(hours=1)).succeeded == 1
    assert bank.moved() == 1000


def test_a_dead_provider_is_left_in_peace_and_one_poisoned_intent_blocks_nobody(
    tally: Tallystick, bank: Bank
) -> None:
    tally.customers.create("other", name="Other", provider_id="acct_other")
    for number in range(6):
        tally.invoices.add_item("other", "x", usd("1.00"), now=True, at=START)
        tally.invoices.run(at=LATER)
        with tally.begin() as unit:
            name = f"INV-{number + 2:06}"
            tally.payments.collect(name, provider="bank", at=LATER, connection=unit.connection)
            unit.commit()
    bank.plan.extend(["silent before"] * 3)
    assert tally.payments.run(at=LATER).silent == 3
    assert tally.payments.run(at=LATER).succeeded == 3
    assert tally.payments.run(at=LATER + timedelta(minutes=1)).succeeded == 3


def test_an_answer_that_cannot_be_kept_is_set_aside_and_blocks_nobody(
    tally: Tallystick, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object, **__: object) -> None:
        raise AssertionError("a fault of ours")

    with monkeypatch.context() as broken:
        broken.setattr(intent_book, "pay_invoice", fault)
        done = tally.payments.collect(FIRST, provider="bank", at=LATER)
    assert (done.state, "a fault of ours" in str(done.set_aside)) == ("open", True)
    assert (left(tally), tally.verify().ok) == (1000, True)
    assert tally.payments.run(at=LATER + timedelta(days=1)).asked == 0
    tally.payments.retry(done.id, at=LATER)
    assert tally.payments.run(at=LATER).succeeded == 1
    assert (bank.moved(), len(bank.objects()), left(tally)) == (1000, 1, 0)


def test_a_key_the_provider_may_have_forgotten_is_not_sent_again(
    database: Database, tally: Tallystick, bank: Bank
) -> None:
    bank.abilities = replace(bank.abilities, key_hours=24)
    bank.plan.append("silent after")
    asked = tally.payments.collect(FIRST, provider="bank", at=LATER)
    done = tally.payments.run(at=LATER + timedelta(hours=24))
    assert (done.set_aside, len(bank.calls)) == (1, 1)
    assert tally.payments.run(at=LATER + timedelta(days=9)).asked == 0
    (aside,) = tally.payments.list(set_aside=True)
    assert "longer than it knows a key" in str(aside.set_aside)
    with pytest.raises(Conflict, match="already"):
        tally.payments.collect(FIRST, provider="manual", at=LATER)
    tally.payments.retry(asked.id, at=LATER + timedelta(days=9))
    assert tally.payments.run(at=LATER + timedelta(days=9)).succeeded == 1
    assert bank.moved() == 1000
    assert tally.verify().ok


# --- nothing is paid twice ------------------------------------------------------------------------


def test_one_collection_at_a_time(tally: Tallystick, bank: Bank) -> None:
    payer(tally, PAYS_LATER)
    asked = tally.payments.collect(FIRST, provider="bank", at=LATER)
    before = digest(tally)
    with pytest.raises(Conflict, match=asked.id):
        tally.payments.collect(FIRST, provider="manual", at=LATER)
    assert digest(tally) == before


def test_what_was_paid_otherwise_is_not_collected_too(tally: Tallystick, bank: Bank) -> None:
    """A collection that nobody sent is closed, one that waits is given up at the provider."""
    with tally.begin() as unit:
        stored = tally.payments.collect(
            FIRST, provider="bank", at=LATER, connection=unit.connection
        )
        unit.commit()
    tally.invoices.pay(FIRST, method="cash", at=LATER)
    assert tally.payments.run(at=LATER).canceled == 1
    assert (tally.payments.get(stored.id).state, bank.calls) == ("canceled", [])


def test_a_collection_that_waits_is_given_up_once_the_invoice_is_paid(
    tally: Tallystick, bank: Bank
) -> None:
    payer(tally, PAYS_LATER)
    waits = tally.payments.collect(FIRST, provider="bank", at=LATER)
    tally.invoices.void(FIRST, at=LATER)
    assert tally.payments.run(at=LATER + timedelta(hours=1)).canceled == 1
    assert bank.objects()[0]["status"] == "canceled"
    assert tally.payments.get(waits.id).state == "canceled"


@pytest.mark.parametrize("act", ["pay", "void"])
def test_money_beyond_what_is_owed_is_the_customers(
    act: str, tally: Tallystick, bank: Bank
) -> None:
    bank.plan.append("silent after")
    tally.payments.collect(FIRST, provider="bank", at=LATER)
    if act == "pay":
        tally.invoices.pay(FIRST, "3.00", at=LATER)
    else:
        tally.invoices.void(FIRST, at=LATER)
    assert tally.payments.run(at=LATER + timedelta(hours=1)).succeeded == 1
    beyond = 300 if act == "pay" else 1000
    (done,) = tally.payments.list()
    assert done.surplus == beyond
    assert tally.invoices.balance("acme") == (Money(beyond, USD),)
    assert tally.verify().ok


def test_two_workers_at_once_send_one(tally: Tallystick, bank: Bank, database: Database) -> None:
    if not database.shared:
        pytest.skip("another process sees nothing of it")
    with tally.begin() as unit:
        tally.payments.collect(FIRST, provider="bank", at=LATER, connection=unit.connection)
        unit.commit()
    asked = []
    barrier = threading.Barrier(4)

    def work() -> None:
        with opened(database.url, bank) as own:
            barrier.wait()
            asked.append(own.payments.run(at=LATER).succeeded)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(asked) == [0, 0, 0, 1]
    assert len(bank.calls) == 1


def test_many_callers_at_once_collect_once(
    tally: Tallystick, bank: Bank, database: Database
) -> None:
    if not database.shared:
        pytest.skip("another process sees nothing of it")
    came: list[str] = []
    barrier = threading.Barrier(6)

    def ask(number: int) -> None:
        with opened(database.url, bank) as own:
            own.ids = SystemIds()
            barrier.wait()
            try:
                done = own.payments.collect(
                    FIRST, provider="bank", idempotency_key=f"k{number % 3}", at=LATER
                )
            except Conflict:
                came.append("conflict")
            else:
                came.append(done.id)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(came) == 6
    assert len(set(came) - {"conflict"}) == 1
    assert (bank.moved(), len(bank.objects()), left(tally)) == (1000, 1, 0)
    assert tally.verify().ok


def test_an_answer_that_comes_after_its_lease_is_dropped(tally: Tallystick, bank: Bank) -> None:
    with tally.begin() as unit:
        tally.payments.collect(FIRST, provider="bank", at=LATER, connection=unit.connection)
        unit.commit()
    claim = tally.act(lambda unit, at: claim_intent(unit, at, bank), at=LATER)
    assert claim is not None
    assert tally.payments.run(at=LATER + LEASE / 2).asked == 0
    answer = bank.collect(_charge(claim.intent))
    assert tally.payments.run(at=LATER + LEASE).succeeded == 1
    before = digest(tally)
    late = tally.act(lambda unit, at: book(unit, at, claim.intent, answer), at=LATER + LEASE)
    assert late.state == "succeeded"
    assert digest(tally) == before


def _charge(intent: Any) -> Any:
    from tallystick.core.intent import asked_of  # noqa: PLC0415 - of this test alone

    return asked_of(intent)


# --- paid means paid ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"amount": usd("1.00")}, "amount 100 instead of 1000"),
        ({"amount": Money(1000, currency("EUR"))}, "currency 'EUR' instead of 'USD'"),
        ({"account": ProviderAccount("other", live=False)}, "account 'other' instead of 'house'"),
        ({"account": ProviderAccount("house", live=True)}, "live True instead of False"),
        ({"payer": "acct_else"}, "payer 'acct_else' instead of 'acct_pays'"),
        ({"payer": None}, "payer None"),
    ],
)
def test_what_is_not_what_was_asked_pays_nothing(
    wrong: dict[str, Any], word: str, tally: Tallystick, bank: Bank
) -> None:
    bank.gives = lambda outcome: replace(outcome, **wrong)
    done = tally.payments.collect(FIRST, provider="bank", at=LATER)
    assert done.state == "open"
    assert word in str(done.set_aside)
    assert left(tally) == 1000
    assert tally.payments.run(at=LATER + timedelta(days=1)).asked == 0
    bank.gives = lambda outcome: outcome
    tally.payments.retry(done.id, at=LATER)
    assert tally.payments.run(at=LATER).succeeded == 1
    assert tally.verify().ok


def test_one_object_pays_one_invoice(tally: Tallystick, bank: Bank) -> None:
    first = tally.payments.collect(FIRST, "4.00", provider="bank", at=LATER)
    bank.gives = lambda outcome: replace(outcome, reference=first.reference)
    second = tally.payments.collect(FIRST, "6.00", provider="bank", at=LATER)
    assert f"the object of '{first.id}'" in str(second.set_aside)
    assert left(tally) == 600


def test_only_a_provider_by_hand_is_confirmed_by_hand(tally: Tallystick, bank: Bank) -> None:
    payer(tally, PAYS_LATER)
    asked = tally.payments.collect(FIRST, provider="bank", at=LATER)
    with pytest.raises(Conflict, match="says itself what was paid"):
        tally.payments.confirm(asked.id, at=LATER)
    assert left(tally) == 1000


def test_another_account_goes_on_with_nothing(
    tally: Tallystick, bank: Bank, tmp_path: Path
) -> None:
    bank.plan.append("silent before")
    tally.payments.collect(FIRST, provider="bank", at=LATER)
    bank.account = ProviderAccount("house", live=True)
    assert tally.payments.run(at=LATER + timedelta(days=1)).asked == 0
    assert len(bank.calls) == 1


# --- giving back ----------------------------------------------------------------------------------


def test_a_refund_gives_back_what_was_collected_never_more(tally: Tallystick, bank: Bank) -> None:
    paid = tally.payments.collect(FIRST, provider="bank", at=LATER)
    back = tally.payments.refund(paid.id, "4.00", reason="sorry", idempotency_key="r", at=LATER)
    assert (back.state, back.of) == ("succeeded", paid.id)
    again = tally.payments.refund(paid.id, "4.00", idempotency_key="r", at=LATER)
    assert again == back
    with pytest.raises(Conflict, match=r"more than the 6\.00"):
        tally.payments.refund(paid.id, "6.01", at=LATER)
    assert tally.payments.refund(paid.id, at=LATER).amount == usd("6.00")
    with pytest.raises(Conflict, match="left"):
        tally.payments.refund(paid.id, at=LATER)
    assert (bank.moved(), tally.invoices.get(FIRST).refunded) == (0, 1000)
    assert tally.verify().ok


def test_while_a_refund_is_asked_for_nobody_refunds_by_hand(tally: Tallystick, bank: Bank) -> None:
    paid = tally.payments.collect(FIRST, provider="bank", at=LATER)
    bank.plan.append("silent after")
    tally.payments.refund(paid.id, "10.00", at=LATER)
    with pytest.raises(Conflict, match="is being asked of 'bank'"):
        tally.invoices.refund(FIRST, "10.00", at=LATER)
    with pytest.raises(Conflict, match="already"):
        tally.payments.refund(paid.id, "1.00", at=LATER)
    assert tally.payments.run(at=LATER + timedelta(hours=1)).succeeded == 1
    assert bank.moved() == 0
    assert tally.verify().ok


def test_a_refund_that_the_books_refuse_is_set_aside_and_booked_once_they_do_not(
    tally: Tallystick, bank: Bank
) -> None:
    """The credit that was to be paid out is spent while the provider is silent."""
    paid = tally.payments.collect(FIRST, provider="bank", at=LATER)
    tally.invoices.credit(FIRST, "10.00", at=LATER)
    bank.plan.append("silent after")
    back = tally.payments.refund(paid.id, "10.00", at=LATER)
    tally.invoices.add_item("acme", "x", usd("10.00"), now=True, at=LATER)
    tally.invoices.run(at=LATER)
    hour = LATER + timedelta(hours=1)
    assert tally.payments.run(at=hour).set_aside == 1
    aside = tally.payments.get(back.id)
    assert (aside.state, "balance has less" in str(aside.set_aside)) == ("succeeded", True)
    assert bank.moved() == 0
    with pytest.raises(Conflict, match="balance has less"):
        tally.payments.retry(back.id, at=hour)
    tally.invoices.credit("INV-000002", at=hour)
    assert tally.payments.retry(back.id, at=hour).set_aside is None
    assert tally.invoices.get(FIRST).refunded == 1000
    assert tally.verify().ok


def test_a_provider_without_refunds_gives_nothing_back(tally: Tallystick, bank: Bank) -> None:
    paid = tally.payments.collect(FIRST, provider="bank", at=LATER)
    bank.abilities = replace(bank.abilities, refunds=False)
    with pytest.raises(Conflict, match="declares no refunds"):
        tally.payments.refund(paid.id, at=LATER)


# --- giving up ------------------------------------------------------------------------------------


def test_what_waits_can_be_canceled(tally: Tallystick, bank: Bank) -> None:
    payer(tally, PAYS_LATER)
    waits = tally.payments.collect(FIRST, provider="bank", at=LATER)
    assert tally.payments.cancel(waits.id, at=LATER).state == "canceled"
    assert tally.payments.cancel(waits.id, at=LATER).state == "canceled"
    by_hand = tally.payments.collect(FIRST, provider="manual", at=LATER)
    tally.payments.cancel(by_hand.id, at=LATER)
    with pytest.raises(Conflict, match="is canceled"):
        tally.payments.confirm(by_hand.id, at=LATER)
    assert (left(tally), bank.moved()) == (1000, 0)


def test_what_was_paid_before_it_was_canceled_is_booked(tally: Tallystick, bank: Bank) -> None:
    payer(tally, PAYS_LATER)
    waits = tally.payments.collect(FIRST, provider="bank", at=LATER)
    bank.pays(waits.key)
    assert tally.payments.cancel(waits.id, at=LATER).state == "succeeded"
    assert left(tally) == 0


def test_what_was_sent_and_not_answered_cannot_be_canceled(tally: Tallystick, bank: Bank) -> None:
    bank.plan.append("silent after")
    asked = tally.payments.collect(FIRST, provider="bank", at=LATER)
    with pytest.raises(Conflict, match="was sent"):
        tally.payments.cancel(asked.id, at=LATER)


def test_no_call_is_made_inside_a_transaction(tally: Tallystick, bank: Bank) -> None:
    """While the provider is asked, another writer finds the database free."""
    seen = []

    def outcome(found: Any) -> Any:
        seen.append(tally.customers.update("acme", name="Meanwhile").name)
        return found

    bank.gives = outcome
    assert tally.payments.collect(FIRST, provider="bank", at=LATER).state == "succeeded"
    assert seen == ["Meanwhile"]


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"provider": "nobody"}, NotFound),
        ({"provider": 7}, NotFound),
        ({"amount": 5}, InvalidInput),
        ({"amount": "0.00"}, InvalidInput),
        ({"amount": "-1.00"}, InvalidInput),
        ({"amount": "1e3"}, InvalidInput),
        ({"amount": "9" * 400}, InvalidInput),
        ({"amount": Money(100, currency("EUR"))}, InvalidInput),
        ({"idempotency_key": "\x00"}, InvalidInput),
        ({"idempotency_key": "k" * 300}, InvalidInput),
        ({"invoice": "INV-999999"}, NotFound),
        ({"invoice": None}, NotFound),
    ],
)
def test_bad_input_changes_nothing(
    given: dict[str, Any], error: type[Exception], tally: Tallystick, bank: Bank
) -> None:
    before = digest(tally)
    wish: dict[str, Any] = {"invoice": FIRST, "provider": "bank", **given}
    with pytest.raises(error):
        tally.payments.collect(wish.pop("invoice"), wish.pop("amount", None), **wish, at=LATER)
    assert (digest(tally), bank.calls) == (before, [])


def test_a_key_that_was_used_for_something_else_is_refused(tally: Tallystick, bank: Bank) -> None:
    tally.payments.collect(FIRST, "1.00", provider="bank", idempotency_key="k", at=LATER)
    with pytest.raises(Conflict, match="was used"):
        tally.payments.collect(FIRST, "2.00", provider="bank", idempotency_key="k", at=LATER)
    with pytest.raises(Conflict, match="was used"):
        tally.payments.collect(FIRST, "1.00", provider="manual", idempotency_key="k", at=LATER)


def test_a_draft_a_paid_one_and_a_credit_note_are_not_collected(tally: Tallystick) -> None:
    tally.invoices.pay(FIRST, at=LATER)
    note = tally.invoices.credit(FIRST, "1.00", at=LATER)
    for name in (FIRST, str(note.invoice.number)):
        with pytest.raises(Conflict, match="nothing to collect"):
            tally.payments.collect(name, provider="manual", at=LATER)


def test_what_is_no_provider_is_refused_at_the_start(tmp_path: Path) -> None:
    for given in (["nobody"], [object()], [Bank(tmp_path), Bank(tmp_path)], "bank"):
        with pytest.raises(SetupError):
            Tallystick("sqlite://", providers=given)  # type: ignore[arg-type]  # so are mistakes


def test_providers_come_from_the_environment_and_from_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "their-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: their\nVersion: 1.0\n", "utf-8")
    (folder / "entry_points.txt").write_text(
        "[tallystick.providers]\nbank = their:make\nfalse = their:make\n", "utf-8"
    )
    (tmp_path / "their.py").write_text(
        "from pathlib import Path\nfrom tests.bank import Bank\n\n\n"
        f"def make():\n    return Bank(Path({str(tmp_path)!r}))\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TALLYSTICK_PROVIDERS", " bank , ")
    with Tallystick("sqlite://") as tally:
        assert sorted(tally.providers) == ["bank", "manual"]
    with pytest.raises(SetupError, match="calls itself 'bank'"):
        Tallystick("sqlite://", providers=["false"])


def test_pages_and_filters(tally: Tallystick, bank: Bank) -> None:
    payer(tally, DECLINES)
    ids = [tally.payments.collect(FIRST, provider="bank", at=LATER).id for _ in range(3)]
    page = tally.payments.list(limit=2)
    assert ([each.id for each in page], page.cursor) == (ids[:2], ids[1])
    assert [each.id for each in tally.payments.list(starting_after=ids[1])] == ids[2:]
    assert not tally.payments.list(state="succeeded").items
    assert len(tally.payments.list(invoice=FIRST, customer="acme", state="declined")) == 3
    with pytest.raises(InvalidInput, match="state is one of"):
        tally.payments.list(state="lost")  # type: ignore[arg-type]  # so are mistakes
    with pytest.raises(NotFound):
        tally.payments.get("int_0")


# --- what verify sees -----------------------------------------------------------------------------


BREAKS: list[tuple[str, dict[str, Any]]] = [
    ("succeeded without its payment", {"state": "succeeded", "reference": "x"}),
    ("a key that is not of its row", {"key": "tallystick/else"}),
    ("a payment of what was declined", {"state": "declined"}),
    ("more came than was asked", {"surplus": 1}),
]


@pytest.mark.parametrize(("what", "values"), BREAKS)
def test_verify_sees_what_is_not_as_it_should_be(
    what: str, values: dict[str, Any], tally: Tallystick, bank: Bank
) -> None:
    if what.startswith("succeeded"):
        payer(tally, DECLINES)
    tally.payments.collect(FIRST, provider="bank", at=LATER)
    assert tally.verify().ok
    with tally.begin() as unit:
        unit.connection.execute(update(unit.tables.intents).values(**values))
        unit.commit()
    assert {each.name for each in tally.verify().broken} == {"payment intents"}


def test_verify_sees_that_more_was_given_back_than_came(tally: Tallystick, bank: Bank) -> None:
    paid = tally.payments.collect(FIRST, provider="bank", at=LATER)
    back = tally.payments.refund(paid.id, "4.00", at=LATER)
    assert tally.verify().ok
    with tally.begin() as unit:
        mine = unit.tables.intents.c.id == back.id
        unit.connection.execute(update(unit.tables.intents).where(mine).values(amount=1001))
        unit.commit()
    assert "refund intents" in {each.name for each in tally.verify().broken}


def test_an_intent_by_id_that_another_worker_has_is_left_to_it(
    tally: Tallystick, bank: Bank
) -> None:
    payer(tally, PAYS_LATER)
    waits = tally.payments.collect(FIRST, provider="bank", at=LATER)
    tally.act(lambda unit, at: claim_intent(unit, at, bank, waits.id), at=LATER)
    assert finish_intent(tally.storage, bank, lambda: LATER, waits.id) is None
    with pytest.raises(Conflict, match="try again later"):
        tally.payments.cancel(waits.id, at=LATER)
