"""Coupons: a share or an amount off, once, for some months, or for ever."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.metadata import changed, merged
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.refusal import Refused
from tallystick.testing.fake_stripe.route import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "redeem", "redeeming", "refresh"]

_EVERYTHING: Final = 100
_LONGEST_NAME: Final = 40


def refresh(account: Account) -> None:
    """Let `valid` of every coupon be what it is now: not run out, not used up."""
    for coupon in account.of("coupon").values():
        most, until = coupon["max_redemptions"], coupon["redeem_by"]
        used_up = most is not None and coupon["times_redeemed"] >= most
        coupon["valid"] = not used_up and (until is None or account.now() < until)


def redeem(account: Account, coupon: Thing, param: str) -> None:
    """Count one more use.  Raises Refused where none is left."""
    refresh(account)
    if not coupon["valid"]:
        raise Refused(f"Coupon expired: {coupon['id']}", code="coupon_expired", param=param)
    coupon["times_redeemed"] += 1
    refresh(account)


@contextmanager
def redeeming(account: Account, *, kept: bool = True) -> Iterator[None]:
    """Let what a block redeems count, unless it is refused or is not to be `kept`."""
    before = [(t, dict(t)) for k in ("coupon", "promotion_code") for t in account.of(k).values()]
    counts = False
    try:
        yield
        counts = kept
    finally:
        if not counts:
            for thing, was in before:
                thing.update(was)


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    wanted = params.get("id") or account.new_id("coupon").removeprefix("coupon_")
    if wanted in account.of("coupon"):
        raise Refused(
            f"Coupon already exists: {wanted}", code="resource_already_exists", param="id"
        )
    _check_off(params)
    _check_duration(params)
    _check_use(account, params)
    for product in params.get("applies_to", {}).get("products", []):
        account.given("product", product, "applies_to[products]")
    coupon = {
        "id": wanted,
        "object": "coupon",
        "amount_off": params.get("amount_off"),
        "created": account.now(),
        "currency": params["currency"].lower() if "amount_off" in params else None,
        "duration": params.get("duration", "once"),
        "duration_in_months": params.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": merged(None, params),
        "name": params.get("name"),
        "percent_off": params.get("percent_off"),
        "redeem_by": params.get("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
    }
    if "applies_to" in params:
        coupon["applies_to"] = params["applies_to"]
    if "amount_off" in params:
        options = params.get("currency_options", {})
        own = {coupon["currency"]: {"amount_off": coupon["amount_off"]}}
        coupon["currency_options"] = {code.lower(): each for code, each in options.items()} | own
    emit(account, "coupon.created", account.add(coupon))
    return coupon


def _check_off(params: Thing) -> None:
    if ("percent_off" in params) == ("amount_off" in params):
        raise Refused("Must provide percent_off or amount_off, and not both.", param="percent_off")
    if "percent_off" in params and not 0 < params["percent_off"] <= _EVERYTHING:
        raise Refused("Invalid percent_off: above 0, up to 100", param="percent_off")
    if "amount_off" in params:
        if params["amount_off"] < 1:
            raise Refused("Invalid positive integer", param="amount_off")
        if "currency" not in params:
            raise Refused(
                "Missing required param: currency.", code="parameter_missing", param="currency"
            )
    others = params.get("currency_options", {})
    if others and "amount_off" not in params:
        raise Refused("currency_options needs amount_off.", param="currency_options")
    for code, option in others.items():
        if code.lower() == params["currency"].lower():
            raise Refused("Give the coupon's own currency once.", param="currency_options")
        if option["amount_off"] < 1:
            raise Refused("Invalid positive integer", param=f"currency_options[{code}][amount_off]")


def _check_duration(params: Thing) -> None:
    repeating, months = params.get("duration") == "repeating", params.get("duration_in_months")
    if repeating != (months is not None) or (months is not None and months < 1):
        raise Refused(
            "duration=repeating has a duration_in_months, and no other duration has one.",
            param="duration_in_months",
        )


def _check_use(account: Account, params: Thing) -> None:
    if params.get("max_redemptions", 1) < 1:
        raise Refused("Invalid positive integer", param="max_redemptions")
    if params.get("redeem_by", account.now() + 1) <= account.now():
        raise Refused("redeem_by must be in the future", param="redeem_by")
    if len(params.get("name", "")) > _LONGEST_NAME:
        raise Refused("A coupon's name has up to 40 characters.", param="name")


def _retrieve(account: Account, call: Call) -> Thing:
    refresh(account)
    return account.get("coupon", call.ids[0])


def _list(account: Account, call: Call) -> Thing:
    refresh(account)
    return listing("coupon")(account, call)


def _update(account: Account, call: Call) -> Thing:
    coupon = account.get("coupon", call.ids[0])
    emit(account, "coupon.updated", coupon, changed(coupon, call.params))
    return coupon


def _delete(account: Account, call: Call) -> Thing:
    coupon = account.get("coupon", call.ids[0])
    del account.of("coupon")[coupon["id"]]
    emit(account, "coupon.deleted", coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


_CREATES: Final = frozenset(
    (
        *("amount_off", "applies_to", "currency", "currency_options", "duration"),
        *("duration_in_months", "id"),
        *("max_redemptions", "metadata", "name", "percent_off", "redeem_by"),
    )
)
ROUTES: Final = (
    Route("POST", "/v1/coupons", "CouponCreateParams", _create, _CREATES),
    Route("GET", "/v1/coupons", "CouponListParams", _list),
    Route("GET", "/v1/coupons/{id}", "CouponRetrieveParams", _retrieve),
    Route(
        "POST",
        "/v1/coupons/{id}",
        "CouponUpdateParams",
        _update,
        frozenset(("metadata", "name")),
    ),
    Route("DELETE", "/v1/coupons/{id}", "CouponDeleteParams", _delete),
)
"""What is asked of coupons: but for the name and metadata nothing of one can be edited."""
