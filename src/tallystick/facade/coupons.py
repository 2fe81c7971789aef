"""`tally.coupons`: who may redeem one, redeeming it, and what customers have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.app.coupons import (
    check_code,
    end_coupon,
    get_redemption,
    list_redemptions,
    redeem,
    release,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from tallystick.core.qualification import Qualification
    from tallystick.core.redemption import Redemption
    from tallystick.wiring import Tallystick

__all__ = ["Coupons"]


class Coupons:
    """The coupons of one ledger: offered by its newest catalogue, redeemed by its customers."""

    def __init__(self, tally: Tallystick) -> None:
        """Stand on a ledger."""
        self._tally = tally

    def check(
        self,
        code: str,
        *,
        customer: str,
        subscription: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Qualification:
        """Tell whether a customer may redeem a code; of one that is refused, nothing but that.

        Raises NotFound for the customer and the subscription.
        """
        return self._tally.act(
            lambda unit, at: check_code(
                unit, at, code, customer_id=customer, subscription_id=subscription
            ),
            at=at,
            connection=connection,
            reading=True,
        )

    def redeem(
        self,
        customer: str,
        code: str | None = None,
        *,
        coupon: str | None = None,
        subscription: str | None = None,
        idempotency_key: str | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Redemption:
        """Redeem a coupon by a code, or give one by its id, for a subscription or for all of them.

        It acts on what is issued from now on.

        Raises NotFound; InvalidInput where not just one of code and coupon is said; CouponRefused
        where it may not be redeemed, of a code without telling why; Conflict where the key was used
        for something else.
        """
        key = self._tally.ids.new("red")
        return self._tally.act(
            lambda unit, at: redeem(
                unit,
                at,
                key,
                customer_id=customer,
                code=code,
                coupon_id=coupon,
                subscription_id=subscription,
                key=idempotency_key,
            ),
            at=at,
            connection=connection,
            repeatable=idempotency_key is not None,
        )

    def release(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Redemption:
        """Take a redemption back whose sale came to nothing: its place is free again, once.

        Raises NotFound; Conflict where a document stands that it took something off.
        """
        return self._tally.act(
            lambda unit, at: release(unit, at, id), at=at, connection=connection, repeatable=True
        )

    def end(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Redemption:
        """Let a redemption act no more from now on; its place stays taken.  Raises NotFound."""
        return self._tally.act(
            lambda unit, at: end_coupon(unit, at, id), at=at, connection=connection, repeatable=True
        )

    def get(
        self,
        id: str,  # noqa: A002 - the field's word
        *,
        connection: Connection | Session | None = None,
    ) -> Redemption:
        """Give a redemption.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: get_redemption(unit, id), connection=connection, reading=True
        )

    def redemptions(
        self, customer: str, *, connection: Connection | Session | None = None
    ) -> tuple[Redemption, ...]:
        """Give what a customer has redeemed, in the order in which it acts.  Raises NotFound."""
        return self._tally.act(
            lambda unit, _: list_redemptions(unit, customer), connection=connection, reading=True
        )
