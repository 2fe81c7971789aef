"""The service against its own description: whatever is sent, what comes back is as described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tallystick import Tallystick
from tallystick.http.api import create_app
from tallystick.http.keys import Keys
from tallystick.providers.stripe.events import StripeEvents
from tallystick.providers.stripe.settings import StripeSettings
from tests.http.test_entitlements import CATALOG, KEY

if TYPE_CHECKING:
    from starlette.types import ASGIApp

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


def service() -> ASGIApp:
    """Give the service over a ledger in which acme has used something."""
    stripe = StripeSettings(key="sk_test_abcd", account="acct_1", secrets=("whsec_0123456789",))
    tally = Tallystick(
        "sqlite://",
        catalog=CATALOG,
        default_plan="free",
        signing_keys=[b"a key of the tests that signs 32b"],
        return_origins=["https://app.example"],
        event_source=StripeEvents(stripe),
    )
    tally.migrate()
    tally.publish(author="ops")
    tally.customers.create("acme")
    tally.use("acme", "calls", 3)
    return create_app(CATALOG, tally=tally, keys=Keys(KEY))


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """Send JSON Lines as the text that the description says they are."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


API = schemathesis.openapi.from_asgi("/openapi.json", service())


@API.parametrize()
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_it_is_described(case: Any) -> None:
    # Events of a list are judged one by one, so a bad one of them leaves the answer at 200.
    strict = [] if case.method == "POST" else [negative_data_rejection]
    headers = {"Authorization": f"Bearer {KEY}"}
    case.call_and_validate(headers=headers, checks=[*CHECKS, *strict])


def test_every_route_is_tried() -> None:
    found = API.get_all_operations()
    tried = {each.ok().label for each in found}  # type: ignore[union-attr]  # no error is among them
    assert tried >= {"GET /api/v1/entitlements/check", "GET /api/v1/entitlements"}
    assert "POST /api/v1/checkout/resolve" in tried
    assert {"POST /api/v1/checkout", "GET /api/v1/checkout/{id}"} < tried
    assert "POST /api/v1/webhooks/stripe" in tried
    assert len(tried) == 12
