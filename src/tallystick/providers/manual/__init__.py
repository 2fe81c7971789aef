"""A provider without a machine behind it: a bank transfer, and a person who says it was paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.core.intent import Canceled, ProviderAccount, Waiting
from tallystick.core.provider import Abilities

if TYPE_CHECKING:
    from tallystick.core.intent import Charge, Outcome, Refund

__all__ = ["ABILITIES", "Manual"]

_A_DAY: Final = 24  # hours

ABILITIES: Final = Abilities(
    name="manual",
    setup_fee=True,
    metered=True,
    trial_without_card=True,
    refunds=True,
    by_hand=True,
)
"""A person can ask for anything, and says what came of it."""


class Manual:
    """Bank transfers: everything waits until a person says that it was paid.

    It keeps nothing of its own: what it was asked for stands in our row, under the same key.
    """

    abilities: Final = ABILITIES
    account: Final = ProviderAccount("manual", live=True)

    def collect(self, charge: Charge) -> Outcome:
        """Wait for the transfer, which names the invoice."""
        return Waiting(reference=charge.key, hours=_A_DAY)

    def refund(self, refund: Refund) -> Outcome:
        """Wait for someone to send the money back."""
        return Waiting(reference=refund.key, hours=_A_DAY)

    def look_up(self, asked: Charge | Refund, reference: str) -> Outcome:  # noqa: ARG002 - the port's
        """Wait on: nobody but a person knows more."""
        return Waiting(reference=reference, hours=_A_DAY)

    def cancel(self, asked: Charge | Refund, reference: str) -> Outcome:  # noqa: ARG002 - the port's
        """Wait no more."""
        return Canceled(reference=reference)
