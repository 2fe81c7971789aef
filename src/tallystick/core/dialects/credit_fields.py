"""The fields of a plan's credits, as rows of the tables in `core.dialects.fields`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from tallystick.core.credit import Category
from tallystick.core.dialects.scalars import Choice, Identifier, Integer, Number

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CREDIT", "MOST_CREDITS", "NULLABLE", "ROLLOVER"]

MOST_CREDITS: Final = 20
"""So many credits a plan may grant."""

CREDIT: Final[tuple[tuple[str, Any, str], ...]] = (
    ("amount", Number(above=True), "Of money, in major units of the plan's currency."),
    ("units", Number(above=True), "Or so many units of a feature."),
    ("feature", Identifier(), "What the units are of."),
    (
        "interval",
        Choice(("day", "week", "month", "year")),
        "How often it comes; with the plan's period if absent.",
    ),
    ("interval_count", Integer(1), "How many intervals lie between two."),
    ("category", Choice(get_args(Category)), "Given away, or bought with the plan."),
    ("priority", Integer(0), "The lower number burns first; 50 if absent."),
)
"""Name, kind and text of the fields of a credit; its id and its rollover stand beside them."""

NULLABLE: Final[Mapping[str, Any]] = {
    "name": "expires_after",
    "kind": Integer(1),
    "doc": "Of its own cadences: 1, until the next one, if absent; null is never.",
    "nullable": True,
}
"""How long it may be used."""

ROLLOVER: Final[tuple[tuple[str, Any, str], ...]] = (
    ("maximum", Number(), "At most this goes on of each; all of it if absent."),
    ("minimum", Number(), "At least this goes on, also where less is left."),
    ("cap", Number(), "All that went on is at most this; the oldest is cut first."),
    ("expires_after", Integer(1), "Of the credit's own cadences; never if absent."),
)
"""Name, kind and text of the fields of what goes on into the next period."""
