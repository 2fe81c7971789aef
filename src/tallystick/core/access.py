"""May they, now?  What a customer has at an instant, and what comes of it for one feature.

A customer has plans: the one of each subscription and the add-ons beside it.  For switches and
configuration values the plan decides, then an add-on; numbers are the plan's with add-ons and
grants added to it (`core.entitlement_source`).  What is used and reserved is given: counting is
the business of whoever stores events.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from tallystick.core.entitlement import (
    Access,
    Allowed,
    Unlimited,
    UpTo,
    access_within,
    entitlement_of,
    feature_words,
)
from tallystick.core.entitlement_source import EntitlementSource, limit_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.number import EXACT, ZERO, exact_product
from tallystick.core.override import overridden
from tallystick.core.usage_reset import last_usage_reset, next_usage_reset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.catalog import Catalog, Feature, Plan, Reset
    from tallystick.core.entitlement import Entitlement, Reason
    from tallystick.core.override import Override
    from tallystick.core.period import Cadence, Instant
    from tallystick.core.schedule import Schedule
    from tallystick.core.subscription import Granted

__all__ = [
    "Bar",
    "Counted",
    "Given",
    "Had",
    "Standing",
    "Window",
    "access_to",
    "allowance_window",
    "denied",
    "given_of",
    "keys_of",
    "whole_number",
]

Bar: TypeAlias = Literal["past_due", "paused", "trial_over"]
"""Why a subscription that there is gives nothing now."""

_AHEAD: Final = timedelta(days=2)  # an event may be ahead of its arrival by an hour, no more
_MICRO: Final = timedelta(microseconds=1)
_WITHOUT: Final[dict[Reason, str]] = {
    "no_subscription": "there is no subscription",
    "trial_over": "the trial is over",
    "unknown_plan": "the plan is not known",
    "customer_suspended": "the customer is suspended",
    "dependency_away": "what is used cannot be read now",
    "past_due": "an invoice is past due",
    "paused": "the subscription is paused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Had:
    """One plan that a customer has: the plan itself, or an add-on beside it.

    `schedule` is when its quotas start again, `billing` the cadence of its periods.  With a `bar`
    it gives nothing now; where it `reads`, switches and configuration values stay.  `granted` is
    what credits it was granted; None where no credits come now: without a subscription, in a trial.
    """

    plan: Plan[Any]
    schedule: Schedule
    billing: Cadence | None = None
    seats: int = 1
    add_on: bool = False
    bar: Bar | None = None
    reads: bool = False
    subscription: str | None = None
    granted: tuple[Granted, ...] | None = None

    @property
    def times(self) -> int:
        """How often its numbers count: an add-on that is charged by seat, once for each."""
        by_seat = any(price.basis == "seats" for price in self.plan.prices)
        return self.seats if self.add_on and by_seat else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a customer has at an instant; `without` says why there is nothing, where there is none.

    `catalog` is what could be bought now.  `overrides` is what was agreed with them, by feature; it
    goes before their plans.  `until` is when time changes it, None where it does not.
    """

    customer: str
    had: tuple[Had, ...] = ()
    without: Reason = "no_subscription"
    catalog: Catalog[Any, Any] | None = None
    overrides: Mapping[str, Override] = field(default_factory=FrozenDict)
    until: Instant | None = None

    def __hash__(self) -> int:
        """Hash by the customer."""
        return hash(self.customer)


