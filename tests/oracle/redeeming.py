"""Whether a coupon may be redeemed for a subscription, and when it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.having import Tree, exact, prices
from tests.oracle.life import live
from tests.oracle.lines import half_away
from tests.oracle.passing import ARREARS

if TYPE_CHECKING:
    from tests.oracle.having import Item

__all__ = ["redeemed"]


def redeemed(
    catalog: Tree, start: Tree, moves: list[Tree], wishes: list[Tree]
) -> list[tuple[Tree, bool]]:
    """Tell of each wish to redeem a coupon whether it may be.

    A wish is `{"at", "coupon", "own"}`: a coupon for the subscription, if it is its `own`, has to
    fit to what is had then; one for all that is bought looks at each line by itself.
    """
    return [(wish, not wish["own"] or _fits(catalog, start, moves, wish)) for wish in wishes]


def _fits(catalog: Tree, start: Tree, moves: list[Tree], wish: Tree) -> bool:
    coupon, at = wish["coupon"], wish["at"]
    life, _ = live(catalog, start, [move for move in moves if move["at"] <= at], at)
    found = [each for key, item in life.items.items() for each in _priced(catalog, key, item)]
    plans, only = coupon.get("plans", ()), coupon.get("prices", ())
    return (
        (not plans or any(item.plan in plans for item in life.items.values()))
        and (not only or any(price in only for price, _ in found))
        and sum(minor for _, minor in found) >= coupon.get("minimum", 0)
    )


def _priced(catalog: Tree, key: str, item: Item) -> list[tuple[str, int]]:
    """Give the prices of an item, each with what it asks for a period on the list."""
    return [
        (name, 0 if tree["kind"] in ARREARS else int(half_away(exact(tree, many))))
        for name, (tree, many) in prices(catalog, key, item).items()
        if name
    ]
