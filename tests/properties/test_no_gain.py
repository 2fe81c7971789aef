"""Loops that are meant to farm credit, played by the facade: they leave nothing beyond the coupon.

Every document is paid as it is issued, what was paid is refunded as far as it can be, and the
customer's own money, with what stands to the credit, is compared with what was had, by the list and
the second.  A loop runs in January, so that every monthly period that begins in it has 31 days.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick import Tallystick
from tallystick.app.exploits import BEGIN
from tallystick.core.dialects import read_catalog
from tallystick.core.exploit import Act
from tests.exploit_play import Played
from tests.proof.settings import times

if TYPE_CHECKING:
    from collections.abc import Iterator

LIST: Final = {"small": 10_01, "big": 99_99, "huge": 1_000_00}
_MONTH: Final = 31 * 24 * 3_600
_PRORATIONS: Final = ("invoice_now", "next_invoice", "value_capped")


def _plan(name: str) -> dict[str, Any]:
    price = {"id": name, "type": "flat", "cost": f"{LIST[name] // 100}.{LIST[name] % 100:02}"}
    return {
        "id": name,
        "name": name,
        "interval": "month",
        "interval_count": 1,
        "prices": [price],
    }


CATALOG: Final = read_catalog(
    {
        "currency": "USD",
        "products": [{"id": "app", "name": "App", "plans": [_plan(name) for name in LIST]}],
        "coupons": [
            {"id": "half", "percent_off": "50", "duration": "once", "codes": ["HALF"]},
            {"id": "fixed", "amount_off": {"USD": "7.00"}, "duration": "once", "codes": ["FIXED"]},
            {"id": "always", "percent_off": "20", "duration": "forever", "codes": ["ALWAYS"]},
            {
                "id": "monthly",
                "amount_off": {"USD": "3.00"},
                "duration": "repeating",
                "months": 3,
                "codes": ["MONTHLY"],
            },
        ],
    },
    dialect="tallystick",
)
_OFF: Final = {
    "HALF": lambda fee: Fraction(fee, 2),
    "FIXED": lambda fee: Fraction(min(fee, 7_00)),
    "ALWAYS": lambda fee: Fraction(fee, 5),
    "MONTHLY": lambda fee: Fraction(min(fee, 3_00)),
}

gaps: Final = st.integers(0, 5 * 24 * 3_600)
plans: Final = st.sampled_from(list(LIST))


@contextlib.contextmanager
def _customer() -> Iterator[Played]:
    with Tallystick("sqlite://") as ledger:
        ledger.migrate()
        yield Played(ledger.storage, CATALOG)


def _by_list(plan: str, seconds: int) -> Fraction:
    return Fraction(LIST[plan] * seconds, _MONTH)


def _rounding(played: Played) -> Fraction:
    """Give what the roundings of all lines can come to: their amount and their discount."""
    documents = played.tally.invoices.list(limit=100)
    return Fraction(sum(len(each.invoice.lines) for each in documents))


@settings(max_examples=times(10, 400), deadline=None)
@given(
    first=plans,
    changes=st.lists(
        st.tuples(gaps, plans, st.sampled_from(_PRORATIONS), st.booleans()), max_size=6
    ),
    rest=gaps,
)
def test_ping_pong_changes_cost_what_was_had(
    first: str, changes: list[tuple[int, str, str, bool]], rest: int
) -> None:
    """Up and down, each at once: what stands to the credit is taken out whenever it can be."""
    with _customer() as played:
        at, had, plan = BEGIN, Fraction(0), first
        played.take(at, Act(kind="start", plan=plan))
        for gap, after, proration, refunded in changes:
            if after == plan:
                continue
            at += timedelta(seconds=gap)
            had += _by_list(plan, gap)
            plan = after
            played.clock.set(at)
            change: Any = {"plan": plan, "when": "now", "proration": proration}
            played.tally.subscriptions.change("sub-1", **change)
            played.bill()
            if refunded:
                played.cash()
        at += timedelta(seconds=rest)
        had += _by_list(plan, rest)
        played.take(at, Act(kind="cancel", timing="now", credit=True))
        paid = played.cash() - played.balance()
        assert abs(paid - had) <= _rounding(played)
        assert played.tally.verify().ok


@settings(max_examples=times(10, 400), deadline=None)
@given(
    code=st.sampled_from(list(_OFF)),
    rounds=st.lists(st.tuples(plans, gaps, gaps), min_size=1, max_size=5),
)
def test_redeem_refund_redeem_gives_no_more_than_the_coupon_for_the_time(
    code: str, rounds: list[tuple[str, int, int]]
) -> None:
    """Start with a coupon, cancel with credit, have it refunded, start again with the coupon."""
    with _customer() as played:
        at, due = BEGIN, Fraction(0)
        for plan, gap, pause in rounds:
            played.take(at, Act(kind="start", plan=plan, code=code))
            at += timedelta(seconds=gap)
            share = Fraction(gap, _MONTH)
            due += (LIST[plan] - _OFF[code](LIST[plan])) * share
            played.take(at, Act(kind="cancel", timing="now", credit=True))
            played.cash()
            at += timedelta(seconds=pause)
        paid = played.cash() - played.balance()
        assert abs(paid - due) <= _rounding(played)
        assert played.tally.verify().ok


@pytest.mark.parametrize("code", list(_OFF))
def test_redeem_refund_redeem_in_one_second_gives_nothing(code: str) -> None:
    with _customer() as played:
        for _ in range(5):
            played.take(BEGIN, Act(kind="start", plan="big", code=code))
            played.take(BEGIN, Act(kind="cancel", timing="now", credit=True))
        assert played.cash() == 0
        assert played.balance() == 0


def test_negative_proration_is_refunded_once_and_only_as_far_as_it_was_paid() -> None:
    """Down at half of the month: what came back is taken out, and the rest is charged anew."""
    half = BEGIN + timedelta(seconds=_MONTH // 2)
    with _customer() as played:
        played.take(BEGIN, Act(kind="start", plan="huge"))
        played.clock.set(half)
        played.tally.subscriptions.change(
            "sub-1", plan="small", when="now", proration="invoice_now"
        )
        played.bill()
        assert played.balance() == 500_00 - 5_01  # 10.01 × 1/2 is 5.005
        assert played.cash() == 1_000_00 - 494_99
        assert played.cash() == 1_000_00 - 494_99  # there is nothing left to take out
        played.tally.subscriptions.change("sub-1", plan="huge", proration="invoice_now")
        played.bill()
        assert played.cash() == 1_000_00
