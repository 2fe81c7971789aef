"""Several sources of one entitlement, and what comes of them."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from tallystick.core.entitlement import Unlimited
from tallystick.core.entitlement_source import (
    EntitlementSource,
    configured,
    limit_of,
    switched_on,
)
from tallystick.errors import Conflict, InvalidInput, InvalidUsage


def sources(*pairs: tuple[Any, Any]) -> list[EntitlementSource]:
    return [
        EntitlementSource(level, Decimal(value) if isinstance(value, str) else value)
        for level, value in pairs
    ]


@pytest.mark.parametrize(
    ("pairs", "on"),
    [
        ([("feature", True)], True),
        ([("feature", True), ("plan", True), ("subscription", False)], False),
        ([("plan", True), ("plan_version", False)], False),
        ([("plan", False), ("plan_version", True)], True),
        ([("feature", True), ("add_on", False)], False),
        ([("plan", False), ("add_on", True)], False),
        ([("subscription", True), ("plan_version", False), ("plan", False)], True),
        ([("add_on", False), ("add_on", True)], True),
        ([], False),
    ],
)
def test_the_most_specific_switch_wins(pairs: list[Any], *, on: bool) -> None:
    for order in permutations(pairs):
        assert switched_on(sources(*order)) is on


@pytest.mark.parametrize(
    ("pairs", "limit"),
    [
        ([("plan", "1000"), ("plan_version", "5000")], "5000"),
        ([("plan_version", "5000"), ("subscription", "100")], "100"),
        ([("plan", "1000"), ("add_on", "250")], "1250"),
        ([("plan_version", "200"), ("add_on", "100"), ("add_on", "50")], "350"),
        ([("plan", "1000"), ("grant", "10"), ("rollover", "5.5")], "1015.5"),
        ([("feature", "10"), ("plan", "1000")], "1000"),
        ([("feature", "10"), ("add_on", "100")], "100"),
        ([("feature", "10")], "10"),
        ([("grant", "7")], "7"),
        ([("plan", "0")], "0"),
        ([("plan", "3"), ("plan", "5")], "5"),
        ([("subscription", "0"), ("plan", "1000"), ("rollover", "1")], "1"),
    ],
)
def test_numbers_have_one_base_and_the_rest_is_added(pairs: list[Any], limit: str) -> None:
    for order in permutations(pairs):
        assert limit_of(sources(*order)) == Decimal(limit)


def test_without_limit_is_without_limit_whatever_is_added() -> None:
    assert limit_of(sources(("plan", Unlimited()), ("add_on", "5"))) == Unlimited()
    assert limit_of(sources(("plan", "5"), ("add_on", Unlimited()))) == Unlimited()
    assert limit_of(sources(("plan", Unlimited()), ("subscription", "5"))) == 5
    assert limit_of([]) is None


def test_configuration_is_taken_whole() -> None:
    given = sources(("plan", {"region": "eu"}), ("feature", {"region": "us"}))
    assert configured(given) == {"region": "eu"}
    assert configured([]) is None
    assert configured(sources(("add_on", [1]), ("add_on", [1]))) == [1]


def test_two_that_configure_differently_are_refused() -> None:
    with pytest.raises(Conflict):
        configured(sources(("add_on", [1]), ("add_on", [2])))
    assert configured(sources(("add_on", [1]), ("add_on", [2]), ("plan", [3]))) == [3]


def test_what_is_no_source_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'friend' is no source"):
        sources(("friend", True))
    with pytest.raises(InvalidUsage, match="below zero"):
        sources(("plan", "-1"))
    with pytest.raises(InvalidInput, match="gives no number"):
        limit_of(sources(("plan", True)))
    with pytest.raises(InvalidInput, match="a rollover gives numbers only"):
        switched_on(sources(("rollover", True)))
