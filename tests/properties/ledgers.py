"""A ledger on which many lives are played, move by move, as their times come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import select

from tallystick import Money, Tallystick, currency
from tallystick.core.dialects import read_catalog
from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.properties.folded import document_of
from tests.properties.lives import BEGIN, TREE, Tree, Using, overrides_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from tallystick.app.billing import Run
    from tallystick.core.invoice import Invoice
    from tallystick.storage.invoice_rows import Document as Stored
    from tallystick.storage.unit import Storage
    from tests.oracle.billing import Document

__all__ = ["Ledger", "Person", "Step", "told_by"]

Step: TypeAlias = tuple[datetime, int, str, Tree]
"""When, the place in the life of one person, who, and what."""

_USD: Final = currency("USD")
_CATALOG: Final = read_catalog(TREE)
_REFUSED: Final = (Conflict, InvalidInput, NotFound)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Person:
    """Somebody's life: a start, moves, usage, things bought once."""

    first: Tree
    moves: list[Tree]
    using: Using
    items: list[Tree]
    late_by: int = 0
    """How many days later every fifth event arrives."""

    def steps(self, who: str, until: datetime) -> Iterator[Step]:
        """Give what happens, the start first; usage arrives as it occurs, but what is late."""
        acts = [{**self.first, "do": "start"}, *self.moves, *self.items]
        for place, act in enumerate(acts):
            if act["at"] < until:
                yield act["at"], place, who, act
        for arrived, at, quantity in self.arrivals(until):
            use = {"do": "use", "id": f"e{at}", "at": at, "quantity": quantity}
            yield arrived, len(acts), who, use

    def arrivals(self, until: datetime) -> Iterator[tuple[datetime, datetime, Decimal]]:
        """Give what is used: when it arrives, when it occurred, how much."""
        for place, (at, quantity) in enumerate(self.using.events()):
            arrived = at + timedelta(days=0 if place % 5 else self.late_by)
            if arrived < until:
                yield arrived, at, quantity


def told_by(people: dict[str, Person], until: datetime) -> list[Step]:
    """Give what everybody does, in the order of time."""
    steps = (step for who, person in people.items() for step in person.steps(who, until))
    return sorted(steps, key=lambda step: step[:3])


class Ledger:
    """One ledger: billed at every instant at which something happens, or once at the end.

    It is billed when an instant is over: of what falls due at one second, the order is then the
    same however late the run is.
    """

    def __init__(self, storage: Storage, *, punctual: bool) -> None:
        """Publish the catalogue, before anything happens."""
        self.storage, self.punctual = storage, punctual
        self.clock = FrozenClock(BEGIN - 200 * _DAY)
        self.tally = Tallystick(
            storage.engine, catalog=_CATALOG, clock=self.clock, ids=CountedIds()
        )
        self.tally.publish(author="us")
        self.made: dict[str, list[bool]] = {}

    def play(self, steps: list[Step], until: datetime) -> None:
        """Let everything happen, then bill."""
        for at, _, who, act in steps:
            if at > self.clock.now():
                if self.punctual:
                    self.bill()
                self.clock.set(at)
            self._take(who, act)
        self.clock.set(until)
        self.bill()

    def bill(self) -> Run:
        """Bill what is due; nothing may be set aside."""
        run = self.tally.invoices.run()
        assert not run.set_aside, run.set_aside
        return run

    def _take(self, who: str, act: Tree) -> None:
        match act["do"]:
            case "start":
                self.tally.customers.create(who, name=who, time_zone=act["zone"])
                self.tally.subscriptions.start(who, act["plan"], id=f"s-{who}", **_start(act))
                self.made[who] = []
            case "use":
                self.tally.usage.record(
                    who, "calls", id=act["id"], quantity=act["quantity"], occurred_at=act["at"]
                )
            case "item":
                amount = Money(act["minor"], _USD)
                self.tally.invoices.add_item(who, act["name"], amount)
            case word:
                self._move(who, word, act)

    def _move(self, who: str, word: str, act: Tree) -> None:
        name = f"s-{who}"
        try:
            getattr(self.tally.subscriptions, word)(name, **_asked(act))
        except _REFUSED:
            self.made[who].append(False)
        else:
            self.made[who].append(True)

    # --- what came out ----------------------------------------------------------------------------

    def read(self) -> None:
        """Read what is stored, for when the database is gone."""
        self.bodies = self._bodies()
        self.states = {who: self.tally.subscriptions.get(f"s-{who}").state for who in self.made}
        kept = self._kept()
        found = [each.invoice for each in kept if each.invoice.number is not None]
        self.documents = sorted((_number(each), each.customer, _told(each)) for each in found)

    def check(self) -> None:
        """Hold what must be true of every ledger."""
        assert not [check for check in self.tally.verify().checks if check.rows]
        assert not self.bill().did_work
        assert self._bodies() == self.bodies
        owed: Counter[str] = Counter()
        for each in self._kept():
            if each.invoice.number is not None:
                owed[each.invoice.customer] += each.invoice.total.minor - each.left
        for who, settled in owed.items():  # nobody paid: what is not owed, the balance paid
            balance = sum(money.minor for money in self.tally.invoices.balance(who))
            assert settled == -balance, who

    def _bodies(self) -> list[tuple[Any, ...]]:
        """Give every document's row: the bytes that were sealed, the chain, what became of it."""
        columns = self.storage.tables.invoices.c
        wanted = ("series", "number", "body", "digest", "chain", "status", "credited", "noted")
        query = select(columns.id, *(columns[name] for name in wanted)).order_by(columns.id)
        with self.storage.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def _kept(self) -> list[Stored]:
        found: list[Stored] = []
        after = None
        while True:
            page = self.tally.invoices.list(limit=100, starting_after=after)
            found += page.items
            after = page.cursor
            if after is None:
                return found


def _number(invoice: Invoice) -> str:
    assert invoice.number is not None
    return invoice.number


def _told(invoice: Invoice) -> Document:
    found = document_of(invoice)
    return replace(found, cause=found.cause.replace(f"s-{invoice.customer}", "s"))


def _start(tree: Tree) -> Tree:
    """Write a start as it is called."""
    phases = [
        {
            "periods": each["periods"],
            **({"percent_off": str(each["off"])} if "off" in each else {}),
            **({"plan": each["plan"]} if "plan" in each else {}),
        }
        for each in tree.get("phases", ())
    ]
    return {
        "seats": tree["seats"],
        "add_ons": tree.get("add_ons", {}),
        "overrides": overrides_of(tree.get("own", {})),
        "phases": phases,
        "starts_at": tree.get("starts"),
        "trial_days": tree.get("trial"),
        "after_trial": tree.get("after", "active"),
        "billing": "calendar" if tree["aligned"] else "anniversary",
        "paid_until": tree.get("paid_until"),
        "ends_at": tree.get("ends"),
    }


def _asked(act: Tree) -> Tree:
    """Write a move as it is called."""
    words = {"mode", "when", "credit", "number", "plan", "seats", "add", "remove", "proration"}
    asked = {name: act[name] for name in words & set(act)}
    if "resumes" in act:
        asked["resumes_at"] = act["resumes"]
    if "own" in act:
        asked["overrides"] = overrides_of(act["own"])
    return asked
