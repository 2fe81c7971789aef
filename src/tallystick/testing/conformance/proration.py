"""Proration: changes in mid-period, caps on credits, grants and weighted levels."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.coupon import Coupon
from tallystick.core.discount import CouponLine, apply_coupons
from tallystick.core.money import Money, Rate
from tallystick.core.period import Period
from tallystick.core.price import PercentOff
from tallystick.core.proration import (
    TimeShare,
    change,
    credit_cap,
    grant_share,
    minimum_shortfall,
    repair,
    weighted_quantity,
)
from tallystick.testing.conformance.amounts import (
    currency_of,
    instant,
    minor,
    money,
    number,
    whole,
)
from tallystick.testing.conformance.outcome import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tallystick.core.currency import Currency
    from tallystick.core.proration import Change

__all__ = ["ADAPTERS"]


def _remaining(case: Mapping[str, Any]) -> TimeShare:
    period = Period(instant(case["period_start"]), instant(case["period_end"]))
    return TimeShare.remaining(period, instant(case["change_at"]))


def _figures(came: Change) -> Mapping[str, Any]:
    return {
        "credit": came.credit.major,
        "charge": came.charge.major,
        "net": came.net.major,
    }


def _discounted(amounts: Sequence[Money], off: PercentOff | Money | None) -> tuple[Money, ...]:
    """Take one discount off the items of one plan, shared out by amount."""
    if off is None:
        return tuple(amounts)
    lines = [CouponLine(str(index), amount) for index, amount in enumerate(amounts)]
    coupon = Coupon(id="discount", off=off if isinstance(off, PercentOff) else (off,))
    return apply_coupons([coupon], lines, amounts[0].currency).left


def _discount(tree: Mapping[str, Any] | None, unit: Currency) -> PercentOff | Money | None:
    if tree is None:
        return None
    if tree["type"] == "percent":
        return PercentOff(number(tree["value"]))
    if tree["type"] in {"fixed", "amount"}:
        return money(tree["value"], unit)
    raise NotApplicable(f"a discount of the type {tree['type']!r}")


def _plain_discount(case: Mapping[str, Any], unit: Currency) -> PercentOff | Money | None:
    """Read the discount that stands on both sides of a change."""
    if case.get("percent_discount") is not None:
        return PercentOff(number(case["percent_discount"]))
    if case.get("fixed_discount") is not None:
        return money(case["fixed_discount"], unit)
    return None


def _units(case: Mapping[str, Any], quantity: str, unit: Currency) -> Money:
    return Rate(minor(case["unit_amount"], unit), unit).charge(number(case[quantity]))


def _plan_change(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    old, new = (
        _discounted(
            [money(case[f"{side}_amount"], unit)], _discount(case.get(f"{side}_discount"), unit)
        )[0]
        for side in ("old", "new")
    )
    restarts = case.get("new_cycle_starts_at_change") is True
    return _figures(change(old, new, _remaining(case), restarts=restarts))


def _quantity_change(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    old, new = (_units(case, f"{side}_quantity", unit) for side in ("old", "new"))
    return _figures(change(old, new, _remaining(case)))


def _plan_change_items(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit, time = currency_of(case), _remaining(case)
    old, new = (
        _discounted([money(item, unit) for item in case[items]], _plain_discount(case, unit))
        for items in ("old_items", "new_items")
    )
    nothing = Money.zero(unit)
    return {
        "credits": [change(item, nothing, time).credit.major for item in old],
        "charges": [change(nothing, item, time).charge.major for item in new],
    }


def _seat_change_with_discount(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    base, off = money(case["base_fee"], unit), _plain_discount(case, unit)
    old, new = (
        _discounted([base, _units(case, f"{side}_quantity", unit)], off)[1]
        for side in ("old", "new")
    )
    return _figures(change(old, new, _remaining(case)))


def _quantity_change_discount_mid_cycle(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    old, new = (
        _discounted(
            [_units(case, f"{side}_quantity", unit)],
            PercentOff(number(case[f"{side}_discount_percent"])),
        )[0]
        for side in ("old", "new")
    )
    return _figures(change(old, new, TimeShare.of(number(case["remaining_fraction"]))))


def _one_time_added(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    rate = Rate(minor(case["one_time_unit_amount"], unit), unit)
    return {"charge": rate.charge(number(case["quantity"])).major}


def _credit_cap(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    names = ("potential_credit", "amount_paid", "credits_already_issued")
    potential, paid, credited = (money(case[name], unit) for name in names)
    return {"credit": credit_cap(potential, paid, credited).major}


def _grant_proration(case: Mapping[str, Any]) -> Mapping[str, Any]:
    decimals = whole(case.get("decimals", 8))
    return {"credits": grant_share(number(case["credits"]), _remaining(case), decimals=decimals)}


def _minimum_commitment(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    period = Period(instant(case["full_start"]), instant(case["full_end"]))
    time = TimeShare.remaining(period, instant(case["service_start"]))
    missing = minimum_shortfall(money(case["minimum"], unit), money(case["plan_fee"], unit), time)
    return {"true_up": missing.major}


def _weighted_sum(case: Mapping[str, Any]) -> Mapping[str, Any]:
    levels = [(number(level["value"]), whole(level["seconds"])) for level in case["levels"]]
    # The case says to how many decimals its figure is kept beside the figure, not in the input.
    decimals = 10
    weighted = weighted_quantity(levels, whole(case["period_seconds"]), decimals=decimals)
    return {"weighted_quantity": weighted, "decimals": Decimal(decimals)}


def _repair_chain(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    names = ("billed_amount", "already_adjusted", "new_amount")
    billed, adjusted, new = (money(case[name], unit) for name in names)
    repaired = repair(billed, adjusted, new, _remaining(case))
    left_over = max(-repaired.net, Money.zero(unit))
    return {**_figures(repaired), "account_credit_added": left_over.major}


ADAPTERS: Final[dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "plan_change": _plan_change,
    "quantity_change": _quantity_change,
    "plan_change_items": _plan_change_items,
    "seat_change_with_discount": _seat_change_with_discount,
    "quantity_change_discount_mid_cycle": _quantity_change_discount_mid_cycle,
    "one_time_added": _one_time_added,
    "credit_cap": _credit_cap,
    "grant_proration": _grant_proration,
    "minimum_commitment": _minimum_commitment,
    "weighted_sum": _weighted_sum,
    "repair_chain": _repair_chain,
}
"""The kinds of this topic and what answers them."""
