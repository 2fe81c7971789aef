"""Invoice items: charges of their own, which wait for an invoice or are put on a draft."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.invoice import add_up
from tallystick.testing.fake_stripe.invoice_line import line_of_item
from tallystick.testing.fake_stripe.metadata import merged
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.refusal import Refused
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.tariff import cost, whole

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "customer_of"]


def customer_of(account: Account, params: Thing) -> Thing:
    """Give the customer that a call names.  Raises Refused."""
    if "customer" not in params:
        raise Refused(
            "Missing required param: customer.", code="parameter_missing", param="customer"
        )
    return account.given("customer", params["customer"], "customer")


def _create_item(account: Account, call: Call) -> Thing:
    params = call.params
    customer = customer_of(account, params)
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
        add_up(account, invoice)
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
        return whole(cost(price, Decimal(quantity))), quantity, price
    if "amount" not in params:
        raise Refused("Missing required param: amount.", code="parameter_missing", param="amount")
    return params["amount"], 1, None


_ITEM_CREATES: Final = frozenset(
    (
        *("amount", "currency", "customer", "description", "discountable", "invoice"),
        *("metadata", "period", "pricing", "quantity"),
    )
)
ROUTES: Final = (
    Route("POST", "/v1/invoiceitems", "InvoiceItemCreateParams", _create_item, _ITEM_CREATES),
    Route("GET", "/v1/invoiceitems", "InvoiceItemListParams", listing("invoiceitem")),
)
"""What is asked of invoice items."""
