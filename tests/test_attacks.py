"""The table of attacks names a test for each of them."""

from __future__ import annotations

import re

from tests.test_features import PLACES, ROOT, missing, rows

PAGE = ROOT / "docs" / "reference" / "attacks.md"


def attacks() -> list[list[str]]:
    """Give the cells of every attack."""
    return [each for each in rows(PAGE.read_text("utf-8")) if re.fullmatch(r"S\d+", each[0])]


def test_every_attack_on_selling_is_there() -> None:
    assert {each[0] for each in attacks()} == {f"S{number}" for number in range(1, 21)}
    assert all(len(each) == 4 for each in attacks())


def test_every_attack_has_a_test() -> None:
    lost = [text for *_, cell in attacks() if (text := missing(cell, PLACES[1], test=True))]
    assert lost == []
    assert all("::test_" in cell for *_, cell in attacks())
