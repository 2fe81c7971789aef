"""Files of tax rules: three formats, figures from their tokens, every problem of the file."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tallystick.errors import InvalidTaxRules, SetupError
from tallystick.files import read_tax_tree

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = {
    "rates.yaml": "rates:\n  - { country: AT, percent: 8.875 }\n",
    "rates.yml": "rates:\n  - { country: AT, percent: 8.875 }\n",
    "rates.toml": '[[rates]]\ncountry = "AT"\npercent = 8.875\n',
    "rates.json": '{"rates": [{"country": "AT", "percent": 8.875}]}',
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_gives_the_same_tree(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(FORMATS[name])
    found = read_tax_tree(path)
    assert found.tree == {"rates": [{"country": "AT", "percent": Decimal("8.875")}]}
    assert found.name == name
    assert found.lines["rates[0].percent"] >= 1


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("rates.txt", "", r"has the suffix '\.txt'.*\.toml, \.yaml"),
        ("rates.py", "rates = []", r"has the suffix '\.py'"),
        ("rates", "", "has no suffix"),
        ("rates.json", "{", r"rates\.json: 1 problem"),
        ("rates.yaml", "rates: [1e9]\nrates: 2", r"rates\.yaml: "),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, text: str, why: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidTaxRules, match=why):
        read_tax_tree(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no tax rules at '.*rates\.yaml'"):
        read_tax_tree(tmp_path / "rates.yaml")
