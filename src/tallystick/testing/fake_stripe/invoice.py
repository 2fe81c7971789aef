"""Invoices: drafted, finalized, paid or not; and invoice items, which wait for one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.testing.fake_stripe.discount import off, start_discounts
from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.invoice_line import line_of_item
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing, page, whole
from tallystick.testing.fake_stripe.payment_intent import LEAST, new_intent, pay
from tallystick.testing.fake_stripe.payment_method import method_of
from tallystick.testing.fake_stripe.refusal import Refused, missing, unsupported
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.search import searching
from tallystick.testing.fake_stripe.tariff import cost
from tallystick.testing.fake_stripe.tariff import whole as rounded

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = [
    "ROUTES",
    "advance_invoice",
    "collect",
    "draft",
    "failed",
    "finalize",
    "intent_of",
    "paid",
]

HOUR: Final = 60 * 60
DAY: Final = 24 * HOUR
_RETRIES: Final = (3 * DAY, 5 * DAY, 7 * DAY)
_NULLS: Final = (
    *("account_country", "account_name", "account_tax_ids", "application", "custom_fields"),
    *("customer_account", "customer_address", "customer_phone", "customer_shipping"),
    *("default_source", "footer", "from_invoice", "hosted_invoice_url", "invoice_pdf"),
    *("last_finalization_error", "latest_revision", "next_payment_attempt", "number"),
    *("on_behalf_of", "receipt_number", "rendering", "shipping_cost", "shipping_details"),
    *("statement_descriptor", "total_taxes", "webhooks_delivered_at", "ending_balance"),
)


def draft(  # noqa: PLR0913 - what an invoice is made of
    account: Account,
    customer: Thing,
    lines: list[Thing],
    at: int,
    *,
    currency: str,
    reason: str,
    subscription: Thing | None = None,
    discounts: list[str] | None = None,
    more: Thing | None = None,
    kept: bool = True,
) -> Thing:
    """Draft an invoice of lines; one that is not `kept` is a preview, and leaves no trace."""
    wanted = account.new_id("in")
    settings = subscription or {}
    method = settings.get("collection_method", "charge_automatically")
    periods = [line["period"] for line in lines]
    invoice: Thing = {
        "id": wanted,
        "object": "invoice",
        **dict.fromkeys(_NULLS),
        "amount_overpaid": 0,
        "amount_paid": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": reason != "manual",
        "automatic_tax": {
            **dict.fromkeys(("disabled_reason", "liability", "provider", "status")),
            "enabled": False,
        },
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": method,
        "created": at,
        "currency": currency,
        "customer": customer["id"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": settings.get("default_payment_method"),
        "default_tax_rates": [],
        "description": None,
        "discounts": list(discounts or []),
        "due_date": at + settings["days_until_due"] * DAY if method == "send_invoice" else None,
        "effective_at": None,
        "issuer": {"type": "self"},
        "lines": whole(lines, f"/v1/invoices/{wanted}/lines"),
        "livemode": False,
        "metadata": {},
        "parent": subscription
        and {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "payments": whole([], f"/v1/invoice_payments?invoice={wanted}"),
        "period_end": max((p["start"] for p in periods), default=at),
        "period_start": min((p["start"] for p in periods), default=at),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": customer["balance"],
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
        "test_clock": customer["test_clock"],
        **(more or {}),
    }
    for line in lines:
        line["invoice"] = wanted
    _add_up(account, invoice)
    if kept:
        emit(account, "invoice.created", account.add(invoice), at=at)
    return invoice


def _add_up(account: Account, invoice: Thing) -> None:
    lines, totals = invoice["lines"]["data"], []
    for line in lines:
        line["discount_amounts"] = []
    for discount in invoice["discounts"]:
        parts = off(account, discount, lines, invoice["currency"])
        for line, amount in zip(lines, parts, strict=True):
            if amount:
                line["discount_amounts"].append({"amount": amount, "discount": discount})
        totals.append({"amount": sum(parts), "discount": discount})
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal - sum(part["amount"] for part in totals)
    due = max(0, total + invoice["starting_balance"])
    invoice |= {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_discount_amounts": totals,
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [],
        "amount_due": due,
        "amount_remaining": due,
        "amount_shipping": 0,
    }


def finalize(account: Account, invoice: Thing, at: int) -> None:
    """Fix an invoice: it gets its number, uses the customer's balance, and can be paid."""
    customer = account.of("customer")[invoice["customer"]]
    invoice["starting_balance"] = customer["balance"]
    _add_up(account, invoice)
    if invoice["amount_due"] < LEAST.get(invoice["currency"], 1):
        # Too little to be charged: the balance carries it to the next invoice.
        invoice |= {"amount_due": 0, "amount_remaining": 0}
    customer["balance"] += invoice["total"] - invoice["amount_due"]
    customer["currency"] = customer["currency"] or invoice["currency"]
    number = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] += 1
    invoice |= {
        "ending_balance": customer["balance"],
        "number": f"{customer['invoice_prefix']}-{number:04d}",
        "status": "open",
        "effective_at": at,
        "automatically_finalizes_at": None,
        "hosted_invoice_url": f"{account.site}/invoice/{invoice['id']}",
        "invoice_pdf": f"{account.site}/invoice/{invoice['id']}/pdf",
    }
    invoice["status_transitions"]["finalized_at"] = at
    emit(account, "invoice.finalized", invoice, at=at)
    if invoice["amount_due"] == 0:
        paid(account, invoice, at)
        return
    _ask_for(account, invoice, at)


