"""Whose the account is, as its key asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.route import Route

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES"]


def _retrieve(account: Account, _call: Call) -> Thing:
    return {
        "id": account.id,
        "object": "account",
        "business_profile": {"name": "Fake Shop", "support_email": None, "url": None},
        "business_type": "company",
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "shop@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


ROUTES: Final = (Route("GET", "/v1/account", "AccountRetrieveCurrentParams", _retrieve),)
"""What is asked of the account itself."""
