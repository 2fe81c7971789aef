"""`tallystick stripe events` and the worker, as a person and a script meet them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from tallystick import Tallystick
from tallystick.cli.commands import app
from tallystick.system import SystemClock
from tallystick.testing.fake_stripe import FakeStripe, talking_to
from tests.facade.billing import START, opened
from tests.stripe_payments import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture(autouse=True)
def _stripe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have an event of a payment of ours taken, whose answer was lost."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    fake = FakeStripe(SystemClock())
    with talking_to(fake) as client:
        monkeypatch.setenv("TALLYSTICK_STRIPE_KEY", fake.account.api_key)
        monkeypatch.setenv("TALLYSTICK_STRIPE_ACCOUNT", fake.account.id)
        monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", fake.account.site)
        with opened("sqlite:///b.db") as tally:
            tally.subscriptions.start("acme", "basic", id="s", at=START)
            tally.invoices.run(at=START)
        monkeypatch.setenv("TALLYSTICK_STRIPE_WEBHOOK_SECRETS", endpoint(fake, client))
        monkeypatch.setenv("TALLYSTICK_PROVIDERS", "stripe")
        client.v1.payment_intents.create({"amount": 500, "currency": "eur"})
        client.v1.products.create({"name": "Zovi"})
        with Tallystick("sqlite:///b.db") as tally:
            for each in fake.deliveries():
                tally.provider_events.receive(each.body, each.signature)
        yield


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def said(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def events(*words: str) -> Any:
    return said("stripe", "events", "list", *words)["events"]


def test_events_are_listed_with_what_became_of_them() -> None:
    product, payment = events()
    assert (product["type"], product["state"]) == ("product.created", "ignored")
    assert product["reason"]["code"] == "NOT_USED"
    assert (payment["type"], payment["state"]) == ("payment_intent.created", "new")
    assert events("--state", "new") == [payment]
    assert events("--type", "product.created") == [product]
    assert events("--object", payment["object"]) == [payment]
    first = said("stripe", "events", "list", "--limit", "1")
    assert first["cursor"] == product["id"]
    assert events("--starting-after", first["cursor"]) == [payment]
    rows = run("stripe", "events", "list").stdout.splitlines()
    assert rows[0].split() == ["id", "type", "object", "happened", "state", "reason"]
    assert rows[2].split()[-1] == "new"
    refused = run("stripe", "events", "list", "--state", "odd")
    assert (refused.exit_code, "state is one of" in refused.stderr) == (1, True)


def test_the_worker_reads_them_and_tells() -> None:
    told = run("worker", "--once").stdout.splitlines()
    assert told[0] == "events: 1 ignored"
    (event,) = events("--type", "payment_intent.created")
    assert (event["state"], event["reason"]["code"]) == ("ignored", "NOT_OURS")
    again = run("stripe", "events", "replay", event["id"])
    assert again.stdout.startswith(f"{event['object']} is asked for by the next run")
    (replayed,) = events("--state", "new")
    assert replayed["id"] == event["id"]
    lines = [json.loads(line) for line in run("worker", "--once", "--json").stdout.splitlines()]
    assert lines[0]["events"]["ignored"] == 1


def test_what_is_not_to_be_replayed_says_why() -> None:
    (product,) = events("--type", "product.created")
    refused = run("stripe", "events", "replay", product["id"])
    assert refused.exit_code == 1
    assert "nothing is made of 'product.created'" in refused.stderr
    assert run("stripe", "events", "replay", "evt_none").exit_code == 1


def test_old_events_are_removed_once_they_wait_for_nothing() -> None:
    assert run("stripe", "events", "prune").exit_code == 2, "nobody can be asked"
    later = ("--at", "2099-01-01T00:00:00Z", "--yes")
    assert said("stripe", "events", "prune", *later)["removed"] == 1
    assert [each["state"] for each in events()] == ["new"]
    assert run("stripe", "events", "prune", "--days", "1", "--yes").exit_code == 1


def test_a_placeholder_stops_every_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_STRIPE_WEBHOOK_SECRETS", "whsec_xxxxxxxxxxxx")
    refused = run("worker", "--once")
    assert (refused.exit_code, "no secret of a webhook endpoint" in refused.stderr) == (2, True)
