"""Who owes the tax of a sale: the seller, the buyer by reverse charge, or nobody.

Reverse charge is that of the European Union: a business that buys from another member state owes
the tax itself.  It is known by a VAT id of its own country, whose form and check digits were found
right.  Whether that id is registered is for whoever keeps the customer to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tallystick.errors import TaxUndecided

if TYPE_CHECKING:
    from tallystick.core.invoice import Party
    from tallystick.core.tax import TaxNote

__all__ = ["EU", "EU_VAT", "TaxStatus", "ids_to_check", "tax_status", "vat_country"]

EU: Final = frozenset(
    (
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
"""The member states since 2020, by their ISO 3166-1 codes."""

EU_VAT: Final = "eu_vat"
"""The kind of a VAT id of a member state."""

_SPELLED: Final = {"EL": "GR"}  # as Greek VAT ids begin


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxStatus:
    """Where a sale is taxed, or the note of why it is not, and the reason in words."""

    country: str = ""
    region: str = ""
    note: TaxNote = ""
    reason: str = ""


def tax_status(seller: Party, buyer: Party, *, reverse_charge: bool = True) -> TaxStatus:
    """Tell where a sale is taxed: in the buyer's country and region, unless somebody else owes it.

    Raises TaxUndecided where the country of either is not known.
    """
    home = seller.address.get("country", "")
    if not home:
        raise TaxUndecided(
            "the seller has no address.country, without which no tax can be decided: set it, as in"
            " `tallystick seller set --address country=AT`"
        )
    if buyer.tax_exempt:
        return TaxStatus(note="exempt", reason="the customer is tax exempt")
    country = buyer.address.get("country", "")
    if not country:
        raise TaxUndecided(
            "the customer has no address.country, without which no tax can be decided: set it, or"
            " tax_exempt"
        )
    told = ""
    if reverse_charge:
        for value in ids_to_check(seller, buyer):
            if value in buyer.checked_ids:
                text = f"reverse charge: {value} is a VAT id of {country}, {home} sells"
                return TaxStatus(note="reverse_charge", reason=text)
            told = f"; no reverse charge, as {value} is no VAT id of {country}"
    region = buyer.address.get("state", "")
    return TaxStatus(country=country, region=region, reason=told)


def ids_to_check(seller: Party, buyer: Party) -> tuple[str, ...]:
    """Give the VAT ids on which reverse charge depends: none where it cannot apply."""
    home, country = seller.address.get("country"), buyer.address.get("country")
    if buyer.tax_exempt or home == country or home not in EU or country not in EU:
        return ()
    return tuple(
        value for kind, value in buyer.tax_ids if kind == EU_VAT and vat_country(value) == country
    )


def vat_country(value: str) -> str:
    """Give the country that a VAT id says it is of: `EL…` is of GR.  Its blanks do not count."""
    letters = "".join(filter(str.isalnum, value[:20])).upper()[:2]
    return _SPELLED.get(letters, letters)
