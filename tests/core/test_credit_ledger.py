"""The ledger of one meter: credits, usage, and resets that empty both."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tallystick.core.credit_ledger import LedgerEntry, ledger_totals
from tallystick.errors import InvalidInput, InvalidNumber


def entries(*pairs: tuple[Any, str]) -> list[LedgerEntry]:
    return [LedgerEntry(kind, Decimal(size)) for kind, size in pairs]


@pytest.mark.parametrize(
    ("pairs", "consumed", "credited", "balance"),
    [
        ([], 0, 0, 0),
        ([("usage", "15"), ("usage", "25"), ("credit", "50")], 40, 50, 10),
        ([("usage", "20"), ("credit", "10")], 20, 10, -10),
        ([("credit", "100"), ("credit", "-150"), ("credit", "50")], 0, 50, 50),
        ([("credit", "-5")], 0, 0, 0),
        ([("usage", "20"), ("credit", "10"), ("reset", "0")], 0, 0, 0),
        ([("usage", "100"), ("reset", "0"), ("usage", "20"), ("credit", "30")], 20, 30, 10),
        ([("reset", "0"), ("reset", "0"), ("usage", "0")], 0, 0, 0),
    ],
)
def test_entries_add_up(
    pairs: list[tuple[str, str]], consumed: int, credited: int, balance: int
) -> None:
    totals = ledger_totals(entries(*pairs))
    assert (totals.consumed, totals.credited, totals.balance) == (consumed, credited, balance)


def test_what_is_no_entry_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'gift' is not usage, credit or reset"):
        entries(("gift", "1"))
    with pytest.raises(InvalidNumber):
        entries(("usage", "NaN"))
