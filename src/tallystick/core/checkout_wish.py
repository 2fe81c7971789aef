"""What is wished for on a page: a quote, or one plan with all that is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tallystick.core.checkout_request import read_request, wishes_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.text import refused_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.checkout import PlanWish

__all__ = ["Wish", "wish_of"]


@dataclass(frozen=True, slots=True)
class Wish:
    """One plan, what is said of it, and both as plain values: equal wishes are equal trees.

    Nothing of it where a quote is asked for, in which all of it stands.
    """

    plans: tuple[PlanWish, ...] = ()
    said: Mapping[str, Any] = field(default_factory=FrozenDict)
    tree: Mapping[str, object] = field(default_factory=FrozenDict)


def wish_of(quote: object, plan: object, seats: int | None, said: Mapping[str, object]) -> Wish:
    """Read which plan is wished for; None in `said` is not said.

    Raises InvalidInput: for both a quote and a plan, for neither, and for what goes with no quote.
    """
    given = {name: value for name, value in said.items() if value is not None}
    if (quote is None) == (plan is None):
        raise refused_at("quote", "or a plan is asked for: one of the two")
    if plan is None:
        for name in given if seats is None else ("seats",):
            raise refused_at(name, "stands in the quote already: leave it out")
        return Wish()
    if seats is not None and not isinstance(plan, str):
        raise refused_at("seats", "are of a plan that is named by its id alone")
    plans = wishes_of([plan], None if seats is None else {plan: seats})
    read = read_request({"plans": plans, **given})
    tree = {
        "plans": [[each.plan, each.quantity, list(map(list, each.add_ons))] for each in read.plans],
        "codes": list(read.codes),
        "currency": None if read.currency is None else read.currency.code,
        "context": dict(read.context),
    }
    return Wish(read.plans, FrozenDict({**given, "codes": read.codes}), FrozenDict(tree))
