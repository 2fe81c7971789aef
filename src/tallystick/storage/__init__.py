"""Where it is kept: SQLAlchemy Core, SQLite and PostgreSQL through one code path."""

from __future__ import annotations

from tallystick.storage.engine import open_engine
from tallystick.storage.tables import Tables
from tallystick.storage.unit import Storage, Unit

__all__ = ["Storage", "Tables", "Unit", "open_engine"]
