"""What a provider bills by use: the meters of the subscriptions that it bills, in their periods."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.offers import Offers
from tallystick.core.calendar import period_containing
from tallystick.core.period import Period, cadence_of
from tallystick.core.subscription import Origin
from tallystick.core.terms import item_plan, prices_of
from tallystick.core.usage_report import Metered
from tallystick.storage import customers
from tallystick.storage.mirrors import list_mirrors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.ports import Provider
    from tallystick.storage.unit import Unit

__all__ = ["metered_windows"]

_AT_ONCE: Final = 500
_LATE: Final = timedelta(days=3)  # how long a period that is over is still reported
_SECOND: Final = timedelta(seconds=1)


def metered_windows(unit: Unit, at: Instant, provider: Provider) -> tuple[Metered, ...]:
    """Give each metered price of the subscriptions that a provider's account bills.

    In the period that runs, and for three days in the one before it.  The provider knows a meter by
    the meter's own key, as the price book names it there.  Who has no name at the provider is left
    out.
    """
    unit.as_all()
    account = provider.account
    where = Origin(
        provider=provider.abilities.name, account=account.id, live=account.live, reference=""
    )
    offers, after = Offers(unit), None
    found: dict[tuple[str, str, Instant], Metered] = {}
    while some := list_mirrors(unit, where, _AT_ONCE, after):
        payers = customers.several(unit, sorted({each.customer for each in some}))
        for each in some:
            payer = payers[each.customer].provider_id
            if payer is None:
                continue
            for window in _windows(each, offers, at):
                for meter in _meters(each, offers):
                    found[each.customer, meter, window.start] = Metered(
                        customer=each.customer,
                        payer=payer,
                        meter=meter,
                        event_name=meter,
                        window=window,
                    )
        after = _reference(some[-1])
        if len(some) < _AT_ONCE:
            break
    return tuple(found.values())


def _reference(subscription: Subscription) -> str:
    return "" if subscription.origin is None else subscription.origin.reference


def _windows(
    subscription: Subscription, offers: Mapping[str, Plan[str]], at: Instant
) -> list[Period]:
    now, begun, ended = subscription.period, subscription.started_at, subscription.ended_at
    if now is None or now.start > at:
        return []
    windows = [now] if ended is None or ended + _LATE > at else []
    cadence = cadence_of(item_plan(subscription.items[0], offers))
    earlier = begun is not None and begun < now.start and now.start + _LATE > at
    if earlier and cadence is not None:
        anchor = subscription.anchor or now.start
        windows.append(period_containing(anchor, cadence, now.start - _SECOND))
    return windows


def _meters(subscription: Subscription, offers: Mapping[str, Plan[str]]) -> list[str]:
    prices = [each for item in subscription.items for each in prices_of(item, offers).values()]
    metered = (each.meter for each in prices if each.basis == "usage")
    return list(dict.fromkeys(name for name in metered if name is not None))
