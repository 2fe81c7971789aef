"""A row of a usage file: so much of one key, with the price it carried where it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["UsageRow"]


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A quantity used of one feature or meter key, as one line of a file says.

    `amount` is the price the event carried, in major units, for dynamic prices.  `line` counts
    from 1 and is None where the format keeps no lines.  `customer` is whose usage it is, where
    the file says so: rows of two customers never belong on one bill.
    """

    key: str
    quantity: Decimal
    amount: Decimal | None = None
    line: int | None = None
    customer: str | None = None
