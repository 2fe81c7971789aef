"""Columns of ours that Django has no field for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Field

from tallystick.storage.types import micros, moment_of

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.backends.base.base import BaseDatabaseWrapper

    _Field = Field[Any, Any]
else:
    _Field = Field

__all__ = ["Moment"]


class Moment(_Field):
    """An aware time: timestamptz on PostgreSQL, microseconds since 1970 on SQLite."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Give the type of the column."""
        return "timestamp with time zone" if connection.vendor == "postgresql" else "bigint"

    def from_db_value(self, value: Any, *_: object) -> datetime | None:  # noqa: ANN401 - of the driver
        """Read a time."""
        return moment_of(value) if isinstance(value, int) else value

    def get_db_prep_value(
        self,
        value: Any,  # noqa: ANN401 - a time, or what a lookup compares with it
        connection: BaseDatabaseWrapper,
        prepared: bool = False,  # noqa: ARG002, FBT001, FBT002 - the shape of a field
    ) -> Any:  # noqa: ANN401 - for the driver
        """Write a time."""
        return micros(value) if value is not None and connection.vendor == "sqlite" else value