class Window(NamedTuple):
    """The time in which what is used counts against what is given: `[start, end)`.

    A `sliding` one ends now; what lies ahead of it counts too, so that clocks which do not agree
    let nobody through twice.
    """

    start: Instant
    end: Instant
    sliding: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """What is used in the window of a feature, reserved by others, and granted beside the plan."""

    used: Decimal = ZERO
    reserved: Decimal = ZERO
    granted: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a customer is given of a feature, by which plan, or why nothing.

    `feature` is what the plan says of it, None where no plan does.  `entitlement` is without grants
    and None where nothing is given; then `reason` says why.
    """

    key: str
    had: Had | None
    feature: Feature | None = None
    entitlement: Entitlement | None = None
    reason: Reason = "ok"

    @property
    def counts(self) -> bool:
        """Whether there is something to count: a number, or without limit."""
        return isinstance(self.entitlement, (UpTo, Unlimited))

    def __hash__(self) -> int:
        """Hash by the key."""
        return hash(self.key)


def given_of(standing: Standing, key: str) -> Given:
    """Give what a customer is given of a feature, all plans that they have taken together."""
    if not standing.had:
        return Given(key=key, had=None, reason=standing.without)
    standing = _as_agreed(standing, key)
    giving = [had for had in standing.had if key in had.plan.enabled]
    open_ = [had for had in giving if had.bar is None]
    mains = [had for had in open_ if not had.add_on]
    if not mains and _switched_off(standing, key, open_):
        open_ = []
    if open_:
        chosen = max(mains or open_, key=lambda had: _size(had.plan.features[key]))
        return Given(
            key=key,
            had=chosen,
            feature=chosen.plan.features[key],
            entitlement=_together(key, mains, [had for had in open_ if had.add_on]),
        )
    return _not_given(standing, key, giving)


def keys_of(standing: Standing) -> tuple[str, ...]:
    """Give the features that a customer's plans say something of, or that were agreed with them."""
    planned = (key for had in standing.had for key in had.plan.features)
    agreed = standing.overrides if standing.had else ()
    return tuple(dict.fromkeys((*planned, *agreed)))


def _as_agreed(standing: Standing, key: str) -> Standing:
    """Put what was agreed with the customer into the place of what their plans say."""
    override = standing.overrides.get(key)
    if override is None:
        return standing
    had = [
        each if each.add_on else replace(each, plan=overridden(each.plan, key, override))
        for each in standing.had
    ]
    return replace(standing, had=tuple(had))


def _switched_off(standing: Standing, key: str, add_ons: Sequence[Had]) -> bool:
    """Whether a plan says no to a switch; for switches a plan's word goes before an add-on's."""
    says = any(key in had.plan.features for had in standing.had if not had.add_on)
    return says and all(had.plan.features[key].limit is None for had in add_ons)


def _not_given(standing: Standing, key: str, giving: Sequence[Had]) -> Given:
    barred = next((had for had in giving if had.bar is not None), None)
    if barred is not None and barred.bar is not None:
        feature = barred.plan.features[key]
        reads = barred.reads and feature.limit is None
        return Given(
            key=key,
            had=barred,
            feature=feature,
            entitlement=Allowed() if reads else None,
            reason="ok" if reads else barred.bar,
        )
    saying = next((had for had in standing.had if key in had.plan.features), None)
    if saying is None:
        return Given(key=key, had=standing.had[0], reason="not_in_plan")
    feature = saying.plan.features[key]
    return Given(key=key, had=saying, feature=feature, reason="feature_disabled")


def _size(feature: Feature) -> tuple[int, int]:
    """Give how much a feature is: no number and no limit are the most."""
    if feature.limit is None or feature.limit < 0:
        return 1, 0
    return 0, feature.limit


def _together(key: str, mains: Sequence[Had], add_ons: Sequence[Had]) -> Entitlement:
    """Put plans and add-ons together: one base, and what is added to it."""
    alone = entitlement_of(mains[0].plan, key) if len(mains) == 1 and not add_ons else None
    if alone is not None:
        return alone  # as most have it
    if any(had.plan.features[key].limit is None for had in mains or add_ons):
        return Allowed()
    sources = [EntitlementSource("plan_version", _units(had, key)) for had in mains]
    numbers = [had for had in add_ons if had.plan.features[key].limit is not None]
    sources += [EntitlementSource("add_on", _units(had, key)) for had in numbers]
    total = limit_of(sources)
    if isinstance(total, Unlimited):
        return total
    features = [had.plan.features[key] for had in (*mains, *numbers)]
    prices = (each.unit_price for each in features if each.unit_price is not None)
    grace = max((each.grace for each in features if each.grace is not None), default=None)
    return UpTo(whole_number(total or ZERO), next(prices, None), grace)


