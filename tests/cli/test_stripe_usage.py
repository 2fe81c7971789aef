"""`tallystick stripe usage`, as cron types it: told once, compared, 1 where they differ."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from tallystick import Tallystick
from tallystick.cli.commands import app
from tallystick.core.dialects import read_catalog
from tallystick.core.period import instant_text
from tallystick.providers.stripe.provider import Stripe
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tests.selling import START

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

KEY = "sk_test_fake1"
CATALOG = read_catalog(
    {
        "dialect": "tallystick",
        "currency": "USD",
        "meters": [{"key": "calls", "aggregation": "sum"}],
        "products": [
            {
                "id": "app",
                "name": "App",
                "currency": "USD",
                "plans": [
                    {
                        "id": "api",
                        "name": "API",
                        "interval": "month",
                        "interval_count": 1,
                        "prices": [
                            {
                                "id": "calls",
                                "name": "Calls",
                                "type": "per_unit",
                                "cost": "0.02",
                                "meter": "calls",
                                "unit": "call",
                            }
                        ],
                    }
                ],
            }
        ],
    }
)


class Shop:
    """A ledger whose one subscription Stripe bills by use."""

    def __init__(self, url: str, fake: FakeStripe, address: str, clock: FrozenClock) -> None:
        self.fake, self.clock = fake, clock
        settings = StripeSettings(key=KEY, account=fake.account.id, address=address)
        provider = Stripe(settings)
        self.stripe = provider.subscriptions
        v1: Any = self.stripe.client.v1
        self.tally = Tallystick(url, catalog=CATALOG, clock=clock, providers=[provider])
        self.tally.migrate()
        self.tally.publish(author="anna")
        meter = v1.billing.meters.create(
            {
                "event_name": "calls",
                "display_name": "Calls",
                "default_aggregation": {"formula": "sum"},
            }
        ).id
        price = v1.prices.create(
            {
                "product": v1.products.create({"name": "API"}).id,
                "currency": "usd",
                "unit_amount": 2,
                "recurring": {"interval": "month", "usage_type": "metered", "meter": meter},
            }
        ).id
        self.stripe.lines[price] = "calls"
        self.payer = str(v1.customers.create({"email": "a@example.com"}).id)
        card = v1.payment_methods.attach("pm_card_visa", {"customer": self.payer}).id
        v1.customers.update(self.payer, {"invoice_settings": {"default_payment_method": card}})
        self.tally.customers.create("acme", provider_id=self.payer)
        made = v1.subscriptions.create({"customer": self.payer, "items": [{"price": price}]})
        self.reference = str(made.id)
        self.mirror()

    def mirror(self) -> None:
        told = self.stripe.fetch(self.reference, self.clock.now())
        self.tally.mirrors.keep(told)

    def told(self) -> list[str]:
        events = self.fake.account.of("billing.meter_event").values()
        return [each["payload"]["value"] for each in events]

    def usage(self, *words: str) -> Result:
        at = instant_text(self.clock.now())
        result = CliRunner().invoke(app, ["stripe", "usage", "--at", at, *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    clock = FrozenClock(START)
    fake = FakeStripe(clock, api_key=KEY)
    with running(fake) as address:
        url = f"sqlite:///{tmp_path / 'shop.db'}"
        for name, value in {
            "DATABASE_URL": url,
            "STRIPE_KEY": KEY,
            "STRIPE_ACCOUNT": fake.account.id,
            "STRIPE_ADDRESS": address,
        }.items():
            monkeypatch.setenv(f"TALLYSTICK_{name}", value)
        found = Shop(url, fake, address, clock)
        yield found
        assert found.tally.verify().ok
        found.tally.close()


def test_usage_is_told_compared_and_charged(shop: Shop) -> None:
    shop.clock.advance(timedelta(days=2))
    shop.tally.usage.record("acme", "calls", id="a", quantity=250)
    before = shop.usage("--check")
    assert before.exit_code == 1
    assert "used 250, reported 0, known there 0" in before.stdout
    first = shop.usage()
    assert (first.exit_code, first.stdout) == (0, "1 begun, 1 told\n"), first.output
    assert shop.usage().stdout == "nothing to tell\n"
    after = shop.usage("--check")
    assert (after.exit_code, after.stdout) == (0, "0 differ\n")
    assert json.loads(shop.usage("--json").stdout) == {
        "begun": 0,
        "told": 0,
        "silent": 0,
        "refused": 0,
    }
    shop.clock.advance(timedelta(days=30))
    shop.fake.catch_up()
    charged = [each["amount_paid"] for each in shop.fake.account.of("invoice").values()]
    assert 500 in charged  # 250 calls at 0.02


def test_the_period_before_is_told_to_its_end(shop: Shop) -> None:
    shop.clock.advance(timedelta(days=27))
    shop.tally.usage.record("acme", "calls", id="a", quantity=3)
    shop.clock.advance(timedelta(days=2))
    shop.fake.catch_up()
    shop.mirror()
    shop.tally.usage.record("acme", "calls", id="b", quantity=4)
    assert shop.usage().exit_code == 0
    assert sorted(shop.told()) == ["3", "4"]
    assert shop.usage("--check").exit_code == 0
    shop.clock.advance(timedelta(days=9))
    assert shop.usage().stdout == "nothing to tell\n"


def test_a_live_key_is_asked_for_by_name(shop: Shop) -> None:
    assert shop.usage("--live").exit_code == 2
    assert shop.told() == []
