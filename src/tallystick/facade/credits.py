"""`tally.credits`: grants of money and of units, what is left of them, and where they went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app.credits import (
    AskedGrant,
    available,
    get_grant,
    give_credits,
    list_grants,
    trace_grant,
    transfer_credits,
    void_credits,
)
from tallystick.core.credit import DEFAULT_PRIORITY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.credits import CreditTrace
    from tallystick.core.credit import Category
    from tallystick.core.money import Money
    from tallystick.storage.credits import GrantRow
    from tallystick.wiring import Tallystick

__all__ = ["Credits"]


class Credits:
    """The credits of one ledger."""

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def grant(  # noqa: PLR0913 - each of these is one fact of a grant
        self,
        customer: str,
        amount: Money | str | None = None,
        *,
        units: Decimal | int | str | None = None,
        feature: str | None = None,
        category: Category = "promotional",
        priority: int = DEFAULT_PRIORITY,
        effective_at: datetime | str | None = None,
        expires_at: datetime | str | None = None,
        meters: Iterable[str] = (),
        prices: Iterable[str] = (),
        plans: Iterable[str] = (),
        reason: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> GrantRow:
        """Grant money, or units of a feature, to be used before the customer pays.

        It pays documents whose instants lie from `effective_at` (now) to just before `expires_at`
        (never).  A `promotional` one lowers what is sold and taxed; a `paid` one was bought, which
        is booked as money that came, and pays what is asked.  `meters`, `prices` and `plans` limit
        what it may pay, `priority` says which burns first: the lower number.

        Raises NotFound; InvalidInput with the field that is wrong; CurrencyMismatch; Conflict where
        the key was used for another grant.
        """
        key = self._tally.ids.new("grt")
        asked = AskedGrant(
            amount=amount,
            units=units,
            feature=feature,
            category=category,
            priority=priority,
            effective_at=effective_at,
            expires_at=expires_at,
            meters=meters,
            prices=prices,
            plans=plans,
            reason=reason,
            key=idempotency_key,
        )
        return self._tally.act(
            lambda unit, at: give_credits(unit, at, customer, key, asked),
            at=at,
            connection=connection,
            repeatable=idempotency_key is not None,
        )

    def void(
        self,
        id: str,  # noqa: A002 - the field's word
        amount: Money | Decimal | str | None = None,
        *,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> GrantRow:
        """Take back what is left of a grant, or so much of it.

        Raises NotFound, InvalidInput, InsufficientCredit; Conflict where nothing is left or the key
        was used before.
        """
        return self._tally.act(
            lambda unit, at: void_credits(unit, at, id, amount, key=idempotency_key),
            at=at,
            connection=connection,
        )

    def transfer(
        self,
        id: str,  # noqa: A002 - the field's word
        amount: Money | Decimal | str,
        *,
        to: str,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> GrantRow:
        """Give so much of a grant to another customer, with its end and its limits.

        With a key, which is the receiver's, a repeat gives the grant that the first call made.

        Raises NotFound, InvalidInput, InsufficientCredit; Conflict where the key was used for
        another grant.
        """
        key = self._tally.ids.new("grt")
        return self._tally.act(
            lambda unit, at: transfer_credits(
                unit, at, id, amount, to=to, new_id=key, key=idempotency_key
            ),
            at=at,
            connection=connection,
            repeatable=idempotency_key is not None,
        )

    def get(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> GrantRow:
        """Give a grant and what is left of it.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: get_grant(unit, id), connection=connection, reading=True
        )

    def list(
        self,
        customer: str,
        *,
        spent: bool = False,
        connection: Connection | Session | None = None,
    ) -> tuple[GrantRow, ...]:
        """Give a customer's grants in the order in which they burn; `spent` ones if asked."""
        return self._tally.act(
            lambda unit, _: list_grants(unit, customer, spent=spent),
            connection=connection,
            reading=True,
        )

    def balance(
        self,
        customer: str,
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> tuple[Money, ...]:
        """Give what a customer's grants of money may pay now, by currency.  Raises NotFound."""
        return self._tally.act(
            lambda unit, at: available(unit, at, customer),
            at=at,
            connection=connection,
            reading=True,
        )

    def trace(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> CreditTrace:
        """Give a grant and everything that happened to it.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: trace_grant(unit, id), connection=connection, reading=True
        )
