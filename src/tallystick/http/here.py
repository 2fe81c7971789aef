"""Who is on this machine: what is shown without a key is for nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.errors import NotFound

if TYPE_CHECKING:
    from starlette.types import Scope

__all__ = ["HERE", "only_here"]

HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names this machine has for itself."""


def only_here(scope: Scope) -> None:
    """Let a request pass that asks for this machine by its own name.  Raises NotFound.

    A page elsewhere may point its own name at this machine and read what it answers.
    """
    for name, value in scope["headers"]:
        if name == b"host":
            host = value.decode("latin-1").lower()
            alone = host[1:].partition("]")[0] if host[:1] == "[" else host.partition(":")[0]
            if alone in HERE:
                return
            break
    raise NotFound("page", str(scope["path"])[:200])
