"""Acts on subscriptions that a provider bills: what is asked there, stored before it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.frozen import FrozenDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.intent import ProviderAccount
    from tallystick.core.mirror import Mirrored
    from tallystick.core.move import Move, MoveKind
    from tallystick.core.period import Instant

__all__ = ["ActState", "ProviderAct", "ProviderCall", "act_key", "has_effect", "next_key"]

ActState: TypeAlias = Literal["open", "done", "refused"]
"""How an act stands: without an answer, done there, or refused for good."""


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """A call of a provider: its name among those of the adapter, and its plain parameters.

    It is worked out once and kept, so that every try says the same.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=FrozenDict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAct:
    """A move that a provider is asked to make, of a subscription that it bills.

    One that begins a subscription has none yet, and names the plan group as its `reference`.
    `key` is made of our id and sent with every try.  `attempts` counts the tries and tells a worker
    that came late from the one that holds the lease.  `set_aside` is why no worker goes on with it.
    """

    customer: str
    id: str
    subscription: str | None
    provider: str
    account: ProviderAccount
    reference: str
    move: Move
    call: ProviderCall
    key: str
    created_at: Instant
    next_at: Instant
    idempotency_key: str | None = None
    state: ActState = "open"
    attempts: int = 0
    leased_until: Instant | None = None
    first_sent_at: Instant | None = None
    answer: Mapping[str, str] | None = None
    closed_at: Instant | None = None
    set_aside: str | None = None


_KEY: Final = "tallystick/"


def act_key(act_id: str) -> str:
    """Give the key of an act: made of our row's id alone."""
    return f"{_KEY}{act_id}"


def next_key(act: ProviderAct) -> str:
    """Give the key to go on with, where the provider keeps its own fault under the one there is.

    It is the id again with the number of the try that it is first sent with.  What an act asks for
    is a state, so that to ask for it twice has the effect once.
    """
    return f"{act_key(act.id)}/{act.attempts + 1}"


_EFFECTS: Final[Mapping[MoveKind, frozenset[str]]] = {
    "cancel": frozenset({"canceled", "ended"}),
    "resume": frozenset({"trialing", "active", "past_due"}),
}


def has_effect(kind: MoveKind, told: Mirrored) -> bool:
    """Tell whether what was refused on a later try was done by an earlier one.

    Only what cannot be asked for twice is refused then: to end, and to go on.
    """
    return told.state in _EFFECTS.get(kind, ())
