"""A ledger on which many lives are played, move by move, as their times come."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import select

from tallystick import Money, Tallystick, currency
from tallystick.core.dialects import read_catalog
from tallystick.core.line_tax import taxes_of
from tallystick.errors import (
    Conflict,
    CouponRefused,
    InsufficientCredit,
    InvalidInput,
    NotFound,
)
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.oracle.asking import Asked
from tests.oracle.rows import Row
from tests.properties.folded import line_of
from tests.properties.lives import BEGIN, Tree, Using, overrides_of, tree_in
from tests.properties.purses import RULES, coupon_trees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal

    from tallystick.app.billing import Run
    from tallystick.core.catalog import Catalog
    from tallystick.core.invoice import Invoice, InvoiceLine
    from tallystick.storage.invoice_rows import Document as Stored
    from tallystick.storage.unit import Storage

__all__ = ["CURRENCIES", "Ledger", "Person", "Step", "told_by"]

Step: TypeAlias = tuple[datetime, int, str, Tree]
"""When, the place in the life of one person, who, and what."""

CURRENCIES: Final = ("USD", "JPY", "KWD", "CLF")
"""One of each number of decimals: two, none, three and four."""

_REFUSED: Final = (Conflict, CouponRefused, InsufficientCredit, InvalidInput, NotFound)
_DAY: Final = timedelta(days=1)
_LATER: Final = 1_000
"""The place of what is done after all moves of an instant."""


@functools.cache
def _catalog(code: str) -> Catalog[str, str]:
    decimals = currency(code).decimals
    return read_catalog(tree_in(code, decimals, coupons=coupon_trees(code, decimals)))


@dataclass(frozen=True)
class Person:
    """Somebody's life: a start, moves, usage, things bought once."""

    first: Tree
    moves: list[Tree]
    using: Using
    items: list[Tree]
    late_by: int = 0
    """How many days later every fifth event arrives."""
    purse: Tree = field(default_factory=dict)
    """What else there is: where they live, coupons, credits."""

    def steps(self, who: str, until: datetime) -> Iterator[Step]:
        """Give what happens, the start first; usage arrives as it occurs, but what is late."""
        first = {**self.first, "do": "start", "country": self.purse.get("country", "US")}
        acts = [first, *self.moves, *self.items]
        for place, act in enumerate(acts):
            if act["at"] < until:
                yield act["at"], place, who, act
        for word, name in (("redeem", "wishes"), ("grant", "grants"), ("void", "voids")):
            for place, act in enumerate(self.purse.get(name, ()), start=_LATER):
                if act["at"] < until:
                    yield act["at"], place, who, {**act, "do": word}
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

    def __init__(self, storage: Storage, *, punctual: bool, code: str = "USD") -> None:
        """Publish the catalogue, before anything happens."""
        self.storage, self.punctual = storage, punctual
        self.clock = FrozenClock(BEGIN - 200 * _DAY)
        self.tally = Tallystick(
            storage.engine, catalog=_catalog(code), clock=self.clock, ids=CountedIds()
        )
        self.currency = currency(code)
        self.tally.publish(author="us")
        self.tally.seller.set(address={"country": "US"})
        self.tally.taxes.publish(RULES, author="us")
        self.made: dict[str, list[bool]] = {}
        self.redeemed: dict[str, list[bool]] = {}
        self.grants: dict[str, str] = {}

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
                address = {"country": act["country"]}
                self.tally.customers.create(who, name=who, time_zone=act["zone"], address=address)
                more = _start(act, self.currency.decimals)
                self.tally.subscriptions.start(who, act["plan"], id=f"s-{who}", **more)
                self.made[who], self.redeemed[who] = [], []
            case "use":
                self.tally.usage.record(
                    who, "calls", id=act["id"], quantity=act["quantity"], occurred_at=act["at"]
                )
            case "item":
                amount = Money(act["minor"], self.currency)
                self.tally.invoices.add_item(who, act["name"], amount)
            case "redeem":
                own = f"s-{who}" if act["own"] else None
                redeem = self.tally.coupons.redeem
                self._try(
                    self.redeemed[who],
                    lambda: redeem(who, coupon=act["coupon"]["id"], subscription=own),
                )
            case "grant":
                self._grant(who, act)
            case "void":
                self.bill()  # what is left depends on what was billed
                self._void(who, act)
            case word:
                self._move(who, word, act)

    def _move(self, who: str, word: str, act: Tree) -> None:
        move = getattr(self.tally.subscriptions, word)
        asked = _asked(act, self.currency.decimals)
        self._try(self.made[who], lambda: move(f"s-{who}", **asked))

    def _grant(self, who: str, act: Tree) -> None:
        made = self.tally.credits.grant(
            who,
            Money(act["minor"], self.currency),
            category=act["category"],
            priority=act["priority"],
            effective_at=act["since"],
            expires_at=act["until"],
            prices=act["prices"],
        )
        self.grants[f"{who}/{act['id']}"] = made.grant.id

    def _void(self, who: str, act: Tree) -> None:
        amount = None if act["minor"] is None else Money(act["minor"], self.currency)
        grant = self.grants[f"{who}/{act['id']}"]
        self._try([], lambda: self.tally.credits.void(grant, amount))

    @staticmethod
    def _try(told: list[bool], act: Callable[[], object]) -> None:
        """Do something, and note whether it could be done."""
        try:
            act()
        except _REFUSED:
            told.append(False)
        else:
            told.append(True)

    # --- what came out ----------------------------------------------------------------------------

    def read(self) -> None:
        """Read what is stored, for when the database is gone."""
        self.bodies = self._bodies()
        self.states = {who: self.tally.subscriptions.get(f"s-{who}").state for who in self.made}
        kept = self._kept()
        found = [each.invoice for each in kept if each.invoice.number is not None]
        names = {id_: name.partition("/")[2] for name, id_ in self.grants.items()}
        self.documents = sorted(
            ((_number(each), each.customer, _told(each, names)) for each in found),
            key=lambda row: row[0],
        )
        self.shown = {
            (each.customer, _cause(each)): [line_of(line) for line in each.lines] for each in found
        }

    def check(self) -> None:
        """Hold what must be true of every ledger."""
        failed = [check for check in self.tally.verify().checks if check.rows]
        assert not failed, failed
        assert not self.bill().did_work
        assert self._bodies() == self.bodies
        owed: Counter[str] = Counter()
        for each in self._kept():
            if each.invoice.number is not None:
                _adds_up(each.invoice)
                by_grants = each.invoice.paid_by_grants.minor
                owed[each.invoice.customer] += each.invoice.total.minor - each.left - by_grants
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


