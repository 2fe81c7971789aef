"""What a page of Stripe sells that Stripe bills from then on, and Stripe's own preview of it.

A call is worked out once, from the lock file; the preview and the page are both made of it.

Sources: the API reference of checkout sessions (metered lines have no quantity, one discount; a
one-time price is on the first invoice) and of `invoices.create_preview`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.lock import fee_key, line_key, overage_key
from tallystick.core.money import Money
from tallystick.core.provider_act import ProviderCall
from tallystick.core.quote import Quoted, QuotedLine
from tallystick.core.subscription import Item
from tallystick.core.terms import prices_of
from tallystick.core.wording import and_words
from tallystick.errors import Conflict, OutcomeUnknown
from tallystick.providers.stripe.subscription import PLAN_KEY
from tallystick.providers.stripe.wire import from_api_amount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.coupon import Code, Coupon
    from tallystick.core.lock import Lock
    from tallystick.core.move import Start
    from tallystick.core.period import Instant

__all__ = ["AFTER_TRIAL", "page_call", "preview_params", "quoted_of", "session_params"]

AFTER_TRIAL: Final[Mapping[str, str]] = {
    "active": "create_invoice",
    "paused": "pause",
    "canceled": "cancel",
}
"""What becomes of a trial that ends without a way to pay."""

_DAY: Final = 24 * 60 * 60


def page_call(
    move: Start,
    coupon: tuple[Coupon, Code | None] | None,
    plan: Plan[Any],
    names: Mapping[str, str],
    lock: Lock | None,
) -> ProviderCall:
    """Give what a page sells: recurring prices, a set-up fee, one discount, a trial.

    `names` are Stripe's ids of prices by the keys of the lock.  Raises Conflict, which names what
    Stripe does not know.
    """
    if move.add_ons:
        raise Conflict("a page of Stripe sells one plan and its seats: leave the add-ons out")
    if plan.custom or not plan.prices:
        raise Conflict(f"plan {plan.ref} has no price at Stripe")
    other = None if plan.currency.code == move.currency else move.currency
    wanted = list(_keys(plan, move.seats, other))
    fees = [fee_key(plan.id, other)] if plan.in_currency(currency(move.currency)).setup_fee else []
    lost = [key for key in (*(each for each, _ in wanted), *fees) if key not in names]
    if lost:
        raise Conflict(
            f"{and_words(lost)} of {plan.ref} is not at Stripe: `tallystick stripe apply`, and let"
            " TALLYSTICK_STRIPE_LOCK name the lock file that it writes"
        )
    params: dict[str, Any] = {
        "plan": plan.id,
        "items": [{"price": names[key], **quantity} for key, quantity in wanted],
        "fees": [names[key] for key in fees],
        "discounts": [] if coupon is None else [_discount(coupon, lock)],
    }
    if move.trial_days:
        params["trial_days"] = move.trial_days
        params["after_trial"] = AFTER_TRIAL[move.after_trial]
    return ProviderCall("page", params)


def _keys(plan: Plan[Any], seats: int, other: str | None) -> Iterator[tuple[str, dict[str, int]]]:
    """Give the key of each price in the lock, with how many there are of it; none of a metered."""
    own = {price.id for price in plan.prices}
    for id_, price in prices_of(Item(key="item", offer=plan.ref), {plan.ref: plan}).items():
        key = line_key(id_, other) if id_ in own else overage_key(plan.id, id_, other)
        many = seats if price.basis == "seats" else 1
        yield key, ({} if price.basis == "usage" else {"quantity": many})


def _discount(chosen: tuple[Coupon, Code | None], lock: Lock | None) -> dict[str, str]:
    coupon, code = chosen
    codes = {} if lock is None else lock.promotion_codes
    coupons = {} if lock is None else lock.coupons
    if code is not None and code.key in codes:
        return {"promotion_code": codes[code.key]}
    if code is None and coupon.id in coupons:
        return {"coupon": coupons[coupon.id]}
    named = f"the code {code.key}" if code is not None else f"the coupon {coupon.id}"
    raise Conflict(
        f"{named} is not at Stripe: `tallystick stripe apply`, and let TALLYSTICK_STRIPE_LOCK name"
        " the lock file that it writes"
    )


# --- asked of Stripe ------------------------------------------------------------------------------


def preview_params(call: ProviderCall, payer: str, at: Instant) -> dict[str, Any]:
    """Give what Stripe is asked to reckon, for a start at exactly that time."""
    sold, second = call.params, int(at.timestamp())
    details: dict[str, Any] = {"items": list(sold["items"]), "start_date": second}
    if "trial_days" in sold:
        details["trial_end"] = second + sold["trial_days"] * _DAY
    params: dict[str, Any] = {"customer": payer, "subscription_details": details}
    if sold["fees"]:
        params["invoice_items"] = [{"price": each, "quantity": 1} for each in sold["fees"]]
    if sold["discounts"]:
        params["discounts"] = list(sold["discounts"])
    return params


def session_params(call: ProviderCall, labels: Mapping[str, str]) -> dict[str, Any]:
    """Give the part of a page that says what is sold on it; a trial is given without a card."""
    sold = call.params
    data: dict[str, Any] = {"metadata": {**labels, PLAN_KEY: sold["plan"]}}
    params: dict[str, Any] = {
        "mode": "subscription",
        "line_items": [*sold["items"], *({"price": each, "quantity": 1} for each in sold["fees"])],
        "subscription_data": data,
    }
    if sold["discounts"]:
        params["discounts"] = list(sold["discounts"])
    if "trial_days" in sold:
        behavior = {"missing_payment_method": sold["after_trial"]}
        data["trial_period_days"] = sold["trial_days"]
        data["trial_settings"] = {"end_behavior": behavior}
        params["payment_method_collection"] = "if_required"
    return params


def quoted_of(invoice: Mapping[str, Any], lines: Mapping[str, str], at: Instant) -> Quoted:
    """Read a preview as a document that was quoted; `lines` are our price lines by Stripe's ids.

    Raises OutcomeUnknown where only a part of its lines is there.
    """
    if invoice["lines"].get("has_more"):
        raise OutcomeUnknown("Stripe shows only some lines of its preview")
    unit = currency(str(invoice["currency"]).upper())

    def money(amount: int) -> Money:
        return from_api_amount(amount, unit)

    def summed(parts: Any) -> Money:  # noqa: ANN401 - a list of JSON, or None
        return money(sum(each["amount"] for each in parts or ()))

    def line(each: Mapping[str, Any]) -> QuotedLine:
        there = ((each.get("pricing") or {}).get("price_details") or {}).get("price") or ""
        return QuotedLine(
            description=each.get("description") or "",
            price=lines.get(there, there),
            quantity=Decimal(str(each.get("quantity_decimal") or each.get("quantity") or 0)),
            amount=money(each["amount"]),
            discount=summed(each.get("discount_amounts")),
            credit=Money(0, unit),
            tax=summed(each.get("taxes")),
        )

    due, total = money(invoice["amount_due"]), money(invoice["total"])
    return Quoted(
        at=at,
        lines=tuple(line(each) for each in invoice["lines"]["data"]),
        subtotal=money(invoice["subtotal"]),
        discount=summed(invoice.get("total_discount_amounts")),
        credit=Money(0, unit),
        tax=summed(invoice.get("total_taxes")),
        total=total,
        balance=total - due,
        amount_due=due,
    )
