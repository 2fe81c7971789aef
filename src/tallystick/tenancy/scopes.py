"""What who asks may do: scopes, words as `projects.write`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tallystick.core.property import shown
from tallystick.errors import ForbiddenError, SetupError, Unauthorized
from tallystick.tenancy.tenant import Principal

__all__ = ["ScopeCheck", "requires_scopes"]

ScopeCheck: TypeAlias = Callable[[Principal | None], None]
"""Lets a principal pass, or raises Unauthorized or ForbiddenError."""


def requires_scopes(*scopes: str) -> ScopeCheck:
    """Give a check that a principal has all of these scopes; without any it lets everyone pass.

    Scopes are compared whole: `projects` is not `projects.write`.  What it gives raises
    Unauthorized for nobody, and ForbiddenError, naming what is missing.

    Raises SetupError for a scope that is no word.
    """
    for scope in scopes:
        if not isinstance(scope, str) or not scope or scope != "".join(scope.split()):
            raise SetupError(f"a scope is a word such as 'projects.write', not {shown(scope)}")
    wanted = frozenset(scopes)

    def check(principal: Principal | None) -> None:
        if not wanted:
            return
        if principal is None:
            raise Unauthorized("sign in first")
        missing = sorted(wanted - principal.scopes)
        if missing:
            raise ForbiddenError(f"this needs the scope {', '.join(map(repr, missing))}")

    return check
