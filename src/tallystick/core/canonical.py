"""A catalogue as plain values in the native format, as canonical bytes, and as a digest.

The digest answers "is the same sold and shown?".  It does not see key order, the file format, the
dialect or how a number is written; it sees everything else.  A plan's version is no part of it:
the version counts offers, it is not one, so `pro@3` and the same offer in a file have one digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never

from tallystick.core.canonical_json import canonical_json, figure_text
from tallystick.core.coupon_tree import coupon_to_tree
from tallystick.core.credit_tree import credit_to_tree
from tallystick.core.number import EXACT, ZERO, plain
from tallystick.core.price import (
    Dynamic,
    FixedOff,
    Flat,
    Graduated,
    Package,
    Percentage,
    PercentOff,
    PerUnit,
    Volume,
)
from tallystick.core.sold_in import charging
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    from tallystick.core.catalog import Catalog, Feature, Plan, PlanIn, Product
    from tallystick.core.currency import Currency
    from tallystick.core.meter import Meter
    from tallystick.core.price import Conversion, Price, PriceIn, Tier

__all__ = [
    "canonical_bytes",
    "canonical_json",
    "digest",
    "plan_to_tree",
    "price_to_tree",
    "to_tree",
]

Tree: TypeAlias = dict[str, object]

_DEEPEST: Final = 100

_PRICE_FIELDS: Final = (
    "id name description type basis currency cost unit meter tiers tiers_mode package_size"
    " round_packages percent fixed free_transactions free_volume minimum_per_transaction"
    " maximum_per_transaction multiplier included minimum_quantity discount_percent"
    " discount_amount minimum_spend maximum_spend convert allow_negative interval interval_count"
    " group_by currencies provider_id"
)
_MONEY_FIELDS: Final = (
    "cost tiers fixed free_volume minimum_per_transaction maximum_per_transaction discount_amount"
    " minimum_spend maximum_spend"
)


def to_tree(catalog: Catalog[Any, Any]) -> Tree:
    """Give the catalogue in the native format: reading it back gives an equal catalogue.

    Amounts and quantities are decimal texts, amounts in major units (a feature's `unit_price` in
    minor ones); what equals its default is left out.  Raises InvalidInput for values that no file
    could hold: a figure that is not finite, business rules that are not JSON.
    """
    meters = [_meter_tree(meter) for meter in catalog.meters.values()]
    return _written(
        {
            "dialect": "tallystick",
            "provider": catalog.provider,
            "meters": meters or None,
            "coupons": [coupon_to_tree(coupon) for coupon in catalog.coupons] or None,
            "products": [_product_tree(p, catalog.provider) for p in catalog.products],
        }
    )


def plan_to_tree(plan: Plan[Any]) -> Tree:
    """Give one plan by itself, as in `to_tree` but with its currency written out."""
    return _plan_tree(plan, None, None)


def canonical_bytes(catalog: Catalog[Any, Any]) -> bytes:
    """Give the one byte string of a catalogue: compact UTF-8 JSON with sorted keys.

    Meters and the limits of a plan are sorted by key, as they are looked up by it.
    Raises InvalidInput as `to_tree` does.
    """
    tree: dict[str, Any] = to_tree(catalog)
    if "meters" in tree:
        tree["meters"].sort(key=_key_of)
    for product in tree["products"]:
        for plan in product["plans"]:
            plan.get("limits", []).sort(key=_key_of)
    return canonical_json(tree)


def digest(catalog: Catalog[Any, Any]) -> str:
    """Give `sha256:` and 64 hexadecimal digits of the canonical bytes."""
    return "sha256:" + hashlib.sha256(canonical_bytes(catalog)).hexdigest()


def price_to_tree(price: Price, currency: Currency | None = None) -> Tree:
    """Give one price in the native format; its currency only where it is not `currency`."""
    tree = {
        "id": price.id,
        "name": price.name or None,
        "description": price.description or None,
        "currency": None if price.currency == currency else price.currency.code,
        "unit": price.unit or None,
        "meter": None if price.meter == price.id else price.meter,
        "included": _unless_zero(price.included),
        "minimum_quantity": _unless_zero(price.minimum_quantity),
        "minimum_spend": _major(price.minimum, price.currency),
        "maximum_spend": _major(price.maximum, price.currency),
        "convert": None if price.convert is None else _conversion_tree(price.convert),
        "allow_negative": price.allow_negative or None,
        "interval": price.interval,
        "interval_count": None if price.interval_count == 1 else price.interval_count,
        "group_by": list(price.group_by) or None,
        "currencies": {each.currency.code: _price_in(price, each) for each in price.currencies}
        or None,
        "provider_id": price.provider_id,
        **_shape_tree(price),
        **_basis_tree(price),
        **_discount_tree(price),
    }
    if price.currencies and isinstance(price.shape, Percentage):
        tree["fixed"] = _major(price.shape.fixed, price.currency)  # there may be one elsewhere
    return _written({name: tree.get(name) for name in _PRICE_FIELDS.split()})


def _price_in(price: Price, there: PriceIn) -> Tree:
    """Write the amounts of a price in another currency: those that it has in its own."""
    tree = price_to_tree(charging(price, there))
    if isinstance(price.shape, Percentage):
        tree.setdefault("fixed", "0")
    return {name: tree[name] for name in _MONEY_FIELDS.split() if name in tree}


def _product_tree(product: Product[Any], provider: str | None) -> Tree:
    return _written(
        {
            "id": product.id,
            "name": product.name,
            "currency": product.currency.code,
            "description": product.description,
            "features": list(product.features) or None,
            "group": None if product.group == "default" else product.group,
            "hidden": product.hidden or None,
            "badge": product.badge,
            "highlighted": product.highlighted or None,
            "business_rules": _json_copy(product.business_rules, _DEEPEST),
            "plans": [_plan_tree(plan, product.currency, provider) for plan in product.plans],
        }
    )


def _plan_tree(plan: Plan[Any], currency: Currency | None, provider: str | None) -> Tree:
    known = currency or plan.currency
    tree: Tree = {
        "id": plan.id,
        "name": plan.name,
        "display_name": plan.display_name,
        "description": plan.description,
        "payment_type": "one-time" if plan.one_time and not plan.custom else None,
        "interval": plan.interval,
        "interval_count": plan.interval_count,
        "currency": None if plan.currency == currency else plan.currency.code,
        "active": None if plan.active else False,
        "custom": plan.custom or None,
        "trial_days": plan.trial_days,
        "setup_fee": _major(plan.setup_fee, plan.currency) if _has_setup_fee(plan) else None,
        "minimum_commitment": _major(plan.minimum_commitment, plan.currency),
        "invoice_threshold": _major(plan.invoice_threshold, plan.currency),
        "currencies": {each.currency.code: _plan_in(plan, each) for each in plan.currencies}
        or None,
        "provider": plan.provider,
        "prices": [price_to_tree(price, known) for price in plan.prices] or None,
        "limits": [_feature_tree(key, entry) for key, entry in plan.features.items()] or None,
        "credits": [credit_to_tree(credit) for credit in plan.credits] or None,
        "coupons": None if plan.coupons is None else list(plan.coupons),
        "coupon_ids": None if plan.coupon_ids is None else list(plan.coupon_ids),
        "business_rules": _json_copy(plan.business_rules, _DEEPEST),
        "label": plan.label,
        "button_label": plan.button_label,
        "href": plan.href,
        "badge": plan.badge,
        "highlighted": plan.highlighted or None,
        "metadata": dict(plan.metadata) or None,
    }
    if plan.provider == provider:
        del tree["provider"]
        return _written(tree)
    return _written(tree, null=("provider",))  # a null that overrides the catalogue's provider


def _has_setup_fee(plan: Plan[Any]) -> bool:
    """Whether it has one in any currency: then it is written in all of them, zero or not."""
    others = (each.setup_fee for each in plan.currencies)
    return any(fee != ZERO for fee in (plan.setup_fee, *others))


def _plan_in(plan: Plan[Any], there: PlanIn) -> Tree:
    money = there.currency
    return _written(
        {
            "setup_fee": _major(there.setup_fee, money) if _has_setup_fee(plan) else None,
            "minimum_commitment": _major(there.minimum_commitment, money),
            "invoice_threshold": _major(there.invoice_threshold, money),
        }
    )


def _meter_tree(meter: Meter) -> Tree:
    told_apart = meter.aggregation == "unique"  # must name the property, whichever it is
    return _written(
        {
            "key": meter.key,
            "event_type": None if meter.event_type == meter.key else meter.event_type,
            "aggregation": meter.aggregation,
            "value": meter.value if meter.value != "quantity" or told_apart else None,
            "filter": {name: list(texts) for name, texts in meter.filter.items()} or None,
            "group_by": list(meter.group_by) or None,
            "unit": meter.unit or None,
            "rounding": meter.rounding,
            "allow_negative": meter.allow_negative or None,
            "late_after": meter.late_after,
            "late": None if meter.late == "adjust" else meter.late,
            "description": meter.description or None,
        }
    )


def _feature_tree(key: str, feature: Feature) -> Tree:
    return _written(
        {
            "feature_key": key,
            "enabled": feature.enabled,
            "limit": feature.limit,
            "unit_price": None if feature.unit_price is None else figure_text(feature.unit_price),
            "description": feature.description or None,
            "reset": feature.reset,
            "meter": feature.meter,
            "currencies": {
                each.currency.code: {"unit_price": figure_text(each.value)}
                for each in feature.currencies
            }
            or None,
            "window_seconds": feature.window_seconds,
            "grace": None if feature.grace is None else figure_text(feature.grace),
            "value": _json_copy(feature.value, _DEEPEST),
        }
    )


def _shape_tree(price: Price) -> Tree:
    shape, money = price.shape, price.currency
    tree: Tree
    match shape:
        case Flat():
            tree = {"type": "flat", "cost": _major(shape.amount, money)}
        case PerUnit():
            tree = {"type": "per_unit", "cost": _major(shape.unit, money)}
        case Graduated():
            write = _percent_tier_tree if shape.of_money else _tier_tree
            tree = {"type": "graduated", "tiers": [write(t, money) for t in shape.tiers]}
        case Volume():
            tree = {"type": "volume", "tiers": [_tier_tree(t, money) for t in shape.tiers]}
        case Package():
            tree = _package_tree(shape, money)
        case Percentage():
            tree = _percentage_tree(shape, money)
        case Dynamic():
            multiplier = None if shape.multiplier == 1 else figure_text(shape.multiplier)
            tree = {"type": "dynamic", "multiplier": multiplier}
        case _:
            assert_never(shape)
    return tree


def _package_tree(shape: Package, money: Currency) -> Tree:
    return {
        "type": "package",
        "cost": _major(shape.amount, money),
        "package_size": figure_text(shape.size),
        "round_packages": None if shape.rounding == "up" else shape.rounding,
    }


def _percentage_tree(shape: Percentage, money: Currency) -> Tree:
    return {
        "type": "percentage",
        "percent": figure_text(shape.percent),
        "fixed": _major(shape.fixed, money) if shape.fixed != ZERO else None,
        "free_transactions": shape.free_transactions,
        "free_volume": _major(shape.free_volume, money),
        "minimum_per_transaction": _major(shape.minimum, money),
        "maximum_per_transaction": _major(shape.maximum, money),
    }


def _basis_tree(price: Price) -> Tree:
    """Say what is counted where the shape alone does not.

    A combination that the format has no words for is written as `basis`, which a reader refuses:
    two different prices never have one digest.
    """
    shape = price.shape
    if price.basis == ("flat" if isinstance(shape, Flat) else "usage"):
        return {}
    if price.basis == "seats" and isinstance(shape, (PerUnit, Graduated, Volume, Package)):
        mode = "volume" if isinstance(shape, Volume) else None
        return {"type": "per_seat", "tiers_mode": mode}
    return {"basis": price.basis}


def _tier_tree(tier: Tier, money: Currency) -> Tree:
    return _written(
        {
            "up_to": None if tier.up_to is None else figure_text(tier.up_to),
            "cost": _major(tier.unit, money),
            "flat_cost": _major(tier.flat, money) if tier.flat != ZERO else None,
        },
        null=("up_to",),
    )


def _percent_tier_tree(tier: Tier, money: Currency) -> Tree:
    """Write the tier of a graduated percentage: what one major unit costs, as a share of it."""
    tree = _tier_tree(tier, money)
    del tree["cost"]
    return tree | {"percent": figure_text(tier.unit.scaleb(2 - money.decimals, EXACT))}


def _conversion_tree(convert: Conversion) -> Tree:
    return _written(
        {
            "operation": None if convert.operation == "multiply" else convert.operation,
            "factor": figure_text(convert.factor),
            "rounding": None if convert.rounding == "none" else convert.rounding,
            "to": None if convert.to == 1 else figure_text(convert.to),
        }
    )


def _discount_tree(price: Price) -> Tree:
    match price.discount:
        case None:
            return {}
        case PercentOff(percent):
            return {"discount_percent": figure_text(percent)}
        case FixedOff(amount):
            return {"discount_amount": _major(amount, price.currency)}
        case _:
            assert_never(price.discount)


def _written(tree: Mapping[str, object], *, null: Collection[str] = ()) -> Tree:
    return {name: value for name, value in tree.items() if value is not None or name in null}


def _unless_zero(number: Decimal) -> str | None:
    return None if number == ZERO else figure_text(number)


def _major(minor: Decimal | None, money: Currency) -> str | None:
    if minor is None:
        return None
    figure_text(minor)
    return plain(minor.scaleb(-money.decimals, EXACT))


def _json_copy(value: object, depth: int) -> object:
    if depth == 0:
        raise InvalidInput(f"business rules are nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        return {key: _json_copy(entry, depth - 1) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_copy(entry, depth - 1) for entry in value]
    return value


def _key_of(entry: Mapping[str, str]) -> str:
    return entry.get("feature_key") or entry["key"]
