"""What one Stripe account holds: objects by kind and id, in memory, for a test to look into."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tallystick.testing.fake_stripe.faults import FaultPlan
from tallystick.testing.fake_stripe.refusal import missing

if TYPE_CHECKING:
    from tallystick.ports import Clock
    from tallystick.testing.fake_stripe.cards import Card

__all__ = ["Account", "Thing"]

Thing: TypeAlias = dict[str, Any]
"""An object as it is kept: Stripe's fields, with those that are only shown when asked for."""

TEST_KEY: Final = "sk_test_fake"


class Account:
    """An account in test mode.

    `objects["price"]["price_1Fake…"]` is a price; `calls` lists what was asked, as
    `POST /v1/prices`, with the status of its answer; `cards` is the test card behind each payment
    method, `pending` the endpoint and the event of each delivery that waits; `most_per_second`
    says how many calls a second of its clock may bring.  `secrets` are those of the webhook
    endpoints; `prorations` wait for the next invoice of a subscription, `noticed` are those whose
    end of trial was announced, `coupons` is what each discount took its terms from,
    `wanted` what each checkout session was made from.
    """

    def __init__(self, clock: Clock, api_key: str = TEST_KEY, site: str = "") -> None:
        """Begin empty; `site` is where the pages to pay on are found."""
        self.id = "acct_1Fake000000001"
        self.clock, self.api_key, self.site = clock, api_key, site
        self.objects: dict[str, dict[str, Thing]] = {}
        self.cards: dict[str, Card] = {}
        self.calls: list[tuple[str, int]] = []
        self.faults = FaultPlan()
        self.most_per_second: int | None = None
        self.pending: list[tuple[str, str]] = []
        self.secrets: dict[str, str] = {}
        self.prorations: dict[str, list[Thing]] = {}
        self.wanted: dict[str, Thing] = {}
        self.noticed: set[str] = set()
        self.coupons: dict[str, Thing] = {}
        self.request: Thing = {"id": None, "idempotency_key": None}
        self._numbers = count(1)

    def now(self, test_clock: str | None = None) -> int:
        """Give the time in seconds since 1970: of a test clock, else of the account."""
        if test_clock is not None:
            return int(self.objects["test_helpers.test_clock"][test_clock]["frozen_time"])
        return int(self.clock.now().timestamp())

    def new_id(self, prefix: str) -> str:
        """Give an id that looks like one of Stripe's; the same in each run."""
        return f"{prefix}_1Fake{next(self._numbers):09d}"

    def add(self, thing: Thing) -> Thing:
        """Keep a new object."""
        self.of(thing["object"])[thing["id"]] = thing
        return thing

    def of(self, kind: str) -> dict[str, Thing]:
        """Give the objects of a kind by their ids, oldest first."""
        return self.objects.setdefault(kind, {})

    def get(self, kind: str, wanted: str) -> Thing:
        """Give the object that a path names.  Raises Refused (404)."""
        if wanted not in self.of(kind):
            raise missing(kind, wanted, "id")
        return self.objects[kind][wanted]

    def given(self, kind: str, wanted: str, param: str) -> Thing:
        """Give the object that a parameter names.  Raises Refused (400)."""
        if wanted not in self.of(kind):
            raise missing(kind, wanted, param, status=400)
        return self.objects[kind][wanted]

    def anything(self, wanted: str) -> Thing | None:
        """Give the object with an id, of whichever kind."""
        return next((things[wanted] for things in self.objects.values() if wanted in things), None)
