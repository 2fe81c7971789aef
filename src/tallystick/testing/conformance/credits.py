"""Credits: grants burnt down over time, wallets on an invoice, ledgers, settlement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.credit import DEFAULT_PRIORITY, CreditGrant, Use, Withdrawal
from tallystick.core.credit_balance import GrantBalance
from tallystick.core.credit_burn import burn_down
from tallystick.core.credit_ledger import LedgerEntry, ledger_totals
from tallystick.core.credit_lines import credits_over_lines, pay_lines, settle_charge
from tallystick.core.money import Money
from tallystick.core.number import ZERO
from tallystick.core.rollover import Rollover
from tallystick.testing.conformance.amounts import currency_of, instant, money, number, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

__all__ = ["ADAPTERS", "grants_in", "uses_in"]

_WHO: Final = "customer"
_FEATURE: Final = "units"
_BEFORE: Final = instant("1970-01-01")


def grants_in(case: Mapping[str, Any], since: datetime) -> list[CreditGrant]:
    """Read the grants of a case; one without a start is there from `since`."""
    return [
        CreditGrant(
            id=str(tree["id"]),
            customer=_WHO,
            amount=number(tree["amount"]),
            feature=_FEATURE,
            effective_at=_time(tree, "effective_at") or since,
            expires_at=_time(tree, "expires_at"),
            category=tree.get("category") or "promotional",
            priority=_priority(tree),
            created=created,
            withdrawals=_voids(tree),
            rollover=_rollover(tree),
        )
        for tree, created in _in_order_made(case["grants"])
    ]


def _in_order_made(trees: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], int]]:
    """Number grants or wallets by when they were made: those that do not say come as given."""
    times = [_time(tree, "created_at") or _BEFORE for tree in trees]
    order = sorted(range(len(trees)), key=lambda place: times[place])
    return [(trees[place], created) for created, place in enumerate(order)]


def _time(tree: Mapping[str, Any], name: str) -> datetime | None:
    return None if tree.get(name) is None else instant(tree[name])


def _voids(tree: Mapping[str, Any]) -> tuple[Withdrawal, ...]:
    times = (_time(tree, name) for name in ("voided_at", "deleted_at"))
    return tuple(Withdrawal(at=at) for at in times if at is not None)


def _rollover(tree: Mapping[str, Any]) -> Rollover:
    """Read how much of a grant goes on; nothing does where it does not say."""
    most, least = (tree.get(name) or 0 for name in ("max_rollover", "min_rollover"))
    return Rollover(number(most), number(least))


def _priority(tree: Mapping[str, Any]) -> int:
    return DEFAULT_PRIORITY if tree.get("priority") is None else whole(tree["priority"])


def uses_in(case: Mapping[str, Any]) -> list[Use]:
    """Read what was used, in the order in which it is given."""
    return [
        Use(id=f"{place:06}", amount=number(tree["quantity"]), at=instant(tree["at"]))
        for place, tree in enumerate(case["usage"])
    ]


def _burn_down(case: Mapping[str, Any]) -> Mapping[str, Any]:
    since, until = instant(case["from"]), instant(case["until"])
    came = burn_down(grants_in(case, since), uses_in(case), since, until)
    return {"balances": came.available, "overage": came.overage}


def _wallet_apply(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit, at = currency_of(case), _BEFORE
    total, nothing = money(case["invoice_total"], unit), Money.zero(unit)
    wallets = [
        CreditGrant(
            id=str(tree["id"]),
            customer=_WHO,
            amount=max(nothing, money(tree["balance"], unit)),
            effective_at=at,
            priority=_priority(tree),
            created=created,
        )
        for tree, created in _in_order_made(case["wallets"])
    ]
    invoice = Use(id="invoice", amount=total, at=at)
    paid = pay_lines(map(GrantBalance, wallets), [invoice], unit)
    return {
        "used_by_wallet": {
            wallet.id: Money(int(paid.balances[wallet.id].consumed), unit).major
            for wallet in wallets
        },
        "credits_applied": paid.total.major,
        "amount_due": (total - paid.total).major,
    }


def _credit_ledger(case: Mapping[str, Any]) -> Mapping[str, Any]:
    entries = [
        LedgerEntry(tree["type"], ZERO if tree.get("units") is None else number(tree["units"]))
        for tree in case["events"]
    ]
    totals = ledger_totals(entries)
    return {
        "consumed": totals.consumed,
        "credited": totals.credited,
        "balance": totals.balance,
    }


def _settlement(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    charge, credit = money(case["charge"], unit), money(case["credits"], unit)
    settled = settle_charge(charge, credit, case["mode"])
    return {"credits_used": settled.credits_used.major, "invoiced": settled.invoiced.major}


def _credits_over_lines(case: Mapping[str, Any]) -> Mapping[str, Any]:
    unit = currency_of(case)
    offered, lines = ([money(each, unit) for each in case[name]] for name in ("credits", "lines"))
    applied = credits_over_lines(offered, lines)
    return {"applied": [[part.major for part in parts] for parts in applied]}


ADAPTERS: Final[dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "burn_down": _burn_down,
    "wallet_apply": _wallet_apply,
    "credit_ledger": _credit_ledger,
    "settlement": _settlement,
    "credits_over_lines": _credits_over_lines,
}
"""The kinds of this topic and what answers them."""
