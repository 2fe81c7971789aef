"""Every kind of object that something is made of, with what makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.app.inbox_apply import first_of
from tallystick.app.inbox_mirror import apply_checkout, apply_invoice, apply_subscription
from tallystick.app.inbox_money_back import MONEY_BACK_APPLIERS
from tallystick.app.inbox_payments import PAYMENT_APPLIERS, apply_payment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.app.inbox_apply import Applier

__all__ = ["APPLIERS"]

APPLIERS: Final[Mapping[str, Applier]] = {
    **PAYMENT_APPLIERS,
    **MONEY_BACK_APPLIERS,
    "checkout.session": first_of(apply_payment, apply_checkout),
    "invoice": apply_invoice,
    "subscription": apply_subscription,
}
"""What is made of each kind; events of any other are kept, and change nothing."""
