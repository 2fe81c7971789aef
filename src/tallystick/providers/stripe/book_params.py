"""The parameters of Stripe's calls that make an object of the price list, or change one."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.canonical_json import canonical_json
from tallystick.providers.stripe.book import ENVIRONMENT, OWN, PLAN
from tallystick.providers.stripe.book_match import ids_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.lock import Lock
    from tallystick.providers.stripe.book import Found, Step, Wanted

__all__ = ["changed_params", "key_of_step", "new_params"]

_LONGEST: Final = 500  # characters of metadata


def new_params(wanted: Wanted, lock: Lock, *, again: Found | None = None) -> dict[str, Any]:
    """Give the parameters that make what is wanted; ids of what it needs are the lock's.

    Where it takes the place of another, Stripe makes the id of a coupon: its own is taken.
    """
    params = _NEW[wanted.kind](wanted, lock)
    if wanted.kind == "coupon" and again is None:
        params["id"] = wanted.named
    if wanted.kind != "meter":
        own = {OWN: wanted.key[:_LONGEST], ENVIRONMENT: lock.environment}
        params["metadata"] = params.get("metadata", {}) | own
    return {name: value for name, value in params.items() if value is not None}


def changed_params(step: Step) -> dict[str, Any]:
    """Give the parameters that change what may be changed; a lookup key comes from who has it."""
    params: dict[str, Any] = {}
    for name, _, after in step.changes:
        if name == PLAN:
            params["metadata"] = {PLAN: after}
        elif name == "lookup_key":
            params |= {name: after, "transfer_lookup_key": True}
        else:
            params[name] = "" if after is None else after
    return params


def key_of_step(step: Step, params: Mapping[str, Any], lock: Lock, turn: int) -> str:
    """Give the key under which Stripe does a step once, however often it is asked.

    It is made of what is asked for, of the environment, and of what stood there before; `turn` is
    raised where Stripe keeps an error under the key.
    """
    before = step.found or step.instead
    was = ids_of(lock, step.kind).get(step.key, "") if before is None else before.id
    parts = [lock.environment, step.verb, step.kind, step.key, _plain(params), was, turn]
    return f"tallystick-{hashlib.sha256(canonical_json(parts)).hexdigest()[:48]}"


def _plain(value: Any) -> Any:  # noqa: ANN401 - parameters of any shape
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Decimal) else value


def _meter(wanted: Wanted, _lock: Lock) -> dict[str, Any]:
    return {
        "display_name": wanted.words["display_name"],
        "event_name": wanted.terms["event_name"],
        "default_aggregation": {"formula": wanted.terms["formula"]},
        "value_settings": {"event_payload_key": "value"},
        "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
    }


def _product(wanted: Wanted, _lock: Lock) -> dict[str, Any]:
    return {"name": wanted.words["name"], "description": wanted.words["description"]}


def _price(wanted: Wanted, lock: Lock) -> dict[str, Any]:
    terms = wanted.terms
    package = terms["package"]
    return {
        "currency": terms["currency"].lower(),
        "product": lock.products[wanted.product or ""],
        "nickname": wanted.words["nickname"],
        "lookup_key": wanted.lookup,
        "transfer_lookup_key": True,
        "metadata": {PLAN: wanted.plan},
        "recurring": _recurring(terms, lock),
        "unit_amount_decimal": None if terms["amount"] is None else Decimal(terms["amount"]),
        "billing_scheme": "per_unit" if terms["tiers"] is None else "tiered",
        "tiers_mode": terms["tiers_mode"],
        "tiers": None if terms["tiers"] is None else [_tier(tier) for tier in terms["tiers"]],
        "transform_quantity": package and {"divide_by": package[0], "round": package[1]},
    }


def _recurring(terms: Mapping[str, Any], lock: Lock) -> dict[str, Any] | None:
    if terms["interval"] is None:
        return None
    every = {"interval": terms["interval"], "interval_count": terms["interval_count"] or 1}
    if terms["usage"] == "metered":
        return {**every, "usage_type": "metered", "meter": lock.meters[terms["meter"]]}
    return {**every, "usage_type": "licensed"}


def _tier(tier: Mapping[str, Any]) -> dict[str, Any]:
    flat = {} if tier["flat"] == "0" else {"flat_amount_decimal": Decimal(tier["flat"])}
    bound = "inf" if tier["up_to"] is None else tier["up_to"]
    return {"up_to": bound, "unit_amount_decimal": Decimal(tier["amount"]), **flat}


def _coupon(wanted: Wanted, lock: Lock) -> dict[str, Any]:
    terms = wanted.terms
    products = terms["products"]
    return {
        "name": wanted.words["name"],
        "percent_off": terms["percent_off"],
        "amount_off": terms["amount_off"],
        "currency": terms["currency"] and terms["currency"].lower(),
        "duration": terms["duration"],
        "duration_in_months": terms["months"],
        "applies_to": products and {"products": sorted(lock.products[key] for key in products)},
        "max_redemptions": terms["max_redemptions"],
        "redeem_by": terms["ends_at"],
    }


def _promotion_code(wanted: Wanted, lock: Lock) -> dict[str, Any]:
    terms, minimum = wanted.terms, wanted.terms["minimum"]
    restrictions: dict[str, Any] = {}
    if terms["first_purchase"]:
        restrictions["first_time_transaction"] = True
    if minimum is not None:
        least = {"minimum_amount": minimum[0], "minimum_amount_currency": minimum[1].lower()}
        restrictions |= least
    return {
        "code": terms["code"],
        "promotion": {"type": "coupon", "coupon": lock.coupons[terms["coupon"]]},
        "max_redemptions": terms["max_redemptions"],
        "expires_at": terms["ends_at"],
        "restrictions": restrictions or None,
    }


_NEW: Final = {
    "meter": _meter,
    "product": _product,
    "price": _price,
    "coupon": _coupon,
    "promotion_code": _promotion_code,
}
