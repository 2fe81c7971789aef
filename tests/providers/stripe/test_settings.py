"""What reaches a Stripe account: keys, accounts and secrets that are none are refused at once."""

from __future__ import annotations

import pytest

from tallystick.core.intent import ProviderAccount
from tallystick.errors import SetupError
from tallystick.providers.stripe.settings import StripeSettings, settings_from

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
LIVE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
SECRET = "whsec_C0ffeeC0ffeeC0ffee"


def test_settings_are_read_from_the_environment() -> None:
    found = settings_from(
        {
            "TALLYSTICK_STRIPE_KEY": f" {KEY} ",
            "TALLYSTICK_STRIPE_ACCOUNT": "acct_1Nv",
            "TALLYSTICK_STRIPE_WEBHOOK_SECRETS": f"{SECRET}, {SECRET}2",
            "TALLYSTICK_STRIPE_ADDRESS": "http://127.0.0.1:12111",
            "TALLYSTICK_STRIPE_RETURN_URL": "https://shop.example/paid",
        }
    )
    assert found.provider_account == ProviderAccount(id="acct_1Nv", live=False)
    assert found.secrets == (SECRET, f"{SECRET}2")
    assert found.address == "http://127.0.0.1:12111"
    assert found.return_url == "https://shop.example/paid"
    assert KEY not in repr(found)
    assert SECRET not in repr(found)
    assert StripeSettings(key=LIVE).live


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "set TALLYSTICK_STRIPE_KEY"),
        ({"TALLYSTICK_STRIPE_KEY": "pk_test_4eC39HqLyjWDarjtT1zdp7dc"}, "secret or restricted"),
        ({"TALLYSTICK_STRIPE_KEY": KEY, "TALLYSTICK_STRIPE_ACCOUNT": "me"}, "id of an account"),
        (
            {"TALLYSTICK_STRIPE_KEY": LIVE, "TALLYSTICK_STRIPE_ADDRESS": "http://127.0.0.1"},
            "a live key is sent to Stripe alone",
        ),
        *(
            (
                {"TALLYSTICK_STRIPE_KEY": KEY, "TALLYSTICK_STRIPE_RETURN_URL": each},
                "is a whole address",
            )
            for each in ("shop.example", "javascript:alert(1)", "https://a b", "https://é.example")
        ),
    ],
)
def test_what_is_no_setting_is_refused(said: dict[str, str], words: str) -> None:
    with pytest.raises(SetupError, match=words) as refused:
        settings_from(said)
    assert "4eC39HqLyjWDarjtT1zdp7dc" not in str(refused.value)


@pytest.mark.parametrize(
    "secrets",
    [
        "",
        "   ",
        "whsec_",
        "whsec_...",
        "whsec_xxxxxxxxxxxx",
        "whsec_your_secret_here",
        f"{SECRET},",
    ],
)
def test_a_secret_that_is_none_stops_the_start(secrets: str) -> None:
    said = {"TALLYSTICK_STRIPE_KEY": KEY, "TALLYSTICK_STRIPE_WEBHOOK_SECRETS": secrets}
    with pytest.raises(SetupError, match="would let anybody in"):
        settings_from(said)


def test_without_an_account_there_is_none_to_name() -> None:
    with pytest.raises(SetupError, match="stripe account"):
        _ = StripeSettings(key=KEY).provider_account
