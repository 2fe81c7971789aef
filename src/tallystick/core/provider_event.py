"""Events of a provider as they are kept, and the objects that they are hints of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.inbox import Held, Seen
    from tallystick.core.intent import ProviderAccount
    from tallystick.core.money import Money
    from tallystick.core.period import Instant

__all__ = ["EventState", "Fetched", "Hint", "ProviderEvent"]

EventState: TypeAlias = Literal["new", "applied", "ignored", "set_aside"]
"""How an event stands.

`new` waits for the worker; `applied` is in what is held; `ignored` changes nothing, `set_aside` has
to be looked into by a person: both have a reason.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """One event as it came, verified: a hint that an object has changed, and nothing more.

    `account` is whose it is, `live` whether it is about real money; `created` is when it happened,
    by the provider's clock.  `kind` and `object_id` name the object, None where it has no name.
    `body` is what was sent.  `reason` says why it is ignored or set aside.
    """

    provider: str
    account: str
    live: bool
    id: str
    type: str
    api_version: str | None
    created: Instant
    kind: str | None
    object_id: str | None
    body: str
    received_at: Instant
    state: EventState = "new"
    reason: Mapping[str, str] | None = None
    done_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """An object that events told of: `newest` is when the newest one happened.

    `hints` counts the events and `turn` the times that a worker took it up: they tell a worker that
    comes late from the one that holds the lease.  `tries` counts since the newest event.  It is
    asked for at `due_at`, None where nothing is to be asked.
    """

    provider: str
    account: ProviderAccount
    kind: str
    id: str
    newest: Instant
    hints: int = 1
    turn: int = 0
    tries: int = 0
    due_at: Instant | None = None
    leased_until: Instant | None = None
    held: Held | None = None
    set_aside: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An object as the provider showed it when it was asked, with what it calls the fields.

    `moved` says whether its money moved, or never will; None where that is open, and for what is no
    money.  `amount` is how much it is about, None where it does not say that in one figure.
    `intent` and `checkout` are ids of ours that it names; anybody may have written them there.
    """

    provider: str
    account: ProviderAccount
    kind: str
    id: str
    tree: Mapping[str, Any]
    seen: Seen
    asked_at: Instant
    moved: bool | None = None
    amount: Money | None = None
    intent: str | None = None
    checkout: str | None = None
