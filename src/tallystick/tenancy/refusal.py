"""A request that is not let through: what is answered, and what stands in the log."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallystick import problems
from tallystick.core.period import parse_instant
from tallystick.core.property import printable
from tallystick.errors import NotFound, QuotaExceeded, TallystickError

if TYPE_CHECKING:
    from datetime import datetime

    from tallystick.tenancy.facts import RequestFacts

__all__ = ["Refusal", "log_denial", "refusal_of", "request_id_of"]

_log: Final = logging.getLogger("tallystick.tenancy")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_WAIT: Final = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer, ready to be sent in any form."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def refusal_of(error: TallystickError, at: datetime) -> Refusal:
    """Make the answer to an error: the one envelope, and how long to wait where that is known."""
    answer = problems.of(error)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(answer.content)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **{name.lower(): value for name, value in answer.headers.items()},
    }
    if isinstance(error, QuotaExceeded) and error.resets_at is not None:
        headers["retry-after"] = str(_seconds_until(error.resets_at, at))
    return Refusal(answer.status, tuple(headers.items()), answer.content)


def _seconds_until(text: str, at: datetime) -> int:
    """Give the whole seconds until an instant, rounded up; at least one, at most a year."""
    left = parse_instant(text) - at
    whole = left.days * 86_400 + left.seconds + (left.microseconds > 0)
    return min(max(whole, 1), _LONGEST_WAIT)


def request_id_of(sent: str | None) -> str:
    """Give the id that a request came with, where it is a plain word of at most 64 characters."""
    return sent if sent is not None and _REQUEST_ID.fullmatch(sent) else "-"


def log_denial(
    error: TallystickError, request: RequestFacts, tenant: str | None, feature: str | None = None
) -> None:
    """Write down who was not let through and why; no header, token or query stands there.

    Where the tenant was not found, `tenant` is the name that was asked for.
    """
    asked = error.id if isinstance(error, NotFound) and error.code == "TENANT_NOT_FOUND" else None
    name = printable(tenant or asked or "-")
    reason = f"{error.code} ({error.__cause__})" if error.__cause__ is not None else error.code
    path = printable(request.path)
    _log.warning(
        "denied: tenant=%s feature=%s reason=%s request=%s %s %s",
        name,
        feature or "-",
        reason,
        request.request_id,
        printable(request.method, 10),
        path,
        extra={
            "tenant": name,
            "feature": feature,
            "reason": error.code,
            "request_id": request.request_id,
        },
    )
