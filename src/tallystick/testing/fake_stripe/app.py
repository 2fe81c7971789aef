"""The fake Stripe as an ASGI application."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe.account import Account, Thing
from tallystick.testing.fake_stripe.asking import Asked, Desk, Reply
from tallystick.testing.fake_stripe.checkout_payment import complete, expire_due, settle
from tallystick.testing.fake_stripe.delivery import Delivery, send, take_deliveries
from tallystick.testing.fake_stripe.faults import Seen
from tallystick.testing.fake_stripe.pages import Shown, page_at
from tallystick.testing.fake_stripe.refund import settle_refund
from tallystick.testing.fake_stripe.routes import ROUTES
from tallystick.testing.fake_stripe.subscription_time import pass_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tallystick.ports import Clock

__all__ = ["FakeStripe"]

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TAKEN: Final = 2
_JSON: Final = "application/json"


class FakeStripe:
    """A Stripe account in memory, in test mode, that the official SDK can talk to.

    `account` is its state, to be looked into and to be set up; its time stands still at
    2026-01-01 where no other clock is given.
    """

    def __init__(self, clock: Clock | None = None, *, api_key: str = "sk_test_fake") -> None:
        """Open it with a secret key of your choice."""
        self.account = Account(clock or FrozenClock(_START), api_key)
        self._desk, self._lock = Desk(self.account, ROUTES), RLock()

    def answer(self, asked: Asked) -> Reply:
        """Answer one call, while no other is answered."""
        with self._lock:
            self.catch_up()
            return self._desk.answer(asked)

    def catch_up(self) -> None:
        """Do what has fallen due by the account's clock; each call does so first."""
        with self._lock:
            pass_time(self.account, self.account.now(), None)
            expire_due(self.account)

    def pay(self, session: str, card: str = "pm_card_visa", code: str = "") -> Thing:
        """Pay a checkout session as a customer does on its page.  Raises Refused."""
        with self._lock:
            self.catch_up()
            return complete(self.account, self.account.get("checkout.session", session), card, code)

    def settle(self, moving: str, *, arrives: bool = True) -> None:
        """Let a payment that takes days arrive, or come back, and a refund come back.

        Raises Refused.
        """
        with self._lock:
            if moving.startswith("re_"):
                settle_refund(self.account, self.account.get("refund", moving), arrives=arrives)
                return
            intent = self.account.get("payment_intent", moving)
            settle(self.account, intent, arrives=arrives)

    def show(self, asked: Asked) -> Shown | None:
        """Answer a browser; None where the path is none of a page."""
        with self._lock:
            self.catch_up()
            return page_at(self.account, asked.method, asked.path, asked.body)

    def deliveries(self) -> list[Delivery]:
        """Take the deliveries that wait: send each with `send`, in any order, twice, or never."""
        with self._lock:
            return take_deliveries(self.account)

    def deliver(self) -> list[int]:
        """Send what waits, and give the answers; what is not taken (2xx) waits again."""
        taken = self.deliveries()
        statuses = [send(delivery) for delivery in taken]
        with self._lock:
            self.account.pending[:0] = [
                (delivery.endpoint, delivery.event)
                for delivery, status in zip(taken, statuses, strict=True)
                if status // 100 != _TAKEN
            ]
        return statuses

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Speak ASGI (HTTP only)."""
        if scope["type"] != "http":
            return
        asked = await _read(scope, receive)
        shown = self.show(asked)
        if shown is not None:
            await _send_page(shown, send)
            return
        reply = self.answer(asked)
        if reply.seen is Seen.SILENCE:
            while (await receive())["type"] != "http.disconnect":
                continue
            return
        await _send(reply, send)


async def _read(
    scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
) -> Asked:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("ascii", "replace")
    return Asked(scope["method"], scope["path"], query, headers, body)


async def _send(reply: Reply, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
    whole = len(reply.body) + (reply.seen is Seen.CUT)
    headers = {"content-type": _JSON, "content-length": str(whole), **dict(reply.headers)}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


async def _send_page(
    shown: Shown, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]
) -> None:
    body = shown.html.encode()
    pairs = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    if shown.location is not None:
        pairs.append((b"location", shown.location.encode("ascii", "replace")))
    await send({"type": "http.response.start", "status": shown.status, "headers": pairs})
    await send({"type": "http.response.body", "body": body, "more_body": False})
