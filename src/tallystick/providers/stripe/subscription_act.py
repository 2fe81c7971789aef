"""Moves as Stripe is asked for them: which call, and with which parameters.

Worked out from what is mirrored, without a call; what Stripe cannot do so is refused by name.

Sources: the API reference of subscriptions (update, cancel, resume) and
docs.stripe.com/billing/subscriptions/prorations (`proration_behavior`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.lock import line_key
from tallystick.core.move import Cancel, Change, Keep, Pause, Resume
from tallystick.core.provider_act import ProviderCall
from tallystick.core.terms import MOST_SEATS
from tallystick.core.wording import and_words
from tallystick.errors import Conflict, InvalidInput
from tallystick.providers.stripe.subscription import PLAN_KEY
from tallystick.providers.stripe.subscription_page import AFTER_TRIAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.move import Move, Start
    from tallystick.core.price import Price
    from tallystick.core.subscription import Subscription

__all__ = ["call_of", "start_call"]

_PRORATION: Final[Mapping[str, str]] = {
    "invoice_now": "always_invoice",
    "next_invoice": "create_prorations",
    "none": "none",
}


def call_of(
    move: Move, held: Subscription, offers: Mapping[str, Plan[Any]], lines: Mapping[str, str]
) -> ProviderCall:
    """Give the call that makes a move of a subscription that Stripe bills.

    `lines` are our price lines by Stripe's ids of prices.

    Raises Conflict for what Stripe cannot do so, and where nothing would change; InvalidInput.
    """
    match move:
        case Change():
            return ProviderCall("update", _change(move, held, offers, lines))
        case Cancel():
            return _cancel(move)
        case Keep():
            return ProviderCall("update", _keep(held))
        case Pause():
            return ProviderCall("update", {"pause_collection": _pause(move)})
        case Resume():
            after_trial = held.paused_at is not None and held.paused_at == held.trial_end
            again: dict[str, Any] = {"pause_collection": ""}
            return ProviderCall("resume") if after_trial else ProviderCall("update", again)
        case _:
            raise Conflict(f"Stripe is not asked for a {type(move).__name__.lower()}")


def start_call(
    move: Start, payer: str, offers: Mapping[str, Plan[Any]], lines: Mapping[str, str]
) -> ProviderCall:
    """Give the call that begins a subscription there, with a trial that needs no card if asked for.

    Raises Conflict for a plan that is not whole at Stripe.
    """
    plan = offers[move.offer]
    found = _there(plan, move.currency, lines)
    params: dict[str, Any] = {
        "customer": payer,
        "items": list(_exchanged([], found, move.seats)),
        "metadata": {PLAN_KEY: plan.id},
    }
    if move.trial_days is not None:
        behavior = {"missing_payment_method": AFTER_TRIAL[move.after_trial]}
        params["trial_period_days"] = move.trial_days
        params["trial_settings"] = {"end_behavior": behavior}
    return ProviderCall("create", params)


def _cancel(move: Cancel) -> ProviderCall:
    if move.at is None and move.timing == "now":
        params = {"invoice_now": True, "prorate": True} if move.credit else {}
        return ProviderCall("cancel", params)
    if move.credit:
        raise Conflict("Stripe gives the rest back only of what ends now: cancel with when='now'")
    if move.at is not None:
        return ProviderCall("update", {"cancel_at": int(move.at.timestamp())})
    return ProviderCall("update", {"cancel_at_period_end": True})


def _keep(held: Subscription) -> dict[str, Any]:
    if held.cancel_at is None:
        raise Conflict(f"subscription {held.id!r} is not going to be canceled")
    if held.period is not None and held.cancel_at == held.period.end:
        return {"cancel_at_period_end": False}
    return {"cancel_at": ""}


def _pause(move: Pause) -> dict[str, Any]:
    if move.mode != "keep":
        raise Conflict("Stripe leaves the boundaries where they are in a pause: mode is 'keep'")
    resumes = {} if move.resumes_at is None else {"resumes_at": int(move.resumes_at.timestamp())}
    return {"behavior": "void", **resumes}


# --- another plan, other seats --------------------------------------------------------------------


def _change(
    move: Change, held: Subscription, offers: Mapping[str, Plan[Any]], lines: Mapping[str, str]
) -> dict[str, Any]:
    _check(move)
    main = held.items[0]
    offer = main.offer if move.offer is None else move.offer
    seats = main.seats if move.seats is None else move.seats
    if type(seats) is not int or not 1 <= seats <= MOST_SEATS:
        raise InvalidInput(f"seats must be a whole number from 1 to {MOST_SEATS:,}")
    if (offer, seats) == (main.offer, main.seats):
        raise Conflict(f"subscription {held.id!r} has just that: nothing would change")
    before = _lines_of(held, offers[main.offer], lines)
    if offer != main.offer:
        items = list(_exchanged(before, _there(offers[offer], held.currency.code, lines), seats))
    else:
        items = [{"id": _by_seat(before, main.offer), "quantity": seats}]
    params: dict[str, Any] = {"items": items}
    if move.proration is not None:
        params["proration_behavior"] = _PRORATION[move.proration]
    return params


def _check(move: Change) -> None:
    if move.add or move.remove or move.overrides is not None:
        raise Conflict("Stripe is asked for a plan and seats; add-ons and prices are set up there")
    if move.at is not None or move.timing == "period_end":
        raise Conflict("Stripe changes a subscription at once: leave `when` out, or say 'now'")
    if move.proration is not None and move.proration not in _PRORATION:
        raise Conflict(f"Stripe prorates by one of {', '.join(_PRORATION)}, not {move.proration}")


_Line = tuple[str, "Price"]
"""Stripe's id of an item, and our price line that it is of."""


