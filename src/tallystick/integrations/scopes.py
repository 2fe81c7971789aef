"""What who asks may do: scopes, words as `projects.write`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.property import shown
from tallystick.errors import ForbiddenError, SetupError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["check_scopes", "scopes_of"]


def scopes_of(scopes: Collection[str]) -> frozenset[str]:
    """Read the scopes that a route asks for.  Raises SetupError for one that is no word."""
    for scope in scopes:
        if not isinstance(scope, str) or not scope or scope != "".join(scope.split()):
            raise SetupError(f"a scope is a word such as 'projects.write', not {shown(scope)}")
    return frozenset(scopes)


def check_scopes(wanted: frozenset[str], held: Collection[str] | None) -> None:
    """Let pass who holds all that is wanted; nothing wanted lets everyone pass.

    `held` is None for nobody.  Scopes are compared whole: `projects` is not `projects.write`.
    Raises Unauthorized for nobody; ForbiddenError, naming what is missing.
    """
    if not wanted:
        return
    if held is None:
        raise Unauthorized("sign in first")
    if isinstance(held, str):
        raise SetupError("the scopes of a principal are a collection of words, not one text")
    missing = sorted(wanted.difference(held))
    if missing:
        raise ForbiddenError(f"this needs the scope {', '.join(map(repr, missing))}")
