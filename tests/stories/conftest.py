"""Stories are played on every database: see tests/databases.py."""

from __future__ import annotations

from tests.databases import database, storage

__all__ = ["database", "storage"]
