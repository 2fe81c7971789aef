"""What is had: the plan itself and what stands beside it, and what each of them asks for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.oracle.calendar import Every

__all__ = [
    "MAIN",
    "Item",
    "Name",
    "Refused",
    "Tree",
    "changed",
    "exact",
    "is_now",
    "prices",
    "same",
    "size",
]

Tree = dict[str, Any]
Name = tuple[str, str]
"""A price that is had: of which item, and which of its prices."""

MAIN: Final = "plan"


class Refused(Exception):
    """What is asked for cannot be done now."""


@dataclass(frozen=True)
class Item:
    """A plan that is had, how many of it, and what is different for this customer, by price."""

    plan: str
    seats: int = 1
    own: Mapping[str, Tree] = field(default_factory=dict)


def size(every: Every) -> Every:
    """Give an interval in months or in days, so that a year is twelve months."""
    unit, count = every
    return (
        ("month", count * (12 if unit == "year" else 1))
        if unit in {"month", "year"}
        else (
            "day",
            count * (7 if unit == "week" else 1),
        )
    )


def same(one: Every, other: Every) -> bool:
    """Whether two intervals mean the same."""
    return size(one) == size(other)


def prices(catalog: Tree, key: str, item: Item) -> dict[str, tuple[Tree, int]]:
    """Give what an item asks for, by price: as it is for this customer, and how many times."""
    plan = catalog[item.plan]
    trees = {p["id"]: {**p, **item.own.get(p["id"], {})} for p in plan["prices"]}
    if "minimum" in plan:
        trees[""] = {"id": "", "kind": "minimum", "minor": plan["minimum"]}
    found = {}
    for name, tree in trees.items():
        many = tree["kind"] == "seat" or (tree["kind"] == "flat" and key != MAIN)
        every = size(tree.get("every", plan["every"]))
        found[name] = {**tree, "every": every}, item.seats if many else 1
    return found


# --- changes --------------------------------------------------------------------------------------


def changed(
    catalog: Tree, items: dict[str, Item], change: Tree, *, planned: bool = False
) -> dict[str, Item]:
    """Give what is had after a change; one that was planned leaves out what is gone by then."""
    before = items[MAIN]
    plan: str = change.get("plan") or before.plan
    own: Mapping[str, Tree] | None = change.get("own")
    known = {price["id"] for price in catalog[plan]["prices"]}
    wanted = before.own if own is None else own
    if planned or (own is None and plan != before.plan):
        wanted = {name: fields for name, fields in wanted.items() if name in known}
    if not set(wanted) <= known:
        raise Refused
    after = {**items, MAIN: Item(plan, change.get("seats") or before.seats, wanted)}
    for name in change.get("remove", ()):
        if after.pop(name, None) is None and not planned:
            raise Refused
    for name, many in change.get("add", {}).items():
        after[name] = replace(after.get(name, Item(name)), seats=many)
    if not planned and plan in after:
        raise Refused
    return after


def is_now(catalog: Tree, before: dict[str, Item], after: dict[str, Item]) -> bool:
    """Whether a change takes effect now where nobody says: for more it does, for less it waits."""
    old, new = before[MAIN], after[MAIN]
    if not same(catalog[old.plan]["every"], catalog[new.plan]["every"]):
        return True
    step = _per_year(catalog, new, old.seats) - _per_year(catalog, old, old.seats)
    step += 0 if step else list(catalog).index(new.plan) - list(catalog).index(old.plan)
    if step:
        return step > 0
    names = set(before) | set(after)
    return all(
        name in after and (name not in before or after[name].seats >= before[name].seats)
        for name in names
    )


def _per_year(catalog: Tree, item: Item, seats: int) -> Fraction:
    """Give what a plan costs in a year on the list, at so many seats."""
    cost = Fraction(0)
    for tree, _ in prices(catalog, MAIN, item).values():
        if tree["kind"] in {"flat", "seat"}:
            unit, count = tree["every"]
            times = Fraction(12 if unit == "month" else 365, count)
            cost += exact(tree, seats if tree["kind"] == "seat" else 1) * times
    return cost


def exact(tree: Tree, many: int) -> Fraction:
    """Give what a fee is for a whole period, not rounded."""
    return Fraction(tree["minor"] * many * (100 - tree.get("off", 0)), 100)
