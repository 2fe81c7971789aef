"""What Stripe answers, as values that can be compared with what is wanted.

Trees are those of the API, as `StripeObject.to_dict()` gives them, with what Stripe shows only on
request.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.number import plain
from tallystick.providers.stripe.book import PLAN, Found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.providers.stripe.book import Kind

__all__ = ["found_of"]


def found_of(kind: Kind, tree: Mapping[str, Any]) -> Found:
    """Read one object of Stripe."""
    return _READERS[kind](tree)


def _meter(tree: Mapping[str, Any]) -> Found:
    return Found(
        kind="meter",
        id=tree["id"],
        terms={"event_name": tree["event_name"], "formula": tree["default_aggregation"]["formula"]},
        words={"display_name": tree["display_name"]},
        active=tree["status"] == "active",
    )


def _product(tree: Mapping[str, Any]) -> Found:
    return Found(
        kind="product",
        id=tree["id"],
        terms={},
        words={"name": tree["name"], "description": tree["description"]},
        active=tree["active"],
        metadata=tree["metadata"],
    )


def _price(tree: Mapping[str, Any]) -> Found:
    metadata, recurring = tree["metadata"], tree["recurring"] or {}
    package = tree.get("transform_quantity")
    terms = {
        "currency": tree["currency"].upper(),
        "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"),
        "usage": recurring.get("usage_type"),
        "meter": recurring.get("meter"),
        "amount": _text(tree["unit_amount_decimal"]),
        "tiers_mode": tree["tiers_mode"],
        "tiers": None if tree.get("tiers") is None else [_tier(tier) for tier in tree["tiers"]],
        "package": None if package is None else [package["divide_by"], package["round"]],
    }
    if tree.get("custom_unit_amount"):
        terms["amount"] = "what the customer says"
    return Found(
        kind="price",
        id=tree["id"],
        terms=terms,
        words={"nickname": tree["nickname"], PLAN: metadata.get(PLAN)},
        product=tree["product"],
        lookup=tree["lookup_key"],
        active=tree["active"],
        metadata=metadata,
    )


def _tier(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "up_to": tree["up_to"],
        "amount": _text(tree["unit_amount_decimal"]) or "0",
        "flat": _text(tree["flat_amount_decimal"]) or "0",
    }


def _coupon(tree: Mapping[str, Any]) -> Found:
    return Found(
        kind="coupon",
        id=tree["id"],
        terms={
            "percent_off": _text(tree["percent_off"]),
            "amount_off": _amounts_off(tree),
            "duration": tree["duration"],
            "months": tree["duration_in_months"],
            "products": sorted((tree.get("applies_to") or {}).get("products") or ()) or None,
            "max_redemptions": tree["max_redemptions"],
            "ends_at": tree["redeem_by"],
        },
        words={"name": tree["name"]},
        spent=not tree["valid"],
        metadata=tree["metadata"] or {},
    )


def _amounts_off(tree: Mapping[str, Any]) -> dict[str, int] | None:
    if tree["amount_off"] is None:
        return None
    others = tree.get("currency_options") or {}
    amounts = {code.upper(): option["amount_off"] for code, option in others.items()}
    return amounts | {tree["currency"].upper(): tree["amount_off"]}


def _promotion_code(tree: Mapping[str, Any]) -> Found:
    restrictions = tree["restrictions"]
    least = restrictions["minimum_amount"]
    code, most = restrictions["minimum_amount_currency"], tree["max_redemptions"]
    return Found(
        kind="promotion_code",
        id=tree["id"],
        terms={
            "code": tree["code"],
            "coupon": _id(tree["promotion"]["coupon"]),
            "max_redemptions": tree["max_redemptions"],
            "ends_at": tree["expires_at"],
            "first_purchase": restrictions["first_time_transaction"],
            "minimum": None if least is None else [least, code.upper()],
        },
        spent=most is not None and tree["times_redeemed"] >= most,
        # One for a single customer is none of the price list's.
        active=tree["active"] and tree["customer"] is None,
        metadata=tree["metadata"] or {},
    )


def _id(value: Any) -> Any:  # noqa: ANN401 - an id, or the object
    return value["id"] if isinstance(value, dict) else value


def _text(amount: object) -> str | None:
    """Write a figure in one way, whether it came as a number or as a text."""
    return None if amount is None else plain(Decimal(str(amount)))


_READERS: Final[Mapping[Kind, Callable[[Mapping[str, Any]], Found]]] = {
    "meter": _meter,
    "product": _product,
    "price": _price,
    "coupon": _coupon,
    "promotion_code": _promotion_code,
}
