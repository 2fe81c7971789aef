"""Calls and their routes: which function answers `POST /v1/prices/{id}`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from tallystick.testing.fake_stripe.account import Account, Thing

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Answer", "Call", "Route", "find_route"]


@dataclass(frozen=True)
class Call:
    """One call: the ids of its path, and its checked parameters without `expand`."""

    ids: tuple[str, ...]
    params: Thing
    path: str = ""


Answer: TypeAlias = Callable[[Account, Call], Thing]
"""What a route does: it changes the account and gives the object to be shown."""


@dataclass(frozen=True)
class Route:
    """A method and a path, the SDK's type of its parameters, and what answers it.

    `takes` names the parameters that the fake knows of those that Stripe takes; all if None.
    """

    method: str
    path: str
    params: str
    answer: Answer
    takes: frozenset[str] | None = None
    parts: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Split the path once."""
        object.__setattr__(self, "parts", tuple(self.path.split("/")))


def find_route(
    routes: Iterable[Route], method: str, path: str
) -> tuple[Route, tuple[str, ...]] | None:
    """Give the route of a call with the ids of its path; a plain word goes before an id."""
    parts = path.split("/")
    best: tuple[Route, tuple[str, ...]] | None = None
    for route in routes:
        if route.method != method or len(route.parts) != len(parts):
            continue
        pairs = list(zip(route.parts, parts, strict=True))
        if all(wanted in {"{id}", part} for wanted, part in pairs):
            ids = tuple(part for wanted, part in pairs if wanted == "{id}")
            if best is None or len(ids) < len(best[1]):
                best = route, ids
    return best
