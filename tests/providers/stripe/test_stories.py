"""The same stories on the fake, always, and on Stripe's test mode where there is a key for it.

`make test-stripe` asks Stripe; no other run does, whatever key the environment holds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tallystick.providers.stripe.client import open_client
from tallystick.providers.stripe.settings import StripeSettings
from tallystick.system import SystemClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tests.conftest import ROOT
from tests.providers.stripe.stories import STORIES

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk_test_fake1"
RETURN = "https://shop.example/paid"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_on_the_fake(story: Callable[[StripeSettings], None]) -> None:
    fake = FakeStripe(SystemClock(), api_key=KEY)
    with running(fake) as address:
        account = fake.account.id
        story(StripeSettings(key=KEY, account=account, address=address, return_url=RETURN))
    assert fake.account.calls, "the story was told without it"


@pytest.mark.stripe
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_on_stripe(story: Callable[[StripeSettings], None]) -> None:
    settings = real_settings(os.environ.get("TALLYSTICK_TEST_STRIPE_KEY"))
    story(settings)
    assert not settings.live


def real_settings(key: str | None) -> StripeSettings:
    """Give the settings of an account of Stripe in test mode.  A live key is never used."""
    if key is None:
        pytest.skip("asks Stripe itself: run `make test-stripe`")
    settings = StripeSettings(key=key, return_url=RETURN)
    assert not settings.live, "these tests ask Stripe with a key of its test mode only: sk_test_…"
    account = open_client(settings).v1.accounts.retrieve_current()
    return replace(settings, account=account.id)


def test_a_live_key_is_never_used() -> None:
    with pytest.raises(AssertionError, match="test mode only"):
        real_settings("sk_live_51abcdef")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "set TALLYSTICK_STRIPE_KEY to a key"),
        ("sk_live_51abcdef", "no key of a test mode"),
        ("whsec_1234567890", "no key of a test mode"),
    ],
)
def test_make_asks_stripe_with_a_test_key_only(key: str, said: str) -> None:
    make = shutil.which("make")
    assert make is not None
    command = [make, "--silent", "--assume-old=setup", "test-stripe"]
    shell = {"PATH": os.environ["PATH"], "TALLYSTICK_STRIPE_KEY": key}
    done = subprocess.run(command, cwd=ROOT, env=shell, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert key not in done.stderr or not key
