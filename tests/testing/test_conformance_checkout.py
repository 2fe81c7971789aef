"""The published figures of coupons come out of the checkout resolver as well, as carts."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import tallystick
from tallystick.core.checkout import Buyer, CheckoutRequest, PlanWish
from tallystick.core.checkout_resolve import resolve_checkout
from tallystick.core.coupon import Code
from tallystick.core.currency import currency
from tests.core.billing import day
from tests.core.builders import catalog, fixed_coupon, flat, percent_coupon, plan

if TYPE_CHECKING:
    from tallystick.core.coupon import Coupon

CASES = Path(tallystick.__file__).parent / "testing" / "conformance" / "cases" / "coupons.json"


def is_cart(line: dict[str, Any]) -> bool:
    """Tell whether a line can be bought: credits, usage and what was paid before cannot."""
    return Decimal(line["amount"]) >= 0 and not {"metric", "already_discounted"} & set(line)


KIND = [
    each
    for each in json.loads(CASES.read_text("utf-8"))["cases"]
    if each["kind"] == "apply_coupons"
]
CARTS = [each for each in KIND if all(map(is_cart, each["input"]["lines"]))]


def coupon(tree: dict[str, Any], money: str) -> Coupon:
    more = {"codes": (Code(code=tree["id"]),), "plans": frozenset(tree.get("plans", ()))}
    if tree["type"] == "percent":
        return percent_coupon(tree["id"], tree["percent_off"], **more)
    return fixed_coupon(tree["id"], f"{tree['amount_off']} {money}", **more)


def test_all_but_the_lines_that_nobody_buys_are_carts() -> None:
    assert (len(KIND), len(CARTS)) == (10, 8)


@pytest.mark.parametrize("case", CARTS, ids=lambda case: str(case["id"]))
def test_a_cart_comes_to_the_published_figures(case: dict[str, Any]) -> None:
    given, expected = case["input"], case["expected"]
    unit = currency(given["currency"])
    names = [line.get("plan", line["id"]) for line in given["lines"]]
    plans = [
        plan(name, flat(line["amount"], id=line["id"], currency=unit), currency=unit)
        for name, line in zip(names, given["lines"], strict=True)
    ]
    coupons = {each["id"]: coupon(each, unit.code) for each in given["coupons"]}
    wish = PlanWish(plan=names[0], add_ons=tuple((name, 1) for name in names[1:]))
    codes = tuple(each["id"] for each in given["coupons"])
    sold = catalog(*plans, coupons=tuple(coupons.values()))
    request = CheckoutRequest(plans=(wish,), codes=codes)
    [found] = resolve_checkout(request, sold, Buyer(), day("2027-01-01"))
    assert found.today is not None
    assert found.today.discount.major == Decimal(expected["discount_total"])
    assert found.today.total.major == Decimal(expected["total"])
    for name, amount in expected.get("discount_by_coupon", {}).items():
        [taken] = (each for each in found.taken if each.coupon.id == name)
        assert taken.today is not None
        assert taken.today.major == Decimal(amount)
    for line in found.today.lines:
        amount = expected.get("discount_by_line", {}).get(line.price)
        assert amount is None or line.discount.major == Decimal(amount)
