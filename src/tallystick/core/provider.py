"""What a payment provider can do, as a value: so that lint and checkout stay pure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Abilities"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a provider declares of itself; what it does not say, it cannot do.

    `lines_per_plan` is the most lines one plan may have there and `discounts_per_checkout` the most
    discounts one checkout takes, None for no such limit.  `key_hours` is how long it knows a key
    that it was asked with, None for ever: what was silent longer is not asked again unseen.  At one
    that is `by_hand` a person says what was paid, as of a bank transfer.  One that has `pages` puts
    up pages to pay on (`ports.Pages`).
    """

    name: str
    setup_fee: bool = False
    lines_per_plan: int | None = None
    discounts_per_checkout: int | None = None
    portal: bool = False
    metered: bool = False
    trial_without_card: bool = False
    refunds: bool = False
    tax: bool = False
    key_hours: int | None = None
    by_hand: bool = False
    pages: bool = False
