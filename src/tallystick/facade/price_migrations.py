"""`tally.price_migrations`: moving customers from older plan versions to another one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from tallystick.app.price_migration import (
    AskedMigration,
    get_price_migration,
    list_price_migrations,
    list_price_moves,
    plan_price_migration,
    preview_price_migration,
)
from tallystick.app.price_migration_run import (
    run_price_migration,
    stop_price_migration,
    undo_price_migration,
)
from tallystick.core.period import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.price_migration import MigrationPreview
    from tallystick.app.price_migration_run import MigrationRun, MigrationUndone
    from tallystick.core.page import Page
    from tallystick.core.period import Instant
    from tallystick.core.price_migration import MoveStatus, PriceMigration, PriceMove
    from tallystick.wiring import Tallystick

__all__ = ["PriceMigrations"]

_MOST: Final = 10_000  # more than any list may have: the refusal says so


class PriceMigrations:
    """The price migrations of one ledger: looked at, planned, run in stages, stopped, undone."""

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def preview(  # noqa: PLR0913 - each of these is one word of a price migration
        self,
        plan: str | Iterable[str],
        to: str,
        *,
        effective_at: datetime | str | None = None,
        customers: Iterable[str] | None = None,
        without: Iterable[str] = (),
        notice_days: int = 0,
        cap_percent: Decimal | int | str | None = None,
        stages: Iterable[int] = (),
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> MigrationPreview:
        """Tell what each customer would pay, who is to pay most more first; changes nothing.

        `plan` is what they have: `"pro@1"`, `"pro"` for all of its versions that are older, or
        several.  The other words are those of `plan`.  Raises as `plan` does, but for the cap.
        """
        asked = AskedMigration(
            plan=_listed(plan),
            to=to,
            at=effective_at,
            customers=_listed(customers),
            without=_listed(without),
            notice_days=notice_days,
            cap_percent=cap_percent,
            stages=_listed(stages),
        )
        return self._tally.act(
            lambda unit, at: preview_price_migration(unit, at, asked),
            at=at,
            connection=connection,
            reading=True,
        )

    def plan(  # noqa: PLR0913 - each of these is one word of a price migration
        self,
        plan: str | Iterable[str],
        to: str,
        *,
        effective_at: datetime | str | None = None,
        customers: Iterable[str] | None = None,
        without: Iterable[str] = (),
        notice_days: int = 0,
        cap_percent: Decimal | int | str | None = None,
        stages: Iterable[int] = (),
        id: str | None = None,  # noqa: A002 - the field's word
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> PriceMigration:
        """Plan to move who has a plan version to another one; nobody is moved before it is run.

        Each will have it from the end of the first period that ends at `effective_at` or later, and
        not before `notice_days` are over since the run.  `customers` are all, or those named, but
        those `without`.  `cap_percent` is how much more anybody may pay for a period: 10.
        `stages` is how many subscriptions each run takes: 10, then 100, then the rest.  With an
        `id` of your own a repeat gives what was planned.

        Raises PriceCapExceeded, which names who would pay more than the cap; UnknownPlan; NotFound
        for a customer; InvalidInput; Conflict where nobody can be moved.
        """
        asked = AskedMigration(
            plan=_listed(plan),
            to=to,
            at=effective_at,
            customers=_listed(customers),
            without=_listed(without),
            notice_days=notice_days,
            cap_percent=cap_percent,
            stages=_listed(stages),
        )
        key = self._tally.ids.new("pmg") if id is None else id
        return self._tally.act(
            lambda unit, at: plan_price_migration(unit, at, key, asked),
            at=at,
            connection=connection,
            repeatable=True,
        )

    def run(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        stage: int | None = None,
        at: datetime | None = None,
        tell: Callable[[MigrationRun], object] = bool,
    ) -> MigrationRun:
        """Move the subscriptions of the next stage, or finish one that was interrupted.

        A change is planned for each, once.  Who was changed since the prices were compared, ends
        before, or has another change of plan to come is left out with the reason.  With the number
        of the `stage` that is meant a repeat does nothing more.

        Raises NotFound; Conflict where it was stopped or undone; InvalidInput, StorageUnavailable.
        """
        return run_price_migration(
            self._tally.storage, self._moment(at), id, stage=stage, tell=tell
        )

    def stop(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> PriceMigration:
        """Move nobody else, for ever; who was moved stays so.

        Raises NotFound; Conflict where nobody is left to move.
        """
        return self._tally.act(
            lambda unit, _: stop_price_migration(unit, id), connection=connection, repeatable=True
        )

    def undo(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        tell: Callable[[MigrationUndone], object] = bool,
    ) -> MigrationUndone:
        """Take back every change that has not taken effect, and tell who has the new prices.

        Raises NotFound, StorageUnavailable.
        """
        return undo_price_migration(self._tally.storage, self._moment(at), id, tell=tell)

    def get(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> PriceMigration:
        """Give a price migration, with how many of its subscriptions were moved.

        Raises NotFound.
        """
        return self._tally.act(
            lambda unit, _: get_price_migration(unit, id), connection=connection, reading=True
        )

    def list(
        self,
        *,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[PriceMigration]:
        """Give a page of price migrations in the order of their ids: 1 to 100 of them.

        Raises InvalidInput.
        """
        return self._tally.act(
            lambda unit, _: list_price_migrations(unit, limit=limit, starting_after=starting_after),
            connection=connection,
            reading=True,
        )

    def moves(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        status: MoveStatus | None = None,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[PriceMove]:
        """Give a page of its subscriptions, in the order of their ids: 1 to 100 of them.

        Raises NotFound, InvalidInput.
        """
        return self._tally.act(
            lambda unit, _: list_price_moves(
                unit, id, status=status, limit=limit, starting_after=starting_after
            ),
            connection=connection,
            reading=True,
        )

    def _moment(self, at: datetime | None) -> Instant:
        return self._tally.clock.now() if at is None else instant(at)


def _listed(given: object) -> object:
    """Keep what can be gone through once only, as a transaction may have to begin anew."""
    return tuple(islice(given, _MOST)) if isinstance(given, Iterator) else given
