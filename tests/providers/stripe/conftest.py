"""A fake Stripe for each test, and the provider that talks to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.providers.stripe.settings import StripeSettings
from tallystick.testing.fake_stripe import FakeStripe, running

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk_test_fake1"


@pytest.fixture
def fake() -> FakeStripe:
    return FakeStripe(api_key=KEY)


@pytest.fixture
def settings(fake: FakeStripe) -> Iterator[StripeSettings]:
    with running(fake) as address:
        yield StripeSettings(
            key=KEY,
            account=fake.account.id,
            address=address,
            return_url="https://shop.example/paid",
        )
