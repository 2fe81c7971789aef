"""A customer's next years: fast-forwarded in a copy, by the very code that bills.

The customer's rows are read in one transaction that only looks.  All the rest (changes, usage,
billing run after billing run) happens in a ledger in memory that is thrown away: nothing is written
to the real one, nobody waits for a lock, and no number is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.billing import run_billing, what_is_set_aside
from tallystick.app.customer import get_customer
from tallystick.app.invoice import Way, pay_invoice
from tallystick.app.offers import sold_now
from tallystick.app.seller import set_seller, settings_of
from tallystick.app.subscription import make_move, start_subscription
from tallystick.app.subscription_terms import Asked, change_of, start_of
from tallystick.app.usage import record_many
from tallystick.core.calendar import boundary
from tallystick.core.event import UsageEvent, parse_event
from tallystick.core.forecast import month_totals, monthly, repeated
from tallystick.core.given import instant_at
from tallystick.core.period import Cadence, instant_text, to_the_second
from tallystick.core.property import shown
from tallystick.core.reading import effective
from tallystick.core.subscription import TERMINAL
from tallystick.core.text import id_at, refused_at
from tallystick.errors import Conflict, InvalidUsage, RuleError
from tallystick.storage import invoices, subscriptions
from tallystick.storage.extract import has_more_events, take_along
from tallystick.storage.parents import parents_of
from tallystick.storage.usage import stored_events

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tallystick.app.billing import SetAside
    from tallystick.core.forecast import MonthTotal
    from tallystick.core.invoice import Invoice
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.storage.invoice_rows import DocumentStatus
    from tallystick.storage.unit import Storage, Unit

__all__ = ["Forecast", "Wish", "foresee", "taken_along", "wish_of"]

_YEARS: Final = 10
_ALL: Final = 10**6
_MOST_MONTHS: Final = 36
_MOST_DOCUMENTS: Final = 5_000
_MOST_EVENTS: Final = 100_000
_MOST_STORED: Final = 250_000
_MOST_CHANGES: Final = 100
_TOLD: Final = 3
_ISSUED: Final[frozenset[DocumentStatus]] = frozenset({"open", "paid", "void", "uncollectible"})
_MONTH: Final = Cadence("month")
_YEAR: Final = Cadence("year")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be foreseen: until when, which changes of plan come, what will be used.

    `changes` are plans with their instants, in the order of time.  `usage` are events, or `like`
    is the number of months before now that repeat.
    """

    customer: str
    at: Instant
    until: Instant
    changes: tuple[tuple[str, Instant], ...] = ()
    usage: tuple[object, ...] = ()
    like: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The documents that fall due until then, in the order of their issue, and what they add up to.

    They have no number: nothing was issued.  `set_aside` is what billing would stop at.
    """

    customer: str
    at: Instant
    until: Instant
    documents: tuple[Invoice, ...]
    months: tuple[MonthTotal, ...]
    set_aside: tuple[SetAside, ...] = field(default=())


# --- what is asked --------------------------------------------------------------------------------


def wish_of(  # noqa: PLR0917 - a question has so many parts
    at: Instant,
    customer: object,
    until: object,
    changes: Iterable[tuple[object, object]] = (),
    usage: Iterable[object] | None = None,
    like: object = None,
) -> Wish:
    """Read what is asked.  Raises InvalidInput, InvalidPeriod."""
    now = to_the_second(at)
    end = to_the_second(instant_at(until, "until"))
    if end <= now:
        raise refused_at("until", f"lies not in the future: {instant_text(end)}")
    if end > boundary(now, _YEAR, _YEARS):
        raise refused_at("until", f"is more than {_YEARS} years ahead: {instant_text(end)}")
    if usage is not None and like is not None:
        raise refused_at("like", "and usage exclude each other: what is used is given by one")
    months: Any = like
    if like is not None and (type(like) is not int or not 1 <= like <= _MOST_MONTHS):
        raise refused_at("like", f"is a number of months from 1 to {_MOST_MONTHS}")
    return Wish(
        customer=id_at(customer, "customer"),
        at=now,
        until=end,
        changes=_changes(changes, now, end),
        usage=_bounded(usage),
        like=months,
    )


def _changes(
    given: Iterable[tuple[object, object]], at: Instant, until: Instant
) -> tuple[tuple[str, Instant], ...]:
    read: list[tuple[str, Instant]] = []
    for place, pair in enumerate(given):
        path = f"changes[{place}]"
        if place >= _MOST_CHANGES:
            raise refused_at("changes", f"has more than {_MOST_CHANGES} entries")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:  # noqa: PLR2004 - a pair
            raise refused_at(path, f"is a plan and a time, not {shown(pair)}")
        plan, date = id_at(pair[0], path), to_the_second(instant_at(pair[1], path))
        if not at <= date <= until:
            text = f"lies not between {instant_text(at)} and {instant_text(until)}"
            raise refused_at(path, text)
        read.append((plan, date))
    return tuple(sorted(read, key=lambda change: change[1]))


def _bounded(usage: Iterable[object] | None) -> tuple[object, ...]:
    """Take events up; a list that never ends is given up."""
    found: list[object] = []
    for each in usage or ():
        if len(found) >= _MOST_EVENTS:
            raise _too_many()
        found.append(each)
    return tuple(found)


def _too_many() -> RuleError:
    return refused_at(
        "usage",
        f"is more than {_MOST_EVENTS:,} events: name an earlier until, or give one event for what"
        " is used in a day",
    )


# --- foreseeing -----------------------------------------------------------------------------------


def taken_along(unit: Unit, wish: Wish) -> Storage:
    """Give a ledger in memory with all that the customer has.

    Raises NotFound; Conflict for a customer with more events than can be taken along, and for one
    of a family, whose documents are others' affair, too.
    """
    customer = get_customer(unit, wish.customer).id
    with unit.for_all():
        if parents_of(unit, [customer]):
            raise Conflict(
                f"customer {customer!r} pays or paid for others, or others for it: its documents"
                " cannot be foreseen alone; preview those of each subscription"
            )
    unit.as_customer(customer)
    if has_more_events(unit, customer, _MOST_STORED):
        raise Conflict(
            f"customer {customer!r} has more than {_MOST_STORED:,} events of usage: that is more"
            " than is taken along to foresee"
        )
    return take_along(unit, customer)


def foresee(taken: Storage, wish: Wish, meters: Mapping[str, Meter]) -> Forecast:
    """Let time pass for the customer of a ledger that was taken along (`storage.extract`).

    What is open is taken as paid now, and every document as paid when it is issued.  A change is
    made as if it were asked for at its instant, so an upgrade counts at once and a downgrade from
    the next period; where the customer has nothing in the plan's group by then, it starts.

    Raises NotFound; UnknownPlan; Conflict for a change that cannot be; InvalidUsage; InvalidInput
    where it comes to more than 5,000 documents or 100,000 events.
    """
    return _Years(taken, wish).foreseen(meters)


class _Years:
    """The time to come of one customer, on its way."""

    def __init__(self, taken: Storage, wish: Wish) -> None:
        self.taken, self.wish = taken, wish
        with taken.look() as unit:
            self.before = {each.id for each in self._listed(unit, _ISSUED)}
            self.grace = settings_of(unit).grace
        self.documents = 0

    def foreseen(self, meters: Mapping[str, Meter]) -> Forecast:
        wish = self.wish
        self.taken.attempt(self._pay_for_all)
        self.taken.attempt(lambda unit: self._use(unit, meters))
        waiting = list(wish.changes)
        dates = {date for _, date in waiting}
        for at in sorted({*monthly(wish.at, wish.until), *dates}):
            self._bill(at)
            while waiting and waiting[0][1] == at:
                plan, _ = waiting.pop(0)
                self._change(plan, at)
            if at in dates:
                self._bill(at)
        self._bill(wish.until + self.grace)  # what falls due by then waits for its usage
        with self.taken.look() as unit:
            issued = self._listed(unit, _ISSUED)
            stopped = what_is_set_aside(unit)
        new = [each for each in issued if each.id not in self.before and each.at <= wish.until]
        documents = tuple(replace(each, number=None) for each in sorted(new, key=_in_order))
        return Forecast(
            customer=wish.customer,
            at=wish.at,
            until=wish.until,
            documents=documents,
            months=month_totals(documents, wish.at, wish.until),
            set_aside=stopped,
        )

    # --- billing ------------------------------------------------------------------------------

    def _bill(self, at: Instant) -> None:
        """Bill what is due, and have it paid."""
        self.documents += run_billing(self.taken, at, limit=_MOST_DOCUMENTS + 1).documents
        if self.documents > _MOST_DOCUMENTS:
            text = f"has more than {_MOST_DOCUMENTS:,} documents before it: name an earlier time"
            raise refused_at("until", text)
        self.taken.attempt(lambda unit: self._pay(unit, at))

    def _pay_for_all(self, unit: Unit) -> None:
        """Have nothing stand in the way that is not paid, now or later."""
        set_seller(unit, self.wish.at, {"dunning": None})
        self._pay(unit, self.wish.at)

    def _pay(self, unit: Unit, at: Instant) -> None:
        for invoice in self._listed(unit, {"open"}):
            pay_invoice(unit, at, invoice.id, None, Way(id=f"foreseen/{invoice.id}"))

    def _listed(self, unit: Unit, statuses: Collection[DocumentStatus]) -> list[Invoice]:
        customer = self.wish.customer
        found = invoices.list_invoices(unit, _ALL, customer=customer, statuses=statuses)
        return [each.invoice for each in found]

    # --- what is changed ----------------------------------------------------------------------

    def _change(self, plan: str, at: Instant) -> None:
        self.taken.attempt(lambda unit: self._changed(unit, plan, at))

    def _changed(self, unit: Unit, plan: str, at: Instant) -> None:
        held = self._in_group(unit, plan)
        asked = Asked(plan=plan)
        if held is not None:
            make_move(unit, at, held.id, lambda unit, *_: change_of(unit, asked))
            return
        start_subscription(
            unit,
            at,
            f"foreseen/{plan}/{instant_text(at)}",
            lambda unit, customer, _: start_of(unit, customer, None, asked, {}),
            customer_id=self.wish.customer,
        )

    def _in_group(self, unit: Unit, plan: str) -> Subscription | None:
        """Give what the customer has, or will have, in the group of a plan."""
        offer = sold_now(unit, plan)
        group = "default" if offer.catalog is None else offer.catalog.product_of(offer).group
        found = subscriptions.list_subscriptions(unit, _ALL, customer=self.wish.customer)
        mine = [each for each in found if each.group == group and each.state not in TERMINAL]
        return min(mine, key=lambda each: (each.state == "scheduled", each.id), default=None)

    # --- what is used -------------------------------------------------------------------------

    def _use(self, unit: Unit, meters: Mapping[str, Meter]) -> None:
        events = self._given() if self.wish.like is None else self._like(unit, self.wish.like)
        done = record_many(unit, events, meters, self.wish.at)
        if done.rejected:
            told = "; ".join(f"[{each.index}] {each.message}" for each in done.rejected[:_TOLD])
            bad = {f"usage[{each.index}]": [each.message] for each in done.rejected}
            raise InvalidUsage(f"usage that cannot be counted: {told}", bad)

    def _given(self) -> list[object]:
        given = enumerate(self.wish.usage)
        return [self._assumed(each, f"usage[{place}]") for place, each in given]

    def _assumed(self, given: object, path: str) -> object:
        """Read an event that is to come: it arrives as it occurs, and not before now."""
        try:
            event = given
            if not isinstance(given, UsageEvent):
                event = parse_event(given, received_at=boundary(self.wish.at, _YEAR, _YEARS + 1))
        except RuleError as refused:
            return refused
        assert isinstance(event, UsageEvent)  # noqa: S101 - it was parsed
        if event.kind != "use" or not event.timed:
            raise refused_at(path, "is no event of use with its occurred_at")
        if event.customer != self.wish.customer:
            text = f"is of customer {event.customer!r}: only {self.wish.customer!r} is foreseen"
            raise refused_at(path, text)
        return replace(event, received_at=max(event.occurred_at, self.wish.at), order=None)

    def _like(self, unit: Unit, months: int) -> list[UsageEvent]:
        """Repeat the last months."""
        wish = self.wish
        since = boundary(wish.at, _MONTH, -months)
        known = stored_events(unit, customer=wish.customer)
        used = [e for e in effective(known) if since <= e.occurred_at < wish.at]
        found: list[UsageEvent] = []
        for event in repeated(used, wish.at, months, wish.until):
            if len(found) >= _MOST_EVENTS:
                raise _too_many()
            found.append(event)
        return found


def _in_order(invoice: Invoice) -> tuple[Any, ...]:
    return (invoice.issued_at, invoice.number)
