"""What documents did with the units of a metered window: which grants paid them, and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol

from tallystick.core.number import ZERO, exact_sum, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UnitsBilled", "granted_tree", "granted_units"]

_EVIDENCE: Final = "grants"


class _Line(Protocol):
    """A line of a document, or one as it was billed."""

    @property
    def kind(self) -> str: ...
    @property
    def billed(self) -> Decimal: ...
    @property
    def evidence(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class UnitsBilled:
    """Units of a window so far: `granted` were paid by grants, `asked` were to be paid in money."""

    granted: Decimal = ZERO
    asked: Decimal = ZERO

    def plus(self, line: _Line) -> UnitsBilled:
        """Give them with a later line of the window.

        A slice and the line of its end each add their part; a late line says all that is asked for
        by then.
        """
        granted = exact_sum(self.granted, *(units for _, units in granted_units(line.evidence)))
        asked = line.billed if line.kind == "late" else exact_sum(self.asked, line.billed)
        return UnitsBilled(granted, asked)


def granted_units(evidence: Mapping[str, Any]) -> tuple[tuple[str, Decimal], ...]:
    """Give the grants that paid units of a line, by the line's evidence: id and units, in order."""
    return tuple((grant, Decimal(units)) for grant, units in evidence.get(_EVIDENCE, ()))


def granted_tree(units: tuple[tuple[str, Decimal], ...]) -> dict[str, list[list[str]]]:
    """Write down which grants paid units, for the evidence of a line; nothing where none did."""
    return {_EVIDENCE: [[grant, plain(size)] for grant, size in units]} if units else {}
