"""The price list: what `GET /api/v1/plans` answers, as values and as bytes.

The shape is a contract with clients that cannot be updated at will, so keys come in a fixed order,
everything optional comes after what is required, and prices are written from their decimals.  All
amounts in here are **major units** (9.99), also in the lines and limits of the full view.

A product of which no plan is shown is left out: there would be nothing to choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.canonical import price_to_tree
from tallystick.core.currency import Currency
from tallystick.core.number import EXACT, ZERO, exact_sum, plain
from tallystick.core.period import cadence_of
from tallystick.core.price import Flat, Graduated, Package, PerUnit, Volume
from tallystick.core.sold_in import price_in
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.catalog import Catalog, Feature, Plan, Product
    from tallystick.core.price import Price

__all__ = ["VIEWS", "View", "currencies_of", "price_list", "price_list_body"]

View: TypeAlias = Literal["compact", "full"]
"""How much is told: the contract's keys, or also lines, trials and limits."""

VIEWS: Final[tuple[View, ...]] = ("compact", "full")
"""Every view there is."""

_CAMEL: Final = re.compile("_([a-z])")
_TEXTS: Final = frozenset(
    {
        "id",
        "name",
        "description",
        "type",
        "basis",
        "currency",
        "unit",
        "meter",
        "tiers_mode",
        "round_packages",
        "operation",
        "rounding",
        "interval",
    }
)
"""The keys of a native price whose texts are words; the texts of all others are figures."""

_DEEPEST: Final = 64
_LARGEST: Final = 10_000
_LONGEST_NUMBER: Final = 100


def price_list(
    catalog: Catalog[Any, Any], view: View = "compact", *, currency: Currency | None = None
) -> dict[str, Any]:
    """Give the price list as plain values; prices are Decimals in major units.

    Hidden products and inactive plans are left out.  Where a currency is asked for, what is sold
    in it is shown in it, and products of which nothing is are left out; a plan beside it that is
    not sold in it keeps its own, and says so.  Raises InvalidInput for an unknown view and for
    business rules that are not JSON values.
    """
    if view not in VIEWS:
        text = f"{view!r} is no view; write one of {', '.join(VIEWS)}"
        raise InvalidInput(text, {"view": [text]})
    if currency is not None and not isinstance(currency, Currency):
        raise InvalidInput(f"{currency!r} is no Currency; look it up with currency('USD')")
    products = [
        _product(product if currency is None else _in_currency(product, currency), view)
        for product in catalog.products
        if not product.hidden
        and (currency is None or currency in currencies_of(product))
        and any(plan.active for plan in product.plans)
    ]
    return {"ok": True, "data": {"products": products}}


def price_list_body(
    catalog: Catalog[Any, Any], view: View = "compact", *, currency: Currency | None = None
) -> bytes:
    """Give the price list as its bytes: compact UTF-8 JSON, no spaces, no final newline.

    Raises InvalidInput as `price_list` does.
    """
    text = "".join(_json(price_list(catalog, view, currency=currency)))
    # A lone surrogate has no UTF-8; as a \uXXXX escape it stays valid JSON.
    return text.encode("utf-8", errors="backslashreplace")


def currencies_of(product: Product[Any]) -> frozenset[Currency]:
    """Give the currencies in which something of a product is shown: its own, and others."""
    others = {each for plan in product.plans if plan.active for each in plan.sold_in}
    return frozenset({product.currency, *others})


def _in_currency(product: Product[Any], currency: Currency) -> Product[Any]:
    plans = tuple(
        plan.in_currency(currency) if currency in plan.sold_in else plan for plan in product.plans
    )
    return replace(product, currency=currency, plans=plans)


def _product(product: Product[Any], view: View) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": product.id,
        "name": product.name,
        "currency": product.currency.code,
        "features": list(product.features),
        "plans": [_plan(plan, view, product.currency) for plan in product.plans if plan.active],
    }
    if product.business_rules is not None:
        entry["businessRules"] = _free_json(product.business_rules, f"{product.id}.businessRules")
    if view == "full":
        entry |= _written(
            description=product.description,
            badge=product.badge,
            highlighted=product.highlighted or None,
        )
    return entry


def _plan(plan: Plan[Any], view: View, listed_in: Currency) -> dict[str, Any]:
    primary = None if plan.custom else plan.primary
    cadence = cadence_of(plan)
    entry: dict[str, Any] = {
        "id": plan.id,
        "name": plan.display_name or (cadence.label if cadence else "One-time"),
        "interval": plan.interval,
        "intervalCount": None if plan.one_time else plan.count,
        "price": None if plan.custom else _shown_price(primary),
        "priceVariantId": (primary.provider_id or primary.id or None) if primary else None,
        "provider": plan.provider,
    }
    if plan.currency != listed_in:
        entry["currency"] = plan.currency.code
    words = _written(label=plan.label, buttonLabel=plan.button_label, href=plan.href)
    if plan.custom:
        entry |= {"custom": True, **words}
    if plan.business_rules is not None:
        entry["businessRules"] = _free_json(plan.business_rules, f"{plan.id}.businessRules")
    entry |= _written(
        coupons=None if plan.coupons is None else list(plan.coupons),
        couponIds=None if plan.coupon_ids is None else list(plan.coupon_ids),
    )
    if view == "full":
        entry |= _more_of(plan)
        entry |= {} if plan.custom else words
    return entry


