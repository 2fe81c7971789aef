"""Making one object at Stripe for one key, also where Stripe answered with an error of its own.

Stripe keeps the answer to a key, an error of its own (500) too: who asks again with that key is
told the same error for a day, and never learns whether the object is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from tallystick.errors import OutcomeUnknown
from tallystick.providers.stripe.client import our_errors, was_stored

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["make_once"]

_Made = TypeVar("_Made")
_MOST: Final = 5


def make_once(
    key: str, find: Callable[[], _Made | None], make: Callable[[str], _Made], kind: str
) -> _Made:
    """Make the object of a key, which `find` has not found before.

    Where Stripe tells an error of its own that it keeps for the key, the object is looked for once
    more, and made with a key that follows from the first.  So this is for what moves no money by
    being made.

    Raises OutcomeUnknown, NotFound, Conflict; stripe.CardError.
    """
    for number in range(1, _MOST + 1):
        try:
            with our_errors(kind):
                made = make(key if number == 1 else f"{key}/{number}")
        except OutcomeUnknown as silence:
            if not was_stored(silence):
                raise
            found = find()
            if found is not None:
                return found
            continue
        # Who took another key looks again: of two that were made at once all take the same.
        return made if number == 1 else find() or made
    raise OutcomeUnknown(f"Stripe failed {_MOST} times to make a {kind}")
