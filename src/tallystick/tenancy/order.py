"""The order of middlewares: who asks is found out before anything is counted."""

from __future__ import annotations

from typing import Final

from tallystick.errors import SetupError

__all__ = ["quota_outside", "refuse_quota_outside"]

_DEEPEST: Final = 1_000


def quota_outside(app: object) -> bool:
    """Whether a TenantMiddleware stands somewhere inside `app`, by the `.app` of each."""
    inner = app
    for _ in range(_DEEPEST):
        if getattr(inner, "tells_tenants", False) is True:
            return True
        inner = getattr(inner, "app", None)
        if inner is None:
            break
    return False


def refuse_quota_outside(app: object) -> None:
    """Refuse a quota that is asked before it is known who asks.  Raises SetupError."""
    if quota_outside(app):
        raise SetupError(
            "a QuotaMiddleware stands outside of the TenantMiddleware: swap the two, so that it is "
            "known who asks"
        )
