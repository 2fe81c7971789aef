"""`tally.seller`: who sells, and how documents are issued."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app.seller import set_seller, settings_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.core.seller import Seller
    from tallystick.wiring import Tallystick

__all__ = ["Sellers"]


class Sellers:
    """The seller of one ledger."""

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def get(self, *, connection: Connection | Session | None = None) -> Seller:
        """Give the seller; one without a name where nobody said who sells."""
        return self._tally.act(
            lambda unit, _: settings_of(unit), connection=connection, reading=True
        )

    def set(
        self,
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
        **fields: object,
    ) -> Seller:
        """Change the fields that are named, and nothing else; documents that were issued stay.

        Fields: name, email, address, tax_ids and locale, as a customer has them; grace_seconds (how
        long usage may arrive after a boundary and still count for its document), net_days,
        invoice_prefix, credit_note_prefix, dunning (a ladder of `tallystick.core.dunning` as plain
        values, or None).  Where nobody said: an hour, 0 days, `INV-`, `CN-`, no ladder.

        Raises InvalidInput with every field that is wrong.
        """
        return self._tally.act(
            lambda unit, at: set_seller(unit, at, fields),
            connection=connection,
            at=at,
            repeatable=True,
        )
