"""The table of usage reports: what providers that bill are told, stored before they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Text, UniqueConstraint

from tallystick.storage.table_parts import OWNER, Names, key, needed
from tallystick.storage.types import Exact, Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["METER_REPORT_GRANTS", "make_meter_reports"]

_CHANGES: Final = (
    *("number", "value", "total", "at", "state", "begun_at"),
    *("next_at", "tries", "answer"),
)

METER_REPORT_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "meter_reports": frozenset({"SELECT", "INSERT", *(f"UPDATE ({name})" for name in _CHANGES)}),
}
"""What the role of a program may do with the table: whose window it is never changes."""


def make_meter_reports(metadata: MetaData, prefix: str) -> Table:
    """Make the table: one row for each window of a customer's meter at a provider's account."""
    names = Names(metadata, prefix)
    return names.table(
        "meter_reports",
        key(OWNER),
        key("id"),
        needed("meter", Key),
        needed("event_name", Key),
        needed("provider", Key),
        needed("account", Key),
        needed("live", Boolean),
        needed("payer", Key),
        needed("window_start", Moment),
        needed("window_end", Moment),
        needed("gauge", Boolean),
        needed("number", BigInteger),
        needed("value", Exact),
        needed("total", Exact),
        needed("at", Moment),
        needed("state"),
        needed("begun_at", Moment),
        needed("next_at", Moment),
        needed("tries", BigInteger),
        Column("answer", Text),
        UniqueConstraint("id"),
        UniqueConstraint(
            *(OWNER, "meter", "provider", "account", "window_start"),
            name=f"uq_{prefix}meter_reports_window",
        ),
        names.of_customer(),
        CheckConstraint("window_start < window_end", name="window"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("tries >= 0", name="tries"),
        CheckConstraint("state IN ('open', 'told')", name="state"),
        names.where(
            "ix_{p}meter_reports_due", *("provider", "next_at", "id"), words="state = 'open'"
        ),
    )
