"""Whatever is granted, used, corrected and taken back: units add up, documents are made again."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.errors import Conflict, RuleError
from tests.facade.billing import START
from tests.facade.units import Ledger
from tests.proof.settings import times

if TYPE_CHECKING:
    from tallystick.core.invoice import Invoice

HOUR = timedelta(hours=1)


@st.composite
def acts(draw: st.DrawFn) -> list[tuple[str, int, Any]]:
    """Some months of a customer: what happens, after how many hours, and of what size."""
    grant = st.tuples(
        st.just("grant"),
        st.integers(0, 400),
        st.tuples(
            st.decimals(1, 900, places=1),
            st.sampled_from(["calls", "calls", "mails"]),
            st.sampled_from([None, 10, 700, 1_500]),
            st.sampled_from([1, 50]),
        ),
    )
    use = st.tuples(
        st.just("use"),
        st.integers(0, 400),
        st.tuples(st.integers(0, 900), st.sampled_from([0, 0, 0, 300, 900])),
    )
    others = st.tuples(
        st.sampled_from(["run", "run", "void", "amend", "void_grant"]),
        st.integers(0, 400),
        st.integers(0, 900),
    )
    found: list[tuple[str, int, Any]] = draw(
        st.lists(st.one_of(use, use, grant, others), min_size=3, max_size=12)
    )
    return found


class Life:
    """A ledger on which the acts are done, one after the other."""

    def __init__(self, plan: str) -> None:
        self.ledger = Ledger("sqlite://")
        self.ledger.tally.subscriptions.start("acme", plan)
        self.used: list[str] = []
        self.grants: list[str] = []

    def do(self, act: str, hours: int, about: Any) -> None:
        clock = self.ledger.clock
        clock.set(clock.now() + hours * HOUR)
        getattr(self, f"_{act}")(about)

    def _grant(self, about: Any) -> None:
        units, feature, hours, priority = about
        now = self.ledger.clock.now()
        ends = None if hours is None else now + hours * HOUR
        given = self.ledger.grant(str(units), feature=feature, expires_at=ends, priority=priority)
        self.grants.append(given)

    def _use(self, about: Any) -> None:
        quantity, ago = about
        at = max(START, self.ledger.clock.now() - ago * HOUR)
        at_text = at.replace(tzinfo=None).isoformat()
        self.used.append(self.ledger.use(quantity, at_text, zone="eu"))

    def _run(self, _about: Any) -> None:
        assert not self.ledger.tally.invoices.run().set_aside

    def _void(self, place: int) -> None:
        found = self.ledger.tally.invoices.list(limit=100, status="open").items
        if found:
            self.ledger.tally.invoices.void(found[place % len(found)].invoice.id)

    def _amend(self, quantity: int) -> None:
        if self.used:
            event = self.used[quantity % len(self.used)]
            self.ledger.events += 1
            name = f"a{self.ledger.events}"
            self.ledger.tally.usage.amend("acme", event, quantity=quantity, correction_id=name)

    def _void_grant(self, place: int) -> None:
        if self.grants:
            with suppress(Conflict):  # nothing is left of it
                self.ledger.tally.credits.void(self.grants[place % len(self.grants)])


@settings(
    max_examples=times(15, 600),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.sampled_from(["api", "base", "cut", "zones", "tiers", "least"]), acts())
def test_units_add_up_whatever_happens(plan: str, things: list[tuple[str, int, Any]]) -> None:
    life = Life(plan)
    with life.ledger.tally as tally:
        for act, hours, about in things:
            try:
                life.do(act, hours, about)
            except RuleError as refused:
                raise AssertionError(f"{act} {about}: {refused}") from refused
        clock = life.ledger.clock
        clock.set(clock.now() + 40 * 24 * HOUR)
        life.do("run", 0, None)
        life.ledger.holds()
        burned: dict[str, Decimal] = defaultdict(Decimal)
        for each in tally.invoices.list(limit=100):
            if each.number is not None and each.status != "void":
                for name, units in _by_grant(each.invoice).items():
                    burned[name] += units
        for name in life.grants:
            row = tally.credits.get(name)
            gone: dict[str, Decimal] = defaultdict(Decimal)
            for move in tally.credits.trace(name).moves:
                gone[move.kind] += move.size
            assert gone["burned"] - gone["restored"] == burned[name]
            back = gone["restored"] - gone["burned"]
            assert row.remaining == row.grant.size + back - gone["expired"] - gone["voided"]
            assert row.remaining >= 0


def _by_grant(invoice: Invoice) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for burn in invoice.burns:
        found[burn.grant] += burn.units
    return found
