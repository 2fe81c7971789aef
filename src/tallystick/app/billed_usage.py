"""What was used, as a document is reckoned from it: what arrived before its watermark, and no more.

Day roll-ups know everything that ever arrived.  They answer where nothing came too late for the
document; else the events themselves are read as they were known then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick.core.fold import fold_by
from tallystick.core.meter import measure, meter_of
from tallystick.core.number import quantity_of
from tallystick.core.period import Period
from tallystick.core.price import Dynamic, Percentage
from tallystick.core.rating.usage import Priced, Quantity, Transactions
from tallystick.core.reading import effective, feeds, readings_of
from tallystick.core.reckoned_lines import Used
from tallystick.core.terms import item_plan, prices_of
from tallystick.core.usage_row import UsageRow
from tallystick.errors import RuleError, TallystickError
from tallystick.storage.meters import digest_of
from tallystick.storage.usage_arrivals import changed_since
from tallystick.storage.usage_batch import Ask, read_many
from tallystick.storage.usage_stretches import Stretch, events_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tallystick.app.offers import Offers
    from tallystick.core.charge import Charge
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.price import Price
    from tallystick.core.rating.usage import Measured
    from tallystick.storage.unit import Unit
    from tallystick.storage.usage_read import Figure

__all__ = ["Asked", "UsageReader", "used_for"]

_MICRO: Final = timedelta(microseconds=1)
_MINUTE: Final = timedelta(minutes=1)
_HELD: Final = frozenset({"last", "time_weighted"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A charge whose usage is asked for: whose, and what had arrived before `watermark`.

    `settled` says that nothing arrived later that could change its figures; else that is found
    out.
    """

    customer: str
    charge: Charge
    watermark: Instant
    settled: bool = False


class _Question(NamedTuple):
    """A figure that is asked for, as it was known before the watermark."""

    ask: Ask
    watermark: Instant
    settled: bool
    key: tuple[object, ...]

    @property
    def looks_back(self) -> bool:
        """Whether what arrived later could be told from what counts only by the events."""
        return not self.settled and self.watermark - self.ask.period.end < _MINUTE

    def as_of(self) -> Ask:
        """Give the question as it is put to the events."""
        ask = self.ask
        return Ask(ask.meter, ask.customer, ask.period, ask.group_by, self.watermark - _MICRO)


def used_for(unit: Unit, offers: Offers, asked: Asked) -> tuple[Used, ...]:
    """Give what was used for one charge: one quantity, or one for each group it is billed by.

    For a credit that is capped by value: each allowance of the plan, and what was used of it.
    """
    return UsageReader(unit, offers).used_for(asked)


