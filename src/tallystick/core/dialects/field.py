"""One field of a catalogue's tables, and which of the fields are money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallystick.core.dialects.report import camel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Dialect
    from tallystick.core.dialects.scalars import Kind

__all__ = ["EVERY", "MONEY", "Field"]

EVERY: Final[tuple[Dialect, ...]] = ("plans", "products", "tallystick")
"""Every dialect: a field that all of them need."""
MONEY: Final[Mapping[str, tuple[str, ...]]] = {
    "plan": ("setup_fee", "minimum_commitment", "invoice_threshold"),
    "feature": ("unit_price",),
    "price": (
        *("cost", "tiers", "fixed", "free_volume", "minimum_per_transaction"),
        *("maximum_per_transaction", "discount_amount", "minimum_spend", "maximum_spend"),
        "setup_fee",
    ),
}
"""The fields that are money, which `currencies` holds in other currencies."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a table."""

    name: str
    kind: Kind
    doc: str
    needed: tuple[Dialect, ...] = ()
    also: tuple[str, ...] = ()
    nullable: bool = False

    def spellings(self) -> tuple[str, ...]:
        """Every way the field may be written."""
        names = (self.name, *self.also)
        return tuple(dict.fromkeys([*names, *map(camel, names)]))
