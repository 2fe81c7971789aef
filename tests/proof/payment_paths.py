"""The write paths of payments that are swept: a transfer that a person sees, and gives back.

What happens around the calls of a provider that keeps things itself is in test_providers.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.proof.billing_calls import customers, day, run, sell, start
from tests.proof.write_path import WritePath

if TYPE_CHECKING:
    from tallystick.wiring import Tallystick
    from tests.proof.write_path import Acknowledge

__all__ = ["FIRST", "PAYMENT_PATHS", "owing"]

FIRST: Final = "INV-000001"
"""The number of the invoice that is to be paid."""


def owing(tally: Tallystick) -> None:
    """Leave one open invoice."""
    sell(tally)
    customers(tally, ["acme"])
    start(tally, "acme", "basic")
    run(tally, 0)


def _paid(tally: Tallystick) -> None:
    owing(tally)
    _collect(tally, lambda *_: None)


def _collect(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Ask for a transfer, see it, say so."""
    asked = tally.payments.collect(FIRST, provider="manual", idempotency_key="transfer", at=day(1))
    acknowledge("intents", "transfer")
    assert tally.payments.confirm(asked.id, at=day(2)).state == "succeeded"
    acknowledge("payments", "bank")
    assert tally.invoices.get(FIRST).status == "paid"


def _give_back(tally: Tallystick, acknowledge: Acknowledge) -> None:
    """Have a part of it sent back, which gets a credit note."""
    (paid,) = (each for each in tally.payments.list() if each.kind == "collect")
    asked = tally.payments.refund(paid.id, "4.00", idempotency_key="back", at=day(3))
    acknowledge("intents", "back")
    assert tally.payments.confirm(asked.id, at=day(4)).state == "succeeded"
    assert tally.invoices.get(FIRST).refunded == 400


PAYMENT_PATHS: Final = (
    WritePath("payments: collect", _collect, owing, long=True),
    WritePath("payments: refund", _give_back, _paid, long=True),
)
"""Every write path of payments."""
