"""`tally.credits`: grants of money and of units, what is left of them, and where they went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app.credits import (
    AskedGrant,
    available,
    available_units,
    get_grant,
    give_credits,
    list_grants,
    trace_grant,
    transfer_credits,
    void_credits,
)
from tallystick.app.top_ups import (
    AskedTopUp,
    cancel_top_up,
    end_top_up,
    list_rules,
    list_top_ups,
    pay_top_up,
    set_top_up,
)
from tallystick.core.credit import DEFAULT_PRIORITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.app.credits import CreditTrace
    from tallystick.core.credit import Category
    from tallystick.core.money import Money
    from tallystick.storage.credits import GrantRow
    from tallystick.storage.top_ups import RuleRow, TopUpRow
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
        is booked as money that came, and pays what is asked.  Units pay what the plan's allowance
        leaves of the usage of their `feature`, or of the meter of that key, before it is priced.
        `meters`, `prices` and `plans` limit what it may pay, `priority` says which burns first: the
        lower number.

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

    def top_up(
        self,
        customer: str,
        *,
        below: Money | str,
        add: Money | str,
        price: Money | str | None = None,
        at_most: int | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> RuleRow:
        """Top a customer's credits up by `add` whenever a document leaves less than `below`.

        Each is to be paid at its `price` (`pay_top_up`) before it is granted; without a price it is
        a gift, granted at once.  `at_most` is how many there are in a month (of UTC).  Takes the
        place of the rule in that currency; the same rule again changes nothing.

        Raises NotFound; InvalidInput with the field that is wrong; CurrencyMismatch; Conflict.
        """
        key = self._tally.ids.new("tur")
        asked = AskedTopUp(below=below, add=add, price=price, at_most=at_most)
        return self._tally.act(
            lambda unit, at: set_top_up(unit, at, customer, key, asked),
            at=at,
            connection=connection,
            repeatable=True,
        )

    def end_top_up(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> RuleRow:
        """Top up no more by a rule; what it began can still be paid.  Raises NotFound."""
        return self._tally.act(
            lambda unit, at: end_top_up(unit, at, id),
            at=at,
            connection=connection,
            repeatable=True,
        )

    def pay_top_up(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> GrantRow:
        """Note that a top-up was paid, and grant it from then on; a repeat gives the same grant.

        Raises NotFound; Conflict where it was canceled.
        """
        return self._tally.act(
            lambda unit, at: pay_top_up(unit, at, id),
            at=at,
            connection=connection,
            repeatable=True,
        )

    def cancel_top_up(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> TopUpRow:
        """Give a top-up up that nobody paid; another may begin then.

        Raises NotFound; Conflict where it was granted.
        """
        return self._tally.act(
            lambda unit, _: cancel_top_up(unit, id), connection=connection, repeatable=True
        )

    def top_up_rules(
        self,
        customer: str,
        *,
        ended: bool = False,
        connection: Connection | Session | None = None,
    ) -> tuple[RuleRow, ...]:
        """Give the rules by which a customer is topped up; those that ended if asked."""
        return self._tally.act(
            lambda unit, _: list_rules(unit, customer, ended=ended),
            connection=connection,
            reading=True,
        )

    def top_ups(
        self, customer: str, *, connection: Connection | Session | None = None
    ) -> tuple[TopUpRow, ...]:
        """Give the top-ups of a customer, the first first.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: list_top_ups(unit, customer), connection=connection, reading=True
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

    def units(
        self,
        customer: str,
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Mapping[str, Decimal]:
        """Give what a customer's grants of units may pay now, by feature.  Raises NotFound."""
        return self._tally.act(
            lambda unit, at: available_units(unit, at, customer),
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
