"""`tally.overrides`: what was agreed with one customer goes before what their plan says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tallystick import AccessDenied, QuotaExceeded, Tallystick
from tallystick.errors import InvalidInput, NotFound
from tests.facade.test_gate import CATALOG, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.storage.unit import Storage


@pytest.fixture
def tally(storage: Storage) -> Iterator[Tallystick]:
    """A ledger with a catalogue and a customer."""
    with opened(storage.engine) as ledger:
        ledger.publish(CATALOG, author="anna", at=datetime(2026, 1, 1, tzinfo=UTC))
        ledger.customers.create("acme", name="Acme")
        yield ledger


def test_a_number_takes_the_place_of_the_plans_and_the_rest_is_added(tally: Tallystick) -> None:
    tally.overrides.set("acme", "projects", limit=7)
    tally.use("acme", "projects", 7)
    with pytest.raises(QuotaExceeded):
        tally.use("acme", "projects")
    made = tally.subscriptions.start("acme", "pro").subscription
    assert tally.check("acme", "projects").limit == 7  # on any plan
    tally.subscriptions.change(made.id, add=["pack"])
    assert tally.check("acme", "projects").limit == 17
    tally.credits.grant("acme", units=5, feature="projects")
    assert tally.check("acme", "projects").limit == 22
    assert tally.check("others", "projects").limit == 3
    tally.overrides.set("acme", "projects", limit=-1)
    assert tally.check("acme", "projects", 10**6).unlimited
    assert tally.check_all("acme")["projects"] == tally.check("acme", "projects")
    assert tally.entitlements("acme", max_age=0).check("projects").unlimited
    tally.overrides.lift("acme", "projects")
    assert tally.check("acme", "projects").limit == 45
    assert tally.overrides.of("acme") == {}


def test_what_unlocks_is_tried_with_what_was_agreed(tally: Tallystick) -> None:
    tally.overrides.set("acme", "projects", limit=3)
    tally.subscriptions.start("acme", "free")
    tally.use("acme", "projects", 3)
    denied = tally.check("acme", "projects")
    assert [each.plan for each in denied.unlocks] == ["pack"]  # pro would give no more


def test_switches_and_values(tally: Tallystick) -> None:
    tally.overrides.set("acme", "sso")
    tally.overrides.set("acme", "theme", value={"colour": "blue"})
    tally.overrides.set("acme", "calls", enabled=False)
    tally.overrides.set("acme", "only theirs", limit=2)
    assert tally.check("acme", "sso").allowed
    assert tally.check("acme", "theme").value == {"colour": "blue"}
    assert tally.check("acme", "calls").reason == "feature_disabled"
    with pytest.raises(AccessDenied):
        tally.use("acme", "calls")
    assert tally.use("acme", "only theirs", 2).remaining == 0
    assert "only theirs" in tally.check_all("acme")
    assert set(tally.overrides.of("acme")) == {"sso", "theme", "calls", "only theirs"}


def test_it_gives_nothing_to_who_has_nothing(storage: Storage) -> None:
    with opened(storage.engine, default_plan=None) as ledger:
        ledger.publish(author="anna")
        ledger.customers.create("acme", name="Acme")
        ledger.overrides.set("acme", "projects", limit=7)
        assert ledger.check("acme", "projects").reason == "no_subscription"
        made = ledger.subscriptions.start("acme", "pro").subscription
        assert ledger.check("acme", "projects").limit == 7
        ledger.subscriptions.pause(made.id)
        assert ledger.check("acme", "projects").reason == "paused"


def test_each_change_is_a_version_and_the_same_again_is_none(tally: Tallystick) -> None:
    first = tally.entitlements("acme", max_age=0).version
    tally.overrides.set("acme", "projects", limit=7)
    second = tally.entitlements("acme", max_age=0).version
    assert tally.overrides.set("acme", "projects", limit=7).limit == 7
    assert first != second == tally.entitlements("acme", max_age=0).version
    tally.overrides.lift("acme", "projects")
    assert tally.entitlements("acme", max_age=0).version not in {first, second}
    with pytest.raises(NotFound):
        tally.overrides.lift("acme", "projects")
    assert not tally.verify().broken


@pytest.mark.parametrize(
    "bad",
    [
        {"limit": -2},
        {"limit": 2**63},
        {"limit": True},
        {"limit": "3"},
        {"limit": 1.5},
        {"enabled": None},
        {"enabled": 1},
        {"enabled": False, "limit": 3},
        {"value": {1: 2}},
        {"value": object()},
    ],
)
def test_what_cannot_be_agreed(tally: Tallystick, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        tally.overrides.set("acme", "projects", **bad)
    assert tally.overrides.of("acme") == {}
