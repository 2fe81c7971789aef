"""What is answered where a request is not let through, and what stands in the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallystick import problems
from tallystick.core.period import parse_instant
from tallystick.core.property import printable
from tallystick.errors import QuotaExceeded

if TYPE_CHECKING:
    from datetime import datetime

    from tallystick.errors import TallystickError

__all__ = ["Refusal", "log_denial", "refusal_of", "succeeded"]

_log: Final = logging.getLogger("tallystick.integrations")
_LONGEST_WAIT: Final = 366 * 86_400
_INTERNAL: Final = problems.STATUS["INTERNAL_ERROR"]
_GOOD: Final = range(200, 400)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer, ready to be sent in any form; names of headers are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def internal(self) -> bool:
        """Whether it is ours to cure: then the error itself belongs into the log."""
        return self.status == _INTERNAL


def refusal_of(error: Exception, at: datetime) -> Refusal:
    """Make the answer to an error: the one envelope, and how long to wait where that is known."""
    answer = problems.of(error)
    body = answer.content
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **{name.lower(): value for name, value in answer.headers.items()},
    }
    if isinstance(error, QuotaExceeded) and error.resets_at is not None:
        headers["retry-after"] = str(_seconds_until(error.resets_at, at))
    return Refusal(answer.status, headers, body)


def _seconds_until(text: str, at: datetime) -> int:
    """Give the whole seconds until an instant, rounded up; at least one, at most a year."""
    left = parse_instant(text) - at
    whole = left.days * 86_400 + left.seconds + (left.microseconds > 0)
    return min(max(whole, 1), _LONGEST_WAIT)


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
