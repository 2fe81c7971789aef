"""`tally.invoices.run` and its like: billing what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app.billing import billing_steps, retry, run_billing, what_is_set_aside
from tallystick.core.given import whole_at
from tallystick.core.period import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.billing import Run, SetAside
    from tallystick.wiring import Tallystick

__all__ = ["Runs"]


class Runs:
    """The billing of one ledger."""

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def run(
        self,
        at: datetime | None = None,
        *,
        limit: int | None = None,
        tell: Callable[[Run], object] = bool,
    ) -> Run:
        """Bill everything that is due; a second run changes nothing.

        `limit` is the most documents to issue.  `tell` is given all so far after every batch.  What
        cannot be billed is set aside and blocks nobody.

        Raises StorageUnavailable, InvalidInput.
        """
        moment = self._tally.clock.now() if at is None else instant(at)
        most = None if limit is None else whole_at(limit, "limit")
        return run_billing(self._tally.storage, moment, limit=most, tell=tell)

    def steps(self, at: datetime | None = None) -> Iterator[Run]:
        """Bill what is due, a batch at a time: each part of the run after it was committed.

        Who stops asking stops the run.  Raises StorageUnavailable.
        """
        moment = self._tally.clock.now() if at is None else instant(at)
        return billing_steps(self._tally.storage, moment)

    def set_aside(self, *, connection: Connection | Session | None = None) -> tuple[SetAside, ...]:
        """List the subscriptions and drafts that are left out of runs, each with its reason."""
        return self._tally.act(
            lambda unit, _: what_is_set_aside(unit), connection=connection, reading=True
        )

    def retry(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> SetAside:
        """Take a subscription or a draft that was set aside into the runs again.

        Raises NotFound where it is not set aside.
        """
        return self._tally.act(lambda unit, _: retry(unit, id), connection=connection)
