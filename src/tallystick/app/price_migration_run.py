"""Running price migrations: a stage at a time, stopped between batches, undone before its effect.

Each subscription is moved by a change that is planned for it, once, in a savepoint of its own.  Who
has something else by then than what was compared is left out with the reason.  A batch holds the
price migration, so of two runs at once each subscription is moved by one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from tallystick.app.offers import Offers
from tallystick.app.price_migration import get_price_migration
from tallystick.app.stopped import FAULTS, words_of
from tallystick.app.subscription import get_subscription, make_move
from tallystick.core.frozen import FrozenDict
from tallystick.core.given import whole_at
from tallystick.core.move import Unplan
from tallystick.core.period import instant_text, to_the_second
from tallystick.core.price_migration import change_for, takes_effect
from tallystick.errors import Conflict, NotFound, StorageUnavailable
from tallystick.storage import price_migrations
from tallystick.storage.outbox import Notice, put_notices

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.move import Change, Move
    from tallystick.core.period import Instant
    from tallystick.core.price_migration import MigrationState, PriceMigration, PriceMove
    from tallystick.core.subscription import Subscription
    from tallystick.storage.unit import Storage, Unit

__all__ = [
    "MigrationRun",
    "MigrationUndone",
    "run_price_migration",
    "stop_price_migration",
    "undo_price_migration",
]

_BATCH: Final = 100
_NOTICES: Final = {"moved": "price_change", "undone": "price_change_undone"}
_IN_EFFECT: Final = "it has taken effect"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRun:
    """What a run of one stage did; all of it was committed.

    `left` are the subscriptions that later stages are for.
    """

    stage: int
    moved: int = 0
    skipped: tuple[PriceMove, ...] = ()
    left: int = 0
    state: MigrationState = "running"

    @property
    def did_work(self) -> bool:
        """Whether there was anybody to move."""
        return bool(self.moved or self.skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationUndone:
    """What an undo did: how many are not moved after all, and who stays moved, with the reason.

    That is who has the new prices already, as a rule.
    """

    undone: int = 0
    kept: tuple[PriceMove, ...] = ()


# --- running --------------------------------------------------------------------------------------


def run_price_migration(
    storage: Storage,
    at: Instant,
    id_: str,
    *,
    stage: int | None = None,
    tell: Callable[[MigrationRun], object] = bool,
) -> MigrationRun:
    """Move the subscriptions of the next stage, or finish one that was interrupted.

    With the number of the `stage` that is meant, a repeat does nothing more.  `tell` is called
    after every batch with all so far.

    Raises NotFound; Conflict where it was stopped or undone, or another stage comes first;
    StorageUnavailable.
    """
    at = to_the_second(at)
    wanted = None if stage is None else whole_at(stage, "stage")
    began = storage.attempt(partial(_begin, id_=id_, wanted=wanted), repeatable=True)
    done = MigrationRun(
        stage=wanted or began.stage, left=began.counts.get("planned", 0), state=began.state
    )
    while done.state == "running":
        step = storage.attempt(partial(_batch, at=at, id_=id_, stage=done.stage), repeatable=True)
        done = replace(step, moved=done.moved + step.moved, skipped=(*done.skipped, *step.skipped))
        if not step.did_work:
            break
        tell(done)
    return done


def _begin(unit: Unit, id_: str, wanted: int | None) -> PriceMigration:
    """Begin the next stage, unless the one before it is not over."""
    found = get_price_migration(unit, id_, lock=True)
    if found.state in {"stopped", "undone"}:
        raise Conflict(
            f"price migration {found.id!r} was {found.state}: plan another one for those who are"
            " left",
            state=found.state,
        )
    if wanted is not None and wanted > found.stage + 1:
        raise Conflict(f"stage {found.stage + 1} comes first", stage=found.stage)
    is_over = not price_migrations.moves_of(unit, found.id, 1, status="planned", stage=found.stage)
    if found.state == "done" or not is_over or (wanted is not None and wanted <= found.stage):
        return found
    stage = found.stage + 1
    price_migrations.begin_stage(unit, found.id, stage, found.size_of(stage))
    return _kept(unit, replace(found, state="running", stage=stage))


def _batch(unit: Unit, at: Instant, id_: str, stage: int) -> MigrationRun:
    """Move some of a stage; the last of all ends the price migration."""
    found = get_price_migration(unit, id_, lock=True)
    parts: tuple[PriceMove, ...] = ()
    if found.state == "running":
        parts = price_migrations.moves_of(unit, found.id, _BATCH, status="planned", stage=stage)
    after = [_moved(unit, at, found, part) for part in parts]
    left = found.counts.get("planned", 0) - len(after)
    if found.state == "running" and not left:
        found = _kept(unit, replace(found, state="done"))
    return MigrationRun(
        stage=stage,
        moved=sum(each.status == "moved" for each in after),
        skipped=tuple(each for each in after if each.status == "skipped"),
        left=left,
        state=found.state,
    )


def _kept(unit: Unit, changed: PriceMigration) -> PriceMigration:
    price_migrations.set_state(unit, changed)
    return changed


def _moved(unit: Unit, at: Instant, migration: PriceMigration, part: PriceMove) -> PriceMove:
    """Plan the change of one subscription, or note why not."""
    effect: list[Instant | None] = []

    def change(unit: Unit, held: Subscription, _before: Move | None) -> Change:
        if held.items[0] != part.item:
            raise Conflict(f"it was changed since the prices were compared: it has {held.plan} now")
        wanted = change_for(migration, part.item.offer, at)
        effect.append(takes_effect(held, wanted, at, Offers(unit)))
        return wanted

    try:
        with unit.savepoint():
            made = make_move(
                unit,
                at,
                part.subscription,
                change,
                customer_id=part.customer,
                key=_key(migration, part),
            )
    except StorageUnavailable:
        raise
    except FAULTS as fault:
        after = replace(part, status="skipped", reason=words_of(fault))
    else:
        number = made.subscription.moves
        after = replace(part, status="moved", number=number, takes_effect_at=effect[0])
    return _put(unit, at, migration, after)


def _put(unit: Unit, at: Instant, migration: PriceMigration, part: PriceMove) -> PriceMove:
    """Keep what became of a subscription, and tell its customer what there is to tell."""
    unit.as_all()
    price_migrations.change_move(unit, migration.id, part)
    if part.status in _NOTICES:
        _tell(unit, at, migration, part)
    return part


def _key(migration: PriceMigration, part: PriceMove) -> str:
    """Give the key under which a subscription is moved: the same whoever runs it, and when."""
    body = f"{len(migration.id)}:{migration.id}{part.subscription}".encode()
    return f"price_migration/{hashlib.sha256(body).hexdigest()}"


# --- stopping and undoing -------------------------------------------------------------------------


def stop_price_migration(unit: Unit, id_: str) -> PriceMigration:
    """Move nobody else; who was moved stays so.  A run that is at work stops after its batch.

    Raises NotFound; Conflict where it is over already.
    """
    found = get_price_migration(unit, id_, lock=True)
    if found.state == "stopped":
        return found
    if found.state in {"done", "undone"}:
        raise Conflict(f"price migration {found.id!r} is {found.state}: nobody is left to move")
    price_migrations.end_planned(unit, found.id, "skipped", "it was stopped")
    _kept(unit, replace(found, state="stopped"))
    return get_price_migration(unit, found.id)


def undo_price_migration(
    storage: Storage,
    at: Instant,
    id_: str,
    *,
    tell: Callable[[MigrationUndone], object] = bool,
) -> MigrationUndone:
    """Take back every change that has not taken effect yet; a repeat goes on where it stopped.

    Raises NotFound, StorageUnavailable.
    """
    at = to_the_second(at)
    done = MigrationUndone(undone=storage.attempt(partial(_begin_undo, id_=id_), repeatable=True))
    last: str | None = None
    while True:
        act = partial(_undo_batch, at=at, id_=id_, after=last)
        parts = storage.attempt(act, repeatable=True)
        if not parts:
            return done
        last = parts[-1].subscription
        done = MigrationUndone(
            undone=done.undone + sum(each.status == "undone" for each in parts),
            kept=(*done.kept, *(each for each in parts if each.status == "moved")),
        )
        tell(done)


def _begin_undo(unit: Unit, id_: str) -> int:
    found = get_price_migration(unit, id_, lock=True)
    _kept(unit, replace(found, state="undone"))
    return price_migrations.end_planned(unit, found.id, "undone", "")


def _undo_batch(unit: Unit, at: Instant, id_: str, after: str | None) -> list[PriceMove]:
    found = get_price_migration(unit, id_, lock=True)
    parts = price_migrations.moves_of(unit, found.id, _BATCH, after, status="moved")
    return [_undone(unit, at, found, part) for part in parts]


def _undone(unit: Unit, at: Instant, migration: PriceMigration, part: PriceMove) -> PriceMove:
    """Take one planned change back, unless it has taken effect."""
    now = get_subscription(unit, part.subscription, customer_id=part.customer)
    if any(each.number == part.number for each in now.planned):
        after = _unplanned(unit, at, part)
    elif now.plan == migration.to_offer:
        after = replace(part, reason=_IN_EFFECT)
    else:
        after = replace(part, status="undone", reason="something else came before it took effect")
    return _put(unit, at, migration, after)


def _unplanned(unit: Unit, at: Instant, part: PriceMove) -> PriceMove:
    """Take a change back, which time may have brought already."""
    assert part.number is not None  # noqa: S101 - who was moved has it
    try:
        with unit.savepoint():
            move = Unplan(number=part.number)
            make_move(unit, at, part.subscription, move, customer_id=part.customer)
        after = replace(part, status="undone")
    except StorageUnavailable:
        raise
    except NotFound:
        after = replace(part, reason=_IN_EFFECT)
    except FAULTS as fault:
        after = replace(part, reason=words_of(fault))
    unit.as_all()
    return after


# --- notices --------------------------------------------------------------------------------------


def _tell(unit: Unit, at: Instant, migration: PriceMigration, part: PriceMove) -> None:
    """Put into the outbox what a letter needs: that the price changes, or after all does not."""
    body = {
        "price_migration": migration.id,
        "subscription": part.subscription,
        "from": part.item.offer,
        "to": migration.to_offer,
        "before": None if part.before is None else part.before.minor,
        "after": None if part.after is None else part.after.minor,
        "currency": None if part.after is None else part.after.currency.code,
        "takes_effect_at": (
            None if part.takes_effect_at is None else instant_text(part.takes_effect_at)
        ),
    }
    notice = Notice(
        customer=part.customer,
        kind=_NOTICES[part.status],
        cause=f"price_migration/{migration.id}/{part.subscription}",
        at=at,
        body=FrozenDict(body),
    )
    put_notices(unit, [notice])
