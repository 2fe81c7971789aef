"""What is asked of limits, read strictly; and quickly, where there is much of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from tallystick.app.entitlement import Asked
from tallystick.core.access import whole_number
from tallystick.core.number import quantity_of
from tallystick.core.property import shown
from tallystick.core.text import id_at, refused_at
from tallystick.facade.reservation import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

__all__ = ["Count", "own_count", "question_of", "questions_of"]

Count: TypeAlias = Quantity | Callable[[], Quantity] | None
"""A host's own count, or what gives it."""


def question_of(customer: str, feature: str, requested: Quantity, used: Count) -> Asked:
    """Read a question: whose, of what, how much, and the host's own count.  Raises InvalidInput."""
    return Asked(
        id_at(customer, "customer"),
        id_at(feature, "feature"),
        whole_number(quantity_of(requested, "requested")),
        own_count(used),
    )


class _Ids(dict[str, str]):
    """Ids that were read before: many questions are about few of them."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def __missing__(self, given: str) -> str:
        found = self[given] = id_at(given, self.path)
        return found


def questions_of(asked: Iterable[Any]) -> list[Asked]:
    """Read many questions of two or three parts.  Raises InvalidInput, InvalidUsage."""
    customers, features = _Ids("customer"), _Ids("feature")
    found = []
    for each in asked:
        if type(each) is tuple and len(each) == 2:  # noqa: PLR2004 - as most are
            customer, feature = each
            if type(customer) is str and type(feature) is str:
                found.append(Asked(customers[customer], features[feature]))
                continue
        found.append(_read(each))
    return found


def _read(each: Any) -> Asked:  # noqa: ANN401 - read strictly here
    if not isinstance(each, (tuple, list)) or not 2 <= len(each) <= 3:  # noqa: PLR2004 - as it says
        text = f"is a list of (customer, feature) or (customer, feature, quantity): {shown(each)}"
        raise refused_at("asked", text)
    customer, feature, *more = each
    return question_of(customer, feature, more[0] if more else 1, None)


def own_count(used: Count) -> Decimal | None:
    """Read a host's own count, None where it has none.  Raises InvalidUsage."""
    given = used() if callable(used) else used
    return None if given is None else quantity_of(given, "used")
