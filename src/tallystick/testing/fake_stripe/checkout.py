"""Checkout sessions: what a customer is asked to pay on a page."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.checkout_payment import add_up, end
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing, page, whole
from tallystick.testing.fake_stripe.payment_intent import LEAST
from tallystick.testing.fake_stripe.price import new_price
from tallystick.testing.fake_stripe.refusal import Refused, unsupported
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.tariff import cost
from tallystick.testing.fake_stripe.tariff import whole as rounded

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES"]

HOUR: Final = 60 * 60
_DAY: Final = 24 * HOUR
_LEAST: Final = 30 * 60
_KIND: Final = "checkout.session"
_NULLS: Final = (
    *("adaptive_pricing", "after_expiration", "billing_address_collection", "branding_settings"),
    *("client_secret", "collected_information", "consent", "consent_collection"),
    *("currency_conversion", "customer_account", "invoice", "invoice_creation", "locale"),
    *("origin_context", "payment_intent", "payment_link"),
    *("payment_method_configuration_details", "permissions", "recovered_from"),
    *("saved_payment_method_options", "setup_intent", "shipping_address_collection"),
    *("shipping_cost", "submit_type", "subscription", "wallet_options", "managed_payments"),
    "integration_identifier",
)


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    if params.get("mode") not in {"payment", "subscription"}:
        raise unsupported("checkout sessions in mode setup")
    if params.get("ui_mode", "hosted_page") != "hosted_page" or "success_url" not in params:
        raise unsupported("checkout sessions without a hosted page")
    if "customer" in params:
        account.given("customer", params["customer"], "customer")
        if "customer_email" in params:
            raise Refused("Give customer or customer_email, not both.", param="customer_email")
    lines = _lines(account, params)
    discounts = params.get("discounts", [])
    if len(discounts) > 1 or (discounts and params.get("allow_promotion_codes")):
        raise Refused("A session takes one discount, or allows codes.", param="discounts")
    _check_terms(params)
    at = account.now()
    expires = params.get("expires_at", at + _DAY)
    if not at + _LEAST <= expires <= at + _DAY:
        raise Refused("expires_at is 30 minutes to 24 hours ahead.", param="expires_at")
    wanted = account.new_id("cs_test")
    session: Thing = {
        "id": wanted,
        "object": _KIND,
        **dict.fromkeys(_NULLS),
        "allow_promotion_codes": params.get("allow_promotion_codes"),
        "automatic_tax": {
            **dict.fromkeys(("liability", "provider", "status")),
            "enabled": False,
        },
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": at,
        "currency": lines[0]["currency"],
        "custom_fields": [],
        "custom_text": dict.fromkeys(_TEXTS),
        "customer": params.get("customer"),
        "customer_creation": "always" if params["mode"] == "payment" else None,
        "customer_details": None,
        "customer_email": params.get("customer_email"),
        "discounts": [{"coupon": None, "promotion_code": None, **d} for d in discounts],
        "expires_at": expires,
        "line_items": whole(lines, f"/v1/checkout/sessions/{wanted}/line_items"),
        "livemode": False,
        "metadata": merged(None, params),
        "mode": params["mode"],
        "payment_method_collection": params.get("payment_method_collection", "always"),
        "payment_method_options": {},
        "payment_method_types": params.get("payment_method_types", ["card"]),
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "success_url": params["success_url"],
        "ui_mode": "hosted_page",
        "url": f"{account.site}/pay/{wanted}",
    }
    account.wanted[wanted] = params
    add_up(account, session)
    _check_total(session)
    return account.add(session)


_TEXTS: Final = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")


def _check_total(session: Thing) -> None:
    """Refuse a payment that is too small to be charged, as Stripe does when the page is made."""
    least, total = LEAST.get(session["currency"], 1), session["amount_total"]
    if session["mode"] == "payment" and 0 < total < least:
        raise Refused(
            f"The Checkout Session's total amount due must add up to at least {least}",
            code="amount_too_small",
        )


def _check_terms(params: Thing) -> None:
    data = params.get("subscription_data", {})
    if params["mode"] == "payment" and data:
        raise Refused("subscription_data is for mode subscription.", param="subscription_data")
    for name in data.keys() - _SUBSCRIPTION_DATA:
        raise unsupported(f"checkout sessions with subscription_data[{name}]")
    if params["mode"] == "subscription" and "payment_intent_data" in params:
        raise Refused("payment_intent_data is for mode payment.", param="payment_intent_data")
    for name in params.get("payment_intent_data", {}).keys() - _INTENT_DATA:
        raise unsupported(f"checkout sessions with payment_intent_data[{name}]")


def _lines(account: Account, params: Thing) -> list[Thing]:
    lines, subscribes = [], params["mode"] == "subscription"
    for place, given in enumerate(params.get("line_items", [])):
        where = f"line_items[{place}]"
        for name in given.keys() - {"price", "price_data", "quantity"}:
            raise unsupported(f"checkout sessions with {where}[{name}]")
        price = _price(account, given, where)
        lines.append(_line(account, price, given, where))
        if price["recurring"] and not subscribes:
            raise Refused("A recurring price needs mode=subscription.", param=f"{where}[price]")
    if not lines:
        raise Refused("Missing required param: line_items.", param="line_items")
    if subscribes and not any(line["price"]["recurring"] for line in lines):
        raise Refused("mode=subscription needs a recurring price.", param="line_items")
    if len({line["currency"] for line in lines}) > 1:
        raise Refused("All prices of a session have the same currency.", param="line_items")
    return lines


def _price(account: Account, given: Thing, where: str) -> Thing:
    """Give the price that a line names, or make the one that it describes, for this line alone."""
    if "price_data" not in given:
        return account.given("price", given.get("price", ""), f"{where}[price]")
    if "price" in given:
        raise Refused("Give price or price_data, not both.", param=f"{where}[price_data]")
    return new_price(account, {**given["price_data"], "active": False})


def _line(account: Account, price: Thing, given: Thing, where: str) -> Thing:
    if not price["active"] and "price_data" not in given:
        raise Refused("The price is inactive.", code="price_inactive", param=f"{where}[price]")
    metered = bool(price["recurring"]) and price["recurring"]["usage_type"] == "metered"
    if metered == ("quantity" in given):
        raise Refused("Metered lines take no quantity, all others need one.", param=where)
    quantity = given.get("quantity", 0)
    if not metered and quantity < 1:
        raise Refused("Invalid positive integer", param=f"{where}[quantity]")
    amount = 0 if metered else rounded(cost(price, Decimal(quantity)))
    return {
        "id": account.new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": account.of("product")[price["product"]]["name"],
        "metadata": {},
        "price": price,
        "quantity": None if metered else quantity,
    }


def _expire(account: Account, call: Call) -> Thing:
    session = account.get(_KIND, call.ids[0])
    if session["status"] != "open":
        raise Refused(f"Only an open session can be expired; this one is {session['status']}.")
    end(account, session, account.now())
    return session


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get(_KIND, call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    session = account.get(_KIND, call.ids[0])
    changed(session, call.params)
    return session


def _line_items(account: Account, call: Call) -> Thing:
    session = account.get(_KIND, call.ids[0])
    return page(session["line_items"]["data"], call.params, call.path)


_SUBSCRIPTION_DATA: Final = frozenset(
    ("description", "metadata", "trial_end", "trial_period_days", "trial_settings")
)
_INTENT_DATA: Final = frozenset(("description", "metadata", "receipt_email", "setup_future_usage"))
_CREATES: Final = frozenset(
    (
        *("allow_promotion_codes", "cancel_url", "client_reference_id", "customer"),
        *("customer_creation", "customer_email", "discounts", "expires_at", "line_items"),
        *("metadata", "mode", "payment_intent_data", "payment_method_collection"),
        *("payment_method_types", "subscription_data", "success_url", "ui_mode"),
    )
)
_PATH: Final = "/v1/checkout/sessions"
ROUTES: Final = (
    Route("POST", _PATH, "checkout.SessionCreateParams", _create, _CREATES),
    Route("GET", _PATH, "checkout.SessionListParams", listing(_KIND)),
    Route("GET", _PATH + "/{id}", "checkout.SessionRetrieveParams", _retrieve),
    Route(
        "POST",
        _PATH + "/{id}",
        "checkout.SessionUpdateParams",
        _update,
        frozenset(("metadata",)),
    ),
    Route("POST", _PATH + "/{id}/expire", "checkout.SessionExpireParams", _expire),
    Route("GET", _PATH + "/{id}/line_items", "checkout.SessionLineItemListParams", _line_items),
)
"""What is asked of checkout sessions."""
