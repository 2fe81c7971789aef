"""Every subscription held against what its moves make of it: as it stands, and what fell due.

It is folded again from its first move, a batch at a time, so memory stays small.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.offers import Offers
from tallystick.app.refold import made_by_moves, refolded
from tallystick.app.verify_grants import unlike_grants
from tallystick.core.period import instant_text
from tallystick.core.subscription import MAIN
from tallystick.core.subscription_moves import next_at
from tallystick.core.trees import bytes_of
from tallystick.errors import TallystickError
from tallystick.storage.moves import move_digest
from tallystick.storage.plan_grants import plan_grants_of
from tallystick.storage.stored_subscriptions import dues_of, moves_of_several, subscription_rows
from tallystick.storage.subscriptions import billed_by
from tallystick.storage.verify import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallystick.core.move import Start
    from tallystick.core.period import Period
    from tallystick.core.subscription_moves import Outcome
    from tallystick.storage.moves import MoveRecord
    from tallystick.storage.plan_grants import PlanGrantRow
    from tallystick.storage.stored_subscriptions import Key
    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Rows

__all__ = ["MOVE_CHECKS"]

_BATCH: Final = 500
_QUIET: Final = frozenset({"start", "lapse", "recover", "keep"})


def _folds(unit: Unit) -> Rows:
    """Find subscriptions that are not what their moves make of them, and dues without a document.

    Folding again is what takes the time, so it is done once for both.
    """
    offers = Offers(unit)
    for row, records, kept, granted in _each(unit):
        try:
            outcome = refolded(records, row["clock"], offers)
        except (TallystickError, ValueError) as refused:
            yield _told(row, "moves", "can be made", str(refused)[:200])
            continue
        for what, stored, found in _apart(row, records, outcome):
            yield _told(row, what, stored, found)
        yield from _dues(row, outcome, kept)
        for what, stored, found in unlike_grants(unit, outcome, granted):
            yield _told(row, what, stored, found)
        yield from _gaps(row, records, outcome)


def _apart(
    row: Mapping[str, Any], records: Sequence[MoveRecord], outcome: Outcome
) -> Iterator[tuple[str, object, object]]:
    made = outcome.subscription
    plan, _, version = made.plan.rpartition("@")
    told: dict[str, object] = {
        "id": made.id,
        "customer_id": made.customer,
        "group_key": made.group,
        "plan_id": plan,
        "plan_version": int(version),
        "state": made.state,
        "currency": made.currency.code,
        "due_at": next_at(made),
        "moves": made.moves,
        "clock": made.clock,
        "snapshot": bytes_of(made).decode(),
        **billed_by(made),
    }
    for name, value in told.items():
        if row[name] != value:
            yield name, row[name], value
    for record in records:
        if record.digest != move_digest(record.move):
            yield f"digest of move {record.number}", record.digest, move_digest(record.move)


def _dues(row: Mapping[str, Any], outcome: Outcome, kept: Mapping[str, str]) -> Rows:
    """Find what fell due and has no document, and documents that nothing made due."""
    made = {due.cause: bytes_of(due).decode() for due in outcome.dues}
    for cause, text in made.items():
        if kept.get(cause) != text:
            yield _told(row, cause, kept.get(cause), text)
    for cause in kept.keys() - made.keys():
        if made_by_moves(cause):
            yield _told(row, cause, kept[cause], None)


def _gaps(row: Mapping[str, Any], records: Sequence[MoveRecord], outcome: Outcome) -> Rows:
    """Find usage that no window covers, where no change or pause can have cut it out."""
    start: Any = records[0].move
    if any(type(each.move).__name__.lower() not in _QUIET for each in records) or _cuts(start):
        return
    windows: dict[tuple[str, str], list[Period]] = {}
    for due in outcome.dues:
        for charge in due.charges:
            if charge.kind == "usage" and charge.window is not None and charge.item.key == MAIN:
                windows.setdefault((charge.item.key, charge.price), []).append(charge.window)
    for (_, price), covered in windows.items():
        for before, after in pairwise(sorted(covered, key=lambda window: window.start)):
            if before.end != after.start:
                yield _told(
                    row,
                    f"usage of {price}",
                    instant_text(after.start),
                    instant_text(before.end),
                )


def _cuts(start: Start) -> bool:
    return bool(start.phases) or start.trial_days is not None


def _each(
    unit: Unit,
) -> Iterator[
    tuple[Mapping[str, Any], Sequence[MoveRecord], Mapping[str, str], Sequence[PlanGrantRow]]
]:
    """Give each subscription's row with its moves, dues and credits, as they are kept."""
    for rows in subscription_rows(unit, _BATCH):
        keys: list[Key] = [(row["customer_id"], row["id"]) for row in rows]
        moves = moves_of_several(unit, keys)
        kept = dues_of(unit, keys)
        granted = plan_grants_of(unit, keys)
        for row, key in zip(rows, keys, strict=True):
            yield row, moves.get(key, []), kept.get(key, {}), granted.get(key, ())


def _told(row: Mapping[str, Any], what: str, stored: object, found: object) -> Mapping[str, Any]:
    key = {"customer_id": row["customer_id"], "id": row["id"]}
    return key | {"what": what, "stored": stored, "found": found}


MOVE_CHECKS: Final[Sequence[Check]] = (
    Check(
        "subscriptions",
        "I13 I16 I20",
        "a subscription is what its moves make of it, and so is what fell due for it",
        _folds,
    ),
)
"""The invariants of subscriptions that need the core, in the order in which they are run."""
