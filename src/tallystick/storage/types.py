"""Column types that keep what the core means, the same on both databases.

PostgreSQL has exact numerics and zoned times of its own.  SQLite has neither: there an exact
decimal is a text and an instant a count of microseconds, so that both compare and survive as they
were written.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, DateTime, Integer, Numeric, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB

from tallystick.core.number import plain

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

__all__ = ["Exact", "JsonText", "Key", "Moment", "Serial", "json_text", "micros", "moment_of"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)

Key: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""A text that is looked up and sorted by: byte by byte, in the same order on both databases."""

Serial: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number that the database counts up; only INTEGER does so on SQLite."""


def micros(at: datetime) -> int:
    """Count the microseconds from 1970 to an aware time."""
    return (at - _EPOCH) // _MICRO


def moment_of(count: int) -> datetime:
    """Give the UTC time of a count of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=count)


def json_text(value: Any) -> str:
    """Write a JSON value in one line, decimals as texts.  Raises TypeError for a float."""
    return json.dumps(_kept(value), ensure_ascii=False, separators=(",", ":"))


def _kept(value: Any) -> Any:
    """Give a value with its decimals as texts; a float is no figure of ours."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return {key: _kept(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_kept(each) for each in value]
    raise TypeError(f"a {type(value).__name__} cannot be stored as JSON")


class Moment(TypeDecorator[datetime]):
    """An aware UTC time: timestamptz on PostgreSQL, microseconds since 1970 on SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column of the database."""
        postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(DateTime(timezone=True) if postgres else BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a time.  Raises ValueError for one without a zone."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError("a time without a zone cannot be stored")
        return value if dialect.name == "postgresql" else micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read a time in UTC."""
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else moment_of(value)


class Exact(TypeDecorator[Decimal]):
    """An exact decimal: unbounded numeric on PostgreSQL, its plain text on SQLite.

    On SQLite two equal figures have one text, so they compare with `=`; for order and sums there
    are `exact_min`, `exact_max` and `exact_add` (see `tallystick.storage.engine`).
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column of the database."""
        postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(Numeric(asdecimal=True) if postgres else Text())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write a decimal.  Raises ValueError for what is no finite Decimal."""
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise ValueError(f"{value!r} is no exact figure")
        return value if dialect.name == "postgresql" else plain(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Read a decimal; trailing zeros are not part of it."""
        if value is None:
            return None
        return Decimal(plain(value)) if dialect.name == "postgresql" else Decimal(value)


class JsonText(TypeDecorator[Any]):
    """A JSON value: jsonb on PostgreSQL, text on SQLite.  Decimals are written as texts.

    None is no value (SQL NULL) on both.  The order of an object's keys is not kept.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column of the database."""
        postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(JSONB(none_as_null=True) if postgres else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Write a value.  Raises TypeError for what has no place in it, a float among them."""
        if value is None:
            return None
        return _kept(value) if dialect.name == "postgresql" else json_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read a value."""
        if value is None or dialect.name == "postgresql":
            return value
        return json.loads(value)
