"""A frozen dict: a dict to whoever reads it, and closed to whoever writes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.frozen import FrozenDict

if TYPE_CHECKING:
    from collections.abc import Callable

FROZEN = FrozenDict({"a": 1, "b": 2})


def test_it_reads_and_compares_as_a_dict() -> None:
    assert FROZEN == {"a": 1, "b": 2}
    assert FROZEN["a"] == 1
    assert FROZEN.get("c") is None
    assert list(FROZEN) == ["a", "b"]
    assert json.dumps(FROZEN) == '{"a": 1, "b": 2}'
    assert FROZEN | {"c": 3} == {"a": 1, "b": 2, "c": 3}
    assert repr(FROZEN) == "{'a': 1, 'b': 2}"


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.__setitem__("c", 3),
        lambda found: found.__delitem__("a"),
        lambda found: found.__ior__({"c": 3}),
        lambda found: found.clear(),
        lambda found: found.pop("a"),
        lambda found: found.popitem(),
        lambda found: found.setdefault("c", 3),
        lambda found: found.update(c=3),
    ],
)
def test_it_cannot_be_changed(change: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match="a FrozenDict cannot be changed; make a new one"):
        change(FROZEN)
    assert FROZEN == {"a": 1, "b": 2}


def test_it_does_not_share_what_it_was_made_of() -> None:
    source = {"a": 1}
    frozen = FrozenDict(source)
    source["b"] = 2
    assert frozen == {"a": 1}


@pytest.mark.parametrize(
    "again",
    [
        copy.copy,
        copy.deepcopy,
        lambda found: pickle.loads(pickle.dumps(found)),  # noqa: S301 - our own bytes
    ],
)
def test_it_is_copied_and_pickled_as_itself(again: Callable[[Any], Any]) -> None:
    found = again(FROZEN)
    assert found == FROZEN
    assert type(found) is FrozenDict
