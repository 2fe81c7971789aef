"""The documents of a subscription, one after the other: none is issued before an earlier one.

What a document gives back is what an earlier one asked for, so that one has to be there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tallystick.app.refold import BY_MOVES, made_by_moves
from tallystick.storage.turns import last_ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.storage.invoice_rows import Draft
    from tallystick.storage.unit import Unit

__all__ = ["in_sequence"]


def in_sequence(unit: Unit, drafts: Iterable[Draft]) -> list[Draft]:
    """Give new drafts, each to be issued no sooner than those of its subscription before it.

    It waits for the instant from which on they may be issued, whether or not they are: so a run
    that comes late gives what one on time gives, and a draft that is set aside blocks no other.
    Drafts of one subscription are given in their order.
    """
    drafts = list(drafts)
    mine = [each for each in drafts if made_by_moves(each.cause)]
    if not mine:
        return drafts
    since = min(each.finalize_at for each in mine)
    ready = last_ready(unit, set(map(_owner, mine)), since, BY_MOVES)
    for place, each in enumerate(drafts):
        if made_by_moves(each.cause):
            at = max(each.finalize_at, ready.get(_owner(each), each.finalize_at))
            ready[_owner(each)] = at
            drafts[place] = replace(each, finalize_at=at)
    return drafts


def _owner(draft: Draft) -> tuple[str, str]:
    return draft.customer, draft.subscription_id or ""
