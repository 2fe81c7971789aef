"""The lines of invoices: a period of a price, a proration, an item of its own."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from tallystick.testing.fake_stripe.tariff import cost, whole

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing

__all__ = ["line_of_item", "line_of_period", "proration_lines"]


def _line(
    account: Account, amount: int, period: tuple[int, int], price: Thing | None, **more: object
) -> Thing:
    unit = None if price is None else price["unit_amount_decimal"]
    details = price and {"price": price["id"], "product": price["product"]}
    return {
        "id": account.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "description": None,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "parent": None,
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": details
        and {
            "price_details": details,
            "type": "price_details",
            "unit_amount_decimal": unit,
        },
        "quantity": 1,
        "quantity_decimal": "1",
        "subscription": None,
        "subtotal": amount,
        "taxes": [],
        **more,
    }


def line_of_period(
    account: Account, item: Thing, quantity: Decimal, period: tuple[int, int], note: str = ""
) -> Thing:
    """Charge an item of a subscription for a whole period; nothing in a trial (`note` says so)."""
    price = item["price"]
    amount = 0 if note else whole(cost(price, quantity))
    return _line(
        account,
        amount,
        period,
        price,
        currency=price["currency"],
        description=f"{note or _words(quantity)} {_name(account, price)}",
        metadata=dict(item["metadata"]),
        quantity=int(quantity),
        quantity_decimal=_words(quantity),
        parent=_parent(item, proration=False),
        subscription=item["subscription"],
    )


def proration_lines(account: Account, item: Thing, at: int, *, credit: bool) -> list[Thing]:
    """Give back, or charge, an item for the rest of its period, by the second.

    Source: docs.stripe.com/billing/subscriptions/prorations: each is rounded by itself.
    """
    price, end = item["price"], item["current_period_end"]
    if price["recurring"]["usage_type"] == "metered":
        return []
    share = Fraction(end - at, end - item["current_period_start"])
    quantity = Decimal(item["quantity"])
    amount = whole(cost(price, quantity) * share)
    word = "Unused time on" if credit else "Remaining time on"
    return [
        _line(
            account,
            -amount if credit else amount,
            (at, end),
            price,
            currency=price["currency"],
            description=f"{word} {_words(quantity)} {_name(account, price)}",
            discountable=False,
            quantity=int(quantity),
            quantity_decimal=_words(quantity),
            parent=_parent(item, proration=True),
            subscription=item["subscription"],
        )
    ]


def line_of_item(account: Account, item: Thing) -> Thing:
    """Charge an invoice item."""
    price = account.of("price").get((item["pricing"] or {}).get("price_details", {}).get("price"))
    return _line(
        account,
        item["amount"],
        (item["period"]["start"], item["period"]["end"]),
        price,
        currency=item["currency"],
        description=item["description"],
        discountable=item["discountable"],
        metadata=dict(item["metadata"]),
        quantity=item["quantity"],
        quantity_decimal=item["quantity_decimal"],
        parent={
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": False,
                "proration_details": None,
                "subscription": None,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
    )


def _parent(item: Thing, *, proration: bool) -> Thing:
    return {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": None,
            "proration": proration,
            "proration_details": {"credited_items": None},
            "subscription": item["subscription"],
            "subscription_item": item["id"],
        },
        "type": "subscription_item_details",
    }


def _name(account: Account, price: Thing) -> str:
    return f"× {account.of('product')[price['product']]['name']}"


def _words(quantity: Decimal) -> str:
    return format(quantity.normalize(), "f") if quantity else "0"
