"""What a plan gives: feature checks and limits, from values alone.

`has_feature` and `get_feature_limit` answer in the words of the catalogue, where None, 0 and -1
stay distinct.  Inside, an entitlement is one of `Allowed`, `Unlimited` and `UpTo`, or None where
the plan does not give the feature; -1 is met only here, at the border.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.list_price import list_price_per_year
from tallystick.core.money import Rate
from tallystick.core.number import EXACT, plain, quantity_of

if TYPE_CHECKING:
    from tallystick.core.access_unlock import Unlock
    from tallystick.core.catalog import Feature, FeatureKey, Plan
    from tallystick.core.period import Instant

__all__ = [
    "Access",
    "Allowed",
    "Entitlement",
    "Reason",
    "Unlimited",
    "UpTo",
    "WarningLevel",
    "access_within",
    "check_limit",
    "count_words",
    "entitlement_of",
    "feature_words",
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
    """So many units; beyond them nothing, or at `unit_price` minor units each (a soft limit).

    `grace` is a percentage of the units that is let pass beyond them, without a charge.
    """

    units: int | Decimal
    unit_price: Decimal | None = None
    grace: Decimal | None = None

    def lets_pass(self, after: int | Decimal) -> bool:
        """Whether so many units in all are allowed: within limit and grace, or for money."""
        if self.unit_price is not None:
            return True
        grace = Fraction(self.grace or 0)
        return Fraction(after) <= Fraction(self.units) * (100 + grace) / 100


Entitlement: TypeAlias = Allowed | Unlimited | UpTo
"""What a plan gives of a feature, where it gives any."""

Reason: TypeAlias = Literal[
    "ok",
    "overage",
    "grace",
    "limit_reached",
    "feature_disabled",
    "not_in_plan",
    "past_due",
    "paused",
    "trial_over",
    "no_subscription",
    "unknown_plan",
    "customer_suspended",
    "dependency_away",
]
"""Why access was given or denied; a closed list.  The first three allow, all others deny."""

WarningLevel: TypeAlias = Literal[80, 100]
"""How much of a limit is taken, in percent: so much or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The answer to "may they, now?", with what is left, why, and what would unlock it.

    `limit` is as written: None where there is no number, -1 for unlimited.  `used` is counted,
    `reserved` is held by others who have not said yet whether they use it.  `remaining` is what is
    left before this use, None where there is no bound.  `overage` counts the units beyond the
    limit once an allowed use has happened, or that are beyond it already where it is denied;
    `overage_price` is what each costs.  `warning` is 80 or 100 where so many percent of the limit
    are taken.  `resets_at` is when a quota starts again; for a sliding window, when the oldest use
    may have left it.  `value` is a configuration value.

    `unlocks` are what would allow a denied use, the cheapest first; `upgrade_to` names the
    cheapest plan of the catalogue that would, "contact us" plans last.  `plan` is empty where there
    is none.
    """

    allowed: bool
    plan: str
    feature: str
    reason: Reason
    text: str
    limit: int | Decimal | None = None
    used: int | Decimal = 0
    requested: int | Decimal = 1
    remaining: int | Decimal | None = None
    overage: int | Decimal = 0
    overage_price: Rate | None = None
    upgrade_to: str | None = None
    reserved: int | Decimal = 0
    warning: WarningLevel | None = None
    resets_at: Instant | None = None
    unlocks: tuple[Unlock, ...] = ()
    value: Any = None

    def __hash__(self) -> int:
        """Hash by what was asked: a value may be any JSON."""
        return hash((self.plan, self.feature, self.reason, self.used, self.requested))

    @property
    def unlimited(self) -> bool:
        """Whether the plan sets no bound to the feature at all."""
        return self.limit == _UNLIMITED


_UNLIMITED: Final = -1
_WARNED: Final[tuple[WarningLevel, ...]] = (100, 80)


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
    return UpTo(feature.limit, feature.unit_price, feature.grace)


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
    given = entitlement_of(plan, key)
    found = access_within(plan, key, plan.features.get(key), given, used, requested)
    if found.allowed:
        return found
    upgrade = _cheapest_allowing(plan, key, used, requested)
    if upgrade is None:
        return found
    return replace(found, text=found.text + _advice(upgrade, key), upgrade_to=upgrade.id)


def access_within(  # noqa: PLR0917 - the parts of one sentence, in its order
    plan: Plan[Any],
    key: str,
    feature: Feature | None,
    given: Entitlement | None,
    used: int | Decimal,
    requested: int | Decimal,
    reserved: int | Decimal = 0,
) -> Access:
    """Whether what a plan gives of a feature allows a use beside what is used and reserved.

    `given` is what there is in all, which may be more than the `feature` of the plan says.
    """
    words = feature_words(feature, key)
    if isinstance(given, UpTo):
        return _within(plan, key, given, words, (used, reserved, requested))
    if given is not None:
        return Access(
            allowed=True,
            plan=plan.id,
            feature=key,
            reason="ok",
            text=f"{plan.name} includes {words}"
            + (" without limit" if isinstance(given, Unlimited) else ""),
            limit=_UNLIMITED if isinstance(given, Unlimited) else None,
            used=used,
            reserved=reserved,
            requested=requested,
            value=None if feature is None else feature.value,
        )
    return Access(
        allowed=False,
        plan=plan.id,
        feature=key,
        reason="not_in_plan" if feature is None else "feature_disabled",
        text=f"{plan.name} does not include {words}",
        used=used,
        reserved=reserved,
        requested=requested,
        remaining=0,
    )


def _taken(value: int | Decimal, name: str) -> int | Decimal:
    quantity = quantity_of(value, name)
    return value if isinstance(value, int) else quantity


def _within(
    plan: Plan[Any],
    key: str,
    given: UpTo,
    words: str,
    counts: tuple[int | Decimal, int | Decimal, int | Decimal],
) -> Access:
    used, reserved, requested = counts
    taken = _plus(used, reserved)
    after = _plus(taken, requested)
    allowed = after <= given.units or given.lets_pass(after)
    over = max(0, _minus(after if allowed else taken, given.units))
    price = None if given.unit_price is None else Rate(given.unit_price, plan.currency)
    held = f", {count_words(reserved)} reserved" if reserved else ""
    text = f"{count_words(used)} of {count_words(given.units)} {words} used{held}"
    if not allowed:
        text = f"{plan.name} allows {count_words(given.units)} {words}"
        text += f", {count_words(used)} used{held}"
    elif over:
        text += "; let pass for now" if price is None else f"; each beyond costs {price}"
    return Access(
        allowed=allowed,
        plan=plan.id,
        feature=key,
        reason=_reason(allowed=allowed, over=bool(over), priced=price is not None),
        text=text,
        limit=given.units,
        used=used,
        reserved=reserved,
        requested=requested,
        remaining=max(0, _minus(given.units, taken)),
        overage=over,
        overage_price=price,
        warning=_warning(taken, given.units),
    )


def _reason(*, allowed: bool, over: bool, priced: bool) -> Reason:
    if not allowed:
        return "limit_reached"
    if not over:
        return "ok"
    return "overage" if priced else "grace"


def _warning(taken: int | Decimal, limit: int | Decimal) -> WarningLevel | None:
    """Give the highest level that is reached; a limit of nothing is taken whole from the start."""
    if not (isinstance(taken, int) and isinstance(limit, int)):
        taken, limit = Fraction(taken), Fraction(limit)  # type: ignore[assignment]  # exact, too
    return next((level for level in _WARNED if taken * 100 >= level * limit), None)


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
    if isinstance(given, UpTo):
        return given.lets_pass(_plus(used, requested))
    return given is not None


def _plus(a: int | Decimal, b: int | Decimal) -> int | Decimal:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    return EXACT.add(Decimal(a), Decimal(b))


def _minus(a: int | Decimal, b: int | Decimal) -> int | Decimal:
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    return EXACT.subtract(Decimal(a), Decimal(b))


def feature_words(feature: Feature | None, key: str) -> str:
    """Give what a feature is called to people: its description, else its key."""
    return (feature.description if feature is not None else "") or key


def count_words(number: int | Decimal) -> str:
    """Write a count for people: 10,000, or 2.5."""
    return f"{number:,}" if isinstance(number, int) else plain(number)


def _advice(upgrade: Plan[Any] | None, key: str) -> str:
    if upgrade is None:
        return ""
    given = entitlement_of(upgrade, key)
    if isinstance(given, UpTo):
        return f"; {upgrade.name} allows {count_words(given.units)}"
    return f"; {upgrade.name} includes it" + (" without limit" if given == Unlimited() else "")
