"""From usage to the lines of an invoice: what a plan's features and metered prices cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tallystick.core.number import EXACT, ZERO, quantity_of
from tallystick.core.price import PerUnit
from tallystick.core.rating import rate
from tallystick.core.rating.usage import Measured, Quantity
from tallystick.core.spelling import nearest
from tallystick.core.terms import feature_price
from tallystick.errors import InvalidUsage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.catalog import Feature, FeatureKey, Plan
    from tallystick.core.currency import Currency
    from tallystick.core.money import Money
    from tallystick.core.price import Price
    from tallystick.core.rating import RatedLine

__all__ = ["LineItem", "bill", "map_usage_to_line_items"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """One used feature, or one price, as a line of an invoice.

    `feature_key` is the feature's key, or the key under which a price is measured.  `included` is
    what the plan covers, `overage` what is billed beyond it, `unit_price` minor units for each
    unit of it (None: no price, or one that differs from unit to unit).  A feature's `amount` is
    overage × unit_price, exact, rounded once, half away from zero.  `unpriced_overage` marks use
    beyond the limit that has no price: a breach to show, never an invented amount.  `rated` holds
    the steps of the reckoning.
    """

    feature_key: str
    description: str
    quantity: Decimal
    included: Decimal
    overage: Decimal
    unit_price: Decimal | None
    amount: Money
    unpriced_overage: bool
    rated: RatedLine

    @property
    def currency(self) -> Currency:
        """The currency of the amount."""
        return self.amount.currency


def map_usage_to_line_items(
    plan: Plan[FeatureKey], usage: Mapping[FeatureKey, int | Decimal | str]
) -> tuple[LineItem, ...]:
    """Turn usage by feature key into invoice lines, in the plan's order, one for each used key.

    Quantities are ints, Decimals or plain texts of zero or more.  The base fee is the invoice's
    business, not this function's.

    Raises InvalidUsage once, naming every key that is unknown, disabled or badly measured.
    """
    quantities = _gather(usage, lambda key, value: _feature_quantity(plan, key, value))
    return tuple(
        _line_item(plan, feature, quantities[key])
        for key, feature in plan.features.items()
        if key in quantities
    )


def _feature_quantity(plan: Plan[Any], key: str, value: object) -> Decimal:
    feature = plan.features.get(key)
    if feature is None:
        raise InvalidUsage(_unknown(plan, key))
    if not feature.enabled:
        raise InvalidUsage(f"{key!r} is disabled in {plan.id}")
    return quantity_of(value, key)


def _unknown(plan: Plan[Any], key: str) -> str:
    metered = {price.meter or price.id for price in plan.prices if price.basis != "flat"}
    near = nearest(key, {*plan.features, *metered})
    return f"{plan.id} counts no {key[:80]!r}" + (f"; did you mean {near!r}?" if near else "")


def _line_item(plan: Plan[Any], feature: Feature, quantity: Decimal) -> LineItem:
    price = feature_price(plan, feature)
    if _boundless(feature):
        price = replace(price, included=quantity)
    rated = rate(price, Quantity(quantity))
    overage = max(ZERO, EXACT.subtract(quantity, price.included))
    return LineItem(
        feature_key=feature.key,
        description=price.name,
        quantity=quantity,
        included=price.included,
        overage=overage,
        unit_price=feature.unit_price,
        amount=rated.amount,
        unpriced_overage=overage > 0 and feature.unit_price is None,
        rated=rated,
    )


def _boundless(feature: Feature) -> bool:
    """Whether the plan covers whatever is used of a feature."""
    if feature.limit is None:
        return feature.unit_price is None
    return feature.limit < 0


def bill(
    plan: Plan[Any], usage: Mapping[str, Measured], *, base: bool = False
) -> tuple[LineItem, ...]:
    """Rate a month of usage: the plan's features first, then its seats and metered prices.

    Keys are feature keys, the meters of metered prices, or ids of per-seat prices.  A feature whose
    key has a metered price is charged by that price alone; several prices on one meter each give
    a line.  `base` puts the plan's flat lines of one period in front.

    Raises InvalidUsage once, naming every key that nothing in the plan answers to, or that was
    measured in another way than its price needs.
    """
    prices = [(price.meter or price.id, price) for price in plan.prices if price.basis != "flat"]
    by_key: dict[str, list[Price]] = {}
    for key, price in prices:
        by_key.setdefault(key, []).append(price)
    measured = _gather(usage, lambda key, value: _measured(plan, by_key.get(key), key, value))
    flat = [price for price in plan.prices if price.basis == "flat" and base]
    return (
        *(_priced_item(price.id, price, Quantity(Decimal(1))) for price in flat),
        *(
            _line_item(plan, feature, measured[key].value)
            for key, feature in plan.features.items()
            if key in measured and key not in by_key
        ),
        *(_priced_item(key, price, measured[key]) for key, price in prices if key in measured),
    )


def _priced_item(key: str, price: Price, measured: Measured) -> LineItem:
    rated = rate(price, measured)
    return LineItem(
        feature_key=key,
        description=price.name or price.id,
        quantity=rated.measured,
        included=price.included,
        overage=rated.billed,
        unit_price=price.shape.unit if isinstance(price.shape, PerUnit) else None,
        amount=rated.amount,
        unpriced_overage=False,
        rated=rated,
    )


def _measured(plan: Plan[Any], prices: list[Price] | None, key: str, value: Measured) -> Measured:
    if prices is None:
        if not isinstance(value, Quantity):
            raise InvalidUsage(f"{key!r} is a feature: it takes a quantity, not amounts")
        return Quantity(_feature_quantity(plan, key, value.value))
    for price in prices:
        rate(price, value)  # raises InvalidUsage where the price needs another measure
    return value


def _gather(usage: object, read: Callable[[str, Any], Any]) -> dict[str, Any]:
    if not isinstance(usage, Mapping):
        raise InvalidUsage(f"usage is a mapping of key to quantity, not {type(usage).__name__}")
    taken: dict[str, Any] = {}
    fields: dict[str, list[str]] = {}
    for key, value in usage.items():
        if not isinstance(key, str):
            kind = type(key).__name__
            fields[kind] = [f"a key is a text, not {kind}"]
            continue
        try:
            taken[key] = read(key, value)
        except InvalidUsage as refused:
            fields[key] = refused.fields.get(key) or [str(refused)]
    if fields:
        said = "; ".join(f"{key}: {texts[0]}" for key, texts in fields.items())
        raise InvalidUsage(f"usage that no line can be made of: {said}", fields)
    return taken
