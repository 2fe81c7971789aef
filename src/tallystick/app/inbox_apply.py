"""What is made of an object that a provider told of, by its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.period import Instant
    from tallystick.core.provider_event import Fetched
    from tallystick.ports import EventSource, Provider
    from tallystick.storage.unit import Storage, Unit

__all__ = ["NOT_OURS", "Act", "Applier", "Note", "Room", "first_of"]

NOT_OURS: Final = "NOT_OURS"
"""The code of a note that an object belongs to nothing that is asked of it here."""


@dataclass(frozen=True, slots=True)
class Room:
    """What an applier may ask before anything is changed: the ledger, and the providers."""

    storage: Storage
    providers: Mapping[str, Provider]
    source: EventSource


@dataclass(frozen=True, slots=True)
class Note:
    """Why an object changed nothing; an `alert` is set aside for a person to look into."""

    code: str
    message: str
    alert: bool = False

    def reason(self) -> dict[str, str]:
        """Give it as it is kept with the events."""
        return {"code": self.code, "message": self.message[:1_000]}


Act: TypeAlias = "Callable[[Unit, Instant], Note | None]"
"""What is done within the transaction that keeps how new the object is; None where it is applied.

A RuleError undoes it, and sets the object aside.
"""

Applier: TypeAlias = "Callable[[Room, Fetched], Act]"
"""What asks whatever else is needed, outside of any transaction, and gives what is to be done.

What raises OutcomeUnknown is tried again later.
"""


def first_of(*appliers: Applier) -> Applier:
    """Give an object to several, in their order: to the first that does not call it NOT_OURS."""

    def apply(room: Room, fetched: Fetched) -> Act:
        acts = [each(room, fetched) for each in appliers]

        def act(unit: Unit, at: Instant) -> Note | None:
            note: Note | None = None
            for each in acts:
                note = each(unit, at)
                if note is None or note.code != NOT_OURS:
                    break
            return note

        return act

    return apply
