"""The write paths of limits that are swept: use, reserve, commit, release, what expires."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from tallystick.app import lease
from tallystick.app.entitlement import PlanShelf
from tallystick.app.turn import Wish
from tallystick.core.dialects import define_plans
from tallystick.errors import ReservationOver
from tests.proof.usage_calls import AT
from tests.proof.write_path import WritePath

if TYPE_CHECKING:
    from tallystick.wiring import Tallystick
    from tests.proof.write_path import Acknowledge

__all__ = ["GATE_PATHS"]

_PLAN: Final = "limited"
_TOKEN: Final = 1  # of the first reservation at that gate


def _limits(tally: Tallystick) -> None:
    """Sell a plan with a quota and a gauge; each is near its limit."""
    tally.migrate()
    limited = {
        "id": _PLAN,
        "name": "Limited",
        "price": 0,
        "currency": "EUR",
        "interval": "month",
        "features": [
            {"featureKey": "calls", "enabled": True, "limit": 10, "reset": "month"},
            {"featureKey": "projects", "enabled": True, "limit": 3},
        ],
    }
    tally.publish(define_plans([limited]), author="proof")
    tally.use("acme", "calls", 6, idempotency_key="before", plan=_PLAN)
    tally.use("acme", "projects", 2, idempotency_key="there", plan=_PLAN)


def _reserved(tally: Tallystick) -> None:
    _limits(tally)
    _hold(tally, "held")


def _hold(tally: Tallystick, key: str) -> None:
    tally.reserve("acme", "calls", 3, idempotency_key=key, plan=_PLAN, expires_in=60)


def _use(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Use the last of a quota, past its levels, and the last of a gauge."""
    assert tally.use("acme", "calls", 4, idempotency_key="last", plan=_PLAN).allowed
    acknowledge("usage_events", "last")
    assert tally.use("acme", "projects", 1, idempotency_key="third", plan=_PLAN).allowed
    acknowledge("usage_events", "third")


def _reserve(tally: Tallystick, acknowledge: Acknowledge) -> None:
    _hold(tally, "new")
    acknowledge("reservations", "new")


def _commit(tally: Tallystick, acknowledge: Acknowledge) -> None:
    assert tally.commit("acme", "held", _TOKEN, actual=2).used == 8
    acknowledge("usage_events", "held")


def _release(tally: Tallystick, acknowledge: Acknowledge) -> None:
    tally.release("acme", "held", _TOKEN)
    acknowledge("reservations", "released")


def _expire(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Use what another one held too long; who held it is refused."""
    tally.clock.set(AT + timedelta(seconds=60))  # type: ignore[attr-defined]  # a clock of the tests
    assert tally.use("acme", "calls", 4, idempotency_key="instead", plan=_PLAN).used == 10
    acknowledge("reservations", "expired")
    with pytest.raises(ReservationOver):
        tally.commit("acme", "held", _TOKEN)


def _lease(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Take a block, report some of it, and the rest as it is closed; each is idempotent."""
    wish = Wish(id="block", customer="acme", feature="calls", quantity=Decimal(3), plan=_PLAN)
    shelf = PlanShelf()

    def told(used: int, *, close: bool) -> None:
        said = replace(wish, quantity=Decimal(used))
        act = partial(lease.report, wish=said, shelf=shelf, close=close)
        tally.act(act, repeatable=True)

    held = timedelta(seconds=60)
    row = tally.act(lambda u, now: lease.take(u, now, wish, held, shelf), repeatable=True)
    acknowledge("leases", "block")
    if row.closed_at is None:
        told(max(1, row.reported), close=False)
        acknowledge("usage_events", "block/1")
        told(2, close=True)
    acknowledge("usage_events", "block/2")


GATE_PATHS: Final = (
    WritePath("limits: use", _use, _limits),
    WritePath("limits: reserve", _reserve, _limits),
    WritePath("limits: commit", _commit, _reserved),
    WritePath("limits: release", _release, _reserved),
    WritePath("limits: expire", _expire, _reserved),
    WritePath("limits: lease", _lease, _limits),
)
"""The paths, each with what stands before."""
