"""What subscriptions would pay after a price migration, beside what they pay now.

Usage is measured anew from the events for both, as another plan version may count by another meter,
or group by other properties, than the one whose lines were billed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.app.billed_usage import Asked, UsageReader
from tallystick.app.stopped import FAULTS, words_of
from tallystick.core.charge import Charge
from tallystick.core.period import cadence_of
from tallystick.core.price_migration import (
    PriceMigration,
    PriceMove,
    change_for,
    cost_of_period,
    last_windows,
    new_item,
    takes_effect,
)
from tallystick.core.terms import item_plan
from tallystick.errors import StorageUnavailable
from tallystick.storage import customers, price_migrations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.app.offers import Offers
    from tallystick.core.money import Money
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Item, Subscription
    from tallystick.storage.unit import Unit

__all__ = ["compared"]


def compared(
    unit: Unit,
    offers: Offers,
    migration: PriceMigration,
    at: Instant,
    these: Sequence[Subscription],
) -> list[PriceMove]:
    """Give what each subscription would pay and from when on, or why it would not be moved."""
    names = customers.several(unit, sorted({each.customer for each in these}))
    others = price_migrations.planned_elsewhere(unit, [each.id for each in these])
    comparing = _Comparing(unit, offers, migration, at)
    parts = [
        (each, comparing.taken_up(each, getattr(names.get(each.customer), "name", None)))
        for each in these
    ]
    return [comparing.compared(each, part, others.get(each.id)) for each, part in parts]


class _Comparing:
    """A batch of subscriptions: all that is to be measured is asked for first."""

    def __init__(self, unit: Unit, offers: Offers, migration: PriceMigration, at: Instant) -> None:
        self.offers, self.migration, self.at = offers, migration, at
        self.reader = UsageReader(unit, offers)
        self.asked: dict[str, list[tuple[Item, dict[str, Asked]]]] = {}

    def taken_up(self, now: Subscription, name: str | None) -> PriceMove:
        """Ask for the usage of both plan versions."""
        before = now.items[0]
        part = PriceMove(customer=now.customer, subscription=now.id, item=before, name=name)
        try:
            after = new_item(before, self.migration.to_offer, self.offers)
            both = [(item, self._usage(now, item)) for item in (before, after)]
            for _, asked in both:
                self.reader.ask(asked.values())
        except StorageUnavailable:
            raise
        except FAULTS as fault:
            return _skipped(part, fault)
        self.asked[now.id] = both
        return part

    def compared(self, now: Subscription, part: PriceMove, other: str | None) -> PriceMove:
        """Reckon both prices, and when the change takes effect."""
        if part.status == "skipped":
            return part
        try:
            before, after = (self._cost(part.item, *each) for each in self.asked[now.id])
            part = replace(part, before=before, after=after)
            change = change_for(self.migration, part.item.offer, self.at)
            part = replace(part, takes_effect_at=takes_effect(now, change, self.at, self.offers))
        except StorageUnavailable:
            raise
        except FAULTS as fault:
            return _skipped(part, fault)
        if other is not None:
            return replace(part, status="skipped", reason=f"price migration {other!r} moves it")
        return part

    def _usage(self, now: Subscription, item: Item) -> dict[str, Asked]:
        windows = last_windows(now, item, self.offers, self.at)
        return {
            price: Asked(
                now.customer,
                Charge(kind="usage", item=item, price=price, window=window, whole=window),
                self.at,
            )
            for price, window in windows.items()
        }

    def _cost(self, first: Item, item: Item, asked: Mapping[str, Asked]) -> Money:
        """Give what an item costs, for a period of the plan that is had now."""
        used = {
            price: [each.measured for each in self.reader.used_for(one)]
            for price, one in asked.items()
        }
        cadence = cadence_of(item_plan(first, self.offers))
        assert cadence is not None  # noqa: S101 - a plan that is paid once is not migrated
        return cost_of_period(item, self.offers, used, cadence)


def _skipped(part: PriceMove, why: Exception) -> PriceMove:
    return replace(part, status="skipped", reason=words_of(why))