def _cause(invoice: Invoice) -> str:
    return invoice.cause.replace(f"s-{invoice.customer}", "s")


def _told(invoice: Invoice, names: dict[str, str]) -> Asked:
    """Give what the oracle tells of a document."""
    assert invoice.issued_at is not None
    burns: Counter[str] = Counter()
    for each in invoice.burns:
        burns[names[each.grant]] += each.amount.minor
    return Asked(
        at=invoice.at,
        cause=_cause(invoice),
        issued=invoice.issued_at,
        lines=tuple(sorted(map(_row, invoice.lines))),
        coupons=tuple(sorted((each.coupon, each.amount.minor) for each in invoice.discounts)),
        burns=tuple(sorted(burns.items())),
    )


def _row(line: InvoiceLine) -> Row:
    taxes = [(tax.rate.name, tax.amount.minor) for tax in taxes_of(line) if not tax.rate.note]
    return Row(
        line_of(line),
        discount=line.discount.minor,
        credit=line.credit.minor,
        taxes=tuple(sorted(taxes)),
        added=line.tax.minor,
    )


def _adds_up(invoice: Invoice) -> None:
    """Hold that lines and taxes less discounts and credits are the total, each sum by itself."""
    lines, burns = invoice.lines, invoice.burns
    amounts = sum(line.amount.minor for line in lines)
    discounts = sum(line.discount.minor for line in lines)
    credits_ = sum(line.credit.minor for line in lines)
    tax = sum(each.amount.minor for each in invoice.taxes if not each.inclusive)
    assert invoice.total.minor == amounts + tax - discounts - credits_
    assert invoice.tax.minor == tax == sum(line.tax.minor for line in lines)
    taken = sum(each.amount.minor for each in invoice.discounts)
    assert taken == discounts + sum(-min(0, line.discount.minor) for line in lines)
    promoted = sum(each.amount.minor for each in burns if each.category == "promotional")
    assert credits_ == promoted
    assert invoice.amount_due.minor == max(0, invoice.total.minor - invoice.balance.minor)
    figures = [line.amount for line in lines] + [each.amount for each in invoice.taxes]
    assert {each.currency for each in (*figures, invoice.total)} == {invoice.currency}


def _start(tree: Tree, decimals: int) -> Tree:
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
        "overrides": overrides_of(tree.get("own", {}), decimals),
        "phases": phases,
        "starts_at": tree.get("starts"),
        "trial_days": tree.get("trial"),
        "after_trial": tree.get("after", "active"),
        "billing": "calendar" if tree["aligned"] else "anniversary",
        "paid_until": tree.get("paid_until"),
        "ends_at": tree.get("ends"),
    }


def _asked(act: Tree, decimals: int) -> Tree:
    """Write a move as it is called."""
    words = {"mode", "when", "credit", "number", "plan", "seats", "add", "remove", "proration"}
    asked = {name: act[name] for name in words & set(act)}
    if "resumes" in act:
        asked["resumes_at"] = act["resumes"]
    if "own" in act:
        asked["overrides"] = overrides_of(act["own"], decimals)
    return asked
