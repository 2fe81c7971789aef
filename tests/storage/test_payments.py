"""Payments, one-off items, sellers and the mark until which usage is closed, as rows."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tallystick.errors import Conflict, InvalidInput
from tallystick.storage import invoice_items, invoices, payments
from tallystick.storage.invoice_items import InvoiceItem
from tallystick.storage.payments import Payment
from tallystick.storage.sellers import get_facts, set_facts
from tallystick.storage.usage_watermark import close_usage, closed_until, hold_open
from tests.storage.billing_values import AT, draft, eur, filled, later

if TYPE_CHECKING:
    from datetime import datetime

    from tallystick.storage.unit import Storage

COPIED = (
    "INSERT INTO tallystick_payments SELECT customer_id, 'x', {}, {}, {}, currency, at, method,"
    " NULL, NULL FROM tallystick_payments"
)


@pytest.fixture
def storage(storage: Storage) -> Storage:
    """A migrated database of each kind, with two customers, a subscription and a draft each."""
    filled(storage, "acme", "beta")
    with storage.begin() as unit:
        theirs = draft("inv_2", "beta", subscription_id="sub_2")
        invoices.insert_drafts(unit, [draft(), theirs])
        unit.commit()
    return storage


def payment(**fields: Any) -> Payment:
    given: dict[str, Any] = {"id": "pay_1", "invoice": "inv_1", "amount": eur(100), "at": AT}
    return Payment(customer="acme", method="transfer", **given | fields)


def item(**fields: Any) -> InvoiceItem:
    given: dict[str, Any] = {"id": "ii_1", "quantity": Decimal("1.50"), "amount": eur(-100)}
    return InvoiceItem(customer="acme", description="Hours", at=AT, **given | fields)


def test_payments_come_back_in_their_order(storage: Storage) -> None:
    first = payment(reference="R-1", idempotency_key="k")
    back = payment(id="pay_0", kind="refund", at=later(days=1), idempotency_key=None)
    with storage.begin() as unit:
        for each in (back, first):
            payments.add_payment(unit, each)
        assert payments.payments_of(unit, "acme") == (first, back)
        assert payments.payments_of(unit, "acme", "inv_1") == (first, back)
        assert payments.payments_of(unit, "acme", "inv_9") == ()
        assert payments.payments_of(unit, "beta") == ()
        assert payments.payment_by_key(unit, "acme", "k") == first
        assert payments.payment_by_key(unit, "beta", "k") is None
        for again in (replace(first, id="pay_2"), replace(first, idempotency_key="k2")):
            with pytest.raises(Conflict, match="recorded before"):
                payments.add_payment(unit, again)
        with pytest.raises(InvalidInput):
            payments.add_payment(unit, payment(id="pay_3", amount=eur(0)))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tallystick_payments SET amount = 1",
        "DELETE FROM tallystick_payments",
        *(
            COPIED.format(*values)
            for values in (
                ("invoice_id", "kind", 0),
                ("invoice_id", "kind", -1),
                ("invoice_id", "'gift'", 1),
                ("'inv_2'", "kind", 1),
                ("NULL", "kind", 1),
            )
        ),
        "UPDATE tallystick_invoice_items SET invoice_id = 'inv_2' WHERE id = 'ii_2'",
        "UPDATE tallystick_invoice_items SET invoice_id = NULL WHERE id = 'ii_1'",
        "UPDATE tallystick_invoice_items SET amount = 1 WHERE id = 'ii_1'",
        "DELETE FROM tallystick_invoice_items WHERE id = 'ii_2'",
        "INSERT INTO tallystick_usage_watermark VALUES (2, NULL)",
    ],
)
def test_the_database_refuses(storage: Storage, statement: str) -> None:
    with storage.begin() as unit:
        payments.add_payment(unit, payment())
        invoice_items.add_item(unit, item())
        invoice_items.add_item(unit, item(id="ii_2"))
        invoice_items.put_on_invoice(unit, [("acme", "ii_1", "inv_1")])
        unit.commit()
    with pytest.raises(IntegrityError), storage.begin() as unit:
        unit.connection.execute(text(statement))


def test_an_item_waits_until_it_stands_on_one_document(storage: Storage) -> None:
    one, other = item(idempotency_key="k", subscription="sub_1"), item(id="ii_2")
    theirs = replace(item(id="ii_3"), customer="beta")
    with storage.begin() as unit:
        for each in (other, one, theirs):
            invoice_items.add_item(unit, each)
        assert invoice_items.waiting_items(unit, ["acme"]) == (one, other)
        assert invoice_items.waiting_items(unit, ["beta", "acme", "x"]) == (one, other, theirs)
        assert invoice_items.find_items(unit, [("acme", "ii_1"), ("acme", "ii_3")]) == {
            ("acme", "ii_1"): one
        }
        assert invoice_items.item_by_key(unit, "acme", "k") == one
        assert invoice_items.item_by_key(unit, "beta", "k") is None
        invoice_items.put_on_invoice(unit, [("acme", "ii_1", "inv_1"), ("beta", "ii_3", "inv_2")])
        assert invoice_items.waiting_items(unit, ["acme", "beta"]) == (other,)
        assert invoice_items.items_of(unit, "acme", "inv_1") == (replace(one, invoice="inv_1"),)
        with pytest.raises(Conflict, match="added before"):
            invoice_items.add_item(unit, replace(one, id="ii_9"))
        unit.commit()
    moved = [("acme", "ii_2", "inv_1"), ("acme", "ii_1", "inv_1")]
    with pytest.raises(Conflict, match="already"), storage.begin() as unit:
        invoice_items.put_on_invoice(unit, moved)


def test_a_sellers_facts_are_those_that_were_set_last(storage: Storage) -> None:
    first = {"name": "Über GmbH", "address": {"country": "AT"}}
    with storage.begin() as unit:
        assert get_facts(unit) is None
        set_facts(unit, first, AT)
        set_facts(unit, {"name": "Other"}, AT, "other")
        assert get_facts(unit) == first
        set_facts(unit, {**first, "name": "New"}, later(days=1))
        assert get_facts(unit) == {**first, "name": "New"}
        assert get_facts(unit, "other") == {"name": "Other"}


# --- until when usage is closed -------------------------------------------------------------------


def test_usage_is_closed_further_and_further(storage: Storage) -> None:
    with storage.begin() as unit:
        assert closed_until(unit) is None
        assert hold_open(unit) is None
        for at, then in ((AT, AT), (later(days=2), later(days=2)), (AT, later(days=2))):
            close_usage(unit, at)
            assert closed_until(unit) == hold_open(unit) == then


def test_who_closes_waits_for_who_records(storage_postgresql: Storage) -> None:
    storage = storage_postgresql
    seen: list[datetime | None] = []

    def close() -> None:
        with storage.begin() as unit:
            close_usage(unit, AT)
            unit.commit()

    with storage.begin() as one, storage.begin() as two:
        seen.append(hold_open(one))
        one.commit()
        seen.append(hold_open(two))
        other = threading.Thread(target=close)
        other.start()
        other.join(0.3)
        assert other.is_alive()
        two.commit()
    other.join(10)
    assert seen == [None, None]
    with storage.begin() as unit:
        assert hold_open(unit) == AT
