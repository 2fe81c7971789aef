"""Payment intents: an amount to be taken, and how far that got."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.charge import new_charge, open_dispute
from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.payment_method import attach, card_behind, method_of
from tallystick.testing.fake_stripe.refusal import Refused, missing, unsupported
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.search import searching
from tallystick.testing.fake_stripe.view import shown

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["LEAST", "ROUTES", "authenticated", "new_intent", "pay", "settled"]

_DECLINED: Final = 402
LEAST: Final = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "chf": 50, "cad": 50, "aud": 50}
"""The least that can be charged in a currency; 1 in those that are not here."""
_LARGEST: Final = 99_999_999
_OPEN: Final = frozenset(("requires_payment_method", "requires_confirmation", "requires_action"))
_NULLS: Final = (
    *("amount_details", "application", "application_fee_amount", "automatic_payment_methods"),
    *("canceled_at", "cancellation_reason", "customer", "customer_account", "description"),
    *("excluded_payment_method_types", "last_payment_error", "latest_charge", "managed_payments"),
    *("next_action", "on_behalf_of", "payment_method", "payment_method_configuration_details"),
    *("processing", "receipt_email", "review", "setup_future_usage", "shipping", "source"),
    *("statement_descriptor", "statement_descriptor_suffix", "transfer_data", "transfer_group"),
)


def new_intent(account: Account, params: Thing, at: int) -> Thing:
    """Ask for an amount.  Raises Refused for one that Stripe does not take."""
    amount, currency = params["amount"], params["currency"].lower()
    if not LEAST.get(currency, 1) <= amount <= _LARGEST:
        small = amount < LEAST.get(currency, 1)
        code = "amount_too_small" if small else "amount_too_large"
        raise Refused(
            f"Amount must be at least {LEAST.get(currency, 1)}, at most {_LARGEST}",
            code=code,
            param="amount",
        )
    wanted = account.new_id("pi")
    intent: Thing = {
        "id": wanted,
        "object": "payment_intent",
        **dict.fromkeys(_NULLS),
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "capture_method": "automatic",
        "client_secret": f"{wanted}_secret_fake",
        "confirmation_method": "automatic",
        "created": at,
        "currency": currency,
        "livemode": False,
        "metadata": merged(None, params),
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        **{name: params[name] for name in _GIVEN if name in params},
    }
    emit(account, "payment_intent.created", account.add(intent), at=at)
    return intent


def pay(
    account: Account, intent: Thing, method: Thing, *, off_session: bool, at: int
) -> Refused | None:
    """Try to take the money from a payment method, and give why it could not be taken."""
    card = card_behind(account, method)
    intent |= {"payment_method": method["id"], "last_payment_error": None, "next_action": None}
    if card.asks and not off_session:
        intent["status"] = "requires_action"
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
        emit(account, "payment_intent.requires_action", intent, at=at)
        return None
    if card.asks:
        return _declined(account, intent, "authentication_required", "authentication_required", at)
    charge = new_charge(account, intent, method, card, at)
    intent["latest_charge"] = charge["id"]
    if card.decline is not None:
        return _declined(account, intent, card.code, card.decline, at)
    if card.delayed:
        intent["status"] = "processing"
        emit(account, "payment_intent.processing", intent, at=at)
        return None
    _take(account, intent, at)
    if card.disputed:
        open_dispute(account, charge, at)
    return None


def authenticated(account: Account, intent: Thing, at: int) -> None:
    """Let the holder of the card confirm a payment that asks for it."""
    method = account.of("payment_method")[intent["payment_method"]]
    charge = new_charge(account, intent, method, card_behind(account, method), at)
    intent |= {"latest_charge": charge["id"], "next_action": None}
    _take(account, intent, at)


def settled(account: Account, intent: Thing, at: int, *, paid: bool) -> None:
    """Let a delayed payment arrive, or come back."""
    charge = account.of("charge")[intent["latest_charge"]]
    charge |= {"paid": paid, "captured": paid, "status": "succeeded" if paid else "failed"}
    charge["amount_captured"] = charge["amount"] if paid else 0
    emit(account, f"charge.{charge['status']}", charge, at=at)
    if paid:
        _take(account, intent, at)
        return
    charge["failure_code"] = "payment_method_provider_decline"
    _declined(account, intent, "payment_method_provider_decline", "generic_decline", at)


def _take(account: Account, intent: Thing, at: int) -> None:
    intent |= {"amount_received": intent["amount"], "status": "succeeded"}
    emit(account, "payment_intent.succeeded", intent, at=at)


def _declined(account: Account, intent: Thing, code: str, decline: str, at: int) -> Refused:
    method = account.of("payment_method")[intent["payment_method"]]
    error = {
        "code": code,
        "decline_code": decline,
        "message": "Your card was declined.",
        "payment_method": shown(account, method),
        "type": "card_error",
    }
    if intent["latest_charge"] is not None:
        error["charge"] = intent["latest_charge"]
    intent |= {
        "last_payment_error": error,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    emit(account, "payment_intent.payment_failed", intent, at=at)
    more = {name: error[name] for name in error if name not in {"code", "message", "type"}}
    more["payment_intent"] = shown(account, intent)
    return Refused(
        "Your card was declined.", code=code, status=_DECLINED, kind="card_error", more=more
    )


_GIVEN: Final = (
    *("automatic_payment_methods", "customer", "description", "payment_method_types"),
    *("receipt_email", "setup_future_usage", "statement_descriptor_suffix"),
)
_CREATES: Final = frozenset(
    (
        *_GIVEN,
        *("amount", "capture_method", "confirm", "currency", "error_on_requires_action"),
        *("metadata", "off_session", "payment_method", "return_url"),
    )
)


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    if params.get("capture_method", "automatic") == "manual":
        raise unsupported("payment intents with capture_method=manual")
    if "customer" in params:
        account.given("customer", params["customer"], "customer")
    at = _now(account, params.get("customer"))
    method = _method(account, params, params.get("customer"))
    if params.get("off_session") and not params.get("confirm"):
        raise Refused("off_session needs confirm=true.", param="off_session")
    intent = new_intent(account, params, at)
    if method is None:
        return intent
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    return _confirmed(account, intent, params) if params.get("confirm") else intent


def _now(account: Account, customer: str | None) -> int:
    return account.now(account.of("customer")[customer]["test_clock"] if customer else None)


def _method(account: Account, params: Thing, customer: str | None) -> Thing | None:
    if not params.get("payment_method"):
        if params.get("confirm"):
            raise Refused(
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
                code="payment_intent_unexpected_state",
            )
        return None
    method = method_of(account, params["payment_method"], "payment_method")
    if method["customer"] not in {None, customer}:
        raise missing("payment_method", method["id"], "payment_method", 400)
    return method


def _confirmed(account: Account, intent: Thing, params: Thing) -> Thing:
    method = account.of("payment_method")[intent["payment_method"]]
    off = bool(params.get("off_session"))
    at = _now(account, intent["customer"])
    why = pay(account, intent, method, off_session=off, at=at)
    if why is not None:
        raise why
    if intent["setup_future_usage"] and intent["customer"]:
        attach(account, method, intent["customer"])
    return intent


def _confirm(account: Account, call: Call) -> Thing:
    intent, params = account.get("payment_intent", call.ids[0]), call.params
    _check_open(intent, "confirm")
    method = _method(account, params, intent["customer"])
    if method is None and intent["payment_method"] is None:
        raise Refused(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    if method is not None:
        intent["payment_method"] = method["id"]
    return _confirmed(account, intent, params)


def _check_open(intent: Thing, verb: str) -> None:
    if intent["status"] not in _OPEN:
        raise Refused(
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
            more={"payment_intent": dict(intent)},
        )


def _cancel(account: Account, call: Call) -> Thing:
    intent = account.get("payment_intent", call.ids[0])
    _check_open(intent, "cancel")
    intent |= {
        "status": "canceled",
        "canceled_at": _now(account, intent["customer"]),
        "cancellation_reason": call.params.get("cancellation_reason"),
        "next_action": None,
    }
    emit(account, "payment_intent.canceled", intent)
    return intent


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("payment_intent", call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    intent = account.get("payment_intent", call.ids[0])
    if call.params.keys() - {"description", "metadata", "receipt_email"}:
        _check_open(intent, "update")
    changed(intent, call.params)
    return intent


ROUTES: Final = (
    Route("POST", "/v1/payment_intents", "PaymentIntentCreateParams", _create, _CREATES),
    Route("GET", "/v1/payment_intents", "PaymentIntentListParams", listing("payment_intent")),
    Route(
        "GET",
        "/v1/payment_intents/search",
        "PaymentIntentSearchParams",
        searching("payment_intent", "amount", "currency", "customer", "status"),
    ),
    Route("GET", "/v1/payment_intents/{id}", "PaymentIntentRetrieveParams", _retrieve),
    Route(
        "POST",
        "/v1/payment_intents/{id}",
        "PaymentIntentUpdateParams",
        _update,
        frozenset(("description", "metadata", "receipt_email")),
    ),
    Route(
        "POST",
        "/v1/payment_intents/{id}/confirm",
        "PaymentIntentConfirmParams",
        _confirm,
        frozenset(("error_on_requires_action", "off_session", "payment_method", "return_url")),
    ),
    Route("POST", "/v1/payment_intents/{id}/cancel", "PaymentIntentCancelParams", _cancel),
)
"""What is asked of payment intents."""
