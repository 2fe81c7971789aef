"""Prices: flat, per seat, in steps, by the package, by a meter; an amount is never edited."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.product import new_product
from tallystick.testing.fake_stripe.refusal import Refused, unsupported
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.search import searching

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "new_price"]

_LONGEST: Final = {"day": 1095, "week": 156, "month": 36, "year": 3}
_LARGEST: Final = 10**12
_LONGEST_LOOKUP_KEY: Final = 200
_LEFT_OUT: Final = ("currency_options", "custom_unit_amount")


def new_price(account: Account, params: Thing) -> Thing:
    """Put a price up.  Raises Refused for a shape that Stripe does not take."""
    for name in _LEFT_OUT:
        if name in params:
            raise unsupported(f"prices with {name}")
    _check_currency(params["currency"])
    recurring = _recurring(account, params.get("recurring"))
    shape = _tiered(params) if params.get("billing_scheme") == "tiered" else _per_unit(params)
    key = _free_key(account, params)
    price = {
        "id": account.new_id("price"),
        "object": "price",
        "active": params.get("active", True),
        "created": account.now(),
        "currency": params["currency"].lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": key,
        "metadata": merged(None, params),
        "nickname": params.get("nickname"),
        "product": _product(account, params),
        "recurring": recurring,
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "type": "recurring" if recurring else "one_time",
        **shape,
    }
    _take_key(account, key)
    emit(account, "price.created", account.add(price))
    return price


def _check_currency(code: str) -> None:
    if len(code) != len("usd") or not (code.isascii() and code.isalpha()):
        raise Refused(f"Invalid currency: {code}", param="currency")


def _product(account: Account, params: Thing) -> str:
    if ("product" in params) == ("product_data" in params):
        raise Refused("Give either product or product_data.", param="product")
    if "product" not in params:
        return str(new_product(account, params["product_data"])["id"])
    product = account.given("product", params["product"], "product")
    if not product["active"]:
        raise Refused(
            f"The product {product['id']} is not active, and new prices need an active one.",
            code="product_inactive",
            param="product",
        )
    return str(product["id"])


def _recurring(account: Account, given: Thing | None) -> Thing | None:
    if given is None:
        return None
    number, most = given.get("interval_count", 1), _LONGEST[given["interval"]]
    if not 1 <= number <= most:
        raise Refused(
            f"Invalid interval_count: at most three years, {most} {given['interval']}s.",
            param="recurring[interval_count]",
        )
    usage, meter = given.get("usage_type", "licensed"), given.get("meter")
    if (usage == "metered") != (meter is not None):
        raise Refused(
            "A metered price needs a meter, and no other price has one.", param="recurring[meter]"
        )
    if (
        meter is not None
        and account.given("billing.meter", meter, "recurring[meter]")["status"] != "active"
    ):
        raise Refused("The meter is not active.", param="recurring[meter]")
    return {
        "interval": given["interval"],
        "interval_count": number,
        "meter": meter,
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": usage,
    }


def _per_unit(params: Thing) -> Thing:
    for name in ("tiers", "tiers_mode"):
        if name in params:
            raise Refused(f"{name} needs billing_scheme=tiered.", param=name)
    amount = _amount(params, "unit_amount", "")
    if amount is None:
        raise Refused(
            "You must specify unit_amount or unit_amount_decimal.",
            code="parameter_missing",
            param="unit_amount",
        )
    package = params.get("transform_quantity")
    if package is not None and package["divide_by"] < 1:
        raise Refused("Invalid positive integer", param="transform_quantity[divide_by]")
    return {
        "billing_scheme": "per_unit",
        "tiers_mode": None,
        "transform_quantity": package,
        "unit_amount": int(amount) if amount == int(amount) else None,
        "unit_amount_decimal": _plain(amount),
    }


def _tiered(params: Thing) -> Thing:
    for name in ("unit_amount", "unit_amount_decimal", "transform_quantity"):
        if name in params:
            raise Refused(f"{name} cannot be combined with tiers.", param=name)
    for name in ("tiers", "tiers_mode"):
        if not params.get(name):
            raise Refused(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return {
        "billing_scheme": "tiered",
        "tiers": _tiers(params["tiers"]),
        "tiers_mode": params["tiers_mode"],
        "transform_quantity": None,
        "unit_amount": None,
        "unit_amount_decimal": None,
    }


def _tiers(given: list[Thing]) -> list[Thing]:
    tiers, below = [], 0
    for place, tier in enumerate(given):
        where, last = f"tiers[{place}]", place == len(given) - 1
        if (tier["up_to"] == "inf") != last:
            raise Refused("The last tier, and only it, has up_to=inf.", param=f"{where}[up_to]")
        if not last and tier["up_to"] <= below:
            raise Refused("Tiers must be in ascending order.", param=f"{where}[up_to]")
        flat, unit = (_amount(tier, name, where) for name in ("flat_amount", "unit_amount"))
        if flat is None and unit is None:
            raise Refused("A tier has a flat_amount or a unit_amount.", param=where)
        tiers.append(
            {
                **_shown("flat_amount", flat),
                **_shown("unit_amount", unit),
                "up_to": None if last else tier["up_to"],
            }
        )
        below = 0 if last else tier["up_to"]
    return tiers


def _shown(name: str, amount: Decimal | None) -> Thing:
    whole = amount is not None and amount == int(amount)
    return {
        name: int(amount) if amount is not None and whole else None,
        f"{name}_decimal": None if amount is None else _plain(amount),
    }


def _plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f") if amount else "0"


def _amount(given: Thing, name: str, where: str) -> Decimal | None:
    both = [n for n in (name, f"{name}_decimal") if n in given]
    path = f"{where}[{name}]" if where else name
    if len(both) > 1:
        raise Refused(f"Give {name} or {name}_decimal, not both.", param=path)
    if not both:
        return None
    amount = Decimal(given[both[0]])
    if not 0 <= amount < _LARGEST:
        raise Refused("Invalid non-negative integer", code="parameter_invalid_integer", param=path)
    return amount


def _free_key(account: Account, params: Thing, own: str | None = None) -> str | None:
    key = params.get("lookup_key")
    if not key:
        return None
    if len(key) > _LONGEST_LOOKUP_KEY:
        raise Refused("A lookup key has up to 200 characters.", param="lookup_key")
    holders = [p["id"] for p in account.of("price").values() if p["lookup_key"] == key]
    if holders not in ([], [own]) and not params.get("transfer_lookup_key"):
        raise Refused(
            f"A price (`{holders[0]}`) already uses that lookup key.",
            code="resource_already_exists",
            param="lookup_key",
        )
    return str(key)


def _take_key(account: Account, key: str | None, own: str | None = None) -> None:
    for price in account.of("price").values():
        if key is not None and price["lookup_key"] == key and price["id"] != own:
            price["lookup_key"] = None
            emit(account, "price.updated", price, {"lookup_key": key})


def _create(account: Account, call: Call) -> Thing:
    return new_price(account, call.params)


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("price", call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    price, params = account.get("price", call.ids[0]), call.params
    if "currency_options" in params:
        raise unsupported("prices with currency_options")
    first = account.of("product")[price["product"]]["default_price"] == price["id"]
    if first and not params.get("active", True):
        raise Refused(
            "This price cannot be archived because it is the default price of its product.",
            param="active",
        )
    old, new = price["tax_behavior"], params.get("tax_behavior", price["tax_behavior"])
    if old not in {"unspecified", new}:
        raise Refused("tax_behavior cannot be changed once it is set.", param="tax_behavior")
    after: Thing = {
        k: params[k] for k in ("active", "metadata", "nickname", "tax_behavior") if k in params
    }
    if "lookup_key" in params:
        after["lookup_key"] = _free_key(account, params, price["id"])
    before = changed(price, after)
    _take_key(account, after.get("lookup_key"), price["id"])
    emit(account, "price.updated", price, before)
    return price


_listed = listing("price", lookup_keys=lambda price: price["lookup_key"])


def _list(account: Account, call: Call) -> Thing:
    # As at Stripe, those that are not active are listed only where they are asked for.
    return _listed(account, replace(call, params={"active": True, **call.params}))


ROUTES: Final = (
    Route("POST", "/v1/prices", "PriceCreateParams", _create),
    Route("GET", "/v1/prices", "PriceListParams", _list),
    Route(
        "GET",
        "/v1/prices/search",
        "PriceSearchParams",
        searching("price", "active", "currency", "lookup_key", "product", "type"),
    ),
    Route("GET", "/v1/prices/{id}", "PriceRetrieveParams", _retrieve),
    Route("POST", "/v1/prices/{id}", "PriceUpdateParams", _update),
)
"""What is asked of prices; Stripe deletes none."""
