"""The price list as Stripe has to hold it: what is wanted, what is found, and a step between.

Everything in here is a value; `book_client` asks Stripe and carries steps out.

What Stripe never edits of an object are its `terms`; a difference in them makes a new object.  What
it does edit are its `words`.  Both are plain values under names of our own, the same whether they
come from the catalogue or from Stripe, so that they can be compared and shown to a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.frozen import FrozenDict

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ENVIRONMENT",
    "KINDS",
    "OWN",
    "PLAN",
    "Found",
    "Kind",
    "Skipped",
    "Step",
    "Verb",
    "Wanted",
]

Kind: TypeAlias = Literal["meter", "product", "price", "coupon", "promotion_code"]
"""What an object is at Stripe."""

KINDS: Final[tuple[Kind, ...]] = ("meter", "product", "price", "coupon", "promotion_code")
"""Every kind, in the order in which they are made: each needs only those before it."""

Verb: TypeAlias = Literal["create", "adopt", "update", "archive", "forget"]
"""What a step does.

`adopt` only writes into the lock file what is there already, `forget` takes out what is not.
"""

PLAN: Final = "billing_plan_id"
"""The metadata that names the plan a price is of."""

OWN: Final = "tallystick_id"
"""The metadata by which an object that we made is known again: its key in the lock file."""

ENVIRONMENT: Final = "tallystick_environment"
"""The metadata that names the environment for which we made an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An object that Stripe has to hold, and the place in the catalogue that asks for it.

    `key` is its name in the lock file, unique in its kind.  A price has the product and the plan
    that it is of, and perhaps the id that the catalogue calls it by; `lookup` is its lookup key.
    """

    kind: Kind
    key: str
    path: str
    terms: Mapping[str, Any]
    words: Mapping[str, Any] = field(default_factory=FrozenDict)
    product: str | None = None
    plan: str | None = None
    named: str | None = None
    active: bool = True

    @property
    def lookup(self) -> str:
        """The lookup key of a price: its key."""
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object that Stripe holds.

    `product` is Stripe's id; `lookup` a price's lookup key; `default` is true of a price that its
    product shows first, which has to give way before it is archived; `spent` of what cannot be
    redeemed again.
    """

    kind: Kind
    id: str
    terms: Mapping[str, Any]
    words: Mapping[str, Any] = field(default_factory=FrozenDict)
    product: str | None = None
    lookup: str | None = None
    default: bool = False
    spent: bool = False
    active: bool = True
    metadata: Mapping[str, str] = field(default_factory=FrozenDict)

    def made_for(self, key: str, environment: str) -> bool:
        """Whether we made it under this key for this environment."""
        return (self.metadata.get(OWN), self.metadata.get(ENVIRONMENT)) == (key, environment)

    def open_to(self, environment: str) -> bool:
        """Whether it may be taken: it was made by hand, or for this environment."""
        return self.metadata.get(ENVIRONMENT, environment) == environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something of the catalogue that is not put into Stripe, and why.

    What the lock file holds under its `key` is left alone.
    """

    path: str
    name: str
    reason: str
    kind: Kind | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change: of an object at Stripe, or of the lock file alone.

    `wanted` is None where the catalogue has nothing of it any more; the key of a price whose place
    was taken long ago is empty.  `found` is what is changed, `instead` whose place it takes.
    `changes` says what becomes of what: `(name, before, after)`.
    """

    verb: Verb
    kind: Kind
    key: str
    wanted: Wanted | None = None
    found: Found | None = None
    instead: Found | None = None
    changes: tuple[tuple[str, Any, Any], ...] = ()
