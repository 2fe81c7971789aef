"""What an error is to someone who asked over the network: a status, an envelope, headers.

Pure, and used by everyone who answers a request.  An error keeps its stable code; here each code
gets its HTTP status and every answer the one shape::

    {"ok": false, "error": {"code": "NOT_FOUND", "message": "no plan 'x'", "details": {}}}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.period import parse_instant
from tallystick.errors import QuotaExceeded, RateLimited, TallystickError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "CHALLENGE",
    "NEUTRAL",
    "RETRY_AFTER",
    "STATUS",
    "Answer",
    "Refusal",
    "code_for",
    "envelope",
    "of",
    "refusal_of",
]

STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "BAD_REQUEST": 400,
        "UNAUTHORIZED": 401,
        "PAYMENT_REQUIRED": 402,
        "FORBIDDEN": 403,
        "UNKNOWN_PLAN": 403,
        "TENANT_SUSPENDED": 403,
        "TENANT_INACTIVE": 403,
        "NOT_FOUND": 404,
        "TENANT_NOT_FOUND": 404,
        "METHOD_NOT_ALLOWED": 405,
        "CONFLICT": 409,
        "QUOTE_EXPIRED": 409,
        "PRICE_CHANGED": 409,
        "TAX_UNDECIDED": 409,
        "PAYLOAD_TOO_LARGE": 413,
        "VALIDATION_ERROR": 422,
        "RATE_LIMITED": 429,
        "QUOTA_EXCEEDED": 429,
        "INTERNAL_ERROR": 500,
        "SERVICE_UNAVAILABLE": 503,
    }
)
"""Every code an answer may carry, and its status; the plainest code of a status stands first."""

NEUTRAL: Final = "something went wrong on our side; the request was not completed"
"""The text of every INTERNAL_ERROR: what happened is for the log, not for the caller."""

RETRY_AFTER: Final[Mapping[int, int]] = MappingProxyType({429: 1, 503: 1})
"""The seconds that a caller is asked to wait, by the status; what is sent twice is counted once."""

CHALLENGE: Final = "Bearer"
"""What an answer with status 401 asks for, in `WWW-Authenticate`."""

_INTERNAL: Final = "INTERNAL_ERROR"
_UNAUTHORIZED: Final = 401
_CLIENT_ERRORS: Final = 400
_SERVER_ERRORS: Final = 500
_LONGEST_WAIT: Final = 366 * 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send for an error: `body` holds plain JSON values only.

    The `headers` are those of its status: `Retry-After` where waiting may help (`wait` seconds,
    where that is known), and what a caller without a name is asked for.
    """

    status: int
    body: dict[str, Any]
    wait: int | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """Give what is sent beside the body."""
        if self.status == _UNAUTHORIZED:
            return {"WWW-Authenticate": CHALLENGE}
        wait = self.wait or RETRY_AFTER.get(self.status)
        return {} if wait is None else {"Retry-After": str(wait)}

    @property
    def content(self) -> bytes:
        """Give the bytes of the body, as they are sent."""
        text = json.dumps(self.body, ensure_ascii=False, separators=(",", ":"))
        # What a caller sent may hold a lone surrogate, which has no UTF-8 but has an escape.
        return text.encode("utf-8", errors="backslashreplace")


def envelope(
    code: str, message: str, details: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """Wrap an error in the one shape every failing answer has."""
    return {
        "ok": False,
        "error": {"code": code, "message": message, "details": dict(details or {})},
    }


def code_for(status: int) -> str:
    """Name the code of a bare HTTP status, as frameworks raise them.

    A status without a code of its own gets the nearest of its class: 415 is BAD_REQUEST, 502 is
    INTERNAL_ERROR.
    """
    for code, known in STATUS.items():
        if known == status:
            return code
    return "BAD_REQUEST" if _CLIENT_ERRORS <= status < _SERVER_ERRORS else _INTERNAL


def of(error: Exception) -> Answer:
    """Give the answer to an error.

    An error of Tallystick answers by its code.  Anything else, and every error that is the
    operator's to cure, answers INTERNAL_ERROR with a neutral text: the caller of this function
    writes the log.
    """
    code = error.code if isinstance(error, TallystickError) else _INTERNAL
    if not isinstance(error, TallystickError) or code == _INTERNAL or code not in STATUS:
        return Answer(STATUS[_INTERNAL], envelope(_INTERNAL, NEUTRAL))
    message, details = str(error), error.details()
    if code == "VALIDATION_ERROR":
        details = {"fields": {"": [message]}, **details}
    wait = error.wait if isinstance(error, RateLimited) else None
    return Answer(STATUS[code], envelope(code, message, details), wait)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to who is not let through, ready to be sent in any form.

    Names of headers are in small letters.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def internal(self) -> bool:
        """Whether it is ours to cure: then the error itself belongs into the log."""
        return self.status == STATUS[_INTERNAL]


def refusal_of(error: Exception, at: datetime) -> Refusal:
    """Make the answer to an error: the one envelope, and how long to wait where that is known.

    A quota that starts again says in how many whole seconds from `at`, rounded up: at least one,
    at most a year.
    """
    answer = of(error)
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
    left = parse_instant(text) - at
    whole = left.days * 86_400 + left.seconds + (left.microseconds > 0)
    return min(max(whole, 1), _LONGEST_WAIT)
