"""What a document is to be made of, before anything is measured or priced.

The moves of a subscription (`core.subscription_moves`) give these; `core.invoice` reckons them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from tallystick.core.period import Instant, Period
    from tallystick.core.subscription import Item, Paid

__all__ = ["FIRST", "Charge", "ChargeKind", "Due", "in_turn"]

ChargeKind: TypeAlias = Literal["fee", "usage", "credit", "setup", "minimum", "item"]
"""What a charge is for.

`fee`: a flat or per-seat price in advance.  `usage`: a metered price in arrears.  `credit`: the
rest of a fee given back.  `setup`: a plan's set-up fee.  `minimum`: what is missing to a minimum
commitment.  `item`: a one-off item.
"""


FIRST: Final = ("boundary", "resume")
"""The first words of the causes that come before all others of their instant, in their order."""


def in_turn(at: Instant, cause: str) -> tuple[Instant, int, int, str]:
    """Give where a document stands among those of its subscription: the key to sort them by.

    They come by the instants of their causes; at one instant what time brings comes before moves,
    and moves by their numbers.
    """
    word = cause.partition("/")[0]
    return at, FIRST.index(word) if word in FIRST else len(FIRST), len(cause), cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line to come.

    `window` is the time it is for, `whole` the whole period whose share that is, and `holes` the
    pauses within the window; both are None for what has no time: a set-up fee, a one-time price.
    `price` is a price id of the item's offer (or a feature's key, whose overage has a price), and
    empty for a set-up fee and a minimum.  A credit is at most `cap` minor units, which the fees
    that were `paid` for its time in its place come to, if there are any; `by_value` caps it by
    the unused allowance of `period` too.  `part` is the cause that tells lines of one window
    apart: "" for the period's own, else what made it (`change/3`).  `cut` usage began or ended
    with a change of price in mid-period: its allowances count by time share.
    """

    kind: ChargeKind
    item: Item
    price: str
    window: Period | None = None
    whole: Period | None = None
    holes: tuple[Period, ...] = ()
    cap: int | None = None
    paid: tuple[Paid, ...] = ()
    by_value: bool = False
    cut: bool = False
    period: Period | None = None
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A document to come: why, when, of what.

    `cause` is unique for its customer: `boundary/SUBSCRIPTION/2027-02-01T00:00:00Z`,
    `change/SUBSCRIPTION/4`, `threshold/…`, `item/…`.  `final` is the last one of its subscription.
    """

    cause: str
    at: Instant
    charges: tuple[Charge, ...]
    final: bool = False
