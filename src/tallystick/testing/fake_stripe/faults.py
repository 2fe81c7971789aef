"""What goes wrong on purpose: which call, when, and what its caller sees of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase

__all__ = ["Fault", "FaultPlan", "Seen"]


class Seen(Enum):
    """What the caller sees of a call that fails on purpose."""

    LIMITED = "429"
    """Too many calls: nothing happened, and the key may be used again."""
    BROKEN = "500"
    """An error, which is what the key answers from then on."""
    SILENCE = "silence"
    """No answer, until the caller gives up."""
    CUT = "cut"
    """A connection that is closed within the answer."""


@dataclass
class Fault:
    """Let calls fail: `Fault(Seen.CUT, "POST /v1/prices", after=True, first=2, times=1)`.

    `call` is a pattern with `*`; `after` lets the call take effect first; `first` counts the calls
    that match from 1, and from it on `times` of them fail.
    """

    seen: Seen
    call: str = "*"
    after: bool = False
    first: int = 1
    times: int = 1
    met: int = field(default=0, init=False)


class FaultPlan:
    """The faults that wait for their calls; the first that matches strikes."""

    def __init__(self) -> None:
        """Begin without any."""
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let one more wait."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let all go well from now on."""
        self._faults.clear()

    def strike(self, call: str) -> Fault | None:
        """Count a call, as `POST /v1/prices`, and give the fault that it meets."""
        struck = None
        for fault in self._faults:
            if fnmatchcase(call, fault.call):
                fault.met += 1
                if struck is None and fault.first <= fault.met < fault.first + fault.times:
                    struck = fault
        return struck
