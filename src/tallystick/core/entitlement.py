"""What a plan gives: feature checks and limits, from values alone.

`has_feature` and `get_feature_limit` answer in the words of the catalogue, where None, 0 and -1
stay distinct.  Inside, an entitlement is one of `Allowed`, `Unlimited` and `UpTo`, or None where
the plan does not give the feature; -1 is met only here, at the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tallystick.core.list_price import list_price_per_year
from tallystick.core.money import Rate
from tallystick.core.number import EXACT, plain, quantity_of

if TYPE_CHECKING:
    from tallystick.core.catalog import Feature, FeatureKey, Plan

__all__ = [
    "Access",
    "Allowed",
    "Entitlement",
    "Reason",
    "Unlimited",
    "UpTo",
    "check_limit",
    "entitlement_of",
    "get_feature_limit",
    "has_feature",
]


@dataclass(frozen=True, slots=True)
class Allowed:
    """A switch that is on: there is no number to it."""


@dataclass(frozen=True, slots=True)
class Unlimited:
    """As much as one likes."""


@dataclass(frozen=True, slots=True)
class UpTo:
    """So many units; beyond them nothing, or at `unit_price` minor units each (a soft limit)."""

    units: int
    unit_price: Decimal | None = None


Entitlement: TypeAlias = Allowed | Unlimited | UpTo
"""What a plan gives of a feature, where it gives any."""

Reason: TypeAlias = Literal["ok", "overage", "limit_reached", "feature_disabled", "not_in_plan"]
"""Why access was given or denied; a closed list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The answer to "may they, now?", with what is left, why, and what would unlock it.

    `limit` is as written: None where there is no number, -1 for unlimited.  `remaining` is what is
    left before this use, None where there is no bound.  `overage` counts the units beyond the
    limit once an allowed use has happened, or that are beyond it already where it is denied;
    `overage_price` is what each costs.  `upgrade_to` names the cheapest plan of the catalogue that
    would allow a denied use; "contact us" plans come last.
    """

    allowed: bool
    plan: str
    feature: str
    reason: Reason
    text: str
    limit: int | None = None
    used: int | Decimal = 0
    requested: int | Decimal = 1
    remaining: int | Decimal | None = None
    overage: int | Decimal = 0
    overage_price: Rate | None = None
    upgrade_to: str | None = None

    @property
    def unlimited(self) -> bool:
        """Whether the plan sets no bound to the feature at all."""
        return self.limit == _UNLIMITED


_UNLIMITED = -1


def has_feature(plan: Plan[FeatureKey], key: FeatureKey) -> bool:
    """Whether the plan has the feature switched on.  A key that is not in the plan is False."""
    return key in plan.enabled


def get_feature_limit(plan: Plan[FeatureKey], key: FeatureKey) -> int | None:
    """Give the limit as written: a number, -1 for unlimited, None where there is none to it.

    None also for a feature that is disabled or not in the plan: ask `has_feature` first.
    """
    feature = plan.features.get(key)
    return feature.limit if feature is not None and feature.enabled else None


def entitlement_of(plan: Plan[FeatureKey], key: FeatureKey) -> Entitlement | None:
    """Give what the plan gives of a feature; None where it is disabled or not in the plan."""
    feature = plan.features.get(key)
    if feature is None or not feature.enabled:
        return None
    if feature.limit is None:
        return Allowed()
    if feature.limit == _UNLIMITED:
        return Unlimited()
    return UpTo(feature.limit, feature.unit_price)


def check_limit(
    plan: Plan[FeatureKey],
    key: FeatureKey,
    used: int | Decimal,
    requested: int | Decimal = 1,
) -> Access:
    """Whether `requested` more units may be used where `used` are used already.

    A hard limit n allows while used + requested <= n; with a unit price the limit is soft: beyond
    it use is allowed and Access says the overage and its price.

    Raises InvalidUsage for a quantity that is no int, Decimal or plain text of zero or more.
    """
    used = _taken(used, "used")
    requested = _taken(requested, "requested")
    feature = plan.features.get(key)
    given = entitlement_of(plan, key)
    if isinstance(given, UpTo):
        return _within(plan, key, given, used, requested)
    if given is not None:
        return Access(
            allowed=True,
            plan=plan.id,
            feature=key,
            reason="ok",
            text=f"{plan.name} includes {_words(feature, key)}"
            + (" without limit" if isinstance(given, Unlimited) else ""),
            limit=None if feature is None else feature.limit,
            used=used,
            requested=requested,
        )
    upgrade = _cheapest_allowing(plan, key, used, requested)
    return Access(
        allowed=False,
        plan=plan.id,
        feature=key,
        reason="not_in_plan" if feature is None else "feature_disabled",
        text=f"{plan.name} does not include {_words(feature, key)}{_advice(upgrade, key)}",
        used=used,
        requested=requested,
        remaining=0,
        upgrade_to=None if upgrade is None else upgrade.id,
    )


def _taken(value: int | Decimal, name: str) -> int | Decimal:
    quantity = quantity_of(value, name)
    return value if isinstance(value, int) else quantity


def _within(
    plan: Plan[FeatureKey],
    key: FeatureKey,
    given: UpTo,
    used: int | Decimal,
    requested: int | Decimal,
) -> Access:
    after = _plus(used, requested)
    soft = given.unit_price is not None
    allowed = soft or after <= given.units
    reached = after if allowed else used
    over = max(0, _minus(reached, given.units))
    reason: Reason = "limit_reached" if not allowed else "overage" if over else "ok"
    upgrade = None if allowed else _cheapest_allowing(plan, key, used, requested)
    words = _words(plan.features[key], key)
    price = None if given.unit_price is None else Rate(given.unit_price, plan.currency)
    text = f"{_count(used)} of {_count(given.units)} {words} used"
    if not allowed:
        text = f"{plan.name} allows {_count(given.units)} {words}, {_count(used)} used"
    elif over:
        text += f"; each beyond costs {price}"
    return Access(
        allowed=allowed,
        plan=plan.id,
        feature=key,
        reason=reason,
        text=text + _advice(upgrade, key),
        limit=given.units,
        used=used,
        requested=requested,
        remaining=max(0, _minus(given.units, used)),
        overage=over,
        overage_price=price,
        upgrade_to=None if upgrade is None else upgrade.id,
    )


def _cheapest_allowing(
    plan: Plan[FeatureKey], key: FeatureKey, used: int | Decimal, requested: int | Decimal
) -> Plan[Any] | None:
    """Find the cheapest plan on offer that would allow the use; custom plans come last."""
    if plan.catalog is None:
        return None
    offers = [
        other.in_currency(plan.currency)
        for product in plan.catalog.products
        for other in product.plans
        if other.active
        and not product.hidden
        and other.id != plan.id
        and plan.currency in other.sold_in
        and _allows(other, key, used, requested)
    ]
    return min(offers, key=_order, default=None)


def _order(plan: Plan[Any]) -> tuple[bool, bool, Fraction]:
    one_time = plan.one_time and not plan.custom
    return plan.custom, one_time, Fraction(0) if plan.custom else list_price_per_year(plan)


def _allows(plan: Plan[Any], key: str, used: int | Decimal, requested: int | Decimal) -> bool:
    given = entitlement_of(plan, key)
    if isinstance(given, UpTo) and given.unit_price is None:
        return _plus(used, requested) <= given.units
    return given is not None


def _plus(a: int | Decimal, b: int | Decimal) -> int | Decimal:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    return EXACT.add(Decimal(a), Decimal(b))


def _minus(a: int | Decimal, b: int | Decimal) -> int | Decimal:
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    return EXACT.subtract(Decimal(a), Decimal(b))


def _words(feature: Feature | None, key: str) -> str:
    return (feature.description if feature is not None else "") or key


def _count(number: int | Decimal) -> str:
    return f"{number:,}" if isinstance(number, int) else plain(number)


def _advice(upgrade: Plan[Any] | None, key: str) -> str:
    if upgrade is None:
        return ""
    given = entitlement_of(upgrade, key)
    if isinstance(given, UpTo):
        return f"; {upgrade.name} allows {_count(given.units)}"
    return f"; {upgrade.name} includes it" + (" without limit" if given == Unlimited() else "")
