"""The dialect of the tests of billing: amounts and days as texts, a small catalogue, a customer.

::

    ada = Story().start("basic", at="2027-01-31")
    ada.change("2027-02-15", offer="pro@1")
    assert ada.until("2027-03-01").totals == ["10.00", "21.43"]
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.dialects import read_catalog
from tallystick.core.money import Money
from tallystick.core.move import Cancel, Change, Pause, Resume, Start
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import Used
from tallystick.core.reckoning import Facts, reckon
from tallystick.core.subscription_moves import advance, apply, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.charge import Charge, Due
    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.core.move import Move, Timing
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Subscription
    from tallystick.core.subscription_moves import Outcome

__all__ = ["OFFERS", "USD", "Story", "day", "iso", "offers_of", "reckoned", "usd"]

USD: Final = currency("USD")


def usd(major: str) -> Money:
    """Give an amount of US dollars: `usd("9.99")`."""
    return Money(int(Decimal(major).scaleb(2)), USD)


def day(text: str) -> Instant:
    """Give an instant in UTC: `day("2027-01-31")` is its midnight, `…T12:30:00` half past 12."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def iso(at: Instant) -> str:
    """Write an instant as `day` reads it."""
    return at.replace(tzinfo=None).isoformat()


def _flat(key: str, cost: str, **more: Any) -> dict[str, Any]:
    return {"id": key, "name": key.title(), "type": "flat", "cost": cost} | more


def _calls(key: str = "calls", **more: Any) -> dict[str, Any]:
    tree = {"id": key, "name": key.title(), "type": "per_unit", "cost": "0.01"}
    return tree | {"meter": "calls", "unit": "call", "included": "1000"} | more


def _plan(key: str, *prices: dict[str, Any], **more: Any) -> dict[str, Any]:
    tree = {"id": key, "name": key.title(), "interval": "month", "prices": list(prices)}
    tree |= more
    return {name: value for name, value in tree.items() if value is not None}


_SEATS: Final = {"id": "seat", "name": "Seats", "type": "per_seat", "cost": "5.00"}

PLANS: Final[list[dict[str, Any]]] = [
    _plan("free"),
    _plan("basic", _flat("basic", "10.00")),
    _plan("pro", _flat("pro", "30.00"), _SEATS, _calls()),
    _plan("max", _flat("max", "90.00"), _calls("max-calls", cost="0.005")),
    _plan("twin", _flat("twin", "30.00"), _calls("calls")),
    _plan("quarter", _flat("quarter", "27.00"), interval_count=3),
    _plan("year", _flat("year", "300.00"), _calls("m-calls", interval="month"), interval="year"),
    _plan("setup", _flat("setup", "10.00"), setup_fee="25.00"),
    _plan("floor", _flat("floor", "10.00"), _calls("f-calls"), minimum_commitment="50.00"),
    _plan("extra", _flat("extra", "4.00")),
    _plan(
        "licence",
        _flat("licence", "99.00"),
        payment_type="one-time",
        interval=None,
        setup_fee="5.00",
    ),
    _plan("seats", {"id": "s", "name": "S", "type": "per_seat", "cost": "6.00"}),
]
"""What the customers of the stories can have."""


def offers_of(*plans: dict[str, Any]) -> Mapping[str, Plan[Any]]:
    """Read plans, and give each by its ref: `basic@1`."""
    tree = {
        "dialect": "tallystick",
        "currency": "USD",
        "meters": [{"key": "calls", "aggregation": "sum"}],
        "products": [{"id": "app", "name": "App", "currency": "USD", "plans": list(plans)}],
    }
    return {plan.ref: plan for plan in read_catalog(tree)}


OFFERS: Final = offers_of(*PLANS)


def _nothing(_charge: Charge) -> str:
    return "0"


def reckoned(
    due: Due,
    offers: Mapping[str, Plan[Any]] = OFFERS,
    measured: Callable[[Charge], str] = _nothing,
    **facts: Any,
) -> Invoice:
    """Reckon one document; `measured` says how much was used for a charge."""
    found = {
        place: (Used(measured=Quantity(Decimal(measured(charge)))),)
        for place, charge in enumerate(due.charges)
        if charge.kind == "usage"
    }
    values: dict[str, Any] = {"currency": USD, "used": found} | facts
    return reckon(
        Facts(
            id=due.cause,
            customer="ada",
            subscription="s",
            due=due,
            finalize_at=due.at,
            offers=offers,
            **values,
        )
    )


class Story:
    """One customer's subscription through time, and the documents that fell due."""

    def __init__(
        self,
        offers: Mapping[str, Plan[Any]] = OFFERS,
        used: Callable[[Charge], str] = _nothing,
    ) -> None:
        """Begin with nothing; `used` says how much was measured for a charge."""
        self.offers = offers
        self.used = used
        self.dues: list[Due] = []
        self.now: Subscription

    def start(self, plan: str, *, at: str, **more: Any) -> Story:
        """Begin a subscription to the first version of a plan."""
        fields: dict[str, Any] = {"customer": "ada", "group": "default", "currency": "USD"}
        move = Start(**(fields | {"offer": f"{plan}@1"} | more))
        return self._take(start("s", move, day(at), self.offers))

    def do(self, on: str, move: Move) -> Story:
        """Make a move."""
        return self._take(apply(self.now, move, day(on), self.offers))

    def change(self, on: str, **more: Any) -> Story:
        """Change what is had."""
        return self.do(on, Change(**more))

    def pause(self, on: str, **more: Any) -> Story:
        """Stop for a while."""
        return self.do(on, Pause(**more))

    def resume(self, on: str) -> Story:
        """Go on."""
        return self.do(on, Resume())

    def cancel(self, on: str, when: Timing = "now", **more: Any) -> Story:
        """End it: `now`, at the `period_end`, or at a date that is given."""
        return self.do(on, Cancel(timing=when, **more))

    def until(self, at: str) -> Story:
        """Let time pass."""
        return self._take(advance(self.now, day(at), self.offers))

    def _take(self, outcome: Outcome) -> Story:
        self.now = outcome.subscription
        self.dues += outcome.dues
        return self

    @property
    def documents(self) -> list[Invoice]:
        """Every document so far."""
        return [reckoned(due, self.offers, self.used) for due in self.dues]

    @property
    def totals(self) -> list[str]:
        """What each document asks for, as texts in dollars."""
        return [_text(each.total) for each in self.documents]

    @property
    def causes(self) -> list[str]:
        """Why each document is there."""
        return [due.cause for due in self.dues]

    @property
    def last(self) -> list[tuple[str, str, str]]:
        """The lines of the last document: kind, price, amount."""
        return [_line(line) for line in self.documents[-1].lines]

    @property
    def total(self) -> Money:
        """What all documents ask for."""
        return Money.total((each.total for each in self.documents), USD)

    def __copy__(self) -> Story:
        """Give a story that goes on by itself."""
        other = Story(self.offers, self.used)
        other.now, other.dues = replace(self.now), list(self.dues)
        return other


def _text(money: Money) -> str:
    return f"{Decimal(money.minor).scaleb(-2):f}"


def _line(line: InvoiceLine) -> tuple[str, str, str]:
    return line.kind, line.price, _text(line.amount)
