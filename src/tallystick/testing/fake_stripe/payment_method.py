"""Payment methods: a test card, kept by a customer or for one payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.testing.fake_stripe.cards import Card, card_of
from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.refusal import Refused, unsupported
from tallystick.testing.fake_stripe.route import Route

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "attach", "card_behind", "method_of", "new_method"]

_NO_ADDRESS: Final = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
_DECLINED: Final = 402


def new_method(account: Account, card: Card, params: Thing | None = None) -> Thing:
    """Keep a test card as a payment method that belongs to nobody yet."""
    given = params or {}
    kind = "us_bank_account" if card.delayed else "card"
    method: Thing = {
        "id": account.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": given.get("allow_redisplay", "unspecified"),
        "billing_details": {
            **dict.fromkeys(("email", "name", "phone", "tax_id")),
            "address": dict(_NO_ADDRESS),
            **given.get("billing_details", {}),
        },
        "created": account.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": merged(None, given),
        "type": kind,
        kind: _bank(card) if card.delayed else _card(card),
    }
    account.cards[method["id"]] = card
    return account.add(method)


def card_behind(account: Account, method: Thing) -> Card:
    """Give the test card that a payment method stands for."""
    return account.cards[method["id"]]


def method_of(account: Account, wanted: str, param: str) -> Thing:
    """Give a payment method by its id, or a new one by the name of a test card.

    Raises Refused where there is neither.
    """
    card = card_of(wanted)
    return (
        account.given("payment_method", wanted, param)
        if card is None
        else new_method(account, card)
    )


def attach(account: Account, method: Thing, customer: str) -> None:
    """Let a customer keep a payment method.

    Raises Refused (402) for a card that is declined at once, and for one of another customer.
    """
    if method["customer"] not in {None, customer}:
        raise Refused("The payment method belongs to another customer.", param="payment_method")
    card = card_behind(account, method)
    if not card.attaches:
        raise Refused(
            "Your card was declined.",
            code=card.code,
            status=_DECLINED,
            kind="card_error",
            more={"decline_code": card.decline},
        )
    if method["customer"] is None:
        method["customer"] = customer
        emit(account, "payment_method.attached", method)


def _card(card: Card) -> Thing:
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": 2040,
        "fingerprint": f"fake{card.number}",
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": None,
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _bank(card: Card) -> Thing:
    return {
        **dict.fromkeys(("financial_connections_account", "networks", "status_details")),
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "fingerprint": f"fake{card.number}",
        "last4": card.last4,
        "routing_number": "110000000",
    }


def _create(account: Account, call: Call) -> Thing:
    params: Any = call.params
    if params.get("type") != "card" or "card" not in params:
        raise unsupported("payment methods of another type than card")
    given = params["card"]
    card = card_of(given.get("token") or given.get("number", ""))
    if card is None:
        raise Refused(
            "Your card number is incorrect: the fake knows the usual test cards.",
            code="incorrect_number",
            param="card[number]",
            status=_DECLINED,
            kind="card_error",
        )
    return new_method(account, card, params)


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("payment_method", call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    method = account.get("payment_method", call.ids[0])
    changed(method, call.params)
    emit(account, "payment_method.updated", method)
    return method


def _attach(account: Account, call: Call) -> Thing:
    wanted = call.params.get("customer", "")
    account.given("customer", wanted, "customer")
    method = method_of(account, call.ids[0], "payment_method")
    attach(account, method, wanted)
    return method


def _detach(account: Account, call: Call) -> Thing:
    method = account.get("payment_method", call.ids[0])
    if method["customer"] is None:
        raise Refused("The payment method is not attached to a customer.", param="payment_method")
    customer = account.of("customer")[method["customer"]]
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
    method["customer"] = None
    emit(account, "payment_method.detached", method)
    return method


_LIST: Final = listing("payment_method")


def _of_customer(account: Account, call: Call) -> Thing:
    account.get("customer", call.ids[0])
    return _LIST(account, type(call)(call.ids, {**call.params, "customer": call.ids[0]}, call.path))


ROUTES: Final = (
    Route(
        "POST",
        "/v1/payment_methods",
        "PaymentMethodCreateParams",
        _create,
        frozenset(("allow_redisplay", "billing_details", "card", "metadata", "type")),
    ),
    Route("GET", "/v1/payment_methods", "PaymentMethodListParams", _LIST),
    Route(
        "GET",
        "/v1/customers/{id}/payment_methods",
        "CustomerListPaymentMethodsParams",
        _of_customer,
    ),
    Route("GET", "/v1/payment_methods/{id}", "PaymentMethodRetrieveParams", _retrieve),
    Route(
        "POST",
        "/v1/payment_methods/{id}",
        "PaymentMethodUpdateParams",
        _update,
        frozenset(("allow_redisplay", "metadata")),
    ),
    Route("POST", "/v1/payment_methods/{id}/attach", "PaymentMethodAttachParams", _attach),
    Route("POST", "/v1/payment_methods/{id}/detach", "PaymentMethodDetachParams", _detach),
)
"""What is asked of payment methods."""
