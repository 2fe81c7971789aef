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

from tallystick.errors import TallystickError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CHALLENGE", "NEUTRAL", "RETRY_AFTER", "STATUS", "Answer", "code_for", "envelope", "of"]

STATUS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "BAD_REQUEST": 400,
        "UNAUTHORIZED": 401,
        "PAYMENT_REQUIRED": 402,
        "FORBIDDEN": 403,
        "UNKNOWN_PLAN": 403,
        "NOT_FOUND": 404,
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send for an error: `body` holds plain JSON values only.

    The `headers` are those of its status: `Retry-After` where waiting may help, and what a caller
    without a name is asked for.
    """

    status: int
    body: dict[str, Any]

    @property
    def headers(self) -> Mapping[str, str]:
        """Give what is sent beside the body."""
        if self.status == _UNAUTHORIZED:
            return {"WWW-Authenticate": CHALLENGE}
        wait = RETRY_AFTER.get(self.status)
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
    return Answer(STATUS[code], envelope(code, message, details))
