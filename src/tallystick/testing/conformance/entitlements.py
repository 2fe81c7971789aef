"""Entitlements: allowances and their resets, rollovers, several sources, seats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.credit_burn import burn_down
from tallystick.core.credit_reset import reset_grants
from tallystick.core.entitlement import Unlimited
from tallystick.core.entitlement_source import (
    EntitlementSource,
    configured,
    limit_of,
    switched_on,
)
from tallystick.core.number import ZERO, percent_of
from tallystick.core.quota import Quota
from tallystick.core.rollover import Allowance
from tallystick.core.schedule import Schedule
from tallystick.core.seat_change import SeatChange, seat_refusal, seats_over_cycle
from tallystick.core.usage_reset import next_usage_reset
from tallystick.testing.conformance.amounts import instant, number, whole
from tallystick.testing.conformance.calendar import cadence_in, moment_in, zone_in
from tallystick.testing.conformance.credits import grants_in, uses_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from tallystick.core.catalog import Reset
    from tallystick.core.period import Cadence

__all__ = ["ADAPTERS"]

_RESET_TIME: Final = "2024-01-01"
_UNLIMITED: Final = -1
_CLOCK: Final[dict[str, Reset]] = {
    "minute": "minute",
    "hour": "hour",
    "hourly": "hour",
}
_LEVELS: Final = {"addon": "add_on", "feature_default": "feature", "entitlement": "grant"}


def _amount(tree: Mapping[str, Any], name: str) -> Decimal:
    """Read a quantity that is zero where the case leaves it out."""
    return ZERO if tree.get(name) is None else number(tree[name])


def _bound(tree: Mapping[str, Any], name: str) -> Decimal | None:
    """Read a bound that is none where the case leaves it out."""
    return None if tree.get(name) is None else number(tree[name])


def _reset_with_rollover(case: Mapping[str, Any]) -> Mapping[str, Any]:
    grants = grants_in(case, instant(_RESET_TIME))
    keep = case.get("preserve_overage") is True
    reset = reset_grants(grants, _amount(case, "used_in_period"), preserve_overage=keep)
    return {
        "balances_after_reset": reset.balances,
        "overage_after_reset": reset.overage,
        "usage_after_reset": reset.used,
    }


def _metered_balance(case: Mapping[str, Any]) -> Mapping[str, Any]:
    since = instant(case["measure_from"])
    came = burn_down(grants_in(case, since), uses_in(case), since, instant(case["at"]))
    return {
        "usage_in_period": came.used,
        "balance": came.balance,
        "overage": came.overage,
    }


def _next_usage_reset(case: Mapping[str, Any]) -> Mapping[str, Any]:
    zone = zone_in(case)
    now = moment_in(case["now"], zone)
    start, anchor, end = (
        None if case.get(name) is None else moment_in(case[name], zone)
        for name in ("subscription_start", "billing_anchor", "subscription_end")
    )
    schedule = Schedule(start=start or anchor or now, anchor=anchor, zone=zone, end=end)
    return {"next_reset": next_usage_reset(now, _reset_in(case), schedule)}


def _reset_in(case: Mapping[str, Any]) -> Reset | Cadence | None:
    word = str(case.get("reset_period") or "never").lower()
    if word in {"never", "none"}:
        return None
    return _CLOCK.get(word) or cadence_in({"interval": word})


def _quota(case: Mapping[str, Any]) -> Mapping[str, Any]:
    units = _bound(case, "quota")
    quota = Quota(Unlimited() if units is None else units, number(case["usage"]))
    return {"exhausted": quota.exhausted, "overage": quota.overage}


def _rollover_cycles(case: Mapping[str, Any]) -> Mapping[str, Any]:
    included = number(case["included"])
    share = _bound(case, "cap_percent")
    caps = [_bound(case, "rollover_cap"), None if share is None else percent_of(included, share)]
    cap = min((each for each in caps if each is not None), default=None)
    allowance = Allowance(included)
    for used in case["used_per_cycle"]:
        allowance = allowance.use(number(used)).renew(included, cap=cap)
    return {
        "balance_after_last_reset": allowance.balance,
        "rollovers_oldest_first": allowance.rollovers,
    }


def _rollover_consumption(case: Mapping[str, Any]) -> Mapping[str, Any]:
    rollovers = tuple(number(each) for each in case["rollovers_oldest_first"])
    left = Allowance(number(case["allowance"]), rollovers).use(number(case["usage"]))
    return {"rollovers_oldest_first": left.rollovers, "allowance": left.left}


def _entitlement_precedence(case: Mapping[str, Any]) -> Mapping[str, Any]:
    """Resolve each field by its own rule: the switch, the number, and whatever else is written."""
    grants = case["grants"]
    names = {name for grant in grants for name in grant if name not in {"level", "id"}}
    return {"effective": {name: _effective(grants, name) for name in names}}


def _effective(grants: Sequence[Mapping[str, Any]], name: str) -> Any:  # noqa: ANN401 - a JSON value
    written = [grant for grant in grants if name in grant]
    if name == "enabled":
        return switched_on(_source(grant, grant[name]) for grant in written)
    if name != "limit":
        return configured(_source(grant, grant[name]) for grant in written)
    given = [grant for grant in written if grant.get("enabled") is not False]
    limit = limit_of(_source(grant, _limit(grant[name])) for grant in given)
    return None if isinstance(limit, Unlimited) else limit


def _source(grant: Mapping[str, Any], value: object) -> EntitlementSource:
    level = str(grant["level"]).replace("-", "_")
    named: Any = _LEVELS.get(level, level)
    return EntitlementSource(named, value)


def _limit(value: object) -> Decimal | Unlimited:
    units = None if value is None else number(value)
    return Unlimited() if units is None or units == _UNLIMITED else units


def _seat_changes_over_cycle(case: Mapping[str, Any]) -> Mapping[str, Any]:
    changes = [SeatChange(whole(each["delta"]), each.get("effective")) for each in case["changes"]]
    seats = seats_over_cycle(whole(case["initial"]), changes)
    return {"now": seats.now, "after_period_end": seats.after_period_end}


def _seat_limit(case: Mapping[str, Any]) -> Mapping[str, Any]:
    refusal = seat_refusal(
        whole(case["current"]),
        whole(case["delta"]),
        least=whole(case.get("min") or 0),
        most=None if case.get("max") is None else whole(case["max"]),
        pending=whole(case.get("pending_delta") or 0),
    )
    return {"allowed": refusal is None}


ADAPTERS: Final[dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "reset_with_rollover": _reset_with_rollover,
    "metered_balance": _metered_balance,
    "next_usage_reset": _next_usage_reset,
    "quota": _quota,
    "rollover_cycles": _rollover_cycles,
    "rollover_consumption": _rollover_consumption,
    "entitlement_precedence": _entitlement_precedence,
    "seat_changes_over_cycle": _seat_changes_over_cycle,
    "seat_limit": _seat_limit,
}
"""The kinds of this topic and what answers them."""