def _more_of(plan: Plan[Any]) -> dict[str, Any]:
    limits = [_limit(feature, plan.currency) for feature in plan.features.values()]
    return {"prices": [_line(price, plan.currency) for price in plan.prices]} | _written(
        trialDays=plan.trial_days,
        limits=limits or None,
        description=plan.description,
        setupFee=_major(plan.setup_fee, plan.currency) if plan.setup_fee else None,
        minimumCommitment=_amount(plan.minimum_commitment, plan.currency),
        badge=plan.badge,
        highlighted=plan.highlighted or None,
        currencies=[each.currency.code for each in plan.currencies] or None,
    )


def _shown_price(price: Price | None) -> Decimal:
    """Give what stands big on a price tag: the fee, or what one seat costs; usage shows 0."""
    if price is None or price.basis == "usage":
        return ZERO
    shape = price.shape
    if isinstance(shape, (Flat, Package)):
        return _major(shape.amount, price.currency)
    if isinstance(shape, PerUnit):
        return _major(shape.unit, price.currency)
    if isinstance(shape, (Graduated, Volume)):
        return _major(exact_sum(shape.tiers[0].unit, shape.tiers[0].flat), price.currency)
    return ZERO


def _line(price: Price, currency: Currency) -> dict[str, Any]:
    """Write a line as the native format does, but in camelCase and with numbers for figures.

    The provider's id stays inside: a checkout is asked for by plan, never by a provider's price.
    """
    tree = price_to_tree(price_in(price, price.currency), currency)
    tree.pop("provider_id", None)
    return _camel(tree)


def _camel(tree: Mapping[str, object]) -> dict[str, Any]:
    return {
        _CAMEL.sub(lambda match: match[1].upper(), key): _figure(key, value)
        for key, value in tree.items()
    }


def _figure(key: str, value: object) -> object:
    if isinstance(value, Mapping):
        return _camel(value)
    if isinstance(value, list):
        return [_camel(entry) if isinstance(entry, Mapping) else entry for entry in value]
    return Decimal(value) if isinstance(value, str) and key not in _TEXTS else value


def _limit(feature: Feature, currency: Currency) -> dict[str, Any]:
    """Write what a plan gives of a feature; `overagePrice` is major units for each unit beyond."""
    return {"featureKey": feature.key, "enabled": feature.enabled} | _written(
        limit=feature.limit,
        overagePrice=_amount(feature.unit_price, currency),
        description=feature.description or None,
        reset=feature.reset,
    )


def _written(**entries: object) -> dict[str, Any]:
    """Keep the entries that are set."""
    return {key: value for key, value in entries.items() if value is not None}


def _amount(minor: Decimal | None, currency: Currency) -> Decimal | None:
    return None if minor is None else _major(minor, currency)


def _major(minor: Decimal, currency: Currency) -> Decimal:
    return _number(minor.scaleb(-currency.decimals, EXACT))


def _number(number: Decimal) -> Decimal:
    """Drop the zeros a decimal carries for nothing, so that 10.00 is written as 10."""
    return Decimal(plain(number))


def _free_json(value: object, path: str) -> Any:  # noqa: ANN401 - free JSON has no narrower type
    """Copy free JSON to plain values, refusing what JSON has not and what has no end.

    The size is bounded as well as the depth: a small document of shared parts can unfold to an
    endless one.
    """
    left = [_LARGEST]

    def copy(value: object, depth: int) -> Any:  # noqa: ANN401 - free JSON has no narrower type
        left[0] -= 1
        if depth > _DEEPEST or left[0] < 0:
            raise _refusal(path, f"is deeper than {_DEEPEST} or larger than {_LARGEST} values")
        if isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                raise _refusal(path, "has a key that is no text")
            return {key: copy(part, depth + 1) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [copy(part, depth + 1) for part in value]
        if value is None or isinstance(value, (bool, str)) or _writable(value):
            return value
        raise _refusal(path, f"has a {type(value).__name__} that JSON cannot write")

    return copy(value, 0)


def _writable(value: object) -> bool:
    """Whether it is a number that can be written out in a sensible length."""
    if isinstance(value, Decimal):
        return value.is_finite() and (
            len(value.as_tuple().digits) + abs(value.adjusted()) <= _LONGEST_NUMBER
        )
    return isinstance(value, int) and abs(value) < 10**_LONGEST_NUMBER


def _refusal(path: str, text: str) -> InvalidInput:
    return InvalidInput(f"{path} {text}", {path: [text]})


def _json(value: object) -> Iterator[str]:
    """Write plain values as JSON text, numbers from their decimals.

    The standard library's encoder has no Decimal and would need a float to write one.
    """
    if isinstance(value, dict):
        yield "{"
        for count, (key, part) in enumerate(value.items()):
            yield f"{',' if count else ''}{json.dumps(key, ensure_ascii=False)}:"
            yield from _json(part)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for count, part in enumerate(value):
            if count:
                yield ","
            yield from _json(part)
        yield "]"
    elif isinstance(value, Decimal):
        yield format(value, "f")
    else:
        yield json.dumps(value, ensure_ascii=False)