def _ask_for(account: Account, invoice: Thing, at: int) -> None:
    params = {"amount": invoice["amount_due"], "currency": invoice["currency"]}
    asked = {"customer": invoice["customer"], "description": f"Invoice {invoice['number']}"}
    intent = new_intent(account, {**params, **asked}, at)
    payment = account.add(
        {
            "id": account.new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": at,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
    invoice["payments"]["data"].append(payment)


def default_method(account: Account, invoice: Thing) -> Thing | None:
    """Give the payment method an invoice is charged to: its own, else the customer's."""
    customer = account.of("customer")[invoice["customer"]]
    chosen = invoice["default_payment_method"]
    chosen = chosen or customer["invoice_settings"]["default_payment_method"]
    return None if chosen is None else account.of("payment_method").get(chosen)


def collect(
    account: Account, invoice: Thing, at: int, method: Thing | None = None, *, off: bool = True
) -> Refused | None:
    """Try to be paid, and give why that did not go; its subscription follows."""
    method = method or default_method(account, invoice)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    why: Refused | None
    if method is None:
        why = Refused(
            "This customer has no attached payment source or default payment method.",
            code="invoice_no_payment_method_types",
        )
    else:
        why = pay(account, intent_of(account, invoice), method, off_session=off, at=at)
    status = intent_of(account, invoice)["status"]
    if status == "succeeded":
        paid(account, invoice, at)
    elif status == "processing":
        # A payment that takes days is trusted meanwhile.
        _follow(account, invoice, {"incomplete"}, "active", at)
    elif why is not None or status == "requires_action":
        failed(account, invoice, at)
        if why is None:
            emit(account, "invoice.payment_action_required", invoice, at=at)
    return why


def intent_of(account: Account, invoice: Thing) -> Thing:
    """Give the payment intent of a finalized invoice that is not free."""
    payment = invoice["payments"]["data"][0]["payment"]
    return account.of("payment_intent")[payment["payment_intent"]]


def paid(account: Account, invoice: Thing, at: int, *, outside: bool = False) -> None:
    """Let an invoice be paid, and its subscription be active again."""
    invoice |= {
        "amount_paid": 0 if outside else invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "next_payment_attempt": None,
        "status": "paid",
    }
    invoice["status_transitions"]["paid_at"] = at
    for payment in invoice["payments"]["data"]:
        payment |= {"amount_paid": payment["amount_requested"], "status": "paid"}
        payment["status_transitions"]["paid_at"] = at
    emit(account, "invoice.paid", invoice, at=at)
    emit(account, "invoice.payment_succeeded", invoice, at=at)
    _follow(account, invoice, {"incomplete", "past_due", "unpaid"}, "active", at)


def failed(account: Account, invoice: Thing, at: int) -> None:
    """Let an attempt to be paid have failed: it is repeated later, or was the last."""
    tries = invoice["attempt_count"]
    automatic = invoice["billing_reason"] == "subscription_cycle" and tries <= len(_RETRIES)
    invoice["next_payment_attempt"] = at + _RETRIES[tries - 1] if automatic else None
    emit(account, "invoice.payment_failed", invoice, at=at)
    last = invoice["billing_reason"] == "subscription_cycle" and not automatic
    _follow(account, invoice, {"active", "trialing"}, "past_due", at)
    if last:
        _follow(account, invoice, {"past_due"}, "canceled", at)


def _follow(account: Account, invoice: Thing, before: set[str], status: str, at: int) -> None:
    if invoice["parent"] is None:
        return
    wanted = invoice["parent"]["subscription_details"]["subscription"]
    subscription = account.of("subscription").get(wanted)
    if subscription is None or subscription["status"] not in before:
        return
    was, subscription["status"] = subscription["status"], status
    kind = "updated"
    if status == "canceled":
        kind = "deleted"
        subscription |= {"canceled_at": at, "ended_at": at}
        subscription["cancellation_details"]["reason"] = "payment_failed"
    emit(account, f"customer.subscription.{kind}", subscription, {"status": was}, at)


def advance_invoice(account: Account, invoice: Thing, at: int) -> None:
    """Do what is due: finalize a draft after its hour, ask again for what was not paid."""
    if invoice["status"] == "draft":
        finalize(account, invoice, at)
        if invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
            collect(account, invoice, at)
    else:
        collect(account, invoice, at)


# --- what is asked --------------------------------------------------------------------------------


def _customer(account: Account, params: Thing) -> Thing:
    if "customer" not in params:
        raise Refused(
            "Missing required param: customer.", code="parameter_missing", param="customer"
        )
    return account.given("customer", params["customer"], "customer")


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    customer = _customer(account, params)
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


def _create_item(account: Account, call: Call) -> Thing:
    params = call.params
    customer = _customer(account, params)
    at = account.now(customer["test_clock"])
    invoice = None
    if "invoice" in params:
        invoice = account.given("invoice", params["invoice"], "invoice")
        if invoice["status"] != "draft" or invoice["customer"] != customer["id"]:
            raise Refused("Items are added to a draft of the same customer.", param="invoice")
    amount, quantity, price = _worth(account, params)
    currency = str((price or params).get("currency") or customer["currency"] or "usd").lower()
    if invoice is not None and invoice["currency"] != currency:
        raise Refused("The invoice has another currency.", param="currency")
    details = price and {"price": price["id"], "product": price["product"]}
    item = account.add(
        {
            "id": account.new_id("ii"),
            "object": "invoiceitem",
            "amount": amount,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "date": at,
            "description": params.get("description"),
            "discountable": params.get("discountable", amount >= 0),
            "discounts": [],
            "invoice": params.get("invoice"),
            "livemode": False,
            "metadata": merged(None, params),
            "net_amount": amount,
            "parent": None,
            "period": params.get("period", {"start": at, "end": at}),
            "pricing": price
            and {
                "price_details": details,
                "type": "price_details",
                "unit_amount_decimal": price["unit_amount_decimal"],
            },
            "proration": False,
            "quantity": quantity,
            "quantity_decimal": str(quantity),
            "tax_rates": [],
            "test_clock": customer["test_clock"],
        }
    )
    if invoice is not None:
        line = line_of_item(account, item) | {"invoice": invoice["id"]}
        invoice["lines"]["data"].append(line)
        _add_up(account, invoice)
    emit(account, "invoiceitem.created", item, at=at)
    return item


def _worth(account: Account, params: Thing) -> tuple[int, int, Thing | None]:
    quantity = params.get("quantity", 1)
    wanted = params.get("pricing", {}).get("price")
    if quantity < 0:
        raise Refused("Invalid non-negative integer", param="quantity")
    if wanted is not None:
        price = account.given("price", wanted, "pricing[price]")
        if price["type"] != "one_time":
            raise Refused("An invoice item has a price of type one_time.", param="pricing[price]")
        return rounded(cost(price, Decimal(quantity))), quantity, price
    if "amount" not in params:
        raise Refused("Missing required param: amount.", code="parameter_missing", param="amount")
    return params["amount"], 1, None


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
_ITEM_CREATES: Final = frozenset(
    (
        *("amount", "currency", "customer", "description", "discountable", "invoice"),
        *("metadata", "period", "pricing", "quantity"),
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
    Route("POST", "/v1/invoiceitems", "InvoiceItemCreateParams", _create_item, _ITEM_CREATES),
    Route("GET", "/v1/invoiceitems", "InvoiceItemListParams", listing("invoiceitem")),
)
"""What is asked of invoices and of invoice items."""
