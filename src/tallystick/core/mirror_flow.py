"""A mirror in the fold: what a provider says takes the place of all that was, and credits come.

Time does nothing to what a provider bills.  So the credits that its plans grant are granted by the
mirrors: each with those that fell due since the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.mirror import mirrored
from tallystick.core.subscription_flow import Flow
from tallystick.core.subscription_grants import granting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.move import Mirror
    from tallystick.core.period import Instant, Period

__all__ = ["begun_mirror", "mirror_again"]


def begun_mirror(id_: str, move: Mirror, at: Instant, offers: Mapping[str, Plan[Any]]) -> Flow:
    """Begin a subscription as its provider says it is."""
    flow = Flow(mirrored(id_, move, at, offers, None), offers)
    _grant_since(flow, flow.now.period, at)
    return flow


def mirror_again(flow: Flow, move: Mirror, at: Instant, _number: int) -> None:
    """Be what the provider says now.  Raises Conflict for what is another subscription."""
    before = flow.now.period
    _grant_until(flow, at)
    flow.now = mirrored(flow.now.id, move, at, flow.offers, flow.now)
    _grant_since(flow, None if flow.now.period == before else flow.now.period, at)


def _grant_until(flow: Flow, at: Instant) -> None:
    """Grant what fell due within the present period since the last mirror."""
    period = flow.now.period
    while period is not None and granting(flow.now) and flow.now.granted:
        due = min(each.end for each in flow.now.granted)
        if due > at or due >= period.end:
            return
        flow.grant(due)


def _grant_since(flow: Flow, opened: Period | None, at: Instant) -> None:
    """Grant what falls due now: of a period that was opened, from its beginning on."""
    flow.grant(at if opened is None or opened.start > at else opened.start)
    if opened is not None:
        _grant_until(flow, at)
