"""What changed in a coupon, and what it is at all, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.core.coupon import Code, Coupon
from tallystick.core.diff_words import (
    FREE_JSON,
    Words,
    json_change,
    list_changes,
    plain_change,
    unlike_fields,
)
from tallystick.core.period import instant_text
from tallystick.core.price import PercentOff
from tallystick.core.wording import figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.money import Money

__all__ = ["coupon_changes", "coupon_words"]

_SCOPES: Final = {
    "plans": "limit to plan",
    "products": "limit to product",
    "prices": "limit to price",
    "meters": "limit to meter",
}


def coupon_words(coupon: Coupon) -> str:
    """Say what a coupon gives: `10 % off for 3 months`, `5.00 USD off on one invoice`."""
    return f"{_off_words(coupon.off)} off {_duration_words(coupon)}"


def coupon_changes(old: Coupon, new: Coupon) -> Iterator[Words]:
    """Tell what is otherwise in a coupon, field by field; nothing where they are equal."""
    lasts = [_duration_words(old), _duration_words(new)]
    if lasts[0] != lasts[1]:
        yield Words(f"acts {lasts[0]} → {lasts[1]}", *lasts)
    for name in unlike_fields(Coupon, old, new):
        if name not in {"duration", "months"}:
            yield from _field(name, getattr(old, name), getattr(new, name))


def _field(name: str, before: Any, after: Any) -> Iterator[Words]:  # noqa: ANN401 - one field among many
    if name in _SCOPES:
        yield from list_changes(_SCOPES[name], sorted(before), sorted(after))
    elif name == "currencies":
        codes = [sorted(each.code for each in side) for side in (before, after)]
        yield from list_changes("limit to currency", *codes)
    elif name == "off":
        yield _sides("takes off", _off_words(before), _off_words(after))
    elif name == "minimum":
        yield _sides("minimum amount", _amounts(before), _amounts(after))
    elif name in {"starts_at", "ends_at"}:
        yield _sides(name.replace("_", " "), _time(before), _time(after))
    elif name == "codes":
        yield from _codes(before, after)
    elif name in FREE_JSON:
        yield json_change(name, before, after)
    else:
        yield plain_change(name, before, after)


def _codes(before: tuple[Code, ...], after: tuple[Code, ...]) -> Iterator[Words]:
    old, new = ({code.code: code for code in side} for side in (before, after))
    if list(old) != list(new) or len(old) < len(before) or len(new) < len(after):
        yield from list_changes("code", tuple(old), tuple(new))
    for text in new:
        for name in unlike_fields(Code, old.get(text, new[text]), new[text]):
            sides = getattr(old[text], name), getattr(new[text], name)
            for words in _field(name, *sides):
                yield Words(f"code {text!r}: {words.text}", words.before, words.after)


def _sides(label: str, before: str, after: str) -> Words:
    return Words(f"{label} {before} → {after}", before, after)


def _off_words(off: PercentOff | tuple[Money, ...]) -> str:
    return f"{figure(off.percent)} %" if isinstance(off, PercentOff) else _amounts(off)


def _amounts(amounts: tuple[Money, ...]) -> str:
    words = (f"{figure(each.major, each.currency.decimals)} {each.currency}" for each in amounts)
    return " or ".join(words) or "none"


def _duration_words(coupon: Coupon) -> str:
    if coupon.duration == "forever":
        return "for ever"
    if coupon.months is None:
        return "on one invoice"
    return "for a month" if coupon.months == 1 else f"for {coupon.months:,} months"


def _time(at: Any) -> str:  # noqa: ANN401 - the value of one field among many
    return "none" if at is None else instant_text(at)
