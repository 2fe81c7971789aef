"""Subscriptions that a provider bills, their invoices and checkouts, as it told of them.

A subscription that was fetched and weighed is mirrored.  Of an invoice only that is taken that its
subscription may have changed: it is asked for anew, and weighed itself.  A checkout is asked for by
whoever goes on with checkouts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick.app.inbox_apply import NOT_OURS, Note
from tallystick.app.mirror import mirror_subscription
from tallystick.core.checkout_page import LIVE_CHECKOUT
from tallystick.core.period import to_the_second
from tallystick.core.provider_event import ProviderEvent
from tallystick.errors import Conflict, OutcomeUnknown
from tallystick.storage import checkouts, customers, inbox

if TYPE_CHECKING:
    from tallystick.app.inbox_apply import Act, Room
    from tallystick.core.checkout_page import Checkout
    from tallystick.core.mirror import Mirrored
    from tallystick.core.period import Instant
    from tallystick.core.provider_event import Fetched
    from tallystick.ports import Bills
    from tallystick.storage.unit import Unit

__all__ = ["apply_checkout", "apply_invoice", "apply_subscription"]


def apply_subscription(room: Room, fetched: Fetched) -> Act:
    """Read a subscription as it was fetched, and mirror it; that of a stranger is none of ours.

    Raises Conflict, InvalidInput for what cannot be read.
    """
    bills: Bills | None = getattr(room.providers.get(fetched.provider), "subscriptions", None)
    if bills is None:
        text = f"no provider of ours bills {fetched.id}"
        return lambda unit, at: Note(NOT_OURS, text)  # noqa: ARG005 - the shape of an act
    told = bills.read(fetched.tree, fetched.asked_at)
    return lambda unit, at: _mirrored(unit, at, told, fetched.checkout)


def _mirrored(unit: Unit, at: Instant, told: Mirrored, named: str | None) -> Note | None:
    unit.as_all()
    if customers.by_provider(unit, told.payer) is None:
        return Note(NOT_OURS, f"no customer of ours is {told.payer!r}, whose {told.reference!r} is")
    checkout = None if named is None else checkouts.checkout_by_id(unit, named)
    if checkout is not None and checkout.payer == told.payer:
        _looked_at_soon(unit, at, checkout)
        if checkout.state in {"refunding", "refunded"} and checkout.payment == told.reference:
            return _given_back(unit, at, told, checkout)
    try:
        mirror_subscription(unit, at, told)
    except Conflict as refused:
        if "live" not in refused.data:
            raise
        # The other may be over by now, or a checkout gives this one back: it is asked for again.
        raise OutcomeUnknown(str(refused)) from refused
    return None


def _given_back(unit: Unit, at: Instant, told: Mirrored, checkout: Checkout) -> Note | None:
    """Mirror what could not be sold once it is over there; until then it is none of ours."""
    if told.ended_at is None:
        return Note(NOT_OURS, f"checkout {checkout.id} gives {told.reference} back")
    mirror_subscription(unit, at, told)
    return None


# --- checkouts ------------------------------------------------------------------------------------


def apply_checkout(room: Room, fetched: Fetched) -> Act:  # noqa: ARG001 - the shape of an applier
    """Have the checkout of a page looked at: what counts is what is fetched then."""
    return lambda unit, at: _seen(unit, at, fetched)


def _seen(unit: Unit, at: Instant, fetched: Fetched) -> Note | None:
    unit.as_all()
    named = fetched.checkout
    found = None if named is None else checkouts.checkout_by_id(unit, named)
    ours = found is not None and (found.provider, found.account, found.reference) in {
        (fetched.provider, fetched.account, fetched.id),
        (fetched.provider, fetched.account, None),
    }
    if found is None or not ours:
        return Note(NOT_OURS, f"no checkout of ours is {fetched.kind} {fetched.id}")
    _looked_at_soon(unit, at, found)
    return None


def _looked_at_soon(unit: Unit, at: Instant, found: Checkout) -> None:
    """Let whoever goes on with checkouts do so at once.

    Raises OutcomeUnknown where one does just now, as the answer may be older than this.
    """
    if found.state not in LIVE_CHECKOUT or found.set_aside is not None:
        return
    at = to_the_second(at)
    if found.leased_until is not None and found.leased_until > at:
        raise OutcomeUnknown(f"{found.id} is being asked for at this time")
    if found.next_at > at:
        checkouts.put_checkout(unit, replace(found, next_at=at), found.attempts)


# --- invoices -------------------------------------------------------------------------------------


def apply_invoice(room: Room, fetched: Fetched) -> Act:  # noqa: ARG001 - the shape of an applier
    """Have the subscription of an invoice asked for: whether it was paid is told by its state."""
    of = (fetched.tree.get("parent") or {}).get("subscription_details") or {}
    named = of.get("subscription")
    payer = fetched.tree.get("customer")
    return lambda unit, at: _asked_anew(unit, at, fetched, named, payer)


def _asked_anew(
    unit: Unit,
    at: Instant,
    fetched: Fetched,
    named: Any,  # noqa: ANN401 - as it was sent
    payer: Any,  # noqa: ANN401 - as it was sent
) -> Note | None:
    unit.as_all()
    ours = isinstance(payer, str) and customers.by_provider(unit, payer) is not None
    if not isinstance(named, str) or not ours:
        return Note(NOT_OURS, f"no subscription of ours is billed by {fetched.id}")
    known = inbox.hint_by_id(unit, fetched.provider, fetched.account.id, _KIND, named)
    inbox.take_hint(unit, _hint(fetched, named, known.newest if known else None), to_the_second(at))
    return None


_KIND = "subscription"


def _hint(fetched: Fetched, named: str, newest: Instant | None) -> ProviderEvent:
    """Give the hint that a subscription may have changed by the time its invoice was asked for."""
    return ProviderEvent(
        provider=fetched.provider,
        account=fetched.account.id,
        live=fetched.account.live,
        id=fetched.id,
        type="invoice",
        api_version=None,
        created=newest or to_the_second(fetched.asked_at),
        kind=_KIND,
        object_id=named,
        body="",
        received_at=fetched.asked_at,
    )
