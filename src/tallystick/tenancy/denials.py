"""What stands in the log of a request that is not let through."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

from tallystick.core.property import printable
from tallystick.errors import NotFound

if TYPE_CHECKING:
    from tallystick.errors import TallystickError
    from tallystick.tenancy.facts import RequestFacts

__all__ = ["log_denial", "request_id_of"]

_log: Final = logging.getLogger("tallystick.tenancy")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


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
