"""Test clocks: a time of their own for some customers, which moves when it is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.page import listing
from tallystick.testing.fake_stripe.refusal import Refused
from tallystick.testing.fake_stripe.route import Route
from tallystick.testing.fake_stripe.subscription_time import pass_time

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES"]

_KEPT: Final = 30 * 24 * 60 * 60
_FARTHEST: Final = 2 * 366 * 24 * 60 * 60


def _create(account: Account, call: Call) -> Thing:
    at = call.params["frozen_time"]
    if not 0 < at <= account.now() + 10 * _FARTHEST:
        raise Refused("frozen_time is out of reach.", param="frozen_time")
    clock = account.add(
        {
            "id": account.new_id("clock"),
            "object": "test_helpers.test_clock",
            "created": account.now(),
            "deletes_after": account.now() + _KEPT,
            "frozen_time": at,
            "livemode": False,
            "name": call.params.get("name"),
            "status": "ready",
            "status_details": {},
        }
    )
    emit(account, "test_helpers.test_clock.created", clock)
    return clock


def _advance(account: Account, call: Call) -> Thing:
    clock = account.get("test_helpers.test_clock", call.ids[0])
    before, until = clock["frozen_time"], call.params["frozen_time"]
    if not before < until <= before + _FARTHEST:
        raise Refused(
            "frozen_time is later than it was, by two years at most.", param="frozen_time"
        )
    advancing = {**clock, "status": "advancing"}
    emit(account, "test_helpers.test_clock.advancing", advancing)
    pass_time(account, until, clock["id"])
    clock["frozen_time"] = until
    emit(account, "test_helpers.test_clock.ready", clock)
    return advancing  # as at Stripe, which needs a while: asked again, it is ready


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("test_helpers.test_clock", call.ids[0])


def _delete(account: Account, call: Call) -> Thing:
    clock = account.get("test_helpers.test_clock", call.ids[0])
    for kind in ("customer", "subscription", "invoice", "invoiceitem"):
        things = account.of(kind)
        for wanted in [w for w, thing in things.items() if thing["test_clock"] == clock["id"]]:
            del things[wanted]
    del account.of("test_helpers.test_clock")[clock["id"]]
    emit(account, "test_helpers.test_clock.deleted", clock)
    return {"id": clock["id"], "object": clock["object"], "deleted": True}


_KIND: Final = "test_helpers.test_clock"
_PATH: Final = "/v1/test_helpers/test_clocks"
ROUTES: Final = (
    Route("POST", _PATH, "test_helpers.TestClockCreateParams", _create),
    Route("GET", _PATH, "test_helpers.TestClockListParams", listing(_KIND)),
    Route("GET", _PATH + "/{id}", "test_helpers.TestClockRetrieveParams", _retrieve),
    Route("DELETE", _PATH + "/{id}", "test_helpers.TestClockDeleteParams", _delete),
    Route("POST", _PATH + "/{id}/advance", "test_helpers.TestClockAdvanceParams", _advance),
)
"""What is asked of test clocks."""
