"""What became of the events of a buffer, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BufferState", "Counts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferState:
    """Where the events of a buffer are, since it was opened.

    `recorded` were taken, those that an earlier process left in the spool included; each is now
    `stored`, a duplicate, rejected, in memory or on the disk.  `lost` were only in the memory of
    a process that was killed, `torn` lines of the spool could not be read, and `unwritten` are
    those of the rejected for which the file had no room.  `error` is why nothing can be sent at
    the moment; None where all is well.
    """

    recorded: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    unwritten: int = 0
    in_memory: int = 0
    on_disk: int = 0
    lost: int = 0
    torn: int = 0
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class Counts:
    """The numbers that only grow."""

    recorded: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    unwritten: int = 0
    lost: int = 0

    @property
    def settled(self) -> int:
        """How many the ledger has answered for."""
        return self.stored + self.duplicates + self.rejected

    def state(self, *, in_memory: int, on_disk: int, torn: int, error: str | None) -> BufferState:
        """Give all of it at this moment."""
        return BufferState(
            recorded=self.recorded,
            stored=self.stored,
            duplicates=self.duplicates,
            rejected=self.rejected,
            unwritten=self.unwritten,
            in_memory=in_memory,
            on_disk=on_disk,
            lost=self.lost,
            torn=torn,
            error=error,
        )