class UsageReader:
    """Reads what many charges used in a few statements: `ask` for all of them first."""

    def __init__(self, unit: Unit, offers: Offers) -> None:
        """Read from a transaction."""
        self._unit, self._offers = unit, offers
        self._figures: dict[tuple[object, ...], list[Figure] | TallystickError] = {}
        self._events: dict[Stretch, list[UsageEvent]] = {}
        self._questions: dict[tuple[object, ...], _Question] = {}
        self._stretches: dict[Stretch, None] = {}
        self._meters: dict[tuple[str, str], Meter] = {}
        self._of_charges: dict[tuple[object, ...], tuple[Charge, _Question]] = {}

    # --- asking -----------------------------------------------------------------------------------

    def ask(self, asked: Iterable[Asked], *, by_events: bool = False) -> None:
        """Take up what will be asked for; it is read when the first of it is."""
        for each in asked:
            if each.charge.kind == "credit":
                for question, _ in self._allowances(each):
                    self._take(question)
            elif each.charge.window is not None:
                price = prices_of(each.charge.item, self._offers)[each.charge.price]
                meter = self.meter_of(each.charge, price)
                if by_events or _by_event(each.charge, price):
                    self._stretches.setdefault(_stretch(each, meter))
                else:
                    self._take(self._asked_of(each, meter, price))

    def _take(self, question: _Question) -> None:
        self._questions.setdefault(question.key, question)

    def _asked_of(self, asked: Asked, meter: Meter, price: Price) -> _Question:
        """Give the question of a charge; who asks first and is answered later asks the same."""
        charge = asked.charge
        assert charge.window is not None  # noqa: S101 - usage has a time
        place = (id(charge), asked.customer, asked.watermark, asked.settled)
        known = self._of_charges.get(place)
        if known is None or known[0] is not charge:  # another had its place in memory once
            ask = Ask(meter, asked.customer, charge.window, tuple(price.group_by))
            known = self._of_charges[place] = (charge, _question(asked, ask))
        return known[1]

    def meter_of(self, charge: Charge, price: Price) -> Meter:
        """Give the meter of a metered charge, as it was published with the plan version."""
        return self._meter_of(charge, price.meter or price.id)

    def _meter_of(self, charge: Charge, name: str) -> Meter:
        key = (charge.item.offer, name)
        found = self._meters.get(key)
        if found is None:
            plan = item_plan(charge.item, self._offers)
            meters = self._offers.meters(charge.item.offer)
            found = self._meters[key] = meter_of(plan, name, meters)
        return found

    # --- reading ----------------------------------------------------------------------------------

    def _read(self) -> None:
        """Read what was asked for: roll-ups first, then whether they know too much."""
        wanted = [each for key, each in self._questions.items() if key not in self._figures]
        self._questions = {}
        plain = [each for each in wanted if not each.looks_back]
        found = self._many([each.ask for each in plain])
        open_ = [each for each in plain if not each.settled]
        since = [(each.ask.customer, each.watermark, each.ask.period.end) for each in open_]
        told = list(dict.fromkeys(since))  # the meters of a period are asked for together
        late = dict(zip(told, changed_since(self._unit, told), strict=True))
        back = [each for each in wanted if each.looks_back]
        back += [each for each, asked in zip(open_, since, strict=True) if late[asked]]
        self._keep(plain, found)
        self._keep(back, self._many([each.as_of() for each in back]))
        stretches = [each for each in self._stretches if each not in self._events]
        self._stretches = {}
        self._events |= zip(stretches, events_of(self._unit, stretches), strict=True)

    def _many(self, asks: Sequence[Ask]) -> list[list[Figure] | TallystickError]:
        """Read them all at once; where one is refused, one by one, and that one says why."""
        try:
            return list(read_many(self._unit, asks))
        except RuleError as refused:
            if len(asks) == 1:
                return [refused]
            return [found for ask in asks for found in self._many([ask])]

    def _keep(
        self, questions: Iterable[_Question], found: Iterable[list[Figure] | TallystickError]
    ) -> None:
        self._figures |= {each.key: figures for each, figures in zip(questions, found, strict=True)}

    def _answer(self, question: _Question) -> list[Figure]:
        key = question.key
        if key not in self._figures:
            self._take(question)
            self._read()
        found = self._figures[key]
        if isinstance(found, TallystickError):
            raise found
        return found

    def _events_for(self, asked: Asked, meter: Meter) -> list[UsageEvent]:
        """Give the events of the time that counts, with all that corrects them, by arrival."""
        stretch = _stretch(asked, meter)
        if stretch not in self._events:
            self._stretches.setdefault(stretch)
            self._read()
        return self._events[stretch]

    # --- what was used ----------------------------------------------------------------------------

    def arrivals(self, asked: Asked) -> list[UsageEvent]:
        """Give the events of a metered charge with all that corrects them, by arrival."""
        charge = asked.charge
        meter = self.meter_of(charge, prices_of(charge.item, self._offers)[charge.price])
        return self._events_for(asked, meter)

    def used_for(self, asked: Asked, *, by_events: bool = False) -> tuple[Used, ...]:
        """Give what was used for one charge, as the function of that name does.

        `by_events` folds the events that were read once, however often and as of when it is asked.
        """
        charge = asked.charge
        if charge.kind == "credit":
            return tuple(
                Used(measured=Quantity(self._answer(question)[0].quantity), included=included)
                for question, included in self._allowances(asked)
            )
        if charge.window is None:
            return ()
        price = prices_of(charge.item, self._offers)[charge.price]
        meter = self.meter_of(charge, price)
        if isinstance(price.shape, (Percentage, Dynamic)):
            return (Used(measured=self._transactions(asked, meter, price, charge.window)),)
        if charge.holes or by_events:
            return self._folded(asked, meter, price, charge.window)
        figures = self._answer(self._asked_of(asked, meter, price))
        return tuple(
            Used(
                measured=Quantity(each.quantity),
                group=tuple(zip(price.group_by, each.group, strict=True)),
                gauge=meter.gauge,
            )
            for each in figures
        )

    def _folded(self, asked: Asked, meter: Meter, price: Price, window: Period) -> tuple[Used, ...]:
        """Give what was used outside the pauses, from the events."""
        names, as_of = price.group_by, asked.watermark - _MICRO
        events = self._events_for(asked, meter)
        if asked.charge.holes:
            paused = {
                reading.order
                for reading in readings_of(meter, events, as_of=as_of)
                if any(reading.at in hole for hole in asked.charge.holes)
            }
            events = [event for event in events if event.order not in paused]
        found = fold_by(meter, events, window, names, as_of=as_of)
        if not found and not names:
            found = {(): Decimal(0)}
        return tuple(
            Used(
                measured=Quantity(quantity),
                group=tuple(zip(names, group, strict=True)),
                gauge=meter.gauge,
            )
            for group, quantity in found.items()
        )

    def _transactions(self, asked: Asked, meter: Meter, price: Price, window: Period) -> Measured:
        """Give transactions one by one: the property `amount`, in major units."""
        plan = item_plan(asked.charge.item, self._offers)
        key = price.meter or price.id
        known = effective(self._events_for(asked, meter), as_of=asked.watermark - _MICRO)
        rows = [
            UsageRow(key, _number(event, meter.value) or Decimal(1), _number(event, "amount"))
            for event in known
            if event.occurred_at in window
            and not any(event.occurred_at in hole for hole in asked.charge.holes)
            and feeds(meter, event)
        ]
        found: Mapping[str, Measured] = measure(
            plan, rows, self._offers.meters(asked.charge.item.offer)
        )
        if key in found:
            return found[key]
        if isinstance(price.shape, Percentage):
            return Transactions(())
        return Priced(Decimal(0), Decimal(0))

    def _allowances(self, asked: Asked) -> list[tuple[_Question, Decimal]]:
        """Ask what was used of each allowance, in the time before the fee is given back."""
        charge = asked.charge
        period, until = charge.period, charge.window
        if not charge.by_value or period is None:
            return []
        if until is not None and period.start < until.start < period.end:
            period = Period(period.start, until.start)
        plan: Any = item_plan(charge.item, self._offers)
        prices = prices_of(charge.item, self._offers).values()
        keys = {
            price.meter or price.id: price.included for price in prices if price.basis == "usage"
        }
        keys |= {
            feature.key: Decimal(feature.limit)
            for feature in plan.features.values()
            if feature.enabled and feature.reset is not None and (feature.limit or 0) > 0
        }
        return [
            (
                _question(asked, Ask(self._meter_of(charge, key), asked.customer, period)),
                included,
            )
            for key, included in keys.items()
            if included
        ]


def _by_event(charge: Charge, price: Price) -> bool:
    """Whether the events are needed one by one."""
    return bool(charge.holes) or isinstance(price.shape, (Percentage, Dynamic))


def _question(asked: Asked, ask: Ask) -> _Question:
    meter = (digest_of(ask.meter), ask.meter.rounding)  # a meter itself cannot be a key
    key = (*meter, ask.customer, ask.period, ask.group_by, asked.watermark)
    return _Question(ask, asked.watermark, asked.settled, key)


def _stretch(asked: Asked, meter: Meter) -> Stretch:
    """Give the time whose events count; of a level, all that came before."""
    window = asked.charge.window
    assert window is not None  # noqa: S101 - usage has a time
    start = None if meter.aggregation in _HELD else window.start
    return Stretch(asked.customer, meter.event_type, start, window.end)


def _number(event: UsageEvent, name: str) -> Decimal | None:
    value = event.properties.get(name)
    return None if value is None else quantity_of(value, f"properties.{name}", negative=True)
