"""Which answers count, and what stands in the log where a request is not let through."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from tallystick.core.property import printable

if TYPE_CHECKING:
    from tallystick.errors import TallystickError

__all__ = ["log_denial", "succeeded"]

_log: Final = logging.getLogger("tallystick.integrations")
_GOOD: Final = range(200, 400)


def succeeded(status: int) -> bool:
    """Whether an answer says that what was asked for is done: 2xx and 3xx."""
    return status in _GOOD


def log_denial(error: TallystickError, customer: str | None, feature: str, request: str) -> None:
    """Write down who was not let through and why; `request` is its method and path."""
    _log.warning(
        "denied: customer=%s feature=%s reason=%s %s",
        printable(customer or "-"),
        feature,
        error.code,
        printable(request),
    )
