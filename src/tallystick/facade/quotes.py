"""`tally.quotes`: what a start would cost, signed, to be accepted at that very price."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.quote import accept_quote, make_quote
from tallystick.core.given import ids_at
from tallystick.core.quote_signature import read_quote, sign_quote
from tallystick.errors import SetupError
from tallystick.facade.subscriptions import Moves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.subscription import Made
    from tallystick.core.period import Instant
    from tallystick.core.quote import Quote
    from tallystick.storage.unit import Unit
    from tallystick.wiring import Tallystick

__all__ = ["Quotes", "signing_keys"]

_DAY: Final = timedelta(days=1)


def signing_keys(tally: Tallystick) -> tuple[bytes, ...]:
    """Give the keys that sign a ledger's quotes, the first first.

    Raises SetupError where there is none.
    """
    if not tally.signing_keys:
        raise SetupError(
            "there is no key to sign quotes with: Tallystick(…, signing_keys=[…]) takes one,"
            " or TALLYSTICK_SIGNING_KEYS"
        )
    return tally.signing_keys


class Quotes:
    """The quotes of one ledger: nothing of them is stored until one is accepted.

    They are signed with the first of the ledger's `signing_keys`; each of them reads one.
    """

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def make(
        self,
        customer: str,
        plan: str,
        *,
        valid_for: timedelta = _DAY,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
        **said: Any,  # noqa: ANN401 - what `tally.subscriptions.start` takes
    ) -> str:
        """Give what a start would cost as one line of signed text.

        `said` are the other arguments of `tally.subscriptions.start`.  It is good for `valid_for`,
        at most 90 days.

        Raises what `tally.subscriptions.start` raises, InvalidInput for `valid_for`, SetupError
        where the ledger has no signing key.
        """
        key = signing_keys(self._tally)[0]
        id_ = self._tally.ids.new("quo")
        names = ids_at(said.pop("identities", ()), "identities")

        def run(
            act: Callable[[Unit, Instant], Made],
            *,
            at: datetime | None,
            connection: Connection | Session | None,
            repeatable: bool,  # noqa: ARG001 - a look can always be repeated
        ) -> Quote:
            return self._tally.act(
                lambda unit, at: make_quote(
                    unit, at, act, quote_id=id_, valid_for=valid_for, identities=names
                ),
                at=at,
                connection=connection,
                repeatable=True,
            )

        moves: Moves[Quote] = Moves(self._tally, run)
        made = moves.start(customer, plan, at=at, connection=connection, identities=names, **said)
        return sign_quote(made, key)

    def read(self, quote: str, *, at: datetime | None = None) -> Quote:
        """Give what a quote says, if it is one of ours and still good.

        Raises InvalidInput for what is no quote of ours, QuoteExpired, SetupError.
        """
        return read_quote(
            quote, signing_keys(self._tally), self._tally.clock.now() if at is None else at
        )

    def accept(
        self,
        quote: str,
        *,
        customer: str | None = None,
        identities: Iterable[str] = (),
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Made:
        """Start the subscription that was quoted, at the very figures; a repeat changes nothing.

        `customer` is an optional lock: another customer's quote is refused as none of ours.  A
        trial is given under the `identities` it was quoted for, and these.

        Raises InvalidInput, QuoteExpired, PriceChanged, and what `tally.subscriptions.start`
        raises.
        """
        names = tuple(identities)
        return self._tally.act(
            lambda unit, at: accept_quote(
                unit,
                at,
                read_quote(quote, signing_keys(self._tally), at, customer=customer),
                identities=names,
            ),
            at=at,
            connection=connection,
            repeatable=True,
        )
