"""How an object is shown: without what is shown on request only, with what `expand` names."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from tallystick.testing.fake_stripe.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.testing.fake_stripe.account import Account, Thing

__all__ = ["shown"]

ON_REQUEST: Final = {
    "checkout.session": ("line_items",),
    "coupon": ("applies_to", "currency_options"),
    "customer": ("subscriptions",),
    "invoice": ("payments",),
    "price": ("currency_options", "tiers"),
}
"""Fields that Stripe includes only when they are expanded."""

_EXPANDABLE: Final = frozenset(
    (
        *("charge", "coupon", "customer", "default_payment_method", "default_price", "discounts"),
        *("invoice", "latest_charge", "latest_invoice", "payment_intent", "payment_method"),
        *("product", "promotion_code", "subscription", "test_clock"),
    )
)
_DEEPEST: Final = 4
_FIRST_LINES: Final = 10


def shown(account: Account, thing: Thing, expand: Iterable[str] = ()) -> Thing:
    """Give a copy as it is answered.  Raises Refused for what cannot be expanded."""
    copy: Thing = _stripped(account, thing)
    for path in sorted(expand):
        names = path.split(".")
        if len(names) - (names[0] == "data") > _DEEPEST:
            raise Refused("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(account, copy, thing, names)
    _cut(copy)
    return copy


def _cut(copy: Any) -> None:  # noqa: ANN401 - JSON
    """Leave the first lines of each invoice; its list of lines has them all, page by page."""
    for part in copy.values() if isinstance(copy, dict) else copy:
        if isinstance(part, dict | list):
            _cut(part)
    if isinstance(copy, dict) and copy.get("object") == "invoice":
        lines = copy["lines"]
        copy["lines"] = {
            **lines,
            "data": lines["data"][:_FIRST_LINES],
            "has_more": len(lines["data"]) > _FIRST_LINES,
        }


def _stripped(account: Account, thing: Any) -> Any:  # noqa: ANN401 - a value of JSON
    if isinstance(thing, list):
        return [_stripped(account, part) for part in thing]
    if not isinstance(thing, dict):
        return thing
    hidden = _hidden(thing)
    return {k: _stripped(account, v) for k, v in thing.items() if k not in hidden}


def _hidden(thing: Thing) -> tuple[str, ...]:
    kind = thing.get("object")  # within an event, it is the object itself
    return ON_REQUEST.get(kind, ()) if isinstance(kind, str) else ()


def _expand(account: Account, copy: Any, kept: Any, names: list[str]) -> None:  # noqa: ANN401 - JSON
    if isinstance(copy, list):
        for one, original in zip(copy, kept, strict=True):
            _expand(account, one, original, names)
        return
    if copy is None or not names:
        return
    name, *rest = names
    if name in _hidden(copy) and name not in copy:
        copy[name] = _stripped(account, deepcopy(kept.get(name)))
    if name not in copy:
        raise Refused(f"This property cannot be expanded ({name}).", param="expand")
    _expand_value(account, copy, kept, name, rest)


def _expand_value(account: Account, copy: Thing, kept: Thing, name: str, rest: list[str]) -> None:
    value = copy[name]
    ids = [value] if isinstance(value, str) else value
    if ids and isinstance(ids, list) and all(isinstance(wanted, str) for wanted in ids):
        if name not in _EXPANDABLE:
            raise Refused(f"This property cannot be expanded ({name}).", param="expand")
        found = [account.anything(wanted) or wanted for wanted in ids]
        copies = [_stripped(account, thing) for thing in found]
        copy[name] = copies[0] if isinstance(value, str) else copies
        _expand(account, copies, found, rest)
    elif isinstance(value, dict | list):
        _expand(account, value, _kept(account, kept.get(name)) or value, rest)
    elif value is not None:
        raise Refused(f"This property cannot be expanded ({name}).", param="expand")


def _kept(account: Account, value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_kept(account, part) for part in value]
    return account.anything(value) if isinstance(value, str) else value
