"""Numbers are taken without a gap, whoever takes them at once and whatever is undone."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tallystick.errors import InvalidInput, NotFound
from tallystick.storage.series import hold_series, put_chain, series_at, take_numbers

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage


def test_numbers_begin_with_one_and_go_on(storage: Storage) -> None:
    with storage.begin() as unit:
        assert take_numbers(unit, "INV", 2) == (1, "")
        put_chain(unit, "INV", "abc")
        assert take_numbers(unit, "INV", 1) == (3, "abc")
        assert take_numbers(unit, "CN", 1) == (1, "")
        assert hold_series(unit, ["INV", "CN", "X"]) == {
            "INV": (4, "abc"), "CN": (2, ""), "X": (1, ""),
        }  # fmt: skip
        unit.commit()
    with storage.look() as unit:
        assert series_at(unit) == {"CN": (2, ""), "INV": (4, "abc"), "X": (1, "")}


def test_what_is_undone_gives_its_numbers_back(storage: Storage) -> None:
    with storage.begin() as unit:
        take_numbers(unit, "INV", 5)
        put_chain(unit, "INV", "abc")
    with storage.begin() as unit:
        assert take_numbers(unit, "INV", 1) == (1, "")
        assert hold_series(unit, []) == {}


def test_what_makes_no_sense_is_refused(storage: Storage) -> None:
    with storage.begin() as unit:
        for count in (0, -1):
            with pytest.raises(InvalidInput):
                take_numbers(unit, "INV", count)
        with pytest.raises(NotFound):
            put_chain(unit, "INV", "abc")
    with pytest.raises(IntegrityError), storage.begin() as unit:
        unit.connection.execute(text("INSERT INTO tallystick_invoice_series VALUES ('a', 0, '')"))


@pytest.mark.parametrize("seed", [1, 2])
def test_eight_at_once_with_some_undone_leave_no_gap_and_no_twin(
    storage: Storage, seed: int
) -> None:
    """Numbers are taken by eight threads, a third of which are undone at random."""
    kept: list[int] = []
    chains: list[tuple[str, str]] = []

    def work(mine: random.Random) -> None:
        for _ in range(12):
            with storage.begin() as unit:
                count = mine.randint(1, 3)
                first, chain = take_numbers(unit, "INV", count)
                put_chain(unit, "INV", f"{chain}/{first}"[-40:])
                if mine.random() < 0.35:
                    continue
                unit.commit()
                kept.extend(range(first, first + count))
                chains.append((chain, f"{chain}/{first}"[-40:]))

    dice = [random.Random(seed * 8 + n) for n in range(8)]  # noqa: S311 - no secret is made of it
    threads = [threading.Thread(target=work, args=(mine,)) for mine in dice]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(kept) == list(range(1, len(kept) + 1))
    assert len(kept) > 20
    assert {before for before, _ in chains} - {after for _, after in chains} == {""}
    with storage.look() as unit:
        assert series_at(unit)["INV"][0] == len(kept) + 1
