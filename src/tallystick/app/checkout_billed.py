"""Checkouts of what a provider bills: stored with its own preview, and mirrored once it is bought.

Nothing of ours is charged for them, and no document of ours is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tallystick.app.checkout_open import check_payer
from tallystick.app.customer import get_customer
from tallystick.app.mirror import mirror_subscription
from tallystick.app.offers import Offers
from tallystick.core.checkout_page import Checkout, page_until
from tallystick.core.intent import key_of
from tallystick.core.mirror import origin_of
from tallystick.core.period import to_the_second
from tallystick.core.property import shown
from tallystick.core.subscription import LIVE, TERMINAL
from tallystick.errors import Conflict
from tallystick.storage import checkouts, mirrors, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.app.checkout_open import Asked
    from tallystick.core.checkout import ResolvedPlan
    from tallystick.core.checkout_page import PageState
    from tallystick.core.mirror import Mirrored
    from tallystick.core.period import Instant
    from tallystick.core.provider_act import ProviderCall
    from tallystick.core.quote import Quote
    from tallystick.core.subscription import Subscription
    from tallystick.ports import Bills, Provider
    from tallystick.storage.unit import Storage, Unit

__all__ = ["Bought", "begin_billed", "fetch_bought", "mirror_bought", "page_call_of"]


@dataclass(frozen=True, slots=True)
class Bought:
    """A page that was paid, the subscription that was bought on it, and others that are over.

    Each is as it was fetched after the page.
    """

    page: PageState
    told: Mirrored
    over: tuple[Mirrored, ...] = ()


# --- opening --------------------------------------------------------------------------------------


def page_call_of(unit: Unit, bills: Bills, found: ResolvedPlan) -> ProviderCall:
    """Work out what a page sells of a plan that can be bought, with the coupon that acts.

    Raises Conflict, with all reasons, and where the provider does not know what is sold.
    """
    reasons = [each.text for each in found.reasons]
    lost = [e.typed for e in found.left_out if e.typed is not None and e.limit is None]
    reasons += [f"the code {shown(code)} does not act" for code in lost]
    if reasons or found.start is None:
        told = "; ".join(reasons) or "it is not sold"
        raise Conflict(f"plan {found.plan} cannot be bought: {told}", reasons=reasons)
    if len(found.taken) > 1:
        raise Conflict(f"plan {found.plan} cannot be bought: a page takes one coupon")
    coupon = next(((each.coupon, each.code) for each in found.taken), None)
    return bills.page_call(found.start, coupon, Offers(unit)[found.start.offer])


def begin_billed(  # noqa: PLR0917 - what a checkout is made of
    unit: Unit, at: Instant, provider: Provider, quote: Quote, sells: ProviderCall, asked: Asked
) -> tuple[Checkout, tuple[str, ...]]:
    """Store that what a provider bills is to be bought; give whose place it takes.

    Raises Conflict where the group has a live subscription, or somebody else pays for the customer.
    """
    at = to_the_second(at)
    customer = get_customer(unit, quote.customer)
    check_payer(unit, customer, at)
    for other in _live_in(unit, customer.id, quote.move.group):
        raise Conflict(f"customer {customer.id!r} has {other.id} in {quote.move.group!r} already")
    assert quote.today is not None  # noqa: S101 - the provider's preview
    checkout = Checkout(
        customer=customer.id,
        id=asked.id,
        quote=quote,
        provider=provider.abilities.name,
        account=provider.account,
        amount=quote.today.amount_due,
        key=key_of(asked.id),
        request=asked.request,
        success_url=asked.success_url,
        cancel_url=asked.cancel_url,
        created_at=at,
        expires_at=page_until(quote, at),
        next_at=at,
        biller="provider",
        payer=customer.provider_id,
        idempotency_key=asked.key,
        sells=sells,
    )
    checkouts.add_checkout(unit, checkout)
    return checkout, checkouts.mark_others_closing(unit, checkout, at)


# --- once it is paid ------------------------------------------------------------------------------


def fetch_bought(
    storage: Storage, bills: Bills, checkout: Checkout, page: PageState, now: Callable[[], Instant]
) -> Bought:
    """Fetch what was bought, in no transaction; with it what seems to be in its way, if it is over.

    Raises OutcomeUnknown; NotFound where it is not shown yet; Conflict, InvalidInput.
    """
    assert page.subscription is not None  # noqa: S101 - it was bought
    told = bills.fetch(page.subscription, now())

    def others(unit: Unit) -> list[str]:
        unit.as_all()
        found = _live_in(unit, checkout.customer, checkout.quote.move.group)
        origins = [each.origin for each in found if each.origin is not None]
        mine = (checkout.provider, checkout.account.id, checkout.account.live)
        return [o.reference for o in origins if o.key[:3] == mine and o.key != origin_of(told).key]

    names = storage.attempt(others, reading=True)
    fetched = [bills.fetch(each, now()) for each in names]
    return Bought(page, told, tuple(each for each in fetched if each.state in TERMINAL))


def mirror_bought(unit: Unit, at: Instant, checkout: Checkout, bought: Bought) -> None:
    """Mirror what was bought.  What events told of it counts as newer, and stays.

    Raises Conflict where the customer has another live subscription in the group by now (`live`).
    """
    told = bought.told
    if told.payer != checkout.payer or told.account != checkout.account:
        raise Conflict(f"{told.reference} is of another customer or account")
    for over in bought.over:
        mirror_subscription(unit, max(at, over.as_of), over)
    if mirrors.find_mirror(unit, origin_of(told)) is None:
        mirror_subscription(unit, at, replace(told, as_of=checkout.created_at))


def _live_in(unit: Unit, customer: str, group: str) -> list[Subscription]:
    had = subscriptions.of_customers(unit, [customer]).get(customer, ())
    return [each for each in had if each.group == group and each.state in LIVE]
