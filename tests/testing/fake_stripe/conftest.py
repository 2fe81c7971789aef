"""A fake Stripe for each test, with a client of the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.testing.fake_stripe import FakeStripe, talking_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe import StripeClient


@pytest.fixture
def fake() -> FakeStripe:
    return FakeStripe()


@pytest.fixture
def client(fake: FakeStripe) -> Iterator[StripeClient]:
    with talking_to(fake) as talking:
        yield talking
