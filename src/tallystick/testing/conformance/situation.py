"""Situations that are told in words: whether their coupon may be redeemed.

The words are read as facts about a coupon and a purchase, and the engine decides.  A situation with
a word that is not understood is not applicable, as half a situation has no answer.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.coupon import Code, Coupon
from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.price import PercentOff
from tallystick.core.qualification import Purchase, Redeemed, find_code, qualify
from tallystick.testing.conformance.outcome import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["may_redeem"]

_NOW: Final = datetime(2027, 6, 15, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_EUR, _USD = currency("EUR"), currency("USD")
_OF_PURCHASE: Final = ("typed", "before", "same")
_ALL: Final[frozenset[str]] = frozenset()
_PERCENT: Final = PercentOff(Decimal(10))
_DOLLARS: Final = (Money(1000, _USD),)
_WORDS: Final = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NTHS: Final = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_COUNT: Final = rf"(\d+|{'|'.join(_WORDS[1:])})"
_NTH: Final = rf"(\d+(?:st|nd|rd|th)|{'|'.join(_NTHS[1:])})"
_FILLER: Final = re.compile(
    r"a|an|and|be|by|code|coupon|for|is|it|of|redeemed|redemption|that|the|this|to|used?|was|with"
)


def may_redeem(situation: str) -> bool:
    """Tell whether the coupon of a situation may be redeemed.  Raises NotApplicable."""
    left = re.sub(r"[\W_]+", " ", situation.lower()).strip()
    facts: dict[str, Any] = {}
    for phrase, meaning in _PHRASES:
        match = re.search(rf"\b(?:{phrase})\b", left)
        if match is not None:
            meaning(facts, *match.groups())
            left = f"{left[: match.start()]} {left[match.end() :]}"
    if not facts or not all(map(_FILLER.fullmatch, left.split())):
        raise NotApplicable(f"a situation in other words: {situation!r}")
    return _decided(facts)


def _decided(facts: dict[str, Any]) -> bool:
    told: dict[str, Any] = {"off": _PERCENT, "codes": (Code(code="Welcome"),)}
    told |= {name: value for name, value in facts.items() if name not in _OF_PURCHASE}
    coupon = Coupon(id="coupon", **told)
    found = find_code([coupon], facts.get("typed", "Welcome"))
    if found is None:
        return False
    purchase = Purchase(
        at=_NOW,
        amount=Money(5000, _EUR),
        plans=frozenset({"pro"}),
        products=frozenset({"suite"}),
    )
    before = facts.get("before", 0)
    mine = before if facts.get("same") else 0
    return qualify(coupon, purchase, Redeemed(total=before, by_customer=mine), found[1]).allowed


def _fact(**told: Any) -> Callable[..., None]:  # noqa: ANN401 - facts of several types
    def note(facts: dict[str, Any], *_: str) -> None:
        facts.update(told)

    return note


def _nth(facts: dict[str, Any], nth: str) -> None:
    place = _NTHS.index(nth) if nth in _NTHS else int(nth[:-2])
    facts["before"] = max(place - 1, 0)


def _most(name: str) -> Callable[..., None]:
    def note(facts: dict[str, Any], count: str) -> None:
        facts[name] = int(count) if count.isdigit() else _WORDS.index(count)

    return note


_ONLY: Final = r"(?:only |valid |restricted |limited )*(?:for|to)"
_OTHER: Final = r"(?:another|a different|the wrong)"
_SAME: Final = r"(?:the same|this|the matching)"
_TIMES: Final = rf"limited to {_COUNT}(?: redemptions?| uses?| times?)?"
_PHRASES: Final[tuple[tuple[str, Callable[..., None]], ...]] = (
    (
        r"empty plan (?:list|restriction) (?:means|allows) (?:every|all|any) plans?",
        _fact(plans=_ALL),
    ),
    (rf"{_NTH} (?:redemption|use)", _nth),
    (rf"{_TIMES} (?:per|for each|by one) customer", _most("max_redemptions_per_customer")),
    (_TIMES, _most("max_redemptions")),
    (r"redemption limit(?: is)? reached", _fact(max_redemptions=2, before=2)),
    (r"redemption limit(?: is)? not (?:yet )?reached", _fact(max_redemptions=2, before=1)),
    (r"(?:non|not) reusable", _fact(max_redemptions_per_customer=1, before=1)),
    (r"reusable", _fact(before=1)),
    (r"same customer(?: again| twice| a second time)?", _fact(same=True)),
    (r"(?:another|a different|different|other) customers?", _fact(same=False)),
    (r"disabled|archived|inactive", _fact(active=False)),
    (r"not (?:yet )?expired", _fact(ends_at=_NOW + _DAY)),
    (r"expired", _fact(ends_at=_NOW - _DAY)),
    (r"not yet (?:started|active|valid)|not started", _fact(starts_at=_NOW + _DAY)),
    (rf"{_ONLY} {_OTHER} plan|wrong plan", _fact(plans=frozenset({"basic"}))),
    (rf"{_ONLY} {_SAME} plan|matching plan", _fact(plans=frozenset({"pro"}))),
    (rf"{_ONLY} {_OTHER} product|wrong product", _fact(products=frozenset({"tools"}))),
    (rf"percent(?:age)? (?:coupon )?(?:in|{_ONLY}) (?:any|another) currency", _fact(off=_PERCENT)),
    (
        r"(?:fixed )?(?:coupon )?(?:in )?(?:another|a different|the wrong|wrong) currency",
        _fact(off=_DOLLARS),
    ),
    (r"(?:fixed )?(?:coupon )?currency mismatch", _fact(off=_DOLLARS)),
    (r"below (?:its |the )?minimum(?: amount)?", _fact(minimum=(Money(5001, _EUR),))),
    (r"at (?:its |the )?minimum(?: amount)?", _fact(minimum=(Money(5000, _EUR),))),
    (r"unknown|does not exist", _fact(typed="nobody")),
    (r"(?:in )?(?:another|different|upper|lower) case", _fact(typed=" wELCOME ")),
    (r"active|enabled", _fact(active=True)),
)
"""What each phrase says; a longer one stands before those that are part of it."""
