"""The table of changes: when each kind takes effect, what is charged, and whether periods restart.

What a move says itself comes before the table (`core.move.Change`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from tallystick.core.frozen import FrozenDict
from tallystick.core.list_price import list_price_per_year
from tallystick.core.period import cadence_of
from tallystick.core.terms import item_plan, prices_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from tallystick.core.catalog import Plan
    from tallystick.core.move import Proration, Timing
    from tallystick.core.subscription import Item

__all__ = ["POLICY", "ChangeKind", "Policy", "kind_of_change", "policy_of"]

ChangeKind: TypeAlias = Literal[
    "interval",
    "upgrade",
    "downgrade",
    "seats_up",
    "seats_down",
    "same_price",
    "add_on",
    "removal",
]
"""What a change of one item is, as far as its billing goes."""


class Policy(NamedTuple):
    """When a change takes effect, how the rest of the period is charged, and whether it restarts.

    `proration` is for where the change does not wait for the period's end: then nothing is left
    to prorate.  `restarts` counts periods from the change on.
    """

    timing: Timing
    proration: Proration
    restarts: bool


POLICY: Final[Mapping[ChangeKind, Policy]] = FrozenDict(
    {
        "interval": Policy("now", "invoice_now", restarts=True),
        "upgrade": Policy("now", "next_invoice", restarts=False),
        "downgrade": Policy("period_end", "next_invoice", restarts=False),
        "seats_up": Policy("now", "next_invoice", restarts=False),
        "seats_down": Policy("period_end", "next_invoice", restarts=False),
        "same_price": Policy("now", "next_invoice", restarts=False),
        "add_on": Policy("now", "next_invoice", restarts=False),
        "removal": Policy("period_end", "next_invoice", restarts=False),
    }
)
"""The defaults: who pays more has it now, who pays less has paid until the period's end."""

_OF_THE_PLAN: Final[frozenset[ChangeKind]] = frozenset({"interval", "upgrade", "downgrade"})


def kind_of_change(
    before: Item | None, after: Item | None, offers: Mapping[str, Plan[Any]]
) -> ChangeKind:
    """Tell what a change of one item is; None on a side is an add-on that comes or goes.

    Another interval comes first, whatever the prices.  Then the list prices per year decide, at
    the seats before the change, overrides applied; of two plans that cost the same the one that
    stands later in the catalogue is the higher.  Only where nothing of this differs do the seats
    decide.  Raises UnknownPlan, and InvalidInput for overrides that cannot be read.
    """
    if before is None or after is None:
        return "same_price" if before is after else "add_on" if before is None else "removal"
    old, new = item_plan(before, offers), item_plan(after, offers)
    if _cadence(old) != _cadence(new):
        return "interval"
    costs = [_cost(item, before.seats, offers) for item in (before, after)]
    step = costs[1] - costs[0] or _places_up(old, new, offers)
    if step:
        return "upgrade" if step > 0 else "downgrade"
    if before.seats != after.seats:
        return "seats_up" if after.seats > before.seats else "seats_down"
    return "same_price"


def policy_of(
    before: Sequence[Item], after: Sequence[Item], offers: Mapping[str, Plan[Any]]
) -> Policy:
    """Give the policy of a change of a whole subscription, whose first item is the plan itself.

    Where the plan changes it decides for all.  Else the change waits for the period's end if
    any part of it does.  Only the plan itself restarts the periods.
    """
    main = kind_of_change(before[0], after[0], offers)
    if main in _OF_THE_PLAN:
        return POLICY[main]
    old, new = ({item.key: item for item in items[1:]} for items in (before, after))
    changed = [key for key in old | new if old.get(key) != new.get(key)]
    kinds = [kind_of_change(old.get(key), new.get(key), offers) for key in changed]
    kinds += [main] if main != "same_price" or not kinds else []
    asked = [POLICY[kind] for kind in kinds]
    return Policy(
        "period_end" if any(policy.timing == "period_end" for policy in asked) else "now",
        "invoice_now"
        if any(policy.proration == "invoice_now" for policy in asked)
        else "next_invoice",
        restarts=False,
    )


def _cadence(plan: Plan[Any]) -> tuple[str, int] | None:
    cadence = cadence_of(plan)
    return None if cadence is None else cadence.key


def _cost(item: Item, seats: int, offers: Mapping[str, Plan[Any]]) -> Fraction:
    prices = prices_of(item, offers).values()
    return list_price_per_year(item_plan(item, offers), seats=seats, prices=prices)


def _places_up(old: Plan[Any], new: Plan[Any], offers: Mapping[str, Plan[Any]]) -> int:
    """Tell how many places later in the catalogue the new plan stands; 0 where it can't be told.

    The catalogue is the one that the plans know they stand in, else the order of the offers.
    """
    catalog = new.catalog or old.catalog
    plans = offers.values() if catalog is None else catalog
    places = {plan_id: place for place, plan_id in enumerate(dict.fromkeys(p.id for p in plans))}
    if old.id not in places or new.id not in places:
        return 0
    return places[new.id] - places[old.id]
