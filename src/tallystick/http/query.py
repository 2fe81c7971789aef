"""What a query string asks, read strictly: every parameter is known, and given once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Query"]

_LONGEST: Final = 200


class Query:
    """The parameters of a request, and what is wrong with them, by name."""

    def __init__(
        self,
        pairs: Sequence[tuple[str, str]],
        *,
        known: Sequence[str],
        needed: Collection[str],
        lists: Collection[str] = (),
    ) -> None:
        """Read them; `lists` may be given several times."""
        self.bad: dict[str, list[str]] = {}
        self._given: dict[str, list[str]] = {}
        for name, value in pairs:
            self._given.setdefault(name, []).append(value)
        for name, values in self._given.items():
            if name not in known:
                self.problem(name[:_LONGEST], f"is no parameter here; there are {', '.join(known)}")
            elif len(values) > 1 and name not in lists:
                self.problem(name, f"is given {len(values)} times; give it once")
        for name in needed:
            value = self._given.get(name, [""])[0]
            if not value:
                self.problem(name, "is missing")
            elif len(value) > _LONGEST:
                self.problem(name, f"is longer than {_LONGEST} characters")

    def __contains__(self, name: str) -> bool:
        """Whether a parameter is given."""
        return name in self._given

    def text(self, name: str, default: str = "") -> str:
        """Give the text of a parameter, the first where there are several."""
        return self._given.get(name, [default])[0]

    def texts(self, name: str) -> Sequence[str]:
        """Give all texts of a parameter."""
        return self._given.get(name, ())

    def problem(self, name: str, text: str) -> None:
        """Note what is wrong with a parameter."""
        self.bad.setdefault(name, []).append(f"{name} {text}")

    def check(self) -> None:
        """Refuse the query where anything is wrong with it.  Raises InvalidInput, naming all."""
        if self.bad:
            texts = "; ".join(text for each in self.bad.values() for text in each)
            raise InvalidInput(f"the query cannot be read: {texts}"[:1000], self.bad)
