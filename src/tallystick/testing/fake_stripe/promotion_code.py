"""Promotion codes: the words that a customer types in to get a coupon."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe import coupon as coupons
from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.refusal import Refused, unsupported
from tallystick.testing.fake_stripe.route import Route

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "redeem_code"]

_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,200}")


def redeem_code(account: Account, code: Thing, customer: str | None, param: str) -> Thing:
    """Count one more use of a code and of its coupon, and give the coupon.

    Raises Refused where it is no longer active, or is someone else's.
    """
    _refresh(account)
    if not code["active"]:
        raise Refused("This promotion code is expired or inactive.", param=param)
    if code["customer"] not in {None, customer}:
        raise Refused("This promotion code is for another customer.", param=param)
    coupon = account.of("coupon")[code["promotion"]["coupon"]]
    coupons.redeem(account, coupon, param)
    code["times_redeemed"] += 1
    _refresh(account)
    return coupon


def _refresh(account: Account) -> None:
    coupons.refresh(account)
    for code in account.of("promotion_code").values():
        most, until = code["max_redemptions"], code["expires_at"]
        used_up = most is not None and code["times_redeemed"] >= most
        late = until is not None and account.now() >= until
        coupon = account.of("coupon").get(code["promotion"]["coupon"])
        if used_up or late or coupon is None or not coupon["valid"]:
            code["active"] = False


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    wanted = params["promotion"].get("coupon")
    if wanted is None:
        raise Refused("Missing required param: promotion[coupon].", param="promotion[coupon]")
    coupon = account.given("coupon", wanted, "promotion[coupon]")
    _check_bounds(account, params, coupon)
    promotion_code = {
        "id": account.new_id("promo"),
        "object": "promotion_code",
        "active": params.get("active", True),
        "code": _free_code(account, params),
        "created": account.now(),
        "customer": params.get("customer"),
        "customer_account": None,
        "expires_at": params.get("expires_at"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": merged(None, params),
        "promotion": {"type": "coupon", "coupon": wanted},
        "restrictions": _restrictions(params.get("restrictions", {})),
        "times_redeemed": 0,
    }
    emit(account, "promotion_code.created", account.add(promotion_code))
    return promotion_code


def _restrictions(given: Thing) -> Thing:
    if "currency_options" in given:
        raise unsupported("promotion codes with restrictions[currency_options]")
    if ("minimum_amount" in given) != ("minimum_amount_currency" in given):
        raise Refused(
            "minimum_amount and minimum_amount_currency belong together.",
            param="restrictions[minimum_amount_currency]",
        )
    return {
        "first_time_transaction": given.get("first_time_transaction", False),
        "minimum_amount": given.get("minimum_amount"),
        "minimum_amount_currency": given.get("minimum_amount_currency"),
    }


def _check_bounds(account: Account, params: Thing, coupon: Thing) -> None:
    coupons.refresh(account)
    if not coupon["valid"]:
        raise Refused(f"Coupon expired: {coupon['id']}", param="promotion[coupon]")
    if "customer" in params:
        account.given("customer", params["customer"], "customer")
    most, until = coupon["max_redemptions"], coupon["redeem_by"]
    given = params.get("max_redemptions")
    if given is not None and (given < 1 or (most is not None and given > most)):
        raise Refused(
            "max_redemptions is at least 1, at most the coupon's", param="max_redemptions"
        )
    end = params.get("expires_at")
    if end is not None and (end <= account.now() or (until is not None and end > until)):
        raise Refused(
            "expires_at is in the future, at most the coupon's redeem_by", param="expires_at"
        )


def _free_code(account: Account, params: Thing) -> str:
    code = params.get("code") or account.new_id("x").removeprefix("x_").upper()
    if _CODE.fullmatch(code) is None:
        raise Refused("A code has letters, digits and dashes only.", param="code")
    _check_free(account, code, params.get("customer"))
    return str(code)


def _check_free(account: Account, code: str, customer: str | None) -> None:
    _refresh(account)
    for other in account.of("promotion_code").values():
        same = other["code"].lower() == code.lower() and other["customer"] == customer
        if same and other["active"]:
            raise Refused("An active promotion code with this code already exists.", param="code")


def _retrieve(account: Account, call: Call) -> Thing:
    _refresh(account)
    return account.get("promotion_code", call.ids[0])


def _list(account: Account, call: Call) -> Thing:
    _refresh(account)
    return _listed(account, call)


def _update(account: Account, call: Call) -> Thing:
    code = account.get("promotion_code", call.ids[0])
    if call.params.get("active") and not code["active"]:
        _check_free(account, code["code"], code["customer"])
    before = changed(code, call.params)
    _refresh(account)
    if call.params.get("active") and not code["active"]:
        raise Refused("This promotion code cannot be made active again.", param="active")
    emit(account, "promotion_code.updated", code, before)
    return code


_listed = listing(
    "promotion_code",
    code=lambda code: code["code"],
    coupon=lambda code: code["promotion"]["coupon"],
)
_CREATES: Final = frozenset(
    (
        *("active", "code", "customer", "expires_at", "max_redemptions", "metadata"),
        *("promotion", "restrictions"),
    )
)
ROUTES: Final = (
    Route("POST", "/v1/promotion_codes", "PromotionCodeCreateParams", _create, _CREATES),
    Route("GET", "/v1/promotion_codes", "PromotionCodeListParams", _list),
    Route("GET", "/v1/promotion_codes/{id}", "PromotionCodeRetrieveParams", _retrieve),
    Route(
        "POST",
        "/v1/promotion_codes/{id}",
        "PromotionCodeUpdateParams",
        _update,
        frozenset(("active", "metadata")),
    ),
)
"""What is asked of promotion codes."""
