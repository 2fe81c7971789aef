"""The usual test cards, and what comes of charging each.

Source: docs.stripe.com/testing (cards by number and by `pm_card_…`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CARDS", "Card", "card_of"]


@dataclass(frozen=True)
class Card:
    """A test card: the name of its payment method, its number, and how it fails.

    `decline` is the `decline_code` of its charges, `code` their error's code; `attaches` is whether
    a customer can keep it, `asks` whether its holder has to confirm each payment, `disputed`
    whether a charge is disputed at once, `delayed` whether it takes days to be paid.
    """

    name: str
    number: str
    brand: str = "visa"
    decline: str | None = None
    code: str = "card_declined"
    attaches: bool = True
    asks: bool = False
    disputed: bool = False
    delayed: bool = False

    @property
    def last4(self) -> str:
        """Give the four digits that are shown."""
        return self.number[-4:]


_REFUSED: Final = (
    ("pm_card_visa_chargeDeclined", "4000000000000002", "generic_decline", "card_declined"),
    ("pm_card_chargeDeclined", "4000000000000002", "generic_decline", "card_declined"),
    (
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        "4000000000009995",
        "insufficient_funds",
        "card_declined",
    ),
    (
        "pm_card_chargeDeclinedInsufficientFunds",
        "4000000000009995",
        "insufficient_funds",
        "card_declined",
    ),
    ("pm_card_visa_chargeDeclinedLostCard", "4000000000009987", "lost_card", "card_declined"),
    ("pm_card_visa_chargeDeclinedStolenCard", "4000000000009979", "stolen_card", "card_declined"),
    ("pm_card_chargeDeclinedExpiredCard", "4000000000000069", "expired_card", "expired_card"),
    ("pm_card_chargeDeclinedIncorrectCvc", "4000000000000127", "incorrect_cvc", "incorrect_cvc"),
    (
        "pm_card_chargeDeclinedProcessingError",
        "4000000000000119",
        "processing_error",
        "processing_error",
    ),
)
CARDS: Final = (
    Card("pm_card_visa", "4242424242424242"),
    Card("pm_card_visa_debit", "4000056655665556"),
    Card("pm_card_mastercard", "5555555555554444", "mastercard"),
    Card("pm_card_amex", "378282246310005", "amex"),
    Card("pm_card_chargeCustomerFail", "4000000000000341", decline="generic_decline"),
    Card("pm_card_authenticationRequired", "4000002760003184", asks=True),
    Card("pm_card_createDispute", "4000000000000259", disputed=True),
    Card("pm_usBankAccount_success", "000123456789", "us_bank_account", delayed=True),
    *(Card(n, number, decline=d, code=c, attaches=False) for n, number, d, c in _REFUSED),
)
"""The cards that the fake knows, and one account whose payments take days."""


def card_of(name_or_number: str) -> Card | None:
    """Find a card by `pm_card_visa`, `tok_visa` or its number."""
    wanted = name_or_number.replace(" ", "")
    if wanted.startswith("tok_"):
        wanted = "pm_card_" + wanted.removeprefix("tok_")
    return next((card for card in CARDS if wanted in {card.name, card.number}), None)
