"""Faults in what limits remember and count."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_GATES"]

_READING: Final = "tests/facade/test_gate_reading.py::"
_HELD: Final = "tests/facade/test_lease_hold.py::"

OF_GATES: Final = (
    Mutant(
        "what is remembered is believed at a gate",
        "app/turn.py",
        "if facts.version == had.version:",
        "if facts.version:",
        (f"{_READING}test_what_another_process_has_changed_decides_at_once",),
    ),
    Mutant(
        "what a host undoes is remembered",
        "app/kept_standings.py",
        "            if unit.owned:\n                _remember",
        "            if unit:\n                _remember",
        (f"{_READING}test_what_a_host_undoes_was_never_remembered",),
    ),
    Mutant(
        "a window has its whole last day",
        "app/gate_count.py",
        "edges.append((-1, end, last + _DAY))",
        "edges.append((-1, end, end + _DAY / 86_400))",
        (f"{_READING}test_what_lies_beyond_the_end_of_a_window_counts_in_the_next",),
    ),
    Mutant(
        "a block has back what was held of the one before",
        "facade/lease.py",
        "if number == self._number:",
        "if number:",
        (f"{_HELD}test_what_is_held_when_its_block_ends_counts_as_used",),
    ),
)
"""Each with the tests that notice it."""
