"""Two acts at the same moment on the same thing: whoever comes first, the books are right.

Of the rounds of each race one is run in either order, so that no race is won by one side alone; in
all others nobody waits.  Each test says of all its rounds which outcomes there were.
"""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

from tallystick.app.billing import run_billing
from tallystick.errors import Conflict
from tests.proof.billing_calls import (
    arriving,
    customers,
    day,
    documents,
    run,
    sell,
    start,
    use,
)
from tests.proof.settings import PATIENCE, times
from tests.proof.usage_calls import insisted, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.storage.invoice_rows import Document
    from tallystick.wiring import Tallystick
    from tests.proof.conftest import Count
    from tests.proof.places import Place

ROUNDS: Final = times(10, 200)
NAMES: Final = [f"c{number:03}" for number in range(ROUNDS)]
Act: TypeAlias = "Callable[[str], object]"


@pytest.fixture
def ledger(somewhere: Place) -> Iterator[Tallystick]:
    """A ledger of customers, each with a subscription whose first month was billed."""
    with opened(somewhere.url) as tally:
        sell(tally)
        customers(tally, NAMES)
        for name in NAMES:
            start(tally, name)
        run(tally, 0)
        yield tally
        assert not tally.verify().broken


def at_once(*acts: Act) -> list[list[str]]:
    """Do the acts for each customer, every two at the same moment; give what became of each.

    For the first customer each act waits for the one before it, for the second the other way round.
    """
    barrier = threading.Barrier(len(acts))
    turns = [threading.Semaphore(0) for _ in range(len(acts) * 2)]
    told: list[list[str]] = [[] for _ in acts]
    order = [list(range(len(acts))), list(reversed(range(len(acts))))]

    def work(place: int) -> None:
        for number, name in enumerate(NAMES):
            barrier.wait(PATIENCE)
            behind = order[number].index(place) if number < len(order) else 0
            for _ in range(behind):
                assert turns[number * len(acts) + place].acquire(timeout=PATIENCE)
            told[place].append(outcome(partial(acts[place], name)))
            if number < len(order):
                for other in order[number][behind + 1 :]:
                    turns[number * len(acts) + other].release()

    everyone([partial(work, place) for place in range(len(acts))])
    return [list(each) for each in zip(*told, strict=True)]


def winners(told: list[list[str]]) -> set[int]:
    """Give the places of those who came through where one alone can, over all rounds."""
    assert [said.count("done") for said in told] == [1] * ROUNDS, told
    return {said.index("done") for said in told}


def _unheard(_: object) -> None:
    """Leave out how often somebody waited for SQLite's lock."""


def outcome(act: Callable[[], object]) -> str:
    try:
        insisted(act, _unheard)
    except Conflict as refused:
        return str(refused)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test is to show it
        return f"FAULT {type(error).__name__}: {error}"
    return "done"


