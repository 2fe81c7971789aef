"""The quick faults are noticed; all of them stand where they are said to stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tallystick
from tests.mutants.faults import FAULTS, QUICK
from tests.mutants.mutant import Mutant
from tests.mutants.runner import try_one

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(tallystick.__file__).parent
TESTS = Path(__file__).parents[2]
named = pytest.mark.parametrize("mutant", FAULTS, ids=[each.name for each in FAULTS])


def test_the_quick_ones_are_ten() -> None:
    assert len(QUICK) == 10
    assert len({each.name for each in FAULTS}) == len(FAULTS)


@named
def test_a_fault_is_a_change_of_one_place_and_its_tests_are_there(mutant: Mutant) -> None:
    assert (SOURCE / mutant.file).read_text("utf-8").count(mutant.old) == 1
    assert mutant.old != mutant.new
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (TESTS / path).read_text("utf-8")


@pytest.mark.proof
@pytest.mark.parametrize("mutant", QUICK, ids=[each.name for each in QUICK])
def test_a_fault_is_noticed(mutant: Mutant, record_property: Callable[[str, object], None]) -> None:
    tried = try_one(mutant)
    assert tried.fate == "killed", tried.said
    record_property("proof", f"mutant       {mutant.name}")


HARMLESS = Mutant(
    "another word",
    "core/proration.py",
    '"""Proration: what a part of a period costs, by the second.',
    '"""Proration: what a part of a period costs by the second.',
    ("tests/core/test_proration.py::test_a_share_is_read_from_a_fraction",),
)


@pytest.mark.proof
def test_what_changes_nothing_survives() -> None:
    assert try_one(HARMLESS).fate == "survived"
