"""Lists, page by page, as `starting_after`, `ending_before` and `limit` ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.refusal import Refused, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Answer, Call

__all__ = ["filtered", "limit_of", "listing", "page", "whole"]

_USUAL: Final = 10
_MOST: Final = 100
_COMPARED: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def limit_of(params: Thing) -> int:
    """Give how many a page holds: 10, or from 1 to 100.  Raises Refused."""
    limit = int(params.get("limit", _USUAL))
    if not 1 <= limit <= _MOST:
        raise Refused("Invalid limit: it is from 1 to 100", param="limit")
    return limit


def page(things: Iterable[Thing], params: Thing, url: str) -> Thing:
    """Cut one page of things that are newest first.  Raises Refused."""
    found, limit = list(things), limit_of(params)
    if "starting_after" in params and "ending_before" in params:
        raise Refused("Give starting_after or ending_before, not both.", param="ending_before")
    if "ending_before" in params:
        found = found[: _place(found, params, "ending_before")]
        cut = found[-limit:]
    else:
        found = found[_place(found, params, "starting_after") + 1 :]
        cut = found[:limit]
    return {"object": "list", "url": url, "has_more": len(found) > len(cut), "data": cut}


def whole(things: Iterable[Thing], url: str) -> Thing:
    """Give a list with all that it holds, as it stands inside another object."""
    return {"object": "list", "url": url, "has_more": False, "data": list(things)}


def listing(kind: str, **where: Callable[[Thing], object]) -> Answer:
    """Make the answer that lists a kind, newest first.

    A filter asks for the field of its name; `where` reads those of another name.
    """

    def answer(account: Account, call: Call) -> Thing:
        return page(filtered(account.of(kind).values(), call.params, where), call.params, call.path)

    return answer


def filtered(
    things: Iterable[Thing],
    params: Thing,
    where: Mapping[str, Callable[[Thing], object]] | None = None,
) -> list[Thing]:
    """Give the things that the filters among the parameters let pass, newest first."""
    wanted = {name: value for name, value in params.items() if name not in _PAGING}
    return [thing for thing in reversed(list(things)) if _fits(thing, wanted, where or {})]


_PAGING: Final = frozenset(("ending_before", "limit", "starting_after"))


def _place(found: list[Thing], params: Thing, name: str) -> int:
    if name not in params:
        return -1
    for place, thing in enumerate(found):
        if thing["id"] == params[name]:
            return place
    raise missing("object", params[name], name, status=400)


def _fits(thing: Thing, wanted: Thing, where: Mapping[str, Callable[[Thing], object]]) -> bool:
    for name, value in wanted.items():
        has = where[name](thing) if name in where else thing.get(name)
        if isinstance(value, list):
            fits = has in value
        elif isinstance(value, dict) and isinstance(has, int) and value.keys() <= _COMPARED.keys():
            fits = all(_COMPARED[sign](has, bound) for sign, bound in value.items())
        elif isinstance(has, dict) and not isinstance(value, dict):
            fits = value in has
        elif isinstance(value, dict) and isinstance(has, dict):
            fits = all(has.get(key) == part for key, part in value.items())
        else:
            fits = has == value
        if not fits:
            return False
    return True
