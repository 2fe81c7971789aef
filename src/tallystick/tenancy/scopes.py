"""What who asks may do: scopes, words as `projects.write`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

from tallystick.core.property import shown
from tallystick.errors import ForbiddenError, SetupError, Unauthorized
from tallystick.tenancy.tenant import Principal

__all__ = ["ScopeCheck", "check_scopes", "requires_scopes", "scopes_of"]

ScopeCheck: TypeAlias = Callable[[Principal | None], None]
"""Lets a principal pass, or raises Unauthorized or ForbiddenError."""


def requires_scopes(*scopes: str) -> ScopeCheck:
    """Give a check that a principal has all of these scopes; without any it lets everyone pass.

    Scopes are compared whole: `projects` is not `projects.write`.  What it gives raises
    Unauthorized for nobody, and ForbiddenError, naming what is missing.

    Raises SetupError for a scope that is no word.
    """
    wanted = scopes_of(scopes)

    def check(principal: Principal | None) -> None:
        check_scopes(wanted, None if principal is None else principal.scopes)

    return check


def scopes_of(scopes: Collection[str]) -> frozenset[str]:
    """Read the scopes that a route asks for.  Raises SetupError for one that is no word."""
    for scope in scopes:
        if not isinstance(scope, str) or not scope or scope != "".join(scope.split()):
            raise SetupError(f"a scope is a word such as 'projects.write', not {shown(scope)}")
    return frozenset(scopes)


def check_scopes(wanted: frozenset[str], held: Collection[str] | None) -> None:
    """Let pass who holds all that is wanted; nothing wanted lets everyone pass.

    `held` is None for nobody.  Raises Unauthorized for nobody; ForbiddenError, naming what is
    missing.
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
