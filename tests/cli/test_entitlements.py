"""`tallystick entitlements` and `overrides` as a person and a script meet them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick import Tallystick, define_plans
from tests.cli.typed import run, said

if TYPE_CHECKING:
    from pathlib import Path


PLANS = define_plans(
    [
        {
            "id": "pro",
            "name": "Pro",
            "price": 2900,
            "currency": "USD",
            "interval": "month",
            "features": [
                {"featureKey": "projects", "enabled": True, "limit": 3},
                {"featureKey": "calls", "enabled": True, "limit": 10, "reset": "month"},
                {"featureKey": "files", "enabled": True, "limit": -1},
                {"featureKey": "sso", "enabled": False},
                {"featureKey": "theme", "enabled": True, "value": {"dark": True}},
            ],
        }
    ]
)


@pytest.fixture(autouse=True)
def _a_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with Tallystick("sqlite:///b.db", catalog=PLANS) as tally:
        tally.migrate()
        tally.publish(author="anna")
        tally.customers.create("acme", name="Acme")
        tally.subscriptions.start("acme", "pro")
        tally.set("acme", "projects", 3)
        tally.use("acme", "calls", "2.5")


def cells(*words: str) -> list[list[str]]:
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    return [line.split() for line in result.stdout.splitlines()]


def test_the_table_says_what_is_left_and_why_not() -> None:
    head, *rows = cells("entitlements", "acme")
    assert head == ["feature", "allowed", "limit", "used", "reserved", "left", "resets", "reason"]
    assert [row[:6] for row in rows[:2]] == [
        ["projects", "no", "3", "3", "0", "0"],
        ["calls", "yes", "10", "2.5", "0", "7.5"],
    ]
    assert rows[0][-1] == "limit_reached"
    assert rows[1][6].endswith("Z")
    assert rows[2] == ["files", "yes", "unlimited", "0", "0", "ok"]
    assert rows[3] == ["sso", "no", "feature_disabled"]
    assert rows[4] == ["theme", "yes", "ok"]


def test_json_is_what_the_service_answers() -> None:
    tree = said("entitlements", "acme")
    assert tree["customer"] == "acme"
    found = {each["feature"]: each for each in tree["entitlements"]}
    assert list(found) == ["projects", "calls", "files", "sso", "theme"]
    assert (found["calls"]["used"], found["calls"]["remaining"]) == ("2.5", "7.5")
    assert found["theme"]["value"] == {"dark": True}
    assert (found["files"]["limit"], found["files"]["unlimited"]) == (-1, True)


def test_who_has_no_plan_is_told_so() -> None:
    assert run("entitlements", "nobody").stdout.startswith("nobody has no plan")
    assert said("entitlements", "nobody") == {"customer": "nobody", "entitlements": []}
    assert cells("entitlements", "nobody", "--plan", "pro")[1][:3] == ["projects", "yes", "3"]


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("entitlements", ""), 1, "customer"),
        (("entitlements", "acme", "--at", "yesterday"), 2, "--at"),
        (("entitlements",), 2, "CUSTOMER"),
        (("entitlements", "acme", "--database", "sqlite:///none.db"), 2, "migrate"),
        (("overrides", "set", "acme", "projects", "--limit", "-2"), 1, "limit"),
        (("overrides", "set", "acme", "projects", "--limit", "1" * 30), 1, "limit"),
        (("overrides", "set", "acme", "projects", "--limit", "many"), 2, "--limit"),
        (("overrides", "set", "acme", "projects", "--limit", "1", "--off"), 1, "switched off"),
        (("overrides", "set", "acme", "theme", "--value", "{dark"), 2, "--value is JSON"),
        (("overrides", "set", "acme", "theme", "--value", "[" * 100_000), 2, "--value is JSON"),
        (("overrides", "set", "acme", "theme", "--value", "0.5"), 1, "value"),
        (("overrides", "set", "acme", "theme", "--value", "NaN"), 1, "value"),
        (("overrides", "set", " acme", "theme"), 1, "customer"),
        (("overrides", "remove", "acme", "projects"), 1, "no override 'projects'"),
        (("overrides", "list", "acme", "--database", "sqlite:///none.db"), 2, "migrate"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    words: tuple[str, ...], status: int, text: str
) -> None:
    result = run(*words)
    assert result.exit_code == status, result.output
    assert text in result.stderr
    assert said("overrides", "list", "acme")["overrides"] == []


def test_an_override_goes_before_the_plan_until_it_is_removed() -> None:
    assert cells("overrides", "set", "acme", "projects", "--limit", "5") == [
        ["feature", "is", "limit", "value"],
        ["projects", "on", "5"],
    ]
    assert cells("entitlements", "acme")[1][:4] == ["projects", "yes", "5", "3"]
    assert cells("overrides", "set", "acme", "calls", "--limit", "-1")[1] == [
        *("calls", "on", "unlimited")
    ]
    run("overrides", "set", "acme", "files", "--off")
    run("overrides", "set", "acme", "sso")
    run("overrides", "set", "acme", "theme", "--value", '{"dark": false}')
    assert said("overrides", "list", "acme") == {
        "customer": "acme",
        "overrides": [
            {"feature": "calls", "enabled": True, "limit": -1, "value": None},
            {"feature": "files", "enabled": False, "limit": None, "value": None},
            {"feature": "projects", "enabled": True, "limit": 5, "value": None},
            {"feature": "sso", "enabled": True, "limit": None, "value": None},
            {"feature": "theme", "enabled": True, "limit": None, "value": {"dark": False}},
        ],
    }
    found = {each["feature"]: each for each in said("entitlements", "acme")["entitlements"]}
    assert {key: each["allowed"] for key, each in found.items()} == {
        "projects": True,
        "calls": True,
        "files": False,
        "sso": True,
        "theme": True,
    }
    assert found["theme"]["value"] == {"dark": False}
    for key in ("calls", "files", "sso", "theme"):
        run("overrides", "remove", "acme", key)
    assert "nothing is agreed" in run("overrides", "remove", "acme", "projects").stdout
    assert cells("entitlements", "acme")[1][:4] == ["projects", "no", "3", "3"]
    assert run("overrides", "list", "umbra").stdout == "nothing is agreed with umbra\n"
