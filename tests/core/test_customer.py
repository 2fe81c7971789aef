"""A customer's fields: what is taken, in which form, and that everything wrong is told at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.currency import currency
from tallystick.core.customer import (
    ADDRESS_FIELDS,
    PERSONAL_FIELDS,
    CustomerFields,
    TaxId,
    check_customer_id,
    read_fields,
)
from tallystick.errors import InvalidInput

FIELDS = set(CustomerFields.__annotations__)


def refused(**given: object) -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as caught:
        read_fields(given)
    return caught.value.fields


def test_fields_are_read_into_one_form() -> None:
    read = read_fields(
        {
            "name": "  Cafe\u0301 Zeit ",
            "email": "Anna.B@EXAMPLE.com",
            "currency": "EUR",
            "time_zone": "Europe/Vienna",
            "locale": "de-AT",
            "provider_id": "cus_1",
            "address": {"line1": "Ring 1", "line2": None, "country": "AT"},
            "tax_ids": [{"type": "eu_vat", "value": "ATU12345678"}, TaxId("at_uid", "1")],
            "metadata": {"team": "a"},
        }
    )
    assert read == {
        "name": "Café Zeit",
        "email": "Anna.B@example.com",
        "currency": currency("EUR"),
        "time_zone": "Europe/Vienna",
        "locale": "de-AT",
        "provider_id": "cus_1",
        "address": {"line1": "Ring 1", "country": "AT"},
        "tax_ids": (TaxId("eu_vat", "ATU12345678"), TaxId("at_uid", "1")),
        "metadata": {"team": "a"},
    }


def test_none_takes_a_field_away_and_nothing_else_is_read() -> None:
    cleared = read_fields(dict.fromkeys(FIELDS))
    assert set(cleared) == FIELDS
    assert not any(cleared.values())
    assert read_fields({}) == {}
    assert set(PERSONAL_FIELDS) < FIELDS


def test_a_currency_may_be_its_value() -> None:
    assert read_fields({"currency": currency("JPY")})["currency"] == currency("JPY")


@pytest.mark.parametrize(
    "email",
    ["a@b.co", "a.b+c@sub.example.com", "o'hara@example.ie", "用户@例子.公司", "a@xn--fsq.com"],
)
def test_a_plausible_address_is_taken(email: str) -> None:
    assert read_fields({"email": email})["email"] == email


@pytest.mark.parametrize(
    "email",
    [
        "a", "@b.co", "a@", "a@b", "a b@c.de", "a@b..de", "a@-b.de", "a@b-.de", ".a@b.de",
        "a.@b.de", "a..b@c.de", "a@b@c.de", "a@b.de,c@d.de", "<a@b.de>", "a@b .de",
        "a" * 65 + "@b.de", "a@" + "b" * 64 + ".de", "a@" + "b." * 150 + "de",
        "a@b.de\nBcc: x@y.zz", "", " ", "a\x00@b.de", "a@b/c.de", "\ud800@b.de",
    ],
)  # fmt: skip
def test_an_address_that_nobody_can_write_to_is_refused(email: str) -> None:
    assert list(refused(email=email)) == ["email"]


@pytest.mark.parametrize(
    ("field", "value", "path", "words"),
    [
        ("currency", "EURO", "currency", "not an ISO 4217"),
        ("currency", "eur", "currency", "write 'EUR'"),
        ("currency", 978, "currency", "int"),
        ("time_zone", "Europe/Wien", "time_zone", "Vienna"),
        ("time_zone", 1, "time_zone", "int"),
        ("time_zone", "../etc/passwd", "time_zone", "not the name"),
        ("locale", "de_AT", "locale", "de-AT"),
        ("locale", "d", "locale", "de-AT"),
        ("name", "", "name", "None to clear"),
        ("name", "x" * 201, "name", "longer than 200"),
        ("name", "x" * 10**6, "name", "longer than 200"),
        ("name", "a\nb", "name", "line breaks"),
        ("name", 5, "name", "must be a text"),
        ("provider_id", " x", "provider_id", "blanks"),
        ("provider_id", "", "provider_id", "empty"),
        ("address", {"contry": "AT"}, "address.contry", "'country'"),
        ("address", {"country": "at"}, "address.country", "capital"),
        ("address", {"country": "AUT"}, "address.country", "capital"),
        ("address", {"city": 5}, "address.city", "must be a text"),
        ("address", "Ring 1", "address", "must be an object"),
        ("address", {1: "x"}, "address", "not a text"),
        ("address", {str(n): "x" for n in range(99)}, "address", "99 entries"),
        ("tax_ids", {"type": "eu_vat"}, "tax_ids", "must be a list"),
        ("tax_ids", [{"type": "eu_vat"}], "tax_ids[0]", "a type and a value"),
        ("tax_ids", [5], "tax_ids[0]", "a type and a value"),
        ("tax_ids", [{"type": "EU VAT", "value": "1"}], "tax_ids[0].type", "eu_vat"),
        ("tax_ids", [TaxId("eu_vat", "")], "tax_ids[0].value", "empty"),
        ("tax_ids", [TaxId("eu_vat", "1")] * 2, "tax_ids", "twice"),
        ("tax_ids", [TaxId("eu_vat", str(n)) for n in range(11)], "tax_ids", "10 is the most"),
        ("metadata", {str(n): "x" for n in range(51)}, "metadata", "50 is the most"),
        ("metadata", {"k" * 41: "x"}, "metadata." + "k" * 41, "longer than 40"),
        ("metadata", {"k": "x" * 501}, "metadata.k", "longer than 500"),
        ("metadata", {"k": 1}, "metadata.k", "must be a text"),
        ("metadata", [], "metadata", "must be an object"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(
    field: str, value: object, path: str, words: str
) -> None:
    ((place, (text,)),) = refused(**{field: value}).items()
    assert place == path
    assert words in text


def test_everything_wrong_is_told_at_once() -> None:
    assert set(refused(emial="a@b.de", currency="X", name="", locale="?")) == {
        "emial",
        "currency",
        "name",
        "locale",
    }
    assert "'email'" in refused(emial="a@b.de")["emial"][0]


@pytest.mark.parametrize("value", ["", " a", "a ", "a\nb", "x" * 201, "\ud800", 5, None, b"a"])
def test_an_id_that_no_usage_event_could_name_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="id"):
        check_customer_id(value)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=30), st.binary(max_size=3),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.one_of(st.sampled_from(ADDRESS_FIELDS), st.integers()), st.text(max_size=5)),
)))  # fmt: skip
def test_anything_is_read_or_refused_and_what_was_read_reads_as_itself(
    given_fields: dict[str, Any],
) -> None:
    try:
        read = read_fields(given_fields)
    except InvalidInput:
        return
    assert read_fields(read) == read
