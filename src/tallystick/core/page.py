"""A page of a long list: some items in a fixed order, and whether there are more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from tallystick.core.property import shown
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LARGEST_PAGE", "Page", "page_size"]

T = TypeVar("T")

LARGEST_PAGE: Final = 100
"""The most items a page may be asked to have."""

_SHOWN: Final = 10**9  # a number with more digits is no help in a message


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, in the order of their ids.

    `cursor` is the id to start the next page after, None on the last page.
    """

    items: tuple[T, ...]
    cursor: str | None = None

    def __iter__(self) -> Iterator[T]:
        """Iterate the items."""
        return iter(self.items)

    def __len__(self) -> int:
        """Count the items."""
        return len(self.items)


def page_size(limit: object) -> int:
    """Give back how many items a page may have, 1 to 100.  Raises InvalidInput."""
    if isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= LARGEST_PAGE:
        return limit
    small = type(limit) is int and abs(limit) < _SHOWN
    text = f"must be a whole number from 1 to {LARGEST_PAGE}, not "
    text += str(limit) if small else shown(limit)
    raise InvalidInput(f"limit {text}", {"limit": [text]})
