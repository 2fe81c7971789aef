"""`tally.invoices.explain` and `.replay`: why a document is what it is, and that it still is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app.explain import Trace, explain_invoice
from tallystick.app.replay import Replay, replay_invoice

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.wiring import Tallystick

__all__ = ["Proofs", "Replay", "Trace"]


class Proofs:
    """What can be asked of an issued document, named by its id or its number."""

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def explain(
        self,
        id: str,  # noqa: A002 - the field's word
        line: int | None = None,
        *,
        events: int = 0,
        connection: Connection | Session | None = None,
    ) -> Trace:
        """Give the sums of a document, or of one line counted from 1, and what they stand on.

        For each line of usage: its meter, how many events it counts, what they hash to, and so
        many of the `events` themselves (up to 1,000).

        Raises NotFound; Conflict where the document was not issued; InvalidInput.
        """
        return self._tally.act(
            lambda unit, _: explain_invoice(unit, id, line, events=events),
            connection=connection,
            reading=True,
        )

    def replay(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> Replay:
        """Make a document again from moves, catalogues and events, and compare it byte for byte.

        `.equal` says whether it came out the same, `.differences` where it did not.  Changes
        nothing.  Raises NotFound; Conflict where the document was not issued.
        """
        return self._tally.act(
            lambda unit, _: replay_invoice(unit, id), connection=connection, reading=True
        )
