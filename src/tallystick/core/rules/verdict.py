"""Judging a rule by facts, with a reason in words for every comparison that failed.

The logic has three values.  A comparison whose attribute is not known is neither true nor false,
and neither is its opposite; only what is certainly true allows.  `exists` alone is always certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never, cast

from tallystick.core.rules.tree import All, Any, Comparison, Not, Window
from tallystick.core.rules.values import KIND_NOUNS, named, read, shown, word_for
from tallystick.errors import InvalidInput, InvalidRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallystick.core.rules.tree import Operator, Rule
    from tallystick.core.rules.values import Value

__all__ = ["Verdict", "evaluate"]

_Judged: TypeAlias = tuple[bool | None, tuple[str, ...]]

_PLAIN: Final = (str, bool, int, Decimal, datetime, list, tuple, Mapping, type(None))
_COMPARED: Final[Mapping[str, Callable[..., object]]] = {
    "eq": eq,
    "ne": ne,
    "lt": lt,
    "le": le,
    "gt": gt,
    "ge": ge,
}
_OPPOSITE: Final[Mapping[Operator, Operator]] = {
    "eq": "ne",
    "ne": "eq",
    "lt": "ge",
    "le": "gt",
    "gt": "le",
    "ge": "lt",
    "in": "not_in",
    "not_in": "in",
}
_NUMBER_WORDS: Final[Mapping[str, str]] = {
    "lt": "below",
    "le": "at most",
    "gt": "above",
    "ge": "at least",
}
_INSTANT_WORDS: Final[Mapping[str, str]] = {
    "lt": "before",
    "le": "at or before",
    "gt": "after",
    "ge": "at or after",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a rule holds, and if not, every reason why.  True in a condition only if allowed."""

    allowed: bool
    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether the rule holds."""
        return self.allowed


def evaluate(rule: Rule, facts: Mapping[str, object], now: datetime) -> Verdict:
    """Judge a rule by facts, which are plain values by attribute name, at the instant `now`.

    An absent attribute, or None, or a value of another kind than declared is not known, and what
    is not known never allows, under `not` as little as elsewhere.  `now` is the argument,
    whatever the facts say.

    Raises InvalidInput for a fact that is no plain exact value, and for a naive `now`; InvalidRule
    for a tree that was not read.
    """
    if not isinstance(rule, All | Any | Not | Comparison | Window):
        raise InvalidRule(f"a rule is read by parse before it is judged, not {word_for(rule)}")
    at = _aware(now)
    holds, reasons = _judge(rule, {**_checked(facts), "now": at}, wanted=True)
    return Verdict(holds is True, tuple(dict.fromkeys(reasons)))


def _aware(now: object) -> datetime:
    """Give `now` in UTC.  Raises InvalidInput for what is no aware datetime."""
    at = read("instant", now) if isinstance(now, datetime) else None
    if isinstance(at, datetime):
        return at
    text = f"needs an aware datetime, not {word_for(now)}"
    raise InvalidInput(f"now {text}", {"now": [text]})


def _checked(facts: Mapping[str, object]) -> Mapping[str, object]:
    """Refuse facts that are not plain: a binary fraction above all, which is no exact number."""
    if not isinstance(facts, Mapping):
        raise InvalidInput(f"facts are an object of attributes and values, not {word_for(facts)}")
    fields = {
        named(name): [f"needs a text, int, Decimal, boolean, aware datetime or list, not {sort}"]
        for name, value in facts.items()
        if not isinstance(value, _PLAIN) and (sort := word_for(value))
    }
    if fields:
        lines = (f"{name}: {texts[0]}" for name, texts in fields.items())
        raise InvalidInput("\n  ".join(["facts are not plain values", *lines]), fields)
    return facts


def _judge(rule: Rule, facts: Mapping[str, object], *, wanted: bool) -> _Judged:
    """Judge whether a rule is as wanted; under `not` the wish turns round."""
    match rule:
        case Not(inner):
            return _judge(inner, facts, wanted=not wanted)
        case All(rules) | Any(rules):
            judged = [_judge(each, facts, wanted=wanted) for each in rules]
            return _joined(judged, every=isinstance(rule, All) is wanted)
        case Window():
            return _window(rule, facts, wanted=wanted)
        case Comparison():
            return _comparison(rule, facts, wanted=wanted)
        case _:
            assert_never(rule)


def _joined(judged: Iterable[_Judged], *, every: bool) -> _Judged:
    """Join answers by Kleene's tables; reasons remain only where the whole does not hold."""
    judged = list(judged)
    answers = {holds for holds, _ in judged}
    decisive = not every
    if decisive in answers:
        holds: bool | None = decisive
    else:
        holds = None if None in answers else every
    return holds, () if holds else tuple(text for _, texts in judged for text in texts)


def _window(window: Window, facts: Mapping[str, object], *, wanted: bool) -> _Judged:
    """Judge whether the instant of asking lies in the window."""
    now = cast("datetime", facts["now"])
    early = window.start is not None and now < window.start
    late = window.until is not None and now >= window.until
    if (not early and not late) is wanted:
        return True, ()
    if not wanted:
        return False, (f"now is {shown(now)}, which lies in the excluded time",)
    edge = window.start if early else window.until
    side = "before the start at" if early else "at or after the end at"
    return False, (f"now is {shown(now)}, {side} {shown(edge)}",) if edge else ()


def _comparison(leaf: Comparison, facts: Mapping[str, object], *, wanted: bool) -> _Judged:
    """Judge one comparison."""
    given = facts.get(leaf.attr)
    if leaf.op == "exists" and given is None:
        return not wanted, (f"{leaf.attr} is not known",) if wanted else ()
    if given is None:
        return None, (f"{leaf.attr} is not known",)
    fact = read(leaf.kind, given)
    if fact is None:
        return None, (f"{leaf.attr} cannot be read as {KIND_NOUNS[leaf.kind]}",)
    if _holds(leaf, fact) is wanted:
        return True, ()
    return False, (_reason(leaf, fact, wanted=wanted),)


def _holds(leaf: Comparison, fact: Value) -> bool:
    """Compare a known fact."""
    if leaf.op == "exists":
        return True
    if leaf.op == "starts_with":
        return str(fact).startswith(str(leaf.value))
    if leaf.op in _COMPARED:
        return bool(_COMPARED[leaf.op](fact, leaf.value))
    values = leaf.value if isinstance(leaf.value, tuple) else ()
    among = not frozenset(values).isdisjoint(fact if isinstance(fact, tuple) else (fact,))
    return among is (leaf.op == "in")


def _reason(leaf: Comparison, fact: Value, *, wanted: bool) -> str:
    """Say in words why a known fact is not as wanted."""
    head = f"{leaf.attr} is {shown(fact)}"
    if leaf.op == "exists":
        return f"{leaf.attr} is known, and must not be"
    value = shown(leaf.value) if leaf.value is not None else ""
    if leaf.op == "starts_with":
        return f"{head}, which {'does not start' if wanted else 'starts'} with {value}"
    op = leaf.op if wanted else _OPPOSITE[leaf.op]
    if op in {"ne", "not_in"}:
        return f"{head}, which is excluded"
    if op == "eq":
        return f"{head}, not {value}"
    if op == "in":
        return f"{head}, not one of {value}"
    words = _INSTANT_WORDS if leaf.kind == "instant" else _NUMBER_WORDS
    return f"{head}, not {words[op]} {value}"
