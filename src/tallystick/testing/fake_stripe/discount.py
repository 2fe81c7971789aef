"""Discounts: a coupon at work on a subscription, and what it takes off an invoice."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tallystick.testing.fake_stripe.cadence import months_after
from tallystick.testing.fake_stripe.coupon import redeem, redeeming
from tallystick.testing.fake_stripe.promotion_code import redeem_code
from tallystick.testing.fake_stripe.refusal import Refused, unsupported
from tallystick.testing.fake_stripe.tariff import whole

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing

__all__ = ["off", "start_discounts"]


def start_discounts(
    account: Account, given: list[Thing] | str, customer: str, at: int
) -> list[str]:
    """Put coupons and promotion codes to work, and give the ids of the discounts.

    Raises Refused for one that is used up, run out, or someone else's.
    """
    chosen = [one for one in given or [] if isinstance(one, dict)]
    with redeeming(account):
        return [_start(account, one, customer, at) for one in chosen]


def _start(account: Account, given: Thing, customer: str, at: int) -> str:
    code = None
    if "discount" in given:
        return str(account.given("discount", given["discount"], "discounts")["id"])
    if "promotion_code" in given:
        code = account.given("promotion_code", given["promotion_code"], "discounts")
        if code["restrictions"]["first_time_transaction"] or code["restrictions"]["minimum_amount"]:
            raise unsupported("promotion codes with restrictions, when they are redeemed")
        coupon = redeem_code(account, code, customer, "discounts")
    elif "coupon" in given:
        coupon = account.given("coupon", given["coupon"], "discounts")
        redeem(account, coupon, "discounts")
    else:
        raise Refused("A discount is a coupon or a promotion_code.", param="discounts")
    months = coupon["duration_in_months"]
    discount: Thing = {
        "id": account.new_id("di"),
        "object": "discount",
        "checkout_session": None,
        "customer": customer,
        "customer_account": None,
        "end": None if months is None else months_after(at, months),
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None if code is None else code["id"],
        "source": {"type": "coupon", "coupon": coupon["id"]},
        "start": at,
        "subscription": None,
        "subscription_item": None,
    }
    account.coupons[discount["id"]] = dict(coupon)  # as it was: it may be deleted
    return str(account.add(discount)["id"])


def off(account: Account, discount: str, lines: list[Thing], currency: str) -> list[int]:
    """Give what a discount takes off each line, of what those before it left.

    A share is rounded once for the invoice; an amount never takes more than there is.
    """
    coupon = account.coupons[discount]
    chosen = coupon.get("applies_to", {}).get("products")
    left = [
        max(line["amount"] - sum(d["amount"] for d in line["discount_amounts"]), 0)
        if line["discountable"] and (chosen is None or _product(line) in chosen)
        else 0
        for line in lines
    ]
    total = sum(left)
    if coupon["percent_off"] is not None:
        wanted = whole(total * Fraction(str(coupon["percent_off"])) / 100)
    else:
        option = coupon["currency_options"].get(currency)
        wanted = 0 if option is None else min(option["amount_off"], total)
    return _split(wanted, left)


def _product(line: Thing) -> str | None:
    details = (line["pricing"] or {}).get("price_details")
    return None if details is None else str(details["product"])


def _split(amount: int, weights: list[int]) -> list[int]:
    total = sum(weights) or 1
    parts = [amount * weight // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda n: -(amount * weights[n] % total))
    for place in order[: amount - sum(parts)]:
        parts[place] += 1
    return parts
