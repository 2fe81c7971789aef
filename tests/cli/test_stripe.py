"""`tallystick stripe …` as a person types it, against a fake Stripe on a port."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from typer.testing import CliRunner

from tallystick.cli.commands import app
from tallystick.testing.fake_stripe import FakeStripe, Fault, Seen, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStripe]:
    monkeypatch.chdir(tmp_path)
    for name in ("CATALOG", "ENVIRONMENT", "STRIPE_ACCOUNT"):
        monkeypatch.delenv(f"TALLYSTICK_{name}", raising=False)
    made = FakeStripe()
    with running(made) as address:
        monkeypatch.setenv("TALLYSTICK_STRIPE_KEY", made.account.api_key)
        monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", address)
        yield made


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def client_of(fake: FakeStripe) -> Any:
    return stripe.StripeClient(fake.account.api_key, base_addresses={"api": fake.account.site})


def plans() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("plans").stdout)["data"]["products"][0]["plans"]
    return found


# --- the second mission, as it was posted -------------------------------------------------------


def test_prices_made_by_hand_are_pulled_and_the_quarter_is_told_without_a_count(
    fake: FakeStripe, tmp_path: Path
) -> None:
    shutil.copy(EXAMPLES / "products-as-posted.json", tmp_path / "billing.json")
    client = client_of(fake)
    product = client.v1.products.create({"name": "Zovi Daily"}).id
    made = {
        plan: client.v1.prices.create(
            {
                "product": product,
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": "month", "interval_count": count},
                "metadata": {"billing_plan_id": plan},
            }
        ).id
        for plan, amount, count in (("starter-monthly", 999, 1), ("starter-quarterly", 2499, 3))
    }
    for command in ("plan", "apply", "drift"):
        refused = run("stripe", command)
        assert refused.exit_code == (2 if command == "drift" else 1)
        assert "intervalCount" in refused.stderr
    assert run("stripe", "pull").exit_code == 0
    assert "interval_count" not in (tmp_path / "billing.json").read_text()
    assert [
        (p["id"], p["interval"], p["intervalCount"], p["price"], p["priceVariantId"])
        for p in plans()
    ] == [
        ("starter-monthly", "month", 1, 9.99, made["starter-monthly"]),
        ("starter-quarterly", "month", 3, 24.99, made["starter-quarterly"]),
    ]
    assert run("lint").exit_code == 0
    before = len(fake.account.calls)
    applied = run("stripe", "apply")
    assert (applied.exit_code, applied.stdout) == (0, "nothing to do\n")
    assert {call.split()[0] for call, _ in fake.account.calls[before:]} == {"GET"}
    assert run("stripe", "drift").exit_code == 0


# --- the commands -------------------------------------------------------------------------------


@pytest.fixture
def catalog(fake: FakeStripe, tmp_path: Path) -> Path:
    assert fake.account.calls == []
    path = tmp_path / "billing.yaml"
    shutil.copy(EXAMPLES / "products.yaml", path)
    return path


def test_the_account_is_told(fake: FakeStripe) -> None:
    assert fake.account.id in run("stripe", "account").stdout
    tree = json.loads(run("stripe", "account", "--json").stdout)
    assert tree == {"account": fake.account.id, "name": "Fake Shop", "mode": "test"}


def test_a_plan_changes_nothing_and_an_apply_does_what_it_showed(
    fake: FakeStripe, catalog: Path
) -> None:
    shown = run("stripe", "plan")
    assert shown.exit_code == 0
    assert {call.split()[0] for call, _ in fake.account.calls} == {"GET"}
    assert not catalog.with_name("billing.test.lock.json").exists()
    done = run("stripe", "apply")
    assert done.stdout.splitlines()[:-1] == shown.stdout.splitlines()[:-1]
    assert "+ price price_stripe_quarterly: USD 24.99, quarterly" in done.stdout
    assert run("stripe", "apply").stdout == "nothing to do\n"
    ids = {price["id"] for price in fake.account.of("price").values()}
    assert {plan["priceVariantId"] for plan in plans()} == ids


def test_an_environment_has_a_lock_file_of_its_own(fake: FakeStripe, catalog: Path) -> None:
    assert run("stripe", "apply", "--environment", "staging").exit_code == 0
    assert catalog.with_name("billing.staging.lock.json").exists()
    assert not catalog.with_name("billing.test.lock.json").exists()
    assert len(fake.account.of("price")) == 2


def test_drift_tells_a_difference_none_and_a_failure_apart(
    fake: FakeStripe, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("stripe", "drift").exit_code == 1
    run("stripe", "apply")
    assert run("stripe", "drift").exit_code == 0
    catalog.write_text(catalog.read_text().replace("24.99", "29.99"))
    differs = run("stripe", "drift")
    assert differs.exit_code == 1
    assert "amount: 24.99 -> 29.99" in differs.stdout
    (change,) = json.loads(run("stripe", "drift", "--json").stdout)["steps"][0]["changes"]
    assert change == {"field": "amount", "from": "2499", "to": "2999"}
    fake.account.faults.add(Fault(Seen.BROKEN, "*", times=9))
    assert run("stripe", "drift").exit_code == 2
    monkeypatch.delenv("TALLYSTICK_STRIPE_KEY")
    assert run("stripe", "drift").exit_code == 2


def test_an_apply_that_was_cut_off_is_gone_on_with(fake: FakeStripe, catalog: Path) -> None:
    fake.account.faults.add(Fault(Seen.CUT, "POST /v1/prices", after=True, first=2))
    failed = run("stripe", "apply")
    assert failed.exit_code == 1
    assert "2 of 3 steps are done: the same command goes on" in failed.stderr
    again = json.loads(run("stripe", "apply", "--json").stdout)
    assert [(step["do"], step["id"]) for step in again["steps"]] == [
        ("adopt", "price_stripe_quarterly")
    ]
    assert len(fake.account.of("price")) == 2
    assert catalog.exists()


def test_a_live_key_is_used_only_with_its_word(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert catalog.exists()
    assert "--live needs" in run("stripe", "plan", "--live").stderr
    monkeypatch.setenv("TALLYSTICK_STRIPE_KEY", "sk_live_abcd1234")
    monkeypatch.delenv("TALLYSTICK_STRIPE_ADDRESS")
    for command in ("account", "plan", "apply", "pull"):
        refused = run("stripe", command)
        assert refused.exit_code == 2
        assert "add --live" in refused.stderr


def test_the_key_of_another_account_is_refused(
    fake: FakeStripe, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_STRIPE_ACCOUNT", "acct_1Other")
    refused = run("stripe", "apply")
    assert (refused.exit_code, fake.account.of("price")) == (2, {})
    assert "acct_1Other" in refused.stderr
    assert catalog.exists()


def test_what_stripe_cannot_express_is_told_as_the_file_spells_it(
    fake: FakeStripe, tmp_path: Path
) -> None:
    line = {"id": "f", "name": "F", "type": "flat", "cost": 5}
    fee = {"id": "p", "name": "P", "type": "percentage", "percent": 2, "unit": "sale"}
    plan = {
        "id": "x",
        "name": "X",
        "paymentType": "recurring",
        "interval": "month",
        "lineItems": [line, fee],
    }
    product = {"id": "s", "name": "S", "currency": "USD", "plans": [plan]}
    product |= {"description": "S", "features": ["S"]}
    (tmp_path / "billing.json").write_text(
        json.dumps({"provider": "stripe", "products": [product]})
    )
    refused = run("stripe", "apply")
    assert refused.exit_code == 1
    assert "products[0].plans[0].lineItems[1].type" in refused.stderr
    assert fake.account.calls == []
    pulled = run("stripe", "pull")
    assert pulled.exit_code == 1
    assert "not in Stripe: price f" in pulled.stdout


@pytest.mark.parametrize("command", ["account", "plan", "apply", "pull", "drift"])
def test_each_command_says_what_it_is_for(command: str) -> None:
    told = run("stripe", command, "--help")
    assert told.exit_code == 0
    assert "--json" in told.stdout


# --- coming from elsewhere ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["billing.yaml", "billing.json"])
def test_an_account_is_imported_pulled_and_then_nothing_differs(
    fake: FakeStripe, tmp_path: Path, name: str
) -> None:
    client = client_of(fake)
    product = client.v1.products.create({"name": "Zovi: «Daily»"}).id
    every = {"interval": "month", "interval_count": 3}
    price = client.v1.prices.create(
        {"product": product, "currency": "usd", "unit_amount": 2499, "recurring": every}
    ).id
    assert run("stripe", "import", name).exit_code == 0
    assert run("stripe", "pull").exit_code == 0
    assert run("stripe", "drift").exit_code == 0
    (plan,) = plans()
    assert (plan["intervalCount"], plan["price"], plan["priceVariantId"]) == (3, 24.99, price)
    written = (tmp_path / name).read_text()
    again = run("stripe", "import", name)
    assert again.exit_code == 2
    assert "here already" in again.stderr
    assert (tmp_path / name).read_text() == written


def test_what_an_import_leaves_out_is_named(fake: FakeStripe) -> None:
    client = client_of(fake)
    nothing = run("stripe", "import", "billing.yaml")
    assert (nothing.exit_code, "no active price" in nothing.stderr) == (2, True)
    product = client.v1.products.create({"name": "Zovi"}).id
    month: dict[str, Any] = {"product": product, "recurring": {"interval": "month"}}
    client.v1.prices.create({**month, "currency": "usd", "unit_amount": 999})
    client.v1.prices.create({**month, "currency": "usd", "unit_amount": 1999})
    euro = client.v1.prices.create({**month, "currency": "eur", "unit_amount": 899}).id
    told = run("stripe", "import", "billing.yaml", "--json")
    assert told.exit_code == 1
    tree = json.loads(told.stdout)
    assert (tree["file"], tree["plans"]) == ("billing.yaml", 2)
    assert [each["provider_id"] for each in tree["left_out"]] == [euro]
    assert run("stripe", "import", "billing.toml").exit_code == 2
