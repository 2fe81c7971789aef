"""Quotes: what a start would cost, and the start that accepts one.

A quote is a start that was made, looked at and taken back.  Accepting it makes that very start, as
of the instant that was quoted, and holds its figures against the quote's before anything is kept.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.foresight import foreseen_of
from tallystick.app.subscription import start_subscription
from tallystick.core.move import Start
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.quote import Quote, Quoted, check_figures, quoted
from tallystick.core.text import refused_at
from tallystick.storage import moves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallystick.app.subscription import Made
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Unit

__all__ = ["LONGEST", "accept_quote", "make_quote"]

LONGEST: Final = timedelta(days=90)
"""A quote is good for so long at most."""


def make_quote(
    unit: Unit,
    at: Instant,
    act: Callable[[Unit, Instant], Made],
    *,
    quote_id: str,
    valid_for: timedelta,
    identities: tuple[str, ...] = (),
) -> Quote:
    """Quote a start: the act is made, looked at, and taken back.

    What is metered is not in it: it costs what is used.  `identities` are those that the act was
    made with, so that accepting it is.

    Raises InvalidInput for a time that is not from a second to 90 days, and what the act raises.
    """
    at = to_the_second(at)
    if not isinstance(valid_for, timedelta) or not timedelta(seconds=1) <= valid_for <= LONGEST:
        raise refused_at(
            "valid_for", f"is a timedelta of 1 second to 90 days, not {shown(valid_for)}"
        )
    with unit.undone():
        made = act(unit, at)
        now = made.subscription
        [record, *_] = moves.moves_of(unit, now.customer, now.id)
        assert isinstance(record.move, Start)  # noqa: S101 - a subscription begins with one
        today, renewal = _figures(unit, made, at)
    return Quote(
        id=quote_id,
        customer=now.customer,
        subscription=now.id,
        move=replace(record.move, starts_at=record.move.starts_at or at),
        currency=now.currency,
        issued_at=at,
        expires_at=to_the_second(at + valid_for),
        today=today,
        renewal=renewal,
        identities=identities,
    )


def accept_quote(unit: Unit, at: Instant, quote: Quote, *, identities: Iterable[str] = ()) -> Made:
    """Make the start that was quoted; a second time it gives what the first one made.

    It counts from the instant that was quoted, so that its periods and figures are those.  Its
    trial is given under the identities of the quote, and these `identities`.

    Raises PriceChanged where what would be charged is not what was quoted (a plan that is not sold
    any more, a balance that was spent); what `start_subscription` raises.
    """
    key = f"quote/{quote.id}"
    names = dict.fromkeys((*quote.identities, *identities))
    known = moves.move_by_key(unit, quote.customer, key) is not None
    made = start_subscription(unit, at, quote.subscription, quote.move, identities=names, key=key)
    if not known:
        check_figures(quote, *_figures(unit, made, quote.issued_at))
    return made


def _figures(unit: Unit, made: Made, at: Instant) -> tuple[Quoted | None, Quoted | None]:
    """Give what falls due at the start and at the first renewal, without what was used since."""
    seen = foreseen_of(unit, made, at)
    today = next(iter(seen.documents), None)
    return quoted(today), quoted(seen.upcoming)
