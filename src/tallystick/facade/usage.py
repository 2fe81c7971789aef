"""`tally.usage`: what customers used, recorded once, corrected by further events, and read."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from tallystick.app import meters as keeping
from tallystick.app import publish as publishing
from tallystick.app import usage as using
from tallystick.app.exports import exported
from tallystick.app.imports import Imported, import_lines, tried
from tallystick.app.measured import measured
from tallystick.app.sent import correction_tree, use_tree, void_id
from tallystick.core.event import DEFAULT_SOURCE
from tallystick.core.meter import Meter, meters_of
from tallystick.core.number import quantity_of
from tallystick.core.reading import effective
from tallystick.errors import NotFound
from tallystick.storage import catalogs
from tallystick.storage.meters import hold, hold_targets
from tallystick.storage.usage import corrections_of, events_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.imports import BadLine
    from tallystick.app.meters import KeptMeter
    from tallystick.app.usage import Figure, Recorded, Status, Window
    from tallystick.core.catalog import Plan
    from tallystick.core.event import UsageEvent
    from tallystick.core.period import Instant, Period
    from tallystick.core.rating.usage import Measured
    from tallystick.files.events import EventFile
    from tallystick.storage.unit import Unit
    from tallystick.storage.usage import EventKey
    from tallystick.wiring import Tallystick

__all__ = ["Usage"]


class Usage:
    """The usage of one ledger: events in, exact figures out.

    The meters are those of the catalogue that the ledger was opened with, else of the newest one
    that was published.  Every call takes the host's `connection`, in whose transaction it then
    works.
    """

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally
        self._published: tuple[int, Mapping[str, Meter]] = (0, {})

    # --- recording ----------------------------------------------------------------------------

    def record(
        self,
        customer: str,
        type: str,  # noqa: A002 - the field's word
        *,
        id: str,  # noqa: A002 - the field's word
        quantity: Decimal | int | str | None = None,
        source: str = DEFAULT_SOURCE,
        occurred_at: datetime | str | None = None,
        properties: Mapping[str, object] | None = None,
        connection: Connection | Session | None = None,
    ) -> Status:
        """Store one event: `accepted`, or `duplicate` where it is stored already.

        `id` is your own name for it: the same event sent again has the same one.  `quantity` is
        the property of that name.  Nothing is filled in where it is not named: a sum counts the
        event as 1, and a gauge refuses it.

        Raises InvalidUsage; Conflict where the id is taken by another body.
        """
        tree = use_tree(
            customer,
            type,
            quantity=quantity,
            id=id,
            source=source,
            occurred_at=occurred_at,
            properties=properties,
        )
        return self._record(tree, connection)

    def record_many(
        self, events: Iterable[object], *, connection: Connection | Session | None = None
    ) -> Recorded:
        """Store events and corrections in one transaction, with the status of each.

        An event is plain values (native or CloudEvents) or a UsageEvent.  A bad one is rejected
        and takes no other with it; the same again changes nothing.
        """
        items = list(events)
        return self._tally.act(
            lambda unit, at: using.record_many(unit, items, self.meters_in(unit), at),
            connection=connection,
            repeatable=True,
        )

    def void(
        self,
        customer: str,
        id: str,  # noqa: A002 - the field's word
        *,
        source: str = DEFAULT_SOURCE,
        correction_id: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Status:
        """Take an event back; it stays, and counts no more.  Again it is a `duplicate`.

        Raises NotFound; Conflict where it was voided under another `correction_id`.
        """
        own = void_id(source, id) if correction_id is None else correction_id
        return self._record(correction_tree("void", customer, (source, id), id=own), connection)

    def amend(
        self,
        customer: str,
        id: str,  # noqa: A002 - the field's word
        *,
        quantity: Decimal | int | str | None = None,
        properties: Mapping[str, object] | None = None,
        occurred_at: datetime | str | None = None,
        source: str = DEFAULT_SOURCE,
        correction_id: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Status:
        """Correct an event: its quantity, the properties that are named, its time.

        What is not named stays as it is by now, also where earlier amendments made it so.  Name a
        `correction_id` where the call may be repeated.

        Raises NotFound, InvalidUsage; Conflict where the event was voided.
        """
        own = self._tally.ids.new("amend") if correction_id is None else correction_id
        changed = dict(properties or {})
        if quantity is not None:
            changed["quantity"] = quantity_of(quantity, negative=True)

        def amend(unit: Unit, at: datetime) -> Status:
            kept, moved = _standing(unit, (customer, source, id), own)
            tree = correction_tree(
                "amend",
                customer,
                (source, id),
                id=own,
                properties={**kept, **changed},
                occurred_at=moved if occurred_at is None else occurred_at,
            )
            return using.record(unit, tree, self.meters_in(unit), at)

        return self._tally.act(amend, connection=connection, repeatable=True)

    def _record(self, tree: object, connection: Connection | Session | None) -> Status:
        return self._tally.act(
            lambda unit, at: using.record(unit, tree, self.meters_in(unit), at),
            connection=connection,
            repeatable=True,
        )

    # --- reading ------------------------------------------------------------------------------

    def read(
        self,
        customer: str,
        meter: Meter | str,
        period: Period,
        *,
        group: Mapping[str, str | None] | None = None,
        group_by: Sequence[str] = (),
        window: Window | None = None,
        as_of: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> tuple[Figure, ...]:
        """Give a customer's figures for a half-open period: one, or one for each window and group.

        `as_of` looks back: what arrived after it is not seen.

        Raises NotFound for a meter that there is not, InvalidUsage, InvalidPeriod.
        """
        return self._tally.act(
            lambda unit, _: using.read(
                unit,
                self._meter(unit, meter),
                customer,
                period,
                group=group,
                group_by=group_by,
                window=window,
                as_of=as_of,
            ),
            connection=connection,
            reading=True,
        )

    def quantity(
        self,
        customer: str,
        meter: Meter | str,
        period: Period,
        *,
        group: Mapping[str, str | None] | None = None,
        as_of: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Decimal:
        """Give a customer's quantity for a half-open period: `read`, in one figure."""
        (figure,) = self.read(
            customer, meter, period, group=group, as_of=as_of, connection=connection
        )
        return figure.quantity

    def export(
        self, *, customer: str | None = None, period: Period | None = None
    ) -> Iterator[UsageEvent]:
        """Give the events and corrections as they were sent, in the order of arrival, one by one.

        Those that are stored when the first is asked for, and no other.  On PostgreSQL a reading
        transaction is open until the last was given or the iterator is closed.  A correction has
        the type and the time that it was sent with, mostly none; `record_many` of them changes
        nothing here, and gives the same figures elsewhere.
        """
        return exported(self._tally.storage, customer=customer, period=period)

    def import_file(
        self,
        file: EventFile,
        *,
        bad: Callable[[BadLine], None],
        done: Callable[[Imported], None] = lambda _: None,
        into: Imported | None = None,
        preview: bool = False,
    ) -> Imported:
        """Record the events of an open `EventFile`, a thousand in a transaction.

        `bad` is told of each line that is not stored, and why; `done` of the counts after each
        batch, which go on from `into`.  May be interrupted and run again.  `preview` stores
        nothing and tells what the lines by themselves would be refused for.

        Raises InvalidUsage where the file cannot be read to its end, StorageUnavailable.
        """
        counts = Imported() if into is None else into
        record = self._tried if preview else self.record_many
        import_lines(file.name, file, record, bad=bad, done=done, into=counts)
        return counts

    def _tried(self, events: Iterable[object]) -> Recorded:
        items = list(events)
        return self._tally.act(
            lambda unit, at: tried(items, self.meters_in(unit), at), reading=True
        )

    def measured(
        self,
        customer: str,
        plan: Plan[str],
        period: Period,
        *,
        connection: Connection | Session | None = None,
    ) -> dict[str, Measured]:
        """Give what a customer used of a plan, by key: `core.line_item.bill` makes lines of it."""
        return self._tally.act(
            lambda unit, _: measured(unit, plan, customer, period, self.meters_in(unit)),
            connection=connection,
            reading=True,
        )

    # --- meters -------------------------------------------------------------------------------

    def meters(self, *, connection: Connection | Session | None = None) -> Mapping[str, Meter]:
        """Give the meters by key: what is counted."""
        return self._tally.act(
            lambda unit, _: self.meters_in(unit), connection=connection, reading=True
        )

    def prepare(self) -> tuple[KeptMeter, ...]:
        """Have the roll-ups of every meter kept from now on, and filled from old events.

        Without them the figures are the same, read from the events themselves.  May be called any
        number of times, also while others record.  `publish` has done it by itself, but where it
        was interrupted or in a host's transaction.
        """
        return publishing.prepare_meters(self._tally.storage, self.meters().values())

    def kept(self) -> tuple[KeptMeter, ...]:
        """List the meters whose roll-ups are kept, and whether they are ready."""
        return self._tally.act(lambda unit, _: keeping.meter_states(unit), reading=True)

    def meters_in(self, unit: Unit) -> Mapping[str, Meter]:
        """Give the meters by key, in a transaction that is open."""
        book = self._tally.price_book
        if book is not None:
            return meters_of(book)
        latest = catalogs.newest(unit)
        if latest is None:
            return {}
        if self._published[0] != latest.number:
            self._published = latest.number, meters_of(publishing.published(unit, latest.number))
        return self._published[1]

    def _meter(self, unit: Unit, meter: Meter | str) -> Meter:
        if isinstance(meter, Meter):
            return meter
        found = self.meters_in(unit).get(meter)
        if found is None:
            raise NotFound("meter", str(meter)[:200])
        return found


def _standing(
    unit: Unit, key: EventKey, correction_id: str
) -> tuple[Mapping[str, object], Instant | None]:
    """Give the properties that an event has by now, and its time where it was moved in time.

    Where that correction is stored already: those it met, so that a repeat says the same again.
    Raises NotFound.
    """
    hold(unit)
    hold_targets(unit, {key})  # nobody corrects it between this look and the amendment
    target = events_at(unit, {key}).get(key)
    if target is None:
        raise NotFound("event", f"{key[1]}/{key[2]}")
    earlier = takewhile(
        lambda each: (each.source, each.id) != (key[1], correction_id), corrections_of(unit, {key})
    )
    standing = next(iter(effective([target, *earlier])), target)
    moved = standing.occurred_at != target.occurred_at
    return standing.properties, standing.occurred_at if moved else None
