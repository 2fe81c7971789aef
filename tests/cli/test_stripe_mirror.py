"""`tallystick stripe import --subscriptions` and `reconcile`, as a person types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tallystick.cli.commands import app
from tests.selling import Selling, selling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Selling]:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with selling(url) as found:
        account = found.fake.account
        for name, value in {
            "DATABASE_URL": url,
            "STRIPE_KEY": account.api_key,
            "STRIPE_ACCOUNT": account.id,
            "STRIPE_ADDRESS": account.site,
        }.items():
            monkeypatch.setenv(f"TALLYSTICK_{name}", value)
        monkeypatch.delenv("TALLYSTICK_STRIPE_LOCK", raising=False)
        yield found


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_what_is_sold_there_is_taken_over_and_compared(shop: Selling) -> None:
    product = shop.v1.products.create({"name": "Noted"}).id
    price = shop.price(product, 900, metadata={"billing_plan_id": "basic"})
    reference = shop.sold(price)
    first = run("stripe", "reconcile")
    assert first.exit_code == 1
    assert f"{reference} (not here)" in first.stdout
    done = run("stripe", "import", "--customers", "--subscriptions")
    assert done.exit_code == 0, done.output
    assert "subscriptions: 1 taken over, 0 as they were" in done.stdout
    again = run("stripe", "import", "--subscriptions", "--json")
    assert json.loads(again.stdout)["subscriptions"]["taken_over"] == 0
    assert run("stripe", "reconcile").exit_code == 0
    shown = run("subscriptions", "list")
    assert "stripe" in shown.stdout
    (held,) = shop.tally.subscriptions.list().items
    told = run("subscriptions", "show", held.id)
    assert f"billed by: stripe ({reference})" in told.stdout
    shop.v1.subscriptions.cancel(reference)
    differs = run("stripe", "reconcile", "--json")
    assert differs.exit_code == 1
    (drift,) = json.loads(differs.stdout)["drifts"]
    assert {"field": "state", "here": "active", "there": "canceled"} in drift["fields"]
    taken = run("stripe", "reconcile", "--apply")
    assert (taken.exit_code, "1 taken over" in taken.stdout) == (0, True)
    assert run("stripe", "reconcile").exit_code == 0


def test_what_is_left_out_is_named(shop: Selling) -> None:
    reference = shop.sold("basic")  # no lock file says which line its price is of
    done = run("stripe", "import", "--subscriptions")
    assert done.exit_code == 1
    assert f"left out: {reference}" in done.stderr
    assert run("stripe", "import").exit_code == 2
    assert run("stripe", "import", "--subscriptions", "--live").exit_code == 2


def test_a_lock_file_says_which_line_a_price_is_of(
    shop: Selling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sold("pro", "seat:2")
    lock = tmp_path / "billing.test.lock.json"
    prices = {line: {"provider_id": there} for line, there in shop.prices.items()}
    tree = {"version": 1, "provider": "stripe", "environment": "test", "prices": prices}
    lock.write_text(json.dumps(tree), "utf-8")
    monkeypatch.setenv("TALLYSTICK_STRIPE_LOCK", str(lock))
    assert run("stripe", "import", "--subscriptions").exit_code == 0
    assert next(iter(shop.tally.subscriptions.list())).seats == 2
    monkeypatch.setenv("TALLYSTICK_STRIPE_LOCK", str(tmp_path / "none.lock.json"))
    assert "no lock file" in run("stripe", "reconcile").stderr
