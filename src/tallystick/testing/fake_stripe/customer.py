"""Customers: who pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.payment_method import attach, method_of
from tallystick.testing.fake_stripe.refusal import missing, unsupported
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.search import searching

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "new_customer"]

_PLAIN: Final = ("address", "description", "email", "name", "phone", "shipping")
_SETTINGS: Final = ("custom_fields", "default_payment_method", "footer", "rendering_options")
_FIELDS: Final = frozenset(
    (*_PLAIN, "balance", "invoice_settings", "metadata", "preferred_locales", "tax_exempt")
)


def new_customer(account: Account, params: Thing) -> Thing:
    """Keep a customer, in the time of a test clock if one is named.  Raises Refused."""
    clock = params.get("test_clock")
    if clock is not None:
        account.given("test_helpers.test_clock", clock, "test_clock")
    wanted = params.get("payment_method")
    method = None if wanted is None else method_of(account, wanted, "payment_method")
    given_settings = _settings(params.get("invoice_settings", {}))
    customer: Thing = {
        "id": account.new_id("cus"),
        "object": "customer",
        **dict.fromkeys(_PLAIN),
        "balance": params.get("balance", 0),
        "created": account.now(clock),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "discount": None,
        "invoice_prefix": account.new_id("x").removeprefix("x_1Fake").upper()[-8:],
        "invoice_settings": {**dict.fromkeys(_SETTINGS), **given_settings},
        "livemode": False,
        "metadata": merged(None, params),
        "next_invoice_sequence": 1,
        "preferred_locales": params.get("preferred_locales", []),
        "tax_exempt": params.get("tax_exempt", "none"),
        "test_clock": clock,
        **{name: params[name] for name in _PLAIN if params.get(name)},
    }
    _attach_default(account, customer, method, given_settings)
    emit(account, "customer.created", account.add(customer))
    return customer


def _settings(given: Thing) -> Thing:
    for name in given:
        if name not in {"default_payment_method", "footer"}:
            raise unsupported(f"customers with invoice_settings[{name}]")
    return {name: value or None for name, value in given.items()}


def _attach_default(account: Account, customer: Thing, method: Thing | None, given: Thing) -> None:
    if method is not None:
        attach(account, method, customer["id"])
    wanted = given.get("default_payment_method")
    if wanted is not None:
        chosen = account.given("payment_method", wanted, "invoice_settings[default_payment_method]")
        if chosen["customer"] != customer["id"]:
            raise missing("payment_method", wanted, "invoice_settings[default_payment_method]", 400)


def _create(account: Account, call: Call) -> Thing:
    return new_customer(account, call.params)


def _retrieve(account: Account, call: Call) -> Thing:
    if call.ids[0] in account.of("deleted_customer"):
        return account.of("deleted_customer")[call.ids[0]]
    return account.get("customer", call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    customer, params = account.get("customer", call.ids[0]), dict(call.params)
    settings = _settings(params.pop("invoice_settings", {}))
    _attach_default(account, customer, None, settings)
    if settings:
        params["invoice_settings"] = {**customer["invoice_settings"], **settings}
    emit(account, "customer.updated", customer, changed(customer, params))
    return customer


def _list(account: Account, call: Call) -> Thing:
    # As at Stripe, those who live in a test clock are listed with it only.
    return _LIST(account, type(call)(call.ids, {"test_clock": None, **call.params}, call.path))


_LIST: Final = listing("customer")
ROUTES: Final = (
    Route(
        "POST",
        "/v1/customers",
        "CustomerCreateParams",
        _create,
        _FIELDS | {"payment_method", "test_clock"},
    ),
    Route("GET", "/v1/customers", "CustomerListParams", _list),
    Route(
        "GET",
        "/v1/customers/search",
        "CustomerSearchParams",
        searching("customer", "email", "name", "phone"),
    ),
    Route("GET", "/v1/customers/{id}", "CustomerRetrieveParams", _retrieve),
    Route("POST", "/v1/customers/{id}", "CustomerUpdateParams", _update, _FIELDS),
)
"""What is asked of customers; to delete one, see subscriptions, which end with it."""
