"""Who is asking: tenants, who speaks for them, and what they may still do.

`TenantMiddleware` and `QuotaMiddleware` are those of ASGI; those of WSGI have the same names in
`tallystick.tenancy.wsgi`.
"""

from __future__ import annotations

from tallystick.tenancy.admission import Admission
from tallystick.tenancy.asgi import QuotaMiddleware, TenantMiddleware
from tallystick.tenancy.lookup import TenantLookup
from tallystick.tenancy.scopes import requires_scopes
from tallystick.tenancy.tenant import Principal, Tenant, plan_of
from tallystick.tenancy.tokens import Jwt

__all__ = [
    "Admission",
    "Jwt",
    "Principal",
    "QuotaMiddleware",
    "Tenant",
    "TenantLookup",
    "TenantMiddleware",
    "plan_of",
    "requires_scopes",
]
