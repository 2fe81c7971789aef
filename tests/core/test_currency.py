"""The currencies of ISO 4217, pinned against a package that is kept by others."""

from __future__ import annotations

from typing import Any

import iso4217
import pytest

from tallystick.core.currency import CODES, Currency, currency
from tallystick.errors import InvalidInput


def test_the_table_has_the_currencies_of_iso_4217_with_their_decimals() -> None:
    listed = {each.code: each.exponent for each in iso4217.Currency if each.exponent is not None}
    assert {code: found.decimals for code, found in CODES.items()} == listed


def test_each_code_gives_itself() -> None:
    for code, found in CODES.items():
        assert currency(code) is found
        assert str(found) == found.code == code


def test_a_currency_is_a_value() -> None:
    assert Currency("USD", 2) == currency("USD")
    assert hash(Currency("USD", 2)) == hash(currency("USD"))


@pytest.mark.parametrize("code", ["XAU", "XDR", "XTS", "XXX", "XBA", "XSU"])
def test_what_nobody_can_be_asked_to_pay_is_no_currency(code: str) -> None:
    with pytest.raises(InvalidInput, match="is not an ISO 4217 currency"):
        currency(code)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("usd", "write 'USD'"),
        ("Eur", "write 'EUR'"),
        ("USDD", "did you mean 'USD'"),
        ("", "is not an ISO 4217 currency"),
        ("$", "is not an ISO 4217 currency"),
        ("USD ", "did you mean 'USD'"),
        ("\uff35\uff33\uff24", "is not an ISO 4217 currency"),
        ("U" * 100_000, "is not an ISO 4217 currency"),
        (None, "not NoneType"),
        (840, "not int"),
        (["USD"], "not list"),
        (b"USD", "not bytes"),
    ],
)
def test_anything_else_is_refused_with_a_hint(code: Any, told: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        currency(code)
    assert told in str(refusal.value)
    assert len(str(refusal.value)) < 200
