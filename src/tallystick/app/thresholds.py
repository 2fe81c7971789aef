"""Bills before a period ends: whenever its usage has reached another threshold of its plan.

A threshold is reached by the event with whose arrival usage so far comes to it, so it does not
matter when somebody looks.  What arrived in that second is on the document.  Of a start in the past
no threshold is reached before it was told of.  What a quantity costs before its window ends never
falls, but for corrections; levels, averages and meters that count below zero have no figure before
the end and wait for it, as volume tiers do.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from tallystick.app.billed_usage import Asked, UsageReader
from tallystick.app.drafting import document_id
from tallystick.app.families import place_drafts
from tallystick.app.late_usage import SLICE, slice_of
from tallystick.core.charge import Due
from tallystick.core.meter import meter_of
from tallystick.core.period import Period, instant_text
from tallystick.core.reckoned_lines import rated_lines
from tallystick.core.span import MINIMUM
from tallystick.core.subscription import MAIN
from tallystick.core.subscription_spans import closed
from tallystick.core.terms import item_plan, prices_of
from tallystick.errors import TallystickError
from tallystick.storage import catalogs
from tallystick.storage.invoice_rows import Draft
from tallystick.storage.sold_on import drafts_with, live_on
from tallystick.storage.subscriptions import created_at
from tallystick.storage.usage_arrivals import corrected_since
from tallystick.storage.usage_stretches import BEGINNING
from tallystick.storage.usage_watermark import close_usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from decimal import Decimal

    from tallystick.app.offers import Offers
    from tallystick.core.charge import Charge
    from tallystick.core.currency import Currency
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription, Terms
    from tallystick.storage.unit import Unit

__all__ = ["draft_thresholds", "has_thresholds"]

_SECOND: Final = timedelta(seconds=1)
_MICRO: Final = timedelta(microseconds=1)
_RISES: Final = frozenset({"sum", "count", "max", "unique"})
_Key: TypeAlias = tuple[str, str, str, "Instant"]


@dataclass(slots=True)
class _Running:
    """The usage of one item in one window, and until when its thresholds can be reached.

    `told` is when the subscription was: with a start in the past, in the window or after it.
    """

    customer: str
    subscription: str
    currency: Currency
    terms: Terms
    threshold: Decimal
    end: Instant
    charges: list[Charge]
    told: Instant = BEGINNING

    @property
    def start(self) -> Instant:
        """Where the window begins."""
        window = self.charges[0].window
        assert window is not None  # noqa: S101 - usage has a time
        return window.start

    def cause(self, number: int) -> str:
        """Name a document after the threshold that was reached."""
        key = self.charges[0].item.key
        item = "" if key == MAIN else f"{key}/"
        return f"{SLICE}{self.subscription}/{instant_text(self.start)}/{item}{number}"


def has_thresholds(unit: Unit, offers: Offers) -> bool:
    """Whether any plan version that was sold has a threshold."""
    return bool(_refs(unit, offers))


def _refs(unit: Unit, offers: Offers) -> list[str]:
    return [ref for ref in catalogs.sold(unit) if offers[ref].invoice_threshold is not None]


def draft_thresholds(unit: Unit, offers: Offers, until: Instant) -> int:
    """Make drafts of all thresholds that were reached before an instant; give how many are new.

    Usage is closed until then.  Asked again, it makes the same ones, which are there already.
    """
    refs = _refs(unit, offers)
    if not refs:
        return 0
    close_usage(unit, until)
    count = 0
    for page in _pages(unit, offers, refs):
        drafts = _reached(unit, offers, _told(unit, page), until)
        count += len(place_drafts(unit, drafts))
    return count


# --- where a threshold can be reached -------------------------------------------------------------


def _pages(unit: Unit, offers: Offers, refs: Sequence[str]) -> Iterator[list[_Running]]:
    """Give the windows that run, and those that ended and whose documents are drafts."""
    for subscriptions in live_on(unit, refs):
        yield _windows(
            offers,
            [
                (each, charge)
                for each in subscriptions
                for span in each.spans
                if not span.advance and span.price != MINIMUM
                if (charge := closed(each, span, span.end)) is not None
            ],
        )
    for drafts in drafts_with(unit, refs):
        yield _windows(
            offers,
            [(draft, charge) for draft in drafts for charge in draft.due.charges],
        )


def _windows(
    offers: Offers, charges: Iterable[tuple[Subscription | Draft, Charge]]
) -> list[_Running]:
    found: dict[_Key, _Running] = {}
    for owner, charge in charges:
        window = charge.window
        if charge.kind != "usage":
            continue
        threshold = item_plan(charge.item, offers).invoice_threshold
        sub = owner.subscription_id if isinstance(owner, Draft) else owner.id
        if window is None or threshold is None or sub is None or slice_of(charge):
            continue
        if charge.price not in prices_of(charge.item, offers) or not _rises(offers, charge):
            continue
        key = (owner.customer, sub, charge.item.key, window.start)
        if key not in found:
            found[key] = _Running(
                owner.customer, sub, owner.currency, owner.terms, threshold, window.end, []
            )
        found[key].charges.append(_uncut(charge))
    return list(found.values())


def _rises(offers: Offers, charge: Charge) -> bool:
    """Whether what a charge comes to only grows as events of use arrive."""
    price = prices_of(charge.item, offers)[charge.price]
    meter = _meter(offers, charge)
    negative = meter.allow_negative or price.allow_negative
    return meter.aggregation in _RISES and not negative


def _meter(offers: Offers, charge: Charge) -> Meter:
    price = prices_of(charge.item, offers)[charge.price]
    plan = item_plan(charge.item, offers)
    return meter_of(plan, price.meter or price.id, offers.meters(charge.item.offer))


def _uncut(charge: Charge) -> Charge:
    """Give the charge as it was before a change ended its window early."""
    window, whole = charge.window, charge.whole
    if not charge.cut or window is None or whole is None or window.end >= whole.end:
        return charge
    cut = window.start > whole.start
    return replace(charge, window=Period(window.start, whole.end), cut=cut)


def _told(unit: Unit, running: Sequence[_Running]) -> list[_Running]:
    """Leave out the windows that had ended when their subscription was told of."""
    told = created_at(unit, {(each.customer, each.subscription) for each in running})
    found = [replace(each, told=told[each.customer, each.subscription]) for each in running]
    return [each for each in found if each.told < each.end]


# --- when it was reached --------------------------------------------------------------------------


def _reached(
    unit: Unit, offers: Offers, running: Sequence[_Running], until: Instant
) -> list[Draft]:
    """Give the documents of all thresholds that were reached, whether or not they are new."""
    reader = UsageReader(unit, offers)
    for each in running:
        reader.ask(_asked(each, charge, None) for charge in each.charges)
    corrected = corrected_since(unit, [(each.customer, each.start) for each in running])
    above = [
        each
        for each, again in zip(running, corrected, strict=True)
        if again or _reaches(offers, reader, each)
    ]
    for each in above:
        asked = [_asked(each, charge, min(each.end, until)) for charge in each.charges]
        reader.ask(asked, by_events=True)
    found: list[Draft] = []
    for each in above:
        with suppress(TallystickError):  # its own document says what is wrong, at the end
            found += list(_drafts(offers, reader, each, until))
    return found


def _reaches(offers: Offers, reader: UsageReader, running: _Running) -> bool:
    """Whether all that is known comes to a threshold: as it mostly does not."""
    with suppress(TallystickError):
        return _amount(offers, reader, running, None) >= running.threshold
    return False


def _asked(running: _Running, charge: Charge, until: Instant | None) -> Asked:
    """Ask what was used as it was known before an instant; None is all that is known."""
    if until is None:
        return Asked(running.customer, charge, running.end, settled=True)
    return Asked(running.customer, charge, until)


def _amount(offers: Offers, reader: UsageReader, running: _Running, until: Instant | None) -> int:
    """Give what usage so far comes to, in minor units, as it was known before an instant."""
    used = {
        place: [
            replace(each, last=False)
            for each in reader.used_for(_asked(running, charge, until), by_events=until is not None)
        ]
        for place, charge in enumerate(running.charges)
    }
    due = Due(cause="", at=running.start, charges=tuple(running.charges))
    return sum(line.amount.minor for line in rated_lines(due, offers, used, (), ()))


def _drafts(
    offers: Offers, reader: UsageReader, running: _Running, until: Instant
) -> Iterator[Draft]:
    """Walk through the arrivals, and give a document for each that reached another threshold."""
    last = min(running.end, until)
    reached = 0
    since = running.start - timedelta(days=36_500)
    for stretch in _stretches(reader, running, last):
        while True:
            times = [at for at in stretch if at > since]
            at = _first(times, _comes_to(offers, reader, running, reached + 1))
            if at is None:
                break
            cut = max(at.replace(microsecond=0) + _SECOND, running.told)
            if cut > until:
                return
            since = cut - _MICRO
            found = int(_amount(offers, reader, running, cut) // running.threshold)
            if found > reached:  # or a correction took it back within the second
                reached = found
                yield _draft(running, reached, cut)


def _comes_to(
    offers: Offers, reader: UsageReader, running: _Running, number: int
) -> Callable[[Instant], bool]:
    """Give the test whether usage comes to a threshold with what arrived at an instant."""
    least = number * running.threshold
    return lambda at: _amount(offers, reader, running, at + _MICRO) >= least


def _stretches(reader: UsageReader, running: _Running, last: Instant) -> list[list[Instant]]:
    """Give the arrivals in their order, anew from each correction on: between these usage grows."""
    times: dict[Instant, bool] = defaultdict(bool)
    for charge in running.charges:
        for event in reader.arrivals(_asked(running, charge, last)):
            if event.received_at is not None and event.received_at < last:
                times[event.received_at] |= event.kind != "use"
    found: list[list[Instant]] = [[]]
    for at in sorted(times):
        if times[at]:
            found.append([])
        found[-1].append(at)
    return found


def _first(times: Sequence[Instant], holds: Callable[[Instant], bool]) -> Instant | None:
    """Give the first time at which something holds that goes on holding; None for never."""
    low, high = 0, len(times)
    if not high or not holds(times[-1]):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(times[middle]) else (middle + 1, high)
    return times[low]


def _draft(running: _Running, number: int, at: Instant) -> Draft:
    cause = running.cause(number)
    part = f"{SLICE}{number}"
    charges = tuple(replace(charge, part=part) for charge in running.charges)
    return Draft(
        customer=running.customer,
        id=document_id(running.customer, cause),
        subscription_id=running.subscription,
        due=Due(cause=cause, at=at, charges=charges),
        currency=running.currency,
        finalize_at=at,
        terms=running.terms,
    )
