"""Which attributes a rule may ask about, and of what kind each one is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from tallystick.core.rules.values import named
from tallystick.core.spelling import did_you_mean
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["DEFAULT_SCHEMA", "LONGEST_NAME", "Kind", "Schema", "nearest", "snake"]

Kind: TypeAlias = Literal["text", "number", "boolean", "instant", "text_list"]
"""What an attribute holds."""

LONGEST_NAME: Final = 200  # a longer one is nobody's attribute, and costs to compare
_KINDS: Final = frozenset(get_args(Kind))
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*(?:\.\*)?", re.ASCII)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])([A-Z])", re.ASCII)


def snake(name: str) -> str:
    """Write a camelCase name in snake_case: `startsWith` is `starts_with`."""
    return _HUMP.sub(lambda hump: f"_{hump[1].lower()}", name)


def nearest(name: str, known: Iterable[str]) -> str:
    """Ask "did you mean" for a misspelt name; empty where nothing known is near."""
    if len(name) > LONGEST_NAME:
        return ""
    return did_you_mean(snake(name), tuple(known))


@dataclass(frozen=True, slots=True)
class Schema:
    """The declared attributes by name.  A name that ends in `.*` declares every name below it."""

    attributes: Mapping[str, Kind]

    def __post_init__(self) -> None:
        """Check the names and kinds, then freeze them.  Raises InvalidInput."""
        fields = {
            named(name): [text]
            for name, kind in self.attributes.items()
            if (text := _wrong(name, kind))
        }
        if fields:
            raise InvalidInput(f"attributes declared wrongly: {', '.join(fields)}", fields)
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    def declaring(self, more: Mapping[str, Kind]) -> Schema:
        """Give a schema with more attributes.  Raises InvalidInput where one would change kind."""
        changed = {
            name: [f"is already declared as {self.attributes[name]}, not {kind}"]
            for name, kind in more.items()
            if self.attributes.get(name, kind) != kind
        }
        if changed:
            raise InvalidInput(f"attributes declared twice: {', '.join(changed)}", changed)
        return Schema({**self.attributes, **more})

    def find(self, name: str) -> tuple[str, Kind] | None:
        """Give the declared spelling of a name and its kind, or None for an unknown name.

        Names are also taken in camelCase; what stands below a `.*` is taken as it is written.
        """
        if len(name) > LONGEST_NAME or "*" in name:
            return None
        for spelling in (name, snake(name)):
            if kind := self.attributes.get(spelling):
                return spelling, kind
        return self._below(name)

    def _below(self, name: str) -> tuple[str, Kind] | None:
        """Find the closest `.*` above a name."""
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            above, below = ".".join(parts[:cut]), ".".join(parts[cut:])
            if below.isprintable() and below and (kind := self.attributes.get(f"{snake(above)}.*")):
                return f"{snake(above)}.{below}", kind
        return None


def _wrong(name: object, kind: object) -> str:
    """Say what is wrong with a declaration; empty where nothing is."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        return "a name is lower-case words with dots between, such as 'customer.segment'"
    if not isinstance(kind, str) or kind not in _KINDS:
        return f"a kind is one of {', '.join(get_args(Kind))}"
    return ""


DEFAULT_SCHEMA: Final = Schema(
    {
        "customer.id": "text",
        "customer.email": "text",
        "customer.country": "text",
        "customer.currency": "text",
        "customer.created_at": "instant",
        "customer.metadata.*": "text",
        "subscription.plan": "text",
        "subscription.status": "text",
        "is_new_customer": "boolean",
        "now": "instant",
        "context.*": "text",
        "stated.*": "text",
    }
)
"""The attributes that every rule may ask about.

`context.*` is what a host knows of whoever asks, `stated.*` what whoever asks says of themselves:
nobody checked that.
"""
