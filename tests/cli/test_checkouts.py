"""`tallystick checkout list` and its like as a person and a script meet them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from tallystick.cli.commands import app
from tests.facade.paying import Shop, shop_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", "sqlite:///b.db")
    with shop_at("sqlite:///b.db") as found:
        monkeypatch.setenv("TALLYSTICK_PROVIDERS", "stripe")
        monkeypatch.setenv("TALLYSTICK_STRIPE_KEY", found.stripe.settings.key)
        monkeypatch.setenv("TALLYSTICK_STRIPE_ACCOUNT", found.fake.account.id)
        monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", found.fake.account.site)
        yield found


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def said(*words: str) -> Any:
    result = run("checkout", *words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_checkout_from_the_page_to_its_end(shop: Shop) -> None:
    opened = shop.open()
    (row,) = said("list")["checkouts"]
    assert (row["id"], row["state"], row["key"]) == (opened.id, "open", opened.key)
    rows = run("checkout", "list").stdout.splitlines()
    assert rows[1].split() == [opened.id, "acme", "basic@1", "stripe", "10.00", "USD", "open"]
    now = ("--at", "2026-10-01T01:00:00Z")
    assert said("refresh", opened.id, *now)["state"] == "open"
    shop.pay(opened)
    done = said("refresh", opened.id, *now)
    assert (done["state"], done["subscription"]) == ("complete", opened.subscription)
    text = run("checkout", "show", opened.id).stdout
    assert "state: complete\n" in text
    assert "amount: 10.00 USD\n" in text
    other = shop.open("desk")
    assert said("expire", other.id, *now)["state"] == "expired"
    assert said("list", "--state", "expired")["checkouts"][0]["id"] == other.id
    assert "more: --starting-after chk_" in run("checkout", "list", "--limit", "1").stdout
    assert said("list", "--set-aside")["checkouts"] == []


def test_the_worker_gives_back_what_cannot_be_sold_any_more(shop: Shop) -> None:
    shop.pay(shop.open())  # months ago by now, so that another period is due
    assert "checkouts: 1 refunding, 1 refunded\n" in run("worker", "--once").stdout
    assert shop.moved() == 0
    assert "checkouts" not in run("worker", "--once").stdout
    shop.open("desk")
    lines = [json.loads(line) for line in run("worker", "--once", "--json").stdout.splitlines()]
    (told,) = [each["checkouts"] for each in lines if "checkouts" in each]
    assert told == dict.fromkeys(told, 0) | {"open": 1}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "chk_0"), "no checkout 'chk_0'"),
        (("refresh", "chk_0"), "no checkout 'chk_0'"),
        (("expire", "chk_0"), "no checkout 'chk_0'"),
        (("retry", "chk_0"), "no checkout 'chk_0'"),
        (("list", "--state", "lost"), "state is one of open, processing"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_what_cannot_be_is_said_in_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    result = run("checkout", *words)
    assert result.exit_code != 0
    assert sentence in result.stderr
