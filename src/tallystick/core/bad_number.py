"""A number of a document that was not read: the token as written, and why."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BadNumber"]


@dataclass(frozen=True, slots=True)
class BadNumber:
    """A number that no plain decimal stands for; it takes the number's place in a tree.

    The reader of the tree knows the path and reports it together with all other problems.
    `token` is shortened; `reason` goes on from it, as in "has an exponent; write the digits out".
    """

    token: str
    reason: str

    def __str__(self) -> str:
        """Give the token and what is wrong with it, as one clause."""
        return f"{self.token!r} {self.reason}"
