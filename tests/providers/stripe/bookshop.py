"""A fake Stripe that is asked without a network, and price lists to put into it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import stripe

from tallystick.core.dialects import read_catalog
from tallystick.core.resolve import with_lock
from tallystick.providers.stripe.book_client import Book
from tallystick.providers.stripe.book_run import applied, compared, pulled
from tallystick.testing.clock import FrozenClock
from tallystick.testing.fake_stripe import FakeStripe, Seen
from tallystick.testing.fake_stripe.asking import Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tallystick.core.catalog import Catalog
    from tallystick.core.lock import Lock
    from tallystick.providers.stripe.book import Step
    from tallystick.providers.stripe.book_run import Comparison, Pull

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Line(stripe.HTTPClient):
    """The line to a fake: it hands each request over and gives the answer back, or none."""

    name = "line"

    def __init__(self, fake: FakeStripe) -> None:
        """Lead to a fake."""
        super().__init__()
        self.fake = fake

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Ask once."""
        parts = urlsplit(url)
        small = {name.lower(): value for name, value in (headers or {}).items()}
        body = (post_data or "").encode()
        reply = self.fake.answer(Asked(method.upper(), parts.path, parts.query, small, body))
        if reply.seen in {Seen.SILENCE, Seen.CUT}:
            raise stripe.APIConnectionError("nobody answers")  # type: ignore[no-untyped-call]  # the SDK's own
        return reply.body.decode(), reply.status, dict(reply.headers)

    def close(self) -> None:
        """Nothing is open."""


def client_of(fake: FakeStripe) -> stripe.StripeClient:
    """Give a client of the SDK that asks a fake without a network."""
    return stripe.StripeClient(fake.account.api_key, max_network_retries=0, http_client=Line(fake))


@dataclass
class Shop:
    """An account and the lock file of an environment, and what the commands do with them."""

    clock: FrozenClock = field(default_factory=lambda: FrozenClock(AT))
    fake: FakeStripe = field(init=False)
    environment: str = "test"
    lock: Lock | None = None

    def __post_init__(self) -> None:
        """Open an account."""
        self.fake = FakeStripe(self.clock)

    @property
    def book(self) -> Book:
        """The price list of the account."""
        return Book(client_of(self.fake))

    def compare(self, catalog: Catalog[Any, Any]) -> Comparison:
        """Compare, as `plan` and `drift` do."""
        laid = catalog if self.lock is None else with_lock(catalog, self.lock)
        return compared(self.book, laid, self.lock, environment=self.environment, at=AT)

    def apply(
        self, catalog: Catalog[Any, Any], keep: Callable[[Lock], object] | None = None
    ) -> tuple[str, ...]:
        """Apply, and give each step as `create price pro`."""
        found = self.compare(catalog)
        done: list[str] = []

        def tell(step: Step, _lock: Lock) -> None:
            done.append(f"{step.verb} {step.kind} {step.key}".strip())

        applied(self.book, found, keep=keep or self.keep, tell=tell)
        return tuple(done)

    def pull(self, catalog: Catalog[Any, Any]) -> Pull:
        """Pull, and keep the lock file."""
        got = pulled(self.book, catalog, self.lock, environment=self.environment, at=AT)
        self.lock = got.lock
        return got

    def keep(self, lock: Lock) -> None:
        """Write the lock file."""
        self.lock = lock

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Give what the account holds of a kind, oldest first."""
        return list(self.fake.account.of(kind).values())

    def price(self, key: str) -> dict[str, Any]:
        """Give the price of the account that the lock file holds under a key."""
        assert self.lock is not None
        held: dict[str, Any] = self.fake.account.of("price")[self.lock.prices[key].provider_id]
        return held


def catalog_of(*plans: dict[str, Any], **more: Any) -> Catalog[Any, Any]:
    """Give a catalogue of one product, `shop`, with these plans."""
    product = {"id": "shop", "name": "Shop", "currency": "USD", "plans": list(plans)}
    tree = {"dialect": "tallystick", "provider": "stripe", "products": [product], **more}
    return read_catalog(tree)


def plan_of(id_: str, *prices: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Give a monthly plan; what is counted are pieces."""
    every = {"interval": "month", "interval_count": 1}
    lines = [p if p["type"] in {"flat", "per_seat"} else {"unit": "piece", **p} for p in prices]
    return {"id": id_, "name": id_.title(), **every, "prices": lines, **more}


def flat(id_: str, cost: str, **more: Any) -> dict[str, Any]:
    """Give a fee for the period."""
    return {"id": id_, "type": "flat", "cost": cost, **more}