def everyone(works: list[Callable[[], object]]) -> None:
    faults: list[str] = []

    def alone(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test is to show it
            faults.append(f"{type(error).__name__}: {error}")

    running = [threading.Thread(target=alone, args=[work]) for work in works]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not faults, faults


def while_it_runs(tally: Tallystick, days: float, act: Act, after: int = 0) -> list[str]:
    """Do an act for each customer while a run bills them one by one, in step with it.

    Each has two steps of the run: that time passes for all, then that the documents are issued;
    the acts begin `after` so many, and each meets the step that is its own.  The first customer's
    act comes before the run and the last one's after it.
    """
    early, *others, late = NAMES
    told = [outcome(partial(act, early))]
    steps = threading.Semaphore(0)

    def bill() -> None:
        taken = 0

        def step(_: object) -> None:
            nonlocal taken
            taken += 1
            if taken > after:
                steps.release()

        run_ = partial(run_billing, tally.storage, day(days), batch=1, tell=step)
        try:
            insisted(run_, _unheard)
        finally:
            steps.release(ROUNDS)

    def follow() -> None:
        for name in others:
            assert steps.acquire(timeout=PATIENCE)
            told.append(outcome(partial(act, name)))

    everyone([bill, follow])
    return [*told, outcome(partial(act, late))]


def first(tally: Tallystick, name: str) -> Document:
    return min(documents(tally, name), key=lambda each: each.invoice.at)


def counted(told: list[list[str]]) -> str:
    begun = Counter("the first" if each[0] == "done" else "the second" for each in told)
    return ", ".join(f"{who} {often}" for who, often in sorted(begun.items()))


# --- against a run --------------------------------------------------------------------------------


def seen(tally: Tallystick, name: str) -> list[tuple[object, ...]]:
    """Give a customer's documents, but for its name and their numbers."""
    found = (each.invoice for each in documents(tally, name))
    return sorted(
        (
            invoice.cause.replace(name, "?"),
            invoice.kind,
            invoice.total.minor,
            tuple((line.kind, str(line.window), line.amount.minor) for line in invoice.lines),
        )
        for invoice in found
    )


def test_a_cancellation_and_a_renewal_at_once_bill_the_same_in_whatever_order(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    """There is one outcome, as the order must not matter; both orders were there."""

    def cancel(name: str) -> None:
        ledger.subscriptions.cancel(f"{name}-sub", when="now", credit=True, at=day(30.2))

    told = while_it_runs(ledger, 30.1, cancel)
    assert told == ["done"] * ROUNDS
    run(ledger, 31)
    expected = seen(ledger, NAMES[0])
    assert len(expected) == 3
    for name in NAMES:
        assert seen(ledger, name) == expected
        assert ledger.subscriptions.get(f"{name}-sub").state == "canceled"
    count(f"race         cancel and renew     {somewhere.kind:<11} {ROUNDS:>4} rounds")


def test_an_item_added_while_documents_are_issued_stands_on_exactly_one(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    def add(name: str) -> None:
        ledger.invoices.add_item(name, "Setting up", "9.00", at=day(29))

    assert while_it_runs(ledger, 31, add, after=ROUNDS) == ["done"] * ROUNDS
    on_time = _items(ledger)
    assert 0 < on_time.total() < ROUNDS
    run(ledger, 63)
    assert _items(ledger) == Counter(NAMES)
    count(
        f"race         item and finalise    {somewhere.kind:<11} {ROUNDS:>4} rounds,"
        f" {on_time.total()} on the first document"
    )


def _items(tally: Tallystick) -> Counter[str]:
    return Counter(
        each.invoice.customer
        for each in documents(tally)
        for line in each.invoice.lines
        if line.kind == "item"
    )


def test_a_draft_changed_while_it_is_issued_is_issued_as_changed_or_refused(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    next(ledger.invoices.steps(day(31)))  # time passes for all, and nothing is issued yet
    drafts = {each.invoice.customer: each.invoice.id for each in documents(ledger) if _draft(each)}
    assert sorted(drafts) == NAMES

    told = while_it_runs(
        ledger, 31, lambda name: ledger.invoices.update_draft(drafts[name], memo=f"for {name}")
    )
    for name, said in zip(NAMES, told, strict=True):
        issued = ledger.invoices.get(drafts[name]).invoice
        assert issued.number
        assert (issued.terms.memo == f"for {name}") == (said == "done"), said
        assert said == "done" or "only a draft changes" in said
    kept = told.count("done")
    assert 0 < kept < ROUNDS
    count(
        f"race         draft and finalise   {somewhere.kind:<11} {ROUNDS:>4} rounds,"
        f" {kept} changed, {ROUNDS - kept} refused"
    )


def _draft(document: Document) -> bool:
    return document.status == "draft"


def test_usage_recorded_while_its_month_is_billed_is_on_the_document_or_late(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    """All of it arrives, by its clock, in the last moment that counts for the document."""

    def record(name: str) -> None:
        for number in range(3):
            assert use(ledger, name, 20 + number, 200) == "accepted"

    with arriving(ledger, 30 + 0.99 / 24):
        assert while_it_runs(ledger, 31, record, after=ROUNDS // 2) == ["done"] * ROUNDS
    on_time = _billed(ledger)
    assert 0 < on_time.total() < 2_500 * ROUNDS
    run(ledger, 63)
    # three times 200 calls less 100 that are included, at 0.05
    assert _billed(ledger) == Counter(dict.fromkeys(NAMES, 2_500))
    count(
        f"race         usage and finalise   {somewhere.kind:<11} {3 * ROUNDS:>4} events,"
        f" {on_time.total() * 100 // (2_500 * ROUNDS)} % of their worth on the first document"
    )


def _billed(tally: Tallystick) -> Counter[str]:
    found = Counter[str]()
    for each in documents(tally):
        for line in each.invoice.lines:
            if line.price == "calls":
                found[each.invoice.customer] += line.amount.minor
    return found


# --- against each other ---------------------------------------------------------------------------


def test_of_two_payments_that_are_too_much_together_one_is_recorded(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    owing = {name: first(ledger, name).invoice.id for name in NAMES}

    def pay(name: str) -> object:
        return ledger.invoices.pay(owing[name], "30.00", at=day(1))

    assert winners(at_once(pay, pay)) == {0, 1}
    for name in NAMES:
        found = ledger.invoices.get(owing[name])
        assert (found.paid, found.left, found.status) == (3_000, 1_000, "open")
    count(f"race         two payments         {somewhere.kind:<11} {ROUNDS:>4} rounds")


def test_two_payments_with_one_key_are_one(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    """There is one outcome: whoever records it, the others are given it."""
    owing = {name: first(ledger, name).invoice.id for name in NAMES}

    def pay(name: str) -> object:
        return ledger.invoices.pay(owing[name], "15.00", idempotency_key="once", at=day(1))

    assert at_once(pay, pay, pay) == [["done"] * 3] * ROUNDS
    for name in NAMES:
        assert ledger.invoices.get(owing[name]).paid == 1_500
        assert len(ledger.invoices.payments(owing[name])) == 1
    count(f"race         a payment thrice     {somewhere.kind:<11} {ROUNDS:>4} rounds, one key")


def test_of_a_payment_and_a_void_one_is_refused(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    owing = {name: first(ledger, name).invoice.id for name in NAMES}
    told = at_once(
        lambda name: ledger.invoices.pay(owing[name], at=day(1)),
        lambda name: ledger.invoices.void(owing[name], at=day(1)),
    )
    assert winners(told) == {0, 1}
    for name, said in zip(NAMES, told, strict=True):
        found = ledger.invoices.get(owing[name])
        expected = ("paid", 4_000) if said[0] == "done" else ("void", 0)
        assert (found.status, found.paid) == expected
    count(
        f"race         pay and void         {somewhere.kind:<11} {ROUNDS:>4} rounds:"
        f" {counted(told)}"
    )


def test_a_credit_note_and_a_payment_at_once_lose_no_cent(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    owing = {name: first(ledger, name).invoice.id for name in NAMES}
    told = at_once(
        lambda name: ledger.invoices.pay(owing[name], at=day(1)),
        lambda name: ledger.invoices.credit(owing[name], "25.00", at=day(1)),
    )
    assert told == [["done", "done"]] * ROUNDS
    paid = Counter(ledger.invoices.get(owing[name]).paid for name in NAMES)
    assert set(paid) == {4_000, 1_500}  # the payment came first, or the credit note
    for name in NAMES:
        found = ledger.invoices.get(owing[name])
        assert found.status == "paid"
        assert found.noted == 2_500
        assert found.paid + found.credited == found.invoice.amount_due.minor
        balance = sum(money.minor for money in ledger.invoices.balance(name))
        assert balance == found.noted - found.credited
    count(
        f"race         pay and credit note  {somewhere.kind:<11} {ROUNDS:>4} rounds:"
        f" {paid[4_000]} paid first"
    )


def test_of_two_credit_notes_that_are_too_much_together_one_is_written(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    owing = {name: first(ledger, name).invoice.id for name in NAMES}

    def credit(name: str) -> object:
        return ledger.invoices.credit(owing[name], "30.00", at=day(1))

    assert winners(at_once(credit, credit)) == {0, 1}
    numbers = sorted(
        each.invoice.number or ""
        for each in documents(ledger)
        if each.invoice.kind == "credit_note"
    )
    assert numbers == [f"CN-{number:06}" for number in range(1, ROUNDS + 1)]
    count(f"race         two credit notes     {somewhere.kind:<11} {ROUNDS:>4} rounds")


def test_of_two_starts_in_one_group_one_is_refused(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    for name in NAMES:
        ledger.subscriptions.cancel(f"{name}-sub", when="now", at=day(1))

    def begin(name: str) -> object:
        return ledger.subscriptions.start(name, "basic", at=day(2))

    assert winners(at_once(begin, begin)) == {0, 1}
    count(f"race         two starts           {somewhere.kind:<11} {ROUNDS:>4} rounds")
