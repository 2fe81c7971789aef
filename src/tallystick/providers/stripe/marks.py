"""How two states of one of Stripe's objects are told apart, and which of them is further.

A mark is made of the fields that anything is decided by here, so that it is the same in an event
and in an answer.  The reach of an object never goes down in its life.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.inbox import Seen, Told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.period import Instant

__all__ = ["KINDS", "moved", "seen_of", "told_of"]

_ITEM: Final = ("id", "price.id", "quantity", "current_period_start", "current_period_end")

_DECIDED: Final = (
    *("won", "lost", "warning_closed", "prevented"),
    *("appeal_needs_response", "appeal_under_review"),  # decided once, and looked at again
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What of a kind is looked at: fields, each a path; those of its items; how far a status is.

    `status` is the field of the states.
    """

    fields: tuple[str, ...]
    reaches: Mapping[str, int] = field(default_factory=dict)
    status: str = "status"
    items: bool = False


KINDS: Final[Mapping[str, _Kind]] = {
    "payment_intent": _Kind(
        ("status", "amount", "amount_received", "currency", "customer", "latest_charge"),
        {"succeeded": 1, "canceled": 1},
    ),
    "charge": _Kind(
        ("status", "paid", "amount", "amount_refunded", "refunded", "disputed"),
    ),
    "refund": _Kind(("status", "amount", "currency"), {"succeeded": 1, "failed": 2, "canceled": 2}),
    "dispute": _Kind(
        ("status", "amount", "charge"),
        dict.fromkeys(_DECIDED, 1),
    ),
    "checkout.session": _Kind(
        ("status", "payment_status", "payment_intent", "subscription", "customer"),
        {"complete": 1, "expired": 2},
    ),
    "subscription": _Kind(
        (
            *("status", "cancel_at", "cancel_at_period_end", "pause_collection", "trial_end"),
            *("customer", "current_period_start", "current_period_end", "latest_invoice"),
        ),
        {"canceled": 1, "incomplete_expired": 1},
        items=True,
    ),
    "invoice": _Kind(
        (
            *("status", "amount_due", "amount_paid", "amount_remaining", "attempt_count"),
            *("next_payment_attempt", "total", "customer"),
        ),
        {"open": 1, "uncollectible": 2, "paid": 3, "void": 3},
    ),
}
"""Every kind of object that can be asked for."""


def seen_of(kind: str, tree: Mapping[str, Any]) -> Seen:
    """Give how an object is."""
    return Seen(_mark(KINDS[kind], tree), _reach(KINDS[kind], tree))


def moved(kind: str, tree: Mapping[str, Any]) -> bool | None:
    """Tell whether the money of an object moved, or never will; None where that is open."""
    status = "payment_status" if kind == "checkout.session" else "status"
    if kind == "checkout.session" and tree.get("status") == "expired":
        return False
    return _MOVED.get((kind, str(tree.get(status))))


_MOVED: Final = {
    ("payment_intent", "succeeded"): True,
    ("payment_intent", "canceled"): False,
    ("checkout.session", "paid"): True,
    ("refund", "succeeded"): True,
    ("refund", "failed"): False,
    ("refund", "canceled"): False,
}


def told_of(at: Instant, kind: str, type_: str, data: Mapping[str, Any], *, known: bool) -> Told:
    """Give what an event says of its object; `known` tells that it is written in our version."""
    looked_at, tree = KINDS[kind], data["object"]
    reach = _reach(looked_at, tree)
    if not known:
        return Told(at, None, reach, first=type_.endswith(".created"))
    before = data.get("previous_attributes")
    was = None if not isinstance(before, dict) else _mark(looked_at, _merged(tree, before))
    return Told(at, _mark(looked_at, tree), reach, type_.endswith(".created"), was)


def _mark(kind: _Kind, tree: Mapping[str, Any]) -> str:
    found: list[Any] = [_at(tree, path) for path in kind.fields]
    if kind.items:
        items = _at(tree, "items.data")
        rows = [[_at(each, path) for path in _ITEM] for each in items or ()]
        found.append(sorted(rows, key=str))
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _reach(kind: _Kind, tree: Mapping[str, Any]) -> int:
    reach = kind.reaches.get(str(tree.get(kind.status)), 0)
    if kind is KINDS["checkout.session"] and reach == 1:
        return 2 if tree.get("payment_status") in {"paid", "no_payment_required"} else 1
    return reach


def _at(tree: object, path: str) -> Any:  # noqa: ANN401 - a value of JSON
    """Give what is at a path; of an object that is shown whole, its id, as in an event."""
    found: Any = tree
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, dict) and "object" in found and "id" in found:
        return found["id"]
    return found


def _merged(tree: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the values of before over an object, within objects too; lists are whole."""
    merged = dict(tree)
    for name, value in before.items():
        now = merged.get(name)
        if isinstance(now, dict) and isinstance(value, dict):
            value = _merged(now, value)  # noqa: PLW2901 - the part of it that was another
        merged[name] = value
    return merged
