"""A mapping that cannot be changed, and that can be copied, pickled and sent to another process.

The standard library's read-only view of a dict does the first and none of the others.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

__all__ = ["FrozenDict", "FrozenTree"]

K = TypeVar("K")
V = TypeVar("V")


def _refuse(self: object, *_args: object, **_named: object) -> NoReturn:
    """Refuse a change."""
    raise TypeError(f"a {type(self).__name__} cannot be changed; make a new one")


class FrozenDict(dict[K, V]):
    """A dict that refuses every change.  It looks up as fast as a dict and compares as one."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> FrozenDict[K, V]:
        """Give itself: nothing can tell the two apart."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Be made again whole, as nothing can be put in afterwards."""
        return type(self), (dict(self),)


class FrozenTree(FrozenDict[str, Any]):
    """Plain JSON values that nobody changes any more, also deep inside; it keeps its JSON text.

    `text` is set by whoever writes it first.
    """

    __slots__ = ("text",)

    text: str
