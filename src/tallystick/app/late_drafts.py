"""Documents of their own for late usage: after a subscription's end, and where a meter asks so.

Such a document is due when the first late event arrives, and takes along all that arrives in its
grace; so it does not matter when somebody looks.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from tallystick.app.drafting import document_id
from tallystick.app.families import place_drafts
from tallystick.app.late_usage import arrivals_of, is_touched, slice_of
from tallystick.app.seller import settings_of
from tallystick.core.charge import Due
from tallystick.core.meter import meter_of
from tallystick.core.period import instant_text
from tallystick.core.subscription import TERMINAL
from tallystick.core.terms import item_plan, prices_of
from tallystick.storage import catalogs
from tallystick.storage.aside import pass_over
from tallystick.storage.billed_windows import looked_after
from tallystick.storage.invoice_rows import Draft
from tallystick.storage.sold_on import ended_late, live_on
from tallystick.storage.subscriptions import find_subscriptions
from tallystick.storage.usage_arrivals import Since, arrived_since
from tallystick.storage.usage_stretches import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.app.late_usage import Arrival
    from tallystick.app.offers import Offers
    from tallystick.core.charge import Charge
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.storage.billed_windows import Looked
    from tallystick.storage.unit import Unit

__all__ = ["draft_late"]

_SECOND: Final = timedelta(seconds=1)
_LATE: Final = "late/"


def draft_late(unit: Unit, offers: Offers, until: Instant) -> int:
    """Make drafts for what came late before an instant and waits for no other document.

    Gives how many are new.  Asked again, it makes the same ones, which are there already.
    """
    grace = settings_of(unit).grace
    count = 0
    for owners in ended_late(unit, until):
        count += _draft(unit, offers, owners, until, grace)
    refs = [ref for ref in catalogs.sold(unit) if _reissues(offers, ref)]
    for page in live_on(unit, refs):
        owners = [(each.customer, each.id) for each in page]
        count += _draft(unit, offers, owners, until, grace)
    return count


def _reissues(offers: Offers, ref: str) -> bool:
    return any(meter.late == "reissue" for meter in offers.meters(ref).values())


def _draft(
    unit: Unit,
    offers: Offers,
    owners: Sequence[tuple[str, str]],
    until: Instant,
    grace: timedelta,
) -> int:
    asked = [Since(*owner, first=BEGINNING, until=until) for owner in owners]
    found = arrived_since(unit, asked, drafts=True)
    late = {owner: events for owner, events in zip(owners, found, strict=True) if events}
    if not late:
        return 0
    arrivals = iter(arrivals_of(unit, [event for events in late.values() for event in events]))
    of = {owner: list(islice(arrivals, len(events))) for owner, events in late.items()}
    first = [(*owner, min(at for each in of[owner] for at in each.times)) for owner in of]
    looked = looked_after(unit, first, drafts=True)
    subscriptions = find_subscriptions(unit, list(of), unread=pass_over)
    drafts = [
        draft
        for (owner, each), documents in zip(of.items(), looked, strict=True)
        if owner in subscriptions
        for draft in _drafts(offers, subscriptions[owner], each, documents, until, grace)
    ]
    return len(place_drafts(unit, drafts))


def _drafts(  # noqa: PLR0917 - a question has so many parts
    offers: Offers,
    subscription: Subscription,
    arrivals: Sequence[Arrival],
    documents: Sequence[Looked],
    until: Instant,
    grace: timedelta,
) -> Iterator[Draft]:
    """Give a document for each arrival that comes after the last one was closed.

    It is for what has no other document to wait for, or does not wait.
    """
    windows = [
        (charge, _meter(offers, charge), document.watermark)
        for document in documents
        for charge in document.due.charges
        if charge.kind == "usage" and charge.window is not None and not slice_of(charge)
        if charge.price in prices_of(charge.item, offers)
    ]
    covered = max(
        (each.watermark for each in documents if each.cause.startswith(_LATE)), default=BEGINNING
    )
    ends = subscription.state in TERMINAL
    last = max(
        (each.watermark for each in documents if not each.cause.startswith(_LATE)),
        default=BEGINNING,
    )
    for arrival in arrivals:
        waits = not ends or arrival.at < last
        if arrival.at < covered or not any(
            watermark <= arrival.at
            and charge.window is not None
            and (meter.late == "reissue" or not waits)
            and is_touched(meter, charge.window, arrival)
            for charge, meter, watermark in windows
        ):
            continue
        at = arrival.at.replace(microsecond=0) + _SECOND
        if at > until:
            return
        covered = at + grace
        cause = f"{_LATE}{subscription.id}/{instant_text(at)}"
        yield Draft(
            customer=subscription.customer,
            id=document_id(subscription.customer, cause),
            subscription_id=subscription.id,
            due=Due(cause=cause, at=at, charges=(), final=ends),
            currency=subscription.currency,
            finalize_at=covered,
            terms=subscription.terms,
        )


def _meter(offers: Offers, charge: Charge) -> Meter:
    price = prices_of(charge.item, offers)[charge.price]
    plan = item_plan(charge.item, offers)
    return meter_of(plan, price.meter or price.id, offers.meters(charge.item.offer))
