"""Tenancy on the real ledger is tested on every database: see tests/databases.py."""

from __future__ import annotations

from tests.databases import database, storage, storage_postgresql, storage_sqlite_file

__all__ = ["database", "storage", "storage_postgresql", "storage_sqlite_file"]
