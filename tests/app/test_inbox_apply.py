"""Several that make something of one kind of object: the first whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tallystick.app.inbox_apply import NOT_OURS, Note, first_of
from tallystick.errors import OutcomeUnknown

if TYPE_CHECKING:
    from tallystick.app.inbox_apply import Applier


def giving(note: Note | None, acted: list[str], name: str) -> Applier:
    def apply(room: Any, fetched: Any) -> Any:
        def act(unit: Any, at: Any) -> Note | None:
            acted.append(name)
            return note

        return act

    return apply


OURS_NOT = Note(NOT_OURS, "no")
ALERT = Note("MISMATCH", "odd", alert=True)


@pytest.mark.parametrize(
    ("first", "second", "given", "asked"),
    [
        (None, None, None, ["a"]),
        (OURS_NOT, None, None, ["a", "b"]),
        (OURS_NOT, ALERT, ALERT, ["a", "b"]),
        (ALERT, None, ALERT, ["a"]),
        (OURS_NOT, OURS_NOT, OURS_NOT, ["a", "b"]),
    ],
)
def test_the_first_that_does_not_call_it_another_s_decides(
    first: Note | None, second: Note | None, given: Note | None, asked: list[str]
) -> None:
    acted: list[str] = []
    both = first_of(giving(first, acted, "a"), giving(second, acted, "b"))
    nothing: Any = None
    assert both(nothing, nothing)(nothing, nothing) == given
    assert acted == asked


def test_what_one_of_them_cannot_tell_yet_is_asked_again() -> None:
    def silent(room: Any, fetched: Any) -> Any:
        raise OutcomeUnknown("later")

    nothing: Any = None
    with pytest.raises(OutcomeUnknown):
        first_of(giving(None, [], "a"), silent)(nothing, nothing)
