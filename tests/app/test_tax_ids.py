"""VAT ids: form and check digits by country, and what is missing where they cannot be checked."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tallystick.app.tax_ids import check_vat_id, is_vat_id
from tallystick.errors import InvalidInput, MissingExtra

RIGHT = [
    "ATU13585627", "BE0428759497", "DE136695976", "EL094259216", "ESA13585625", "FI20774740",
    "FR40303265045", "IE6433435F", "IT00743110157", "NL004495445B01", "PL8567346215",
]  # fmt: skip


@pytest.mark.parametrize("value", RIGHT)
def test_a_right_id_is_given_back(value: str) -> None:
    assert check_vat_id(value) == value
    assert is_vat_id(value)


@pytest.mark.parametrize("value", RIGHT)
def test_one_digit_makes_another_id(value: str) -> None:
    place = next(i for i in range(5, len(value)) if value[i].isdigit())
    others = [value[:place] + digit + value[place + 1 :] for digit in "0123456789"]
    assert sum(map(is_vat_id, others)) <= 2  # check digits find nearly every slip


def test_blanks_and_small_letters_do_not_count() -> None:
    assert check_vat_id(" de 136-695.976 ") == "DE136695976"


@pytest.mark.parametrize(
    "value", ["", "DE", "DE123456789", "XX123", "GB123456789", "٣", "D" * 10_000]
)
def test_a_wrong_id_is_told(value: str) -> None:
    with pytest.raises(InvalidInput, match=r"ID .* is no VAT id") as refused:
        check_vat_id(value, "ID")
    assert list(refused.value.fields) == ["ID"]
    assert not is_vat_id(value)


@pytest.mark.parametrize("value", [None, 4, b"DE136695976"])
def test_what_is_no_text_is_no_id(value: Any) -> None:
    with pytest.raises(InvalidInput, match="must be a text"):
        check_vat_id(value)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stdnum.eu", None)
    with pytest.raises(MissingExtra, match=r"pip install 'tallystick\[tax\]'"):
        check_vat_id("DE136695976")
