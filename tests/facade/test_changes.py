"""Plans that are changed within moments of each other: charged is the time that each was had."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count, pairwise
from math import floor
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick import Tallystick
from tallystick.core.dialects import read_catalog
from tallystick.storage import invoices
from tallystick.testing.clock import FrozenClock
from tallystick.testing.ids import CountedIds
from tests.facade.billing import START, day, flat, plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.invoice import Invoice
    from tests.databases import Database

COSTS: Final = {"low": 999, "mid": 3_137, "top": 9_701}
MINUTE: Final = timedelta(minutes=1)
END: Final = day("2026-11-01")
_CLOSE: Final = st.integers(0, 5_000) | st.sampled_from([0, 1, 3_599, 3_600, 3_601, 172_800])
_QUIET: Final = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
_CUSTOMERS: Final = count()


def usage(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "name": "Calls",
        "type": "per_unit",
        "cost": "0.01",
        "meter": "calls",
        "unit": "call",
    }


def catalog() -> Any:
    plans = [
        plan("low", flat("low", "9.99")),
        plan("mid", flat("mid", "31.37"), usage("mid-calls")),
        plan("top", flat("top", "97.01"), usage("top-calls")),
    ]
    return read_catalog(
        {
            "dialect": "tallystick",
            "currency": "USD",
            "meters": [{"key": "calls", "aggregation": "sum"}],
            "products": [{"id": "app", "name": "App", "currency": "USD", "plans": plans}],
        }
    )


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    ledger = Tallystick(database.url, catalog=catalog(), clock=FrozenClock(START), ids=CountedIds())
    with ledger:
        ledger.migrate()
        ledger.publish(author="anna", at=day("2026-01-01"))
        yield ledger
        assert ledger.verify().ok, ledger.verify().broken


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[datetime, str, bool]]:
    """Give plans one after the other, the first from the start; and whether a run comes between."""
    names = sorted(COSTS)
    at, found = START, [(START, draw(st.sampled_from(names)), True)]
    for _ in range(draw(st.integers(2, 12))):
        at += timedelta(seconds=draw(_CLOSE))
        other = [name for name in names if name != found[-1][1]]
        found.append((at, draw(st.sampled_from(other)), draw(st.booleans())))
    return found


def played(tally: Tallystick, had: list[tuple[datetime, str, bool]], modes: list[str]) -> int:
    """Make the changes, bill the month and the first of the next, and give what was asked for."""
    customer = f"acme-{next(_CUSTOMERS)}"
    tally.customers.create(customer)
    (_, first, _), *others = had
    made = tally.subscriptions.start(customer, first, at=START).subscription
    tally.invoices.run(START)
    for place, (at, name, run) in enumerate(others):
        mode: Any = modes[place % len(modes)]
        tally.subscriptions.change(made.id, plan=name, when="now", proration=mode, at=at)
        if run:
            tally.invoices.run(at)
    tally.invoices.run(END + timedelta(hours=2))
    return sum(each.total.minor for each in issued(tally, customer))


def issued(tally: Tallystick, customer: str) -> list[Invoice]:
    """Give the documents of a customer, each of which comes out the same when made again."""
    found = [each.invoice for each in tally.invoices.list(customer=customer, limit=100)]
    assert all(tally.invoices.replay(each.id).equal for each in found)
    return found


def left(name: str, at: datetime) -> int:
    """Give what the rest of the month costs on a plan, minor units, half away from zero."""
    return floor(COSTS[name] * share(at, END) + Fraction(1, 2))


def share(start: datetime, end: datetime) -> Fraction:
    """Give the part of October that lies between two instants."""
    return Fraction((end - start) // timedelta(seconds=1), 31 * 86_400)


@_QUIET
@given(had=changes(), modes=st.lists(st.sampled_from(["invoice_now", "next_invoice"]), min_size=1))
def test_what_is_charged_is_the_time_that_each_plan_was_had(
    tally: Tallystick, had: list[tuple[datetime, str, bool]], modes: list[str]
) -> None:
    fees = COSTS[had[0][1]] + COSTS[had[-1][1]]
    moved = sum(left(new, at) - left(old, at) for (_, old, _), (at, new, _) in pairwise(had))
    assert played(tally, had, modes) == fees + moved


@_QUIET
@given(had=changes())
def test_capped_by_value_it_is_the_same_where_nothing_was_used(
    tally: Tallystick, had: list[tuple[datetime, str, bool]]
) -> None:
    exact = COSTS[had[-1][1]] + Fraction(0)
    ends = [at for at, _, _ in had[1:]] + [END]
    for (at, name, _), end in zip(had, ends, strict=True):
        exact += COSTS[name] * share(at, end)
    # a credit and a charge are rounded each: no change is more than a minor unit away
    assert abs(played(tally, had, ["value_capped"]) - exact) <= len(had)


@_QUIET
@given(had=changes())
def test_without_proration_nothing_is_charged_or_given_back(
    tally: Tallystick, had: list[tuple[datetime, str, bool]]
) -> None:
    assert played(tally, had, ["none"]) == COSTS[had[0][1]] + COSTS[had[-1][1]]


def test_a_document_that_is_set_aside_holds_up_no_later_one(tally: Tallystick) -> None:
    tally.customers.create("acme")
    made = tally.subscriptions.start("acme", "mid", at=START).subscription
    tally.invoices.run(START)
    at = day("2026-10-16T12:00")
    plans = ("low", "top")
    first, second = (
        tally.subscriptions.change(
            made.id, plan=name, when="now", proration="invoice_now", at=at + place * MINUTE
        ).documents[0]
        for place, name in enumerate(plans)
    )
    assert tally.invoices.get(second).invoice.finalize_at == at + timedelta(hours=1)

    def leave(unit: Any, _: object) -> None:
        invoices.set_aside(unit, "acme", first, "{}")

    tally.act(leave)
    tally.invoices.run(at + timedelta(hours=1))
    assert tally.invoices.get(second).invoice.number == "INV-000002"
    tally.invoices.retry(first)
    tally.invoices.run(at + timedelta(hours=1))
    assert tally.invoices.get(first).invoice.number is not None
