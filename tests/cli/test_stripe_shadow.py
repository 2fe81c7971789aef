"""`tallystick stripe shadow` as a person types it, against a fake Stripe on a port."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from typer.testing import CliRunner

from tallystick.cli.commands import app
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, Fault, Seen, running
from tests.providers.stripe.bookshop import AT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

CATALOG = """
provider: stripe
products:
  - id: app
    name: App
    currency: USD
    plans:
      - id: pro
        name: Pro
        interval: month
        interval_count: 1
        prices: [{id: pro, type: flat, cost: 29.00}]
"""


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(AT)


@pytest.fixture
def fake(clock: FrozenClock) -> FakeStripe:
    return FakeStripe(clock)


@pytest.fixture
def v1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: FakeStripe) -> Iterator[Any]:
    monkeypatch.chdir(tmp_path)
    for name in ("CATALOG", "ENVIRONMENT", "STRIPE_ACCOUNT"):
        monkeypatch.delenv(f"TALLYSTICK_{name}", raising=False)
    with running(fake) as address:
        monkeypatch.setenv("TALLYSTICK_STRIPE_KEY", fake.account.api_key)
        monkeypatch.setenv("TALLYSTICK_STRIPE_ADDRESS", address)
        client = stripe.StripeClient(fake.account.api_key, base_addresses={"api": address})
        yield client.v1


@pytest.fixture
def sold(v1: Any, tmp_path: Path, clock: FrozenClock) -> Any:
    """Sell `pro` for two months, by a price that the lock file maps."""
    (tmp_path / "billing.yaml").write_text(CATALOG)
    assert run("stripe", "apply").exit_code == 0
    (price,) = v1.prices.list().data
    payer = v1.customers.create({"name": "Acme Ltd"}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": payer}).id
    v1.customers.update(payer, {"invoice_settings": {"default_payment_method": card}})
    subscription = v1.subscriptions.create({"customer": payer, "items": [{"price": price.id}]})
    clock.advance(timedelta(days=32))
    return subscription


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_all_is_equal(sold: Any) -> None:
    done = run("stripe", "shadow")
    assert done.exit_code == 0, done.output
    assert "Acme Ltd  2026-02-01  Stripe 29.00 USD  ours 29.00 USD  equal" in done.stdout
    assert "2 invoices: 2 equal, 0 different, 0 not reckoned" in done.stdout
    assert "2 lines: 0 not reckoned, 0 by Stripe's own price" in done.stdout
    assert done.stderr == ""
    last = run("stripe", "shadow", "--limit", "1", "--json")
    (invoice,) = json.loads(last.stdout)["invoices"]
    assert (invoice["verdict"], invoice["stripe"], invoice["difference"]) == ("equal", 2900, 0)
    since = run("stripe", "shadow", "--since", "2026-03-01")
    assert (since.exit_code, "0 invoices" in since.stdout) == (0, True)


def test_what_differs_is_shown_with_our_sums(sold: Any, tmp_path: Path) -> None:
    (tmp_path / "billing.yaml").write_text(CATALOG.replace("29.00", "31.00"))
    done = run("stripe", "shadow", "--limit", "1")
    assert done.exit_code == 1
    assert "Stripe 29.00 USD  ours 31.00 USD  difference +2.00 USD" in done.stdout
    assert "flat fee: 1 × 31.00 USD = 31.00 USD" in done.stdout
    assert "why: price_" in done.stdout
    told = json.loads(run("stripe", "shadow", "--json").stdout)
    assert [line["difference"] for each in told["invoices"] for line in each["lines"]] == [200, 200]


def test_what_cannot_be_reckoned_is_never_equal(sold: Any, v1: Any) -> None:
    terms = {"customer": sold.customer, "amount": 7000, "currency": "usd"}
    v1.invoice_items.create({**terms, "description": "Consulting"})
    wanted = {"customer": sold.customer, "pending_invoice_items_behavior": "include"}
    v1.invoices.finalize_invoice(v1.invoices.create(wanted).id)
    done = run("stripe", "shadow")
    assert done.exit_code == 1
    assert "not reckoned: Consulting  70.00 USD: an amount that somebody typed" in done.stdout
    assert "Stripe 70.00 USD, 0.00 USD of it reckoned  ours 0.00 USD  not reckoned" in done.stdout
    assert "3 invoices: 2 equal, 0 different, 1 not reckoned" in done.stdout


def test_without_a_catalogue_every_price_is_read_from_stripe(
    sold: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "billing.test.lock.json").unlink()
    unmapped = run("stripe", "shadow")
    assert (unmapped.exit_code, "tallystick stripe pull" in unmapped.stderr) == (0, True)
    (tmp_path / "billing.yaml").unlink()
    done = run("stripe", "shadow")
    assert (done.exit_code, "no catalogue" in done.stderr) == (0, True)
    assert "2 lines: 0 not reckoned, 2 by Stripe's own price" in done.stdout
    assert run("stripe", "shadow", "missing.yaml").exit_code == 2
    monkeypatch.setenv("TALLYSTICK_CATALOG", "missing.yaml")
    assert run("stripe", "shadow").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--limit", "0"),
        ("--since", "yesterday"),
        ("--environment", "no name"),
        ("--live",),
    ],
    ids=" ".join,
)
def test_what_cannot_be_asked_ends_with_two(sold: Any, words: tuple[str, ...]) -> None:
    assert run("stripe", "shadow", *words).exit_code == 2


def test_it_only_asks(sold: Any, fake: FakeStripe) -> None:
    before = len(fake.account.calls)
    assert run("stripe", "shadow").exit_code == 0
    asked = fake.account.calls[before:]
    assert {name.partition(" ")[0] for name, _ in asked} == {"GET"}


@pytest.mark.parametrize("call", ["GET /v1/invoices", "GET /v1/prices", "GET /v1/account"])
def test_silence_ends_with_two_and_says_nothing_of_equal(
    sold: Any, fake: FakeStripe, call: str
) -> None:
    fake.account.faults.add(Fault(Seen.CUT, call, times=10))
    done = run("stripe", "shadow")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Stripe did not answer" in done.stderr


def test_a_key_that_is_not_good_ends_with_two(sold: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_STRIPE_KEY", "sk_test_anotherkey")
    done = run("stripe", "shadow")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "does not take the key" in done.stderr


def test_the_lock_file_of_another_account_is_refused(sold: Any, tmp_path: Path) -> None:
    path = tmp_path / "billing.test.lock.json"
    lock = json.loads(path.read_text())
    path.write_text(json.dumps(lock | {"account": "acct_another"}))
    done = run("stripe", "shadow")
    assert (done.exit_code, "acct_another" in done.stderr) == (2, True)
