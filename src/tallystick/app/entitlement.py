"""May they, now: what customers have and what they used of it, read in a few statements.

However many customers and features are asked for, the number of statements is the same; only plan
versions that this process has not met before are read one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick.app.offers import Offers, catalog_of
from tallystick.app.plan_shelf import PlanShelf
from tallystick.app.unit_grants import granted_of
from tallystick.core.access import Counted, Had, Standing, allowance_window
from tallystick.core.access_unlock import unlocked
from tallystick.core.calendar import at_wall_clock
from tallystick.core.frozen import FrozenDict
from tallystick.core.meter import aggregate, meter_of_feature
from tallystick.core.number import ZERO, exact_sum
from tallystick.core.period import FIRST_YEAR, Period, cadence_of
from tallystick.core.reading import readings_of
from tallystick.core.schedule import Schedule
from tallystick.core.subscription import LIVE, MAIN
from tallystick.core.subscription_grants import granting
from tallystick.core.subscription_moves import advance, next_at
from tallystick.errors import UnknownPlan
from tallystick.storage import catalogs, customers, dunning, subscriptions
from tallystick.storage.held import held
from tallystick.storage.overrides import overrides_of
from tallystick.storage.usage_asked import HELD, midnight_of
from tallystick.storage.usage_batch import Ask, read_many
from tallystick.storage.usage_stretches import Stretch, events_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from tallystick.core.access import Bar, Given, Window
    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.customer import Customer
    from tallystick.core.entitlement import Access
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.storage.held import Held
    from tallystick.storage.unit import Unit

__all__ = [
    "Asked",
    "PlanShelf",
    "counts_of",
    "explained",
    "held_within",
    "meter_for",
    "on_offer",
    "period_of",
    "standings",
]

_BEGINNING: Final = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
"""A Monday, the first of a month and of a year: what quotas of no subscription are counted from."""

_AHEAD: Final = timedelta(days=2)


class Asked(NamedTuple):
    """One question: whether a customer may use so much of a feature.

    `used` is the host's own count, where it has one.
    """

    customer: str
    feature: str
    requested: int | Decimal = 1
    used: Decimal | None = None


class _Known(Mapping[str, "Plan[Any]"]):
    """Plan versions, from the shelf where they stand there."""

    def __init__(self, unit: Unit, shelf: PlanShelf) -> None:
        self.shelf, self.offers, self.keeps = shelf, Offers(unit), unit.owned

    def __getitem__(self, ref: str) -> Plan[Any]:
        found = self.shelf.known.get(ref)
        if found is None:
            found = self.offers[ref]
            if self.keeps:  # what a host has published may be undone again
                self.shelf.known[ref] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.shelf.known)

    def __len__(self) -> int:
        return len(self.shelf.known)


# --- what they have -------------------------------------------------------------------------------


def standings(
    unit: Unit, at: Instant, ids: Sequence[str], shelf: PlanShelf, *, plan: str | None = None
) -> dict[str, Standing]:
    """Give what customers have at an instant, by id; whoever is not registered may have a default.

    `plan` names the plan of all of them, where the host keeps it.
    """
    agreed = overrides_of(unit, ids)
    found = _by_plans(unit, at, ids, shelf, plan)
    return {
        id_: replace(each, overrides=FrozenDict(agreed[id_])) if id_ in agreed else each
        for id_, each in found.items()
    }


def _by_plans(
    unit: Unit, at: Instant, ids: Sequence[str], shelf: PlanShelf, plan: str | None
) -> dict[str, Standing]:
    known = customers.several(unit, sorted(set(ids)))
    if plan is not None:
        return {id_: _by_name(id_, plan, known.get(id_), unit, shelf) for id_ in set(ids)}
    rows = subscriptions.of_customers(unit, sorted(set(ids)))
    offers = _Known(unit, shelf)
    lapsed = [each.customer for of in rows.values() for each in of if each.state == "past_due"]
    access = dunning.access_of(unit, lapsed) if lapsed else {}
    return {
        id_: _standing(id_, known.get(id_), rows.get(id_, ()), at, offers, access, unit, shelf)
        for id_ in set(ids)
    }


def _standing(  # noqa: PLR0917 - what one customer's standing is made of
    id_: str,
    customer: Customer | None,
    rows: Sequence[Subscription],
    at: Instant,
    offers: _Known,
    access: Mapping[tuple[str, str], str],
    unit: Unit,
    shelf: PlanShelf,
) -> Standing:
    if customer is not None and customer.forgotten_at is not None:
        return Standing(customer=id_, without="customer_suspended")
    now = [_advanced(each, at, offers) for each in rows]
    try:
        had = [one for each in now if each.state in LIVE for one in _had_of(each, offers, access)]
    except UnknownPlan:
        return Standing(customer=id_, without="unknown_plan")
    until = min((due for each in now if (due := next_at(each)) is not None), default=None)
    if had:
        return Standing(customer=id_, had=tuple(had), until=until)
    if shelf.default_plan is not None:
        return replace(_by_name(id_, shelf.default_plan, customer, unit, shelf), until=until)
    over = any(each.trial_end is not None and each.ended_at == each.trial_end for each in now)
    return Standing(customer=id_, without="trial_over" if over else "no_subscription", until=until)


def _advanced(subscription: Subscription, at: Instant, offers: _Known) -> Subscription:
    """Give a subscription as it is at an instant, also where no run has come by yet."""
    due = next_at(subscription)
    if due is None or due > at or subscription.state not in {*LIVE, "scheduled"}:
        return subscription
    return advance(subscription, at, offers).subscription


def _had_of(
    subscription: Subscription, offers: _Known, access: Mapping[tuple[str, str], str]
) -> Iterator[Had]:
    start = subscription.started_at or subscription.clock
    schedule = Schedule(start=start, anchor=subscription.anchor or start, zone=subscription.zone)
    bar, reads = _bar(subscription, access)
    billing = cadence_of(offers[subscription.plan])
    for item in subscription.items:
        yield Had(
            plan=offers[item.offer],
            schedule=schedule,
            billing=billing,
            seats=item.seats,
            add_on=item.key != MAIN,
            bar=bar,
            reads=reads,
            subscription=subscription.id,
            granted=subscription.granted if granting(subscription) else None,
        )


def _bar(
    subscription: Subscription, access: Mapping[tuple[str, str], str]
) -> tuple[Bar | None, bool]:
    if subscription.state == "paused":
        of_trial = subscription.paused_at is not None
        of_trial = of_trial and subscription.paused_at == subscription.trial_end
        if subscription.origin is not None and subscription.lapsed:
            return "past_due", False  # its provider has given up on an invoice
        return ("trial_over" if of_trial else "paused"), False
    if subscription.state == "past_due":
        left = access.get((subscription.customer, subscription.id), "full")
        return (None, False) if left == "full" else ("past_due", left == "read_only")
    return None, False


def _by_name(
    id_: str, plan: str, customer: Customer | None, unit: Unit, shelf: PlanShelf
) -> Standing:
    """Give who has a plan without a subscription: its quotas start again on the calendar."""
    if customer is not None and customer.forgotten_at is not None:
        return Standing(customer=id_, without="customer_suspended")
    found = None if shelf.catalog is None else shelf.catalog.find(plan)
    if found is None:
        try:
            found = _Known(unit, shelf)[plan] if "@" in plan else _on_sale(unit, plan)
        except UnknownPlan:
            return Standing(customer=id_, without="unknown_plan")
    zone = None if customer is None else customer.time_zone
    had = Had(plan=found, schedule=_calendar(zone), billing=cadence_of(found))
    return Standing(customer=id_, had=(had,))


def _on_sale(unit: Unit, plan: str) -> Plan[Any]:
    latest = catalogs.newest(unit)
    found = None if latest is None else catalog_of(unit, latest.number).find(plan)
    if found is None:
        raise UnknownPlan(plan)
    return found


def _calendar(zone: str | None) -> Schedule:
    anchor = at_wall_clock(_BEGINNING.replace(tzinfo=None), zone)  # the first, there too
    return Schedule(start=_BEGINNING, anchor=anchor, zone=zone)


# --- what they used -------------------------------------------------------------------------------


def meter_for(given: Given, shelf: PlanShelf) -> Meter | None:
    """Give the meter that counts a feature; None for a switch, which nothing counts."""
    feature = given.feature
    if feature is None or given.had is None or given.entitlement is None:
        return None
    if feature.limit is None and feature.unit_price is None and feature.meter is None:
        return None
    catalog = given.had.plan.catalog
    meters = {} if catalog is None else shelf.meters_in(catalog)
    return meters.get(feature.meter or feature.key, meter_of_feature(feature))


def counts_of(
    unit: Unit, at: Instant, now: Instant, asked: Sequence[tuple[Asked, Given, Meter | None]]
) -> list[Counted]:
    """Give what is used, reserved and granted of each feature that is asked for, by its meter.

    `at` is when it would be used; what is reserved is told by the time it is `now`.
    """
    used = _used_of(unit, at, asked)
    counted = {one.customer for one, _, meter in asked if meter is not None}
    rows = held(unit, counted, now) if counted else {}
    wanted = [(one.customer, given, meter) for one, given, meter in asked]
    granted = granted_of(unit, at, now, wanted)
    counts = []
    for place, (one, given, meter) in enumerate(asked):
        mine = () if meter is None else rows.get((one.customer, meter.key), ())
        reserved, lost = held_within(mine, given, at, now)
        counts.append(
            Counted(
                used=exact_sum(used.get(place, ZERO), lost) if one.used is None else one.used,
                reserved=reserved,
                granted=granted[place],
            )
        )
    return counts


def _used_of(
    unit: Unit, at: Instant, asked: Sequence[tuple[Asked, Given, Meter | None]]
) -> dict[int, Decimal]:
    """Read what is used, by the place of the question, where it is ours to count."""
    asks: dict[int, Ask] = {}
    sliding: dict[int, tuple[Meter, Stretch]] = {}
    for place, (one, given, meter) in enumerate(asked):
        if meter is None or one.used is not None:
            continue
        window = allowance_window(given, at)
        if window is not None and window.sliding:
            stretch = Stretch(one.customer, meter.event_type, window.start, window.end)
            sliding[place] = (meter, stretch)
        else:
            asks[place] = Ask(meter, one.customer, period_of(window, meter, at))
    found = dict(zip(asks, read_many(unit, list(asks.values())), strict=True))
    used = {place: figures[0].quantity if figures else ZERO for place, figures in found.items()}
    stretches = [stretch for _, stretch in sliding.values()]
    events = events_of(unit, stretches) if stretches else []
    for (place, (meter, stretch)), some in zip(sliding.items(), events, strict=True):
        values = [
            reading.value
            for reading in readings_of(meter, some)
            if stretch.start is not None and stretch.start <= reading.at < stretch.end
        ]
        used[place] = aggregate(meter.aggregation, values)
    return {place: max(ZERO, each) for place, each in used.items()}


def period_of(window: Window | None, meter: Meter, at: Instant) -> Period:
    """Give the period whose figure of the meter counts against what is given.

    What never starts again counts from the beginning; a level is that of now.
    """
    if window is not None:
        return Period(window.start, window.end)
    today = midnight_of(at.date())
    return Period(today if meter.aggregation in HELD else _BEGINNING, today + _AHEAD)


def held_within(
    rows: Sequence[Held], given: Given, at: Instant, now: Instant
) -> tuple[Decimal, Decimal]:
    """Add up what is held against the same window, and what holders of leases never told.

    Units of a lease may be used until it expires, so until then it counts in a sliding window.
    """
    if not rows:
        return ZERO, ZERO
    window = allowance_window(given, at)
    mine = [row for row in rows if window is None or _is_within(row, window)]
    lost = [row for row in mine if row.leased and row.at <= now]
    open_ = (row.quantity for row in mine if row not in lost)
    return exact_sum(ZERO, *open_), exact_sum(ZERO, *(row.quantity for row in lost))


def _is_within(row: Held, window: Window) -> bool:
    """Whether it is held against a window; a lease that ends with one is of that one."""
    if row.leased:
        return window.start < row.at <= window.end
    return window.start <= row.at < window.end


# --- the answers ----------------------------------------------------------------------------------


def explained(answer: Access, standing: Standing, counted: Counted, at: Instant) -> Access:
    """Give a denied answer with what would unlock it."""
    return unlocked(answer, standing, counted, Schedule(start=at), at)


def on_offer(unit: Unit, shelf: PlanShelf) -> Catalog[Any, Any] | None:
    """Give the catalogue that customers can buy from: the newest published, else our own."""
    latest = catalogs.newest(unit)
    return shelf.catalog if latest is None else catalog_of(unit, latest.number)
