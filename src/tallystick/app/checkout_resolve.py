"""Resolving a checkout: what is known is loaded, core decides, and what can be bought is quoted.

A plan that can be bought is sold once on trial, by the code that sells it, and taken back: what is
shown is what was quoted, tax and the customer's credit included.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tallystick.app.checkout_guesses import hold_guesses
from tallystick.app.coupons import redeemed_of
from tallystick.app.customer import get_customer
from tallystick.app.offers import catalog_of
from tallystick.app.quote import make_quote
from tallystick.app.redemptions import redemptions_for
from tallystick.app.subscription import start_subscription
from tallystick.core.checkout import Buyer, NotAvailable
from tallystick.core.checkout_coupons import typed_codes
from tallystick.core.checkout_resolve import resolve_checkout, taken_in
from tallystick.core.coupon_order import automatic_coupons
from tallystick.core.qualification import find_code
from tallystick.core.quote_signature import sign_quote
from tallystick.errors import Conflict, NotFound, TaxUndecided
from tallystick.storage import catalogs, invoices, subscriptions
from tallystick.storage.moves import had_trial, trial_identities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from tallystick.core.catalog import Catalog
    from tallystick.core.checkout import Biller, CheckoutRequest, ResolvedPlan
    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.period import Instant
    from tallystick.core.provider import Abilities
    from tallystick.core.qualification import Redeemed
    from tallystick.ports import Ids
    from tallystick.storage.unit import Unit

__all__ = ["quote_resolved", "resolve"]


def resolve(
    unit: Unit,
    at: Instant,
    request: CheckoutRequest,
    *,
    customer_id: str | None,
    identities: Sequence[str] = (),
    biller: Biller = "tallystick",
    abilities: Mapping[str, Abilities],
) -> tuple[ResolvedPlan, ...]:
    """Resolve what is asked for by the newest catalogue, for a customer or a stranger.

    Codes that a customer tries in vain are counted.

    Raises NotFound for the customer and where no catalogue is published; Conflict for a customer
    who was forgotten; RateLimited for too many codes in vain; what
    `core.checkout_resolve.resolve_checkout` raises.
    """
    newest = catalogs.newest(unit)
    if newest is None:
        raise NotFound("catalog", "newest")
    catalog = catalog_of(unit, newest.number)
    buyer = _buyer(unit, catalog, request, customer_id, identities)
    codes = typed_codes(request.codes)
    if buyer.customer is None or not codes:
        return resolve_checkout(request, catalog, buyer, at, biller=biller, abilities=abilities)
    guesses = hold_guesses(unit, at, buyer.customer.id, len(codes))
    found = resolve_checkout(request, catalog, buyer, at, biller=biller, abilities=abilities)
    guesses.give_back(unit, len(codes) - len(_in_vain(found)))
    return found


def _in_vain(found: Sequence[ResolvedPlan]) -> set[str | None]:
    """Give the codes that are good for none of the plans."""
    refused = [
        {each.typed for each in plan.left_out if "unknown_code" in each.reasons}
        for plan in found
        if plan.start is not None
    ]
    return set.intersection(*refused) if refused else set()


def quote_resolved(
    unit: Unit,
    at: Instant,
    found: ResolvedPlan,
    key: bytes,
    ids: Ids,
    *,
    identities: tuple[str, ...] = (),
    valid_for: timedelta,
) -> ResolvedPlan:
    """Put a signed quote to a plan that can be bought, and show its figures.

    Where the sale is refused when it is tried, the plan is not available, and why.

    Raises InvalidInput for a time that is not from a second to 90 days, SetupError for a key that
    is too short.
    """
    start = found.start
    if start is None or not found.available or found.biller != "tallystick":
        return found
    subscription = ids.new("sub")
    try:
        quote = make_quote(
            unit,
            at,
            lambda unit, at: start_subscription(
                unit, at, subscription, start, identities=identities
            ),
            quote_id=ids.new("quo"),
            valid_for=valid_for,
            identities=identities,
        )
    except (Conflict, TaxUndecided) as refused:
        return replace(found, reasons=(NotAvailable("refused", str(refused)),))
    return replace(
        found,
        taken=taken_in(found.taken, quote.today, quote.renewal),
        today=quote.today,
        renewal=quote.renewal,
        quote=sign_quote(quote, key),
        expires_at=quote.expires_at,
    )


def _buyer(
    unit: Unit,
    catalog: Catalog[Any, Any],
    request: CheckoutRequest,
    customer_id: str | None,
    identities: Sequence[str],
) -> Buyer:
    """Load what is known of who asks."""
    wanted = _coupons(catalog, request)
    if customer_id is None:
        return Buyer(
            redeemed=_redeemed(unit, "", wanted),
            had_trial=had_trial(unit, trial_identities("", identities)),
        )
    customer = get_customer(unit, customer_id)
    if customer.forgotten_at is not None:
        raise Conflict(f"customer {customer.id!r} was forgotten: nothing can be sold to it")
    had = redemptions_for(unit, [customer.id]).get(customer.id, ())
    return Buyer(
        customer=customer,
        subscriptions=subscriptions.of_customers(unit, [customer.id]).get(customer.id, ()),
        promotions=[each for each in had if each.subscription is None],
        redeemed=_redeemed(unit, customer.id, wanted),
        bought=invoices.has_bought(unit, customer.id),
        had_trial=had_trial(unit, trial_identities(customer.id, identities)),
    )


def _coupons(
    catalog: Catalog[Any, Any], request: CheckoutRequest
) -> dict[tuple[str, str | None], tuple[Coupon, Code | None]]:
    """Give the coupons that may act, by their ids and those of the codes."""
    plans = (catalog.find(wish.plan) for wish in request.plans)
    own = (each for plan in plans if plan for each in automatic_coupons(catalog, plan))
    pairs = (find_code(catalog.coupons, typed) for typed in typed_codes(request.codes))
    found: dict[tuple[str, str | None], tuple[Coupon, Code | None]] = {}
    found |= {(each.id, None): (each, None) for each in own}
    return found | {(coupon.id, code.key): (coupon, code) for coupon, code in filter(None, pairs)}


def _redeemed(
    unit: Unit,
    customer: str,
    coupons: Mapping[tuple[str, str | None], tuple[Coupon, Code | None]],
) -> dict[tuple[str, str | None], Redeemed]:
    return {
        key: redeemed_of(unit, customer, coupon, code) for key, (coupon, code) in coupons.items()
    }
