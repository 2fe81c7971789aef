"""What is asked of invoices: to draft, finalize, pay, send and void them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.testing.fake_stripe.discount import start_discounts
from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.invoice import DAY, collect, draft, finalize, paid
from tallystick.testing.fake_stripe.invoice_item import customer_of
from tallystick.testing.fake_stripe.invoice_line import line_of_item
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing, page
from tallystick.testing.fake_stripe.payment_method import method_of
from tallystick.testing.fake_stripe.refusal import Refused, missing, unsupported
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.search import searching

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES"]


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    customer = customer_of(account, params)
    at = account.now(customer["test_clock"])
    method = params.get("collection_method", "charge_automatically")
    if (method == "send_invoice") != ("days_until_due" in params or "due_date" in params):
        raise Refused(
            "send_invoice has days_until_due, and nothing else has.", param="days_until_due"
        )
    wanted = params.get("pending_invoice_items_behavior", "exclude") == "include"
    waiting = _waiting(account, customer) if wanted else []
    currency = params.get("currency") or customer["currency"] or "usd"
    currency = waiting[0]["currency"] if waiting else currency
    due = params.get("due_date") or (at + params.get("days_until_due", 0) * DAY)
    more = {
        "auto_advance": params.get("auto_advance", False),
        "collection_method": method,
        "default_payment_method": params.get("default_payment_method"),
        "description": params.get("description"),
        "due_date": due if method == "send_invoice" else None,
        "metadata": merged(None, params),
    }
    discounts = start_discounts(account, params.get("discounts", []), customer["id"], at)
    invoice = draft(
        account,
        customer,
        [line_of_item(account, item) for item in waiting],
        at,
        currency=currency,
        reason="manual",
        discounts=discounts,
        more=more,
    )
    for item in waiting:
        item["invoice"] = invoice["id"]
    return invoice


def _waiting(account: Account, customer: Thing) -> list[Thing]:
    items = account.of("invoiceitem").values()
    return [i for i in items if i["customer"] == customer["id"] and i["invoice"] is None]


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("invoice", call.ids[0])


def _in(invoice: Thing, verb: str, *statuses: str) -> Thing:
    if invoice["status"] not in statuses:
        raise Refused(
            f"You can only {verb} an invoice that is {' or '.join(statuses)}; this one is"
            f" {invoice['status']}.",
            code="invoice_not_editable" if verb in {"change", "finalize"} else None,
        )
    return invoice


def _update(account: Account, call: Call) -> Thing:
    invoice, params = account.get("invoice", call.ids[0]), dict(call.params)
    if params.keys() - {"auto_advance", "description", "metadata", "default_payment_method"}:
        raise unsupported("updates of invoices beyond their description and metadata")
    if "default_payment_method" in params:
        _in(invoice, "change", "draft", "open")
    before = changed(invoice, params)
    emit(account, "invoice.updated", invoice, before)
    return invoice


def _delete(account: Account, call: Call) -> Thing:
    invoice = _in(account.get("invoice", call.ids[0]), "delete", "draft")
    del account.of("invoice")[invoice["id"]]
    for item in account.of("invoiceitem").values():
        if item["invoice"] == invoice["id"]:
            item["invoice"] = None
    emit(account, "invoice.deleted", invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def _finalize(account: Account, call: Call) -> Thing:
    invoice = _in(account.get("invoice", call.ids[0]), "finalize", "draft")
    finalize(account, invoice, account.now(invoice["test_clock"]))
    return invoice


def _pay(account: Account, call: Call) -> Thing:
    invoice, params = account.get("invoice", call.ids[0]), call.params
    if invoice["status"] == "paid":
        raise Refused("Invoice is already paid", code="invoice_already_paid")
    _in(invoice, "pay", "draft", "open", "uncollectible")
    at = account.now(invoice["test_clock"])
    chosen: Any = params.get("payment_method")
    method = None if chosen is None else method_of(account, chosen, "payment_method")
    if method is not None and method["customer"] not in {None, invoice["customer"]}:
        raise missing("payment_method", method["id"], "payment_method", 400)
    if invoice["status"] == "draft":
        finalize(account, invoice, at)
    if params.get("paid_out_of_band"):
        paid(account, invoice, at, outside=True)
    elif invoice["status"] != "paid":
        why = collect(account, invoice, at, method, off=params.get("off_session", True))
        if why is not None:
            raise why
    return invoice


def _void(account: Account, call: Call) -> Thing:
    return _close(account, call, "void", "voided", "open", "uncollectible")


def _uncollectible(account: Account, call: Call) -> Thing:
    return _close(account, call, "uncollectible", "marked_uncollectible", "open")


def _close(account: Account, call: Call, status: str, word: str, *before: str) -> Thing:
    invoice = _in(account.get("invoice", call.ids[0]), "close", *before)
    at = account.now(invoice["test_clock"])
    invoice |= {"status": status, "next_payment_attempt": None}
    invoice["status_transitions"][f"{word}_at"] = at
    if status == "void":
        for payment in invoice["payments"]["data"]:
            payment["status"] = "canceled"
            payment["status_transitions"]["canceled_at"] = at
            account.of("payment_intent")[payment["payment"]["payment_intent"]]["status"] = (
                "canceled"
            )
    emit(account, f"invoice.{word}", invoice, at=at)
    return invoice


def _send(account: Account, call: Call) -> Thing:
    invoice = _in(account.get("invoice", call.ids[0]), "send", "draft", "open")
    at = account.now(invoice["test_clock"])
    if invoice["collection_method"] != "send_invoice":
        raise Refused("You can only send an invoice whose collection_method is send_invoice.")
    if invoice["status"] == "draft":
        finalize(account, invoice, at)
    emit(account, "invoice.sent", invoice, at=at)
    return invoice


def _lines(account: Account, call: Call) -> Thing:
    invoice = account.get("invoice", call.ids[0])
    return page(invoice["lines"]["data"], call.params, call.path)


def _of_subscription(invoice: Thing) -> str | None:
    parent = invoice["parent"]
    return None if parent is None else str(parent["subscription_details"]["subscription"])


_CREATES: Final = frozenset(
    (
        *("auto_advance", "collection_method", "currency", "customer", "days_until_due"),
        *("default_payment_method", "description", "discounts", "due_date", "metadata"),
        "pending_invoice_items_behavior",
    )
)
_PAYS: Final = frozenset(("off_session", "paid_out_of_band", "payment_method"))
ROUTES: Final = (
    Route("POST", "/v1/invoices", "InvoiceCreateParams", _create, _CREATES),
    Route(
        "GET",
        "/v1/invoices",
        "InvoiceListParams",
        listing("invoice", subscription=_of_subscription),
    ),
    Route(
        "GET",
        "/v1/invoices/search",
        "InvoiceSearchParams",
        searching("invoice", "currency", "customer", "number", "status", "total"),
    ),
    Route("GET", "/v1/invoices/{id}", "InvoiceRetrieveParams", _retrieve),
    Route("POST", "/v1/invoices/{id}", "InvoiceUpdateParams", _update),
    Route("DELETE", "/v1/invoices/{id}", "InvoiceDeleteParams", _delete),
    Route("GET", "/v1/invoices/{id}/lines", "InvoiceLineItemListParams", _lines),
    Route(
        "POST",
        "/v1/invoices/{id}/finalize",
        "InvoiceFinalizeInvoiceParams",
        _finalize,
        frozenset(),
    ),
    Route("POST", "/v1/invoices/{id}/pay", "InvoicePayParams", _pay, _PAYS),
    Route("POST", "/v1/invoices/{id}/send", "InvoiceSendInvoiceParams", _send),
    Route("POST", "/v1/invoices/{id}/void", "InvoiceVoidInvoiceParams", _void),
    Route(
        "POST",
        "/v1/invoices/{id}/mark_uncollectible",
        "InvoiceMarkUncollectibleParams",
        _uncollectible,
    ),
    Route("GET", "/v1/invoice_payments", "InvoicePaymentListParams", listing("invoice_payment")),
)
"""Every call of invoices but the preview, which stands with subscriptions."""
