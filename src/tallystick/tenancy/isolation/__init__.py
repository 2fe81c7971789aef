"""How a host's own tables are kept apart: the four strategies.

Each opens a transaction for one tenant, commits it at the end of the block and takes it back where
the block fails.  Nothing else of Tallystick imports this room: a host does, and passes one on as
`isolation=` of its TenantMiddleware.
"""

from __future__ import annotations

from tallystick.tenancy.isolation.database import DatabasePerTenant
from tallystick.tenancy.isolation.hybrid import Hybrid
from tallystick.tenancy.isolation.row_security import SETTING, check_app_role, row_security_sql
from tallystick.tenancy.isolation.schema import SchemaPerTenant
from tallystick.tenancy.isolation.shared import SharedTables

__all__ = [
    "SETTING",
    "DatabasePerTenant",
    "Hybrid",
    "SchemaPerTenant",
    "SharedTables",
    "check_app_role",
    "row_security_sql",
]
