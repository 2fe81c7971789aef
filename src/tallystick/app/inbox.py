"""The inbox: events of a provider are kept, each once, before anything is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, get_args

from tallystick.core.inbox import is_covered
from tallystick.core.page import Page, page_size
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.provider_event import EventState
from tallystick.core.text import id_at, refused_at
from tallystick.errors import Conflict, NotFound
from tallystick.storage import inbox

if TYPE_CHECKING:
    from collections.abc import Container

    from tallystick.core.intent import ProviderAccount
    from tallystick.core.period import Instant
    from tallystick.core.provider_event import ProviderEvent
    from tallystick.storage.unit import Unit

__all__ = ["get_event", "list_events", "prune_events", "receive_event", "replay_event"]

_AT_ONCE: Final = 500


def receive_event(
    unit: Unit, account: ProviderAccount, event: ProviderEvent, kinds: Container[str]
) -> ProviderEvent:
    """Keep an event, and let its object be asked for; one that came before changes nothing.

    One of another account or mode, and one of a kind that nothing is made of, is kept as `ignored`
    with the reason.  Give the event as it is kept.
    """
    why = _why_ignored(account, event, kinds)
    if why is not None:
        ignored = replace(event, state="ignored", reason=why, done_at=event.received_at)
        inbox.add_event(unit, ignored)
        return _kept(unit, ignored)
    if _says_nothing_new(unit, event):
        inbox.add_event(unit, replace(event, state="applied", done_at=event.received_at))
    elif inbox.add_event(unit, event):
        inbox.take_hint(unit, event, to_the_second(event.received_at))
    return _kept(unit, event)


def _says_nothing_new(unit: Unit, event: ProviderEvent) -> bool:
    named = (event.provider, event.account, event.kind or "", event.object_id or "")
    hint = inbox.hint_by_id(unit, *named)
    return hint is not None and is_covered(event.created, hint.held)


def _why_ignored(
    account: ProviderAccount, event: ProviderEvent, kinds: Container[str]
) -> dict[str, str] | None:
    mode = {True: "live", False: "test"}
    if event.account != account.id:
        text = f"it is of the account {event.account!r}, and {account.id!r} is ours"
        return {"code": "OTHER_ACCOUNT", "message": text}
    if event.live is not account.live:
        text = f"it is of {mode[event.live]} mode, and we are in {mode[account.live]} mode"
        return {"code": "OTHER_MODE", "message": text}
    if event.kind is None or event.object_id is None or event.kind not in kinds:
        return {"code": "NOT_USED", "message": f"nothing is made of {event.type!r} here"}
    return None


def _kept(unit: Unit, event: ProviderEvent) -> ProviderEvent:
    found = inbox.event_by_key(unit, event.provider, event.account, event.id)
    return event if found is None else found


def get_event(unit: Unit, named: object) -> ProviderEvent:
    """Give an event by its id.  Raises NotFound."""
    found = inbox.event_by_id(unit, named[:200]) if isinstance(named, str) else None
    if found is None:
        raise NotFound("provider event", named[:200] if isinstance(named, str) else shown(named))
    return found


def list_events(
    unit: Unit,
    *,
    state: object = None,
    type_: str | None = None,
    object_id: str | None = None,
    limit: int = 20,
    starting_after: str | None = None,
) -> Page[ProviderEvent]:
    """Give events, the last received first.  Raises InvalidInput, NotFound."""
    size = page_size(limit)
    known = get_args(EventState)
    if state is not None and state not in known:
        raise refused_at("state", f"is one of {', '.join(known)}, not {shown(state)}")
    found = inbox.list_events(
        unit,
        size + 1,
        None if starting_after is None else get_event(unit, starting_after),
        state=state,  # type: ignore[arg-type]  # looked at above
        type_=None if type_ is None else id_at(type_, "type"),
        object_id=None if object_id is None else id_at(object_id, "object_id"),
    )
    return Page(found[:size], found[size - 1].id if len(found) > size else None)


def replay_event(
    unit: Unit, at: Instant, account: ProviderAccount, named: object, kinds: Container[str]
) -> ProviderEvent:
    """Let the object of an event be asked for again, whatever came of it before.

    Raises NotFound; Conflict for one of another account or mode, or of which nothing is made.
    """
    event = get_event(unit, named)
    why = _why_ignored(account, event, kinds)
    if why is not None:
        raise Conflict(f"{event.id!r} cannot be replayed: {why['message']}", reason=why["code"])
    again = replace(event, state="new", reason=None, done_at=None)
    inbox.renew_event(unit, again)
    inbox.take_hint(unit, again, to_the_second(at))
    return again


def prune_events(unit: Unit, before: Instant) -> int:
    """Remove events that were received before a time; give how many were, at most 500.

    What they told of stays as it is, and what is held of their objects keeps an older event from
    changing anything should it come again.  Events stay that are new or set aside, or whose object
    is still to be asked for.
    """
    return inbox.remove_events(unit, before, _AT_ONCE)
