"""The write paths of billing that are swept: starts, changes, runs, payments, credit notes.

Each call has its time and its key.  A void and a write-off have no key: done again they say by
Conflict that they were done.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final
from unittest import mock

from tallystick.app import billing
from tallystick.app.issuing import issue_batch
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
from tests.proof.write_path import WritePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.storage.invoice_rows import Document
    from tallystick.wiring import Tallystick
    from tests.proof.write_path import Acknowledge

__all__ = ["BILLING_PATHS"]

MANY: Final = ("acme", "globex", "hooli", "initech", "umbrella")
PRO, BASIC = "pro", "basic"


# --- what stands before ---------------------------------------------------------------------------


def _customer(tally: Tallystick) -> None:
    sell(tally)
    customers(tally, ["acme"])


def _subscribed(tally: Tallystick) -> None:
    """One that is billed: an open invoice, and some calls in its first month."""
    _customer(tally)
    start(tally, "acme")
    run(tally, 0)
    with arriving(tally, 9):
        use(tally, "acme", 8, 300)


def _on_basic(tally: Tallystick) -> None:
    _customer(tally)
    start(tally, "acme", BASIC)
    run(tally, 0)


def _paid(tally: Tallystick) -> None:
    _subscribed(tally)
    tally.invoices.pay(_first(tally), idempotency_key="all of it", at=day(1))


def _several(tally: Tallystick) -> None:
    """Several, of which nothing was billed yet: calls in time, calls that come late, an item."""
    sell(tally)
    customers(tally, MANY)
    for number, name in enumerate(MANY):
        start(tally, name, BASIC if number == 1 else PRO, number / 2)
    for days in (5, 20, 40, 70):
        with arriving(tally, days + 1):
            for name in ("acme", "hooli"):
                use(tally, name, days, 90)
    use(tally, "hooli", 6, 500)
    tally.subscriptions.cancel("umbrella-sub", when=day(50), credit=True, at=day(3))
    tally.invoices.add_item("acme", "Setting up", "99.00", idempotency_key="item", at=day(2))


def _to_issue(tally: Tallystick) -> None:
    """Drafts of two customers, one of whom has something to its credit and an item waiting."""
    _paid(tally)
    tally.invoices.credit(_first(tally), "12.00", idempotency_key="kind", at=day(2))
    customers(tally, ["globex"])
    tally.invoices.add_item("acme", "Setting up", "9.00", idempotency_key="item", at=day(2))
    start(tally, "globex", PRO, 3)
    next(tally.invoices.steps(day(31)))  # the subscriptions only: what fell due are drafts


# --- what is done ---------------------------------------------------------------------------------


def _first(tally: Tallystick) -> str:
    """Give the id of the first invoice there was."""
    found = tally.invoices.get("INV-000001").invoice
    return found.id


def _start(tally: Tallystick, acknowledge: Acknowledge) -> None:
    made = tally.subscriptions.start(
        "acme",
        PRO,
        seats=3,
        id="acme-sub",
        trial_days=None,
        idempotency_key="start",
        at=day(0),
    )
    acknowledge("subscriptions", "acme-sub")
    for document in made.documents:
        acknowledge("invoices", document)


def _trial(tally: Tallystick, acknowledge: Acknowledge) -> None:
    tally.subscriptions.start(
        "acme",
        PRO,
        id="acme-sub",
        trial_days=14,
        identities=["card 4242"],
        idempotency_key="trial",
        at=day(0),
    )
    acknowledge("subscriptions", "acme-sub")
    acknowledge("trials", "identity/card 4242")


def _upgrade(tally: Tallystick, acknowledge: Acknowledge) -> None:
    made = tally.subscriptions.change(
        "acme-sub",
        plan=PRO,
        seats=4,
        proration="invoice_now",
        idempotency_key="up",
        at=day(11.37),
    )
    assert made.documents
    acknowledge("subscription_moves", "up")
    for document in made.documents:
        acknowledge("invoices", document)


def _cancel(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Cancel at once, with credit: the run makes a credit note of the unused rest."""
    tally.subscriptions.cancel(
        "acme-sub", when="now", credit=True, idempotency_key="end", at=day(12)
    )
    acknowledge("subscription_moves", "end")
    _ran(tally, 13, acknowledge)
    assert any(d.invoice.kind == "credit_note" for d in documents(tally))


def _ran(tally: Tallystick, days: float, acknowledge: Acknowledge) -> None:
    """Run to a day; what is issued then is what a customer was told."""
    assert not run(tally, days).set_aside
    for document in documents(tally):
        if document.invoice.number:
            acknowledge("invoices", document.invoice.number)


def _renew(tally: Tallystick, acknowledge: Acknowledge) -> None:
    _ran(tally, 30.5, acknowledge)


class _OneId:
    def new(self, prefix: str) -> str:
        return f"{prefix}_one"


