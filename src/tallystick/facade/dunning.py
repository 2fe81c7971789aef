"""`tally.dunning`: invoices that are not paid in time, how far that went, what is to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app.dunning import get_climb, list_climbs, list_notices

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.dunning import Climb
    from tallystick.core.page import Page
    from tallystick.storage.dunning import ClimbState
    from tallystick.storage.outbox import Notice
    from tallystick.wiring import Tallystick

__all__ = ["Dunnings"]


class Dunnings:
    """The unpaid invoices of one ledger.

    The ladder is a setting of the seller (`tally.seller.set(dunning=...)`); its steps are done by
    `tally.invoices.run`, and a payment ends them.
    """

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def get(self, invoice: str, *, connection: Connection | Session | None = None) -> Climb:
        """Give how an unpaid invoice stands, by its id or number: steps done, access, what next.

        Raises NotFound where it was never overdue.
        """
        return self._tally.act(
            lambda unit, _: get_climb(unit, invoice), connection=connection, reading=True
        )

    def list(
        self,
        *,
        customer: str | None = None,
        state: ClimbState | None = None,
        limit: int = 20,
        starting_after: str | None = None,
        connection: Connection | Session | None = None,
    ) -> Page[Climb]:
        """Give a page of unpaid invoices in the order of their ids: 1 to 100 of them.

        Without a state, all but those that recovered.

        Raises InvalidInput, NotFound for the customer.
        """
        return self._tally.act(
            lambda unit, _: list_climbs(
                unit, customer=customer, state=state, limit=limit, starting_after=starting_after
            ),
            connection=connection,
            reading=True,
        )

    def notices(
        self,
        *,
        customer: str | None = None,
        after: int = 0,
        limit: int = 20,
        connection: Connection | Session | None = None,
    ) -> tuple[Notice, ...]:
        """Give what is to be told, in order, after a position: who sends it remembers the last.

        Raises InvalidInput, NotFound for the customer.
        """
        return self._tally.act(
            lambda unit, _: list_notices(unit, customer=customer, after=after, limit=limit),
            connection=connection,
            reading=True,
        )