def _lines_of(held: Subscription, plan: Plan[Any], lines: Mapping[str, str]) -> list[_Line]:
    """Give the items there that are of the plan itself."""
    by_id = {price.id: price for price in plan.prices}
    origin = held.origin
    found = [] if origin is None else origin.lines
    ours = {price: line.removesuffix(f":{held.currency}") for price, line in lines.items()}
    mine = [(item, by_id[ours[price]]) for item, price in found if ours.get(price) in by_id]
    if not mine:
        raise Conflict(
            f"no line of {plan.id} is known among those of {held.id!r} at Stripe: pull the lock"
            " file, which maps its prices to our lines"
        )
    return mine


def _there(plan: Plan[Any], currency: str, lines: Mapping[str, str]) -> list[tuple[str, Price]]:
    """Give what Stripe calls each price of a plan, in the currency of the subscription."""
    if plan.custom or not plan.prices:
        raise Conflict(f"plan {plan.ref} has no price at Stripe: cancel instead")
    there = {line: price for price, line in lines.items()}
    code = None if plan.currency.code == currency else currency
    found = [(there.get(line_key(each.id, code)), each) for each in plan.prices]
    lost = [each.id for name, each in found if name is None]
    if lost:
        raise Conflict(
            f"{and_words(lost)} of {plan.ref} is not at Stripe: `tallystick stripe apply`"
        )
    return [(name, each) for name, each in found if name is not None]


def _by_seat(before: list[_Line], offer: str) -> str:
    """Give the item whose quantity the seats are."""
    found = next((item for item, price in before if price.basis == "seats"), None)
    if found is None:
        raise Conflict(f"plan {offer} is not charged by seat: it has no seats to change")
    return found


def _exchanged(
    before: list[_Line], after: Iterable[tuple[str, Price]], seats: int
) -> Iterable[dict[str, Any]]:
    """Put each new price in the place of an old one of its kind; add, or take away, the rest."""
    left = list(before)
    for name, price in after:
        at = next((n for n, (_, old) in enumerate(left) if old.basis == price.basis), None)
        item: dict[str, Any] = {} if at is None else {"id": left.pop(at)[0]}
        item["price"] = name
        if price.basis != "usage":
            item["quantity"] = seats if price.basis == "seats" else 1
        yield item
    for id_, _ in left:
        yield {"id": id_, "deleted": True}
