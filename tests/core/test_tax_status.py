"""Who owes the tax: the seller, the buyer by reverse charge, or nobody."""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import Party
from tallystick.core.tax_status import EU, TaxStatus, ids_to_check, tax_status, vat_country
from tallystick.errors import TaxUndecided

GERMAN = ("eu_vat", "DE136695976")


def party(country: str | None = None, *ids: tuple[str, str], **more: Any) -> Party:
    address = {} if country is None else {"country": country}
    return Party(address=FrozenDict(address | more.pop("address", {})), tax_ids=ids, **more)


SELLER = party("AT")


def test_a_sale_is_taxed_where_the_buyer_is() -> None:
    buyer = party("CA", address={"state": "QC"})
    assert tax_status(SELLER, buyer) == TaxStatus(country="CA", region="QC")


@pytest.mark.parametrize(
    ("seller", "buyer", "note"),
    [
        ("AT", party("DE", GERMAN, checked_ids=("DE136695976",)), "reverse_charge"),
        (
            "AT",
            party("GR", ("eu_vat", "EL094259216"), checked_ids=("EL094259216",)),
            "reverse_charge",
        ),
        ("AT", party("DE", GERMAN), ""),  # not checked, or found wrong
        ("AT", party("DE", ("gb_vat", "DE1"), checked_ids=("DE1",)), ""),
        ("AT", party("FR", GERMAN, checked_ids=("DE136695976",)), ""),  # of another country
        ("DE", party("DE", GERMAN, checked_ids=("DE136695976",)), ""),  # at home
        ("US", party("DE", GERMAN, checked_ids=("DE136695976",)), ""),
        ("AT", party("GB", ("eu_vat", "GB1"), checked_ids=("GB1",)), ""),
        ("AT", party("DE", GERMAN, checked_ids=("DE136695976",), tax_exempt=True), "exempt"),
        ("AT", party(None, tax_exempt=True), "exempt"),
    ],
)
def test_reverse_charge_is_for_businesses_of_another_member_state(
    seller: str, buyer: Party, note: str
) -> None:
    found = tax_status(party(seller), buyer)
    assert found.note == note
    assert found.country == ("" if note else buyer.address["country"])


def test_reverse_charge_can_be_left_out() -> None:
    buyer = party("DE", GERMAN, checked_ids=("DE136695976",))
    assert tax_status(SELLER, buyer, reverse_charge=False) == TaxStatus(country="DE")


def test_the_reason_names_the_id() -> None:
    right = tax_status(SELLER, party("DE", GERMAN, checked_ids=("DE136695976",)))
    assert right.reason == "reverse charge: DE136695976 is a VAT id of DE, AT sells"
    wrong = tax_status(SELLER, party("DE", GERMAN))
    assert wrong.reason == "; no reverse charge, as DE136695976 is no VAT id of DE"


@pytest.mark.parametrize(
    ("seller", "buyer", "who"), [(None, "AT", "the seller"), ("AT", None, "the customer")]
)
def test_a_country_that_is_not_known_is_not_guessed(
    seller: str | None, buyer: str | None, who: str
) -> None:
    with pytest.raises(TaxUndecided, match=rf"{who} has no address\.country"):
        tax_status(party(seller), party(buyer))


def test_only_ids_that_decide_are_checked() -> None:
    assert ids_to_check(SELLER, party("DE", GERMAN, ("us_ein", "1"), ("eu_vat", "FR1"))) == (
        "DE136695976",
    )
    assert ids_to_check(party("DE"), party("DE", GERMAN)) == ()
    assert ids_to_check(party("US"), party("DE", GERMAN)) == ()
    assert ids_to_check(party(), party("DE", GERMAN)) == ()
    assert ids_to_check(SELLER, party("DE", GERMAN, tax_exempt=True)) == ()


@pytest.mark.parametrize(
    ("value", "country"), [(" de 136-695", "DE"), ("EL094259216", "GR"), ("", ""), ("4", "4")]
)
def test_an_id_says_of_which_country_it_is(value: str, country: str) -> None:
    assert vat_country(value) == country


def test_the_union_has_27_members() -> None:
    assert len(EU) == 27
    assert not EU & {"GB", "CH", "NO", "EL", "UK"}
