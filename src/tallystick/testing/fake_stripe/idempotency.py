"""Keys that make a call happen once: the same key gives the same answer for a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.refusal import Refused

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.form import Tree

__all__ = ["Answered", "Keys"]

_LONGEST: Final = 255
_KEPT: Final = 24 * 60 * 60


@dataclass(frozen=True)
class Answered:
    """What was answered: the call and its parameters, the status and the body."""

    call: str
    params: Tree
    status: int
    body: bytes
    at: int


class Keys:
    """The answers of a day, by their keys."""

    def __init__(self) -> None:
        """Begin without any."""
        self._kept: dict[str, Answered] = {}

    def find(self, key: str, call: str, params: Tree, at: int) -> Answered | None:
        """Give the answer of a key that was used for the same call.

        Raises Refused for a key that is too long, or was used for something else.
        """
        if len(key) > _LONGEST:
            raise Refused("Idempotency-Key is longer than 255 characters.")
        kept = self._kept.get(key)
        if kept is None or at - kept.at >= _KEPT:
            return None
        if (kept.call, kept.params) != (call, params):
            raise Refused(
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{key}'.",
                kind="idempotency_error",
            )
        return kept

    def keep(self, key: str, answered: Answered) -> None:
        """Keep the answer of a key."""
        self._kept[key] = answered
