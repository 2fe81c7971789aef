"""Errors carry what they know, also into another process."""

from __future__ import annotations

import copy
import pickle

import pytest

from tallystick import errors
from tallystick.errors import (
    InvalidCatalog,
    InvalidUsage,
    MissingExtra,
    NotFound,
    Problem,
    TallystickError,
    UnknownPlan,
)

MADE: list[TallystickError] = [
    InvalidCatalog([Problem("plans[0].id", "is missing", "write one", 3)], "billing.toml"),
    InvalidUsage("no line", {"seats": ["is below zero"]}),
    NotFound("plan", "gold"),
    UnknownPlan("gold"),
    MissingExtra("the service", "server"),
    errors.ForbiddenError("not yours"),
]


@pytest.mark.parametrize("made", MADE, ids=lambda made: type(made).__name__)
def test_an_error_is_the_same_after_pickling_and_copying(made: TallystickError) -> None:
    sent = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    for again in (sent, copy.deepcopy(made)):
        assert type(again) is type(made)
        assert str(again) == str(made)
        assert again.details() == made.details()
        assert vars(again) == vars(made)


def test_a_problem_reads_as_a_sentence() -> None:
    assert str(Problem("a.b", "is missing", "write it", 3)) == "a.b (line 3): is missing (write it)"
    assert str(Problem("", "is empty")) == "catalogue: is empty"
