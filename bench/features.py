"""`has_feature` against the cheapest answer there could be: a dict lookup inside a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measure import compare
from tallystick import define_plans, has_feature

if TYPE_CHECKING:
    from bench.measure import Result

__all__ = ["run"]

KEYS = [f"feature{n}" for n in range(100)]


def run() -> list[Result]:
    """Ask for each of a hundred features once a turn."""
    features = [
        {"featureKey": key, "enabled": n % 2 == 0, "limit": n} for n, key in enumerate(KEYS)
    ]
    plan = define_plans(
        [
            {
                "id": "p",
                "name": "P",
                "price": 1,
                "currency": "USD",
                "interval": "month",
                "active": True,
                "features": features,
            }
        ]
    )["p"]
    table = {key: n % 2 == 0 for n, key in enumerate(KEYS)}

    def look_up(known: dict[str, bool], key: str) -> bool:
        return known[key]

    def ours() -> None:
        for key in KEYS:
            has_feature(plan, key)

    def baseline() -> None:
        for key in KEYS:
            look_up(table, key)

    assert [has_feature(plan, key) for key in KEYS] == [look_up(table, key) for key in KEYS]
    return [
        compare("has_feature / dict lookup inside a function", ours, baseline, goal=3.0),
    ]
