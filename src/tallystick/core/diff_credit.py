"""What changed in the credits of a plan, and what one of them is at all, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.credit import DEFAULT_PRIORITY
from tallystick.core.diff_words import Words
from tallystick.core.money import Money
from tallystick.core.wording import figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from tallystick.core.credit_cadence import RecurringGrant

__all__ = ["credit_changes", "credit_words"]


def credit_words(credit: RecurringGrant) -> str:
    """Say what is granted: `100.00 USD every month, at most 50.00 USD of the rest rolls over`."""
    words = [f"{_size(credit, credit.size)} every {_often(credit)}"]
    if credit.category == "paid":
        words.append("as paid credits")
    if credit.expires == "never":
        words.append("for ever")
    elif isinstance(credit.expires, int) and credit.expires > 1:
        words.append(f"for {credit.expires} times as long")
    if credit.priority != DEFAULT_PRIORITY:
        words.append(f"of priority {credit.priority}")
    return ", ".join([*words, *_rollover(credit)])


def credit_changes(old: Sequence[RecurringGrant], new: Sequence[RecurringGrant]) -> Iterator[Words]:
    """Tell which credits came, went, or are otherwise; nothing where they are equal."""
    before, after = ({each.key: each for each in side} for side in (old, new))
    for key, credit in after.items():
        words = credit_words(credit)
        if key not in before:
            yield Words(f"credit {key} added: {words}", None, words)
        elif before[key] != credit:
            told = credit_words(before[key])
            yield Words(f"credit {key} {told} → {words}", told, words)
    for key, credit in before.items():
        if key not in after:
            words = credit_words(credit)
            yield Words(f"credit {key} removed: {words}", words, None)
    orders = [[key for key in side if key in before and key in after] for side in (before, after)]
    if orders[0] != orders[1]:
        sides = [", ".join(each) for each in orders]
        yield Words(f"credits stand in another order: {sides[0]} → {sides[1]}", *sides)


def _often(credit: RecurringGrant) -> str:
    cadence = credit.cadence
    if cadence is None:
        return "period"
    return cadence.interval if cadence.count == 1 else f"{cadence.count} {cadence.interval}s"


def _rollover(credit: RecurringGrant) -> Iterator[str]:
    rule = credit.rollover
    if rule is None:
        return
    most = "" if rule.maximum is None else f"at most {_size(credit, rule.maximum)} of "
    yield f"{most}the rest rolls over"
    if rule.minimum:
        yield f"at least {_size(credit, rule.minimum)}"
    if credit.cap is not None:
        yield f"{_size(credit, credit.cap)} in all"
    if rule.lasts is not None:
        count, unit = rule.lasts.count, rule.lasts.interval
        yield f"for {count} {unit}{'' if count == 1 else 's'}"


def _size(credit: RecurringGrant, size: Decimal) -> str:
    if isinstance(credit.amount, Money):
        return str(Money(int(size), credit.amount.currency))
    return f"{figure(size)} {credit.feature}"
