"""Metadata: keys and texts of the account's own, merged as Stripe merges them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.refusal import Refused

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Thing

__all__ = ["changed", "merged"]

_MOST_KEYS: Final = 50
_LONGEST_KEY: Final = 40
_LONGEST_TEXT: Final = 500


def merged(before: Thing | None, params: Thing) -> dict[str, str]:
    """Give what metadata is after a call: an empty text takes a key away, "" all of them.

    Raises Refused beyond 50 keys of 40 characters with texts of 500.
    """
    given = params.get("metadata", {})
    if given == "":
        return {}
    after = {k: v for k, v in {**(before or {}), **given}.items() if v != ""}
    if len(after) > _MOST_KEYS:
        raise Refused("Metadata can have up to 50 keys.", param="metadata")
    for key, text in after.items():
        if len(key) > _LONGEST_KEY or len(text) > _LONGEST_TEXT:
            raise Refused(
                "Metadata keys have up to 40 characters, values up to 500.",
                param=f"metadata[{key}]",
            )
    return after


def changed(thing: Thing, params: Thing) -> Thing:
    """Change an object's fields as a call says, and give those that changed as they were.

    An empty text empties a field; metadata is merged.  Raises Refused, and changes nothing then.
    """
    after = {name: None if value == "" else value for name, value in params.items()}
    after["metadata"] = merged(thing["metadata"], params)
    before = {name: thing.get(name) for name in after if thing.get(name) != after[name]}
    thing |= after
    return before