def _run(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Catch up three months of several, a few at a time: many transactions."""
    with _small_batches():
        _ran(tally, 93, acknowledge)


@contextmanager
def _small_batches() -> Iterator[None]:
    steps = partial(billing.billing_steps, batch=4)
    with mock.patch.object(billing, "billing_steps", _of_four(steps)):
        yield


def _of_four(steps: partial[Iterator[billing.Run]]) -> object:
    return lambda storage, at, **given: steps(storage, at, **{**given, "batch": 4})


def _in_the_club(tally: Tallystick) -> None:
    """On a plan that grants credits, one of which is there."""
    _customer(tally)
    start(tally, "acme", "club")


def _grant_by_cadence(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Let the next boundary come: a grant, what is left of the one before, a document."""
    _ran(tally, 31, acknowledge)
    for row in tally.credits.list("acme", spent=True):
        acknowledge("credit_grants", row.grant.id)


def _roll_over(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Catch up on four months: each grant ends and goes on between the documents, under the cap."""
    _ran(tally, 125, acknowledge)
    for row in tally.credits.list("acme", spent=True):
        acknowledge("plan_grants", row.grant.id)


def _topped_up(tally: Tallystick) -> None:
    """On a plan that is paid by credits, of which little will be left."""
    _customer(tally)
    tally.credits.grant("acme", "12.00", category="paid", idempotency_key="bought", at=day(0))
    with mock.patch.object(tally, "ids", _OneId()):
        tally.credits.top_up("acme", below="5.00", add="20.00", price="18.00", at=day(0))
    start(tally, "acme", BASIC)


def _top_up(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Burn what there is, which begins a purchase, and pay it."""
    _ran(tally, 0, acknowledge)
    [bought] = tally.credits.top_ups("acme")
    acknowledge("top_ups", bought.id)
    acknowledge("credit_grants", tally.credits.pay_top_up(bought.id, at=day(1)).grant.id)


def _finalise(tally: Tallystick, acknowledge: Acknowledge) -> None:
    batch = tally.act(
        lambda unit, _: issue_batch(unit, day(31), before=None, limit=10), repeatable=True
    )
    assert not batch.set_aside
    for invoice in batch.issued:
        acknowledge("invoices", str(invoice.number))


def _add_item(tally: Tallystick, acknowledge: Acknowledge) -> None:
    with mock.patch.object(tally, "ids", _OneId()):  # the document's id is made of the item's
        tally.invoices.add_item(
            "acme", "Setting up", "99.00", now=True, idempotency_key="item", at=day(2)
        )
    acknowledge("invoice_items", "item")


def _pay(tally: Tallystick, acknowledge: Acknowledge) -> None:
    tally.invoices.pay(_first(tally), "15.00", idempotency_key="part", at=day(2))
    acknowledge("payments", "part")
    done = tally.invoices.pay(_first(tally), "25.00", idempotency_key="rest", at=day(3))
    assert done.status == "paid"
    acknowledge("payments", "rest")


def _credit(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Give back a part of a line that is not paid, then more than is due of another that was."""
    note = tally.invoices.credit(
        _first(tally), lines={1: "7.50"}, reason="Too slow", idempotency_key="sorry", at=day(2)
    )
    acknowledge("invoices", str(note.invoice.number))


def _refund(tally: Tallystick, acknowledge: Acknowledge) -> None:
    tally.invoices.refund(_first(tally), "20.00", idempotency_key="back", at=day(3))
    acknowledge("payments", "back")


def _told_by_conflict(act: object, tally: Tallystick, status: str) -> None:
    """Do what has no key; that it was done already is what a repeat is told by Conflict."""
    assert callable(act)
    try:
        found: Document = act(_first(tally), at=day(2))
    except Conflict:
        found = tally.invoices.get(_first(tally))
    assert found.status == status


def _void(tally: Tallystick, acknowledge: Acknowledge) -> None:
    _told_by_conflict(tally.invoices.void, tally, "void")
    acknowledge("invoices", "void")


def _write_off(tally: Tallystick, acknowledge: Acknowledge) -> None:
    _told_by_conflict(tally.invoices.uncollectible, tally, "uncollectible")
    acknowledge("invoices", "uncollectible")


def _swept(
    name: str,
    act: Callable[[Tallystick, Acknowledge], None],
    before: Callable[[Tallystick], object],
) -> WritePath:
    return WritePath(name, act, before, long=True)


BILLING_PATHS: Final = (
    _swept("start", _start, _customer),
    _swept("start a trial", _trial, _customer),
    _swept("upgrade", _upgrade, _on_basic),
    _swept("cancel with credit", _cancel, _subscribed),
    _swept("renew", _renew, _subscribed),
    _swept("run", _run, _several),
    _swept("grant by cadence", _grant_by_cadence, _in_the_club),
    _swept("expire and roll over", _roll_over, _in_the_club),
    _swept("top up", _top_up, _topped_up),
    _swept("finalise", _finalise, _to_issue),
    _swept("add an item", _add_item, _customer),
    _swept("pay", _pay, _subscribed),
    _swept("credit note", _credit, _subscribed),
    _swept("refund", _refund, _paid),
    _swept("void", _void, _subscribed),
    _swept("write off", _write_off, _subscribed),
)
"""Every write path of billing."""
