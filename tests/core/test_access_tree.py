"""An answer as JSON: exact, and every field there."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal

from tallystick.core.access_tree import access_tree, count_of
from tallystick.core.access_unlock import Unlock
from tallystick.core.currency import currency
from tallystick.core.entitlement import Access
from tallystick.core.money import Money, Rate

USD = currency("USD")
FULL = Access(
    allowed=False,
    plan="pro",
    feature="calls",
    reason="limit_reached",
    text="Pro allows 10 calls",
    limit=Decimal("10.50"),
    used=Decimal("10.0"),
    requested=2,
    remaining=Decimal("0.5"),
    overage=1,
    overage_price=Rate(Decimal("0.020"), USD),
    upgrade_to="team",
    reserved=3,
    warning=80,
    resets_at=datetime(2026, 12, 1, tzinfo=UTC),
    unlocks=(
        Unlock(kind="plan", plan="team", name="Team", price=Money(2900, USD)),
        Unlock(kind="add_on", plan="pack", name="Pack", price=None, seats=2),
    ),
    value={"dark": True},
)


def test_everything_an_answer_says_is_written() -> None:
    assert access_tree(FULL) == {
        "allowed": False,
        "feature": "calls",
        "plan": "pro",
        "reason": "limit_reached",
        "text": "Pro allows 10 calls",
        "limit": "10.5",
        "unlimited": False,
        "used": 10,
        "reserved": 3,
        "requested": 2,
        "remaining": "0.5",
        "overage": 1,
        "overage_price": {"minor": "0.02", "currency": "USD"},
        "warning": 80,
        "resets_at": "2026-12-01T00:00:00Z",
        "value": {"dark": True},
        "upgrade_to": "team",
        "unlocks": [
            {
                "kind": "plan",
                "plan": "team",
                "name": "Team",
                "seats": 1,
                "price": {"minor": 2900, "currency": "USD"},
            },
            {"kind": "add_on", "plan": "pack", "name": "Pack", "seats": 2, "price": None},
        ],
    }


def test_every_field_is_there_also_where_it_says_nothing() -> None:
    bare = Access(allowed=True, plan="", feature="sso", reason="ok", text="yes", limit=-1)
    tree = access_tree(bare)
    assert set(tree) == {each.name for each in fields(Access)} | {"unlimited"}
    assert (tree["plan"], tree["unlimited"], tree["remaining"]) == (None, True, None)
    assert json.loads(json.dumps(tree)) == tree


def test_a_count_is_exact() -> None:
    assert count_of(Decimal("1e3")) == 1000
    assert type(count_of(Decimal("7.0"))) is int
    assert count_of(Decimal("0.000000000001")) == "0.000000000001"
    assert count_of(10**30) == 10**30
