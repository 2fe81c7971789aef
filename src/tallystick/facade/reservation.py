"""A reservation in the hands of whoever made it: to be committed, or released."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Self, TypeAlias

from tallystick.core.access import whole_number

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.core.entitlement import Access
    from tallystick.core.period import Instant
    from tallystick.facade.gate import Gate
    from tallystick.storage.gates import ReservationRow

__all__ = ["Quantity", "Reservation", "reservation_of"]

Quantity: TypeAlias = Decimal | int | str
"""A number from a caller: an int, a Decimal or a plain text; never a float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Units that are held until `expires_at`: `commit` what was used of them, or `release` them.

    As a context manager it commits at the end of the block, and releases where the block fails.
    `token` is its number at the limit: whoever has another one is refused.  `access` is the answer
    with which it was made.
    """

    id: str
    customer: str
    feature: str
    quantity: int | Decimal
    token: int
    expires_at: Instant
    access: Access
    _gate: Gate = field(repr=False, compare=False)

    def commit(
        self, actual: Quantity | None = None, *, connection: Connection | Session | None = None
    ) -> Access:
        """Use what was reserved, or `actual` of it: one event, which is the count and the bill.

        The same again changes nothing.

        Raises ReservationOver where it has expired or was released; QuotaExceeded for more than
        was reserved and the limit allows, and the reservation stays.
        """
        return self._gate.commit(
            self.customer, self.id, self.token, actual=actual, connection=connection
        )

    def release(self, *, connection: Connection | Session | None = None) -> None:
        """Give the units back.  Raises ReservationOver where it was committed."""
        self._gate.release(self.customer, self.id, self.token, connection=connection)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit where the block went well, release where it did not."""
        if error is None:
            self.commit()
        else:
            self.release()


def reservation_of(gate: Gate, row: ReservationRow, access: Access) -> Reservation:
    """Put what is stored of a reservation into the hands of whoever made it."""
    return Reservation(
        id=row.id,
        customer=row.customer,
        feature=row.feature,
        quantity=whole_number(row.quantity),
        token=row.token,
        expires_at=row.expires_at,
        access=access,
        _gate=gate,
    )
