"""The customer portal: a link to a page on which a customer can end what they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.route import Route

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES"]


def _create(account: Account, call: Call) -> Thing:
    params = call.params
    customer = account.given("customer", params.get("customer", ""), "customer")
    wanted = account.new_id("bps")
    return account.add(
        {
            "id": wanted,
            "object": "billing_portal.session",
            "configuration": "bpc_1Fake000000001",
            "created": account.now(customer["test_clock"]),
            "customer": customer["id"],
            "customer_account": None,
            "flow": None,
            "livemode": False,
            "locale": None,
            "on_behalf_of": None,
            "return_url": params.get("return_url"),
            "url": f"{account.site}/portal/{wanted}",
        }
    )


ROUTES: Final = (
    Route(
        "POST",
        "/v1/billing_portal/sessions",
        "billing_portal.SessionCreateParams",
        _create,
        frozenset(("customer", "return_url")),
    ),
)
"""What is asked of the portal."""