def _units(had: Had, key: str) -> Decimal | Unlimited:
    limit = had.plan.features[key].limit or 0
    return Unlimited() if limit < 0 else exact_product(Decimal(limit), Decimal(had.times))


# --- the answer -----------------------------------------------------------------------------------


def access_to(given: Given, counted: Counted, requested: int | Decimal, at: Instant) -> Access:
    """Answer for one feature: what is given, against what is used and reserved by now.

    What would unlock a denied use is not in it: `core.access_unlock` tells.
    """
    had = given.had
    if had is None or given.reason not in {"ok", "not_in_plan", "feature_disabled"}:
        return denied(given, requested)
    entitlement = given.entitlement
    if isinstance(entitlement, UpTo) and counted.granted:
        units = EXACT.add(Decimal(entitlement.units), counted.granted)
        entitlement = replace(entitlement, units=whole_number(units))
    answer = access_within(
        had.plan,
        given.key,
        given.feature,
        entitlement,
        whole_number(counted.used),
        requested,
        whole_number(counted.reserved),
    )
    if not given.counts or given.feature is None or not given.feature.renews:
        return answer
    return replace(answer, resets_at=_resets_at(given, at))


def denied(given: Given, requested: int | Decimal = 1) -> Access:
    """Give the answer where what is used does not matter: nothing is given at all."""
    plan = "" if given.had is None else given.had.plan.id
    words = feature_words(given.feature, given.key)
    told = _WITHOUT.get(given.reason, "it is not given")
    return Access(
        allowed=False,
        plan=plan,
        feature=given.key,
        reason=given.reason,
        text=f"no {words}: {told}",
        requested=requested,
        remaining=0,
    )


def allowance_window(given: Given, at: Instant) -> Window | None:
    """Give the time in which what is used counts against what is given.

    None where it is a count of what exists now: then its meter's whole history counts.  A sliding
    window is `(at - window, at]`, to the microsecond.

    Raises InvalidPeriod before the subscription has started.
    """
    if given.had is None or given.feature is None or not given.feature.renews:
        return None
    feature, had = given.feature, given.had
    if feature.window_seconds is not None:
        start = at - timedelta(seconds=feature.window_seconds) + _MICRO
        return Window(start, at + _AHEAD, sliding=True)
    return _reset_window(at, feature.reset, had.schedule, had.billing)


def _reset_window(
    at: Instant, reset: Reset | None, schedule: Schedule, billing: Cadence | None
) -> Window:
    last = _last_window(reset, schedule, billing)
    for known in last:  # most ask for the same one again and again
        if known.start <= at < known.end and schedule.start <= at:
            return known
    end = next_usage_reset(at, reset, schedule, billing=billing)
    assert end is not None  # noqa: S101 - a quota starts again
    window = Window(last_usage_reset(at, reset, schedule, billing=billing), end)
    last[:] = [window]
    return window


@lru_cache(4_096)
def _last_window(
    _reset: Reset | None, _schedule: Schedule, _billing: Cadence | None
) -> list[Window]:
    """Give the window that was asked for last, to be put there by who asks."""
    return []


def _resets_at(given: Given, at: Instant) -> Instant | None:
    feature, had = given.feature, given.had
    if feature is None or had is None:
        return None
    if feature.window_seconds is not None:
        return at + timedelta(seconds=feature.window_seconds)
    window = allowance_window(given, at)
    return None if window is None else window.end


def whole_number(number: Decimal | int) -> int | Decimal:
    """Give a whole number as an int, any other as it is."""
    whole = isinstance(number, int) or number == number.to_integral_value()
    return int(number) if whole else number
