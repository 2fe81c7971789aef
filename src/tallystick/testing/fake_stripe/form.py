"""Nested parameters as Stripe's clients send them: `items[0][price]=price_1&expand[]=customer`."""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from tallystick.testing.fake_stripe.refusal import Refused

__all__ = ["Tree", "read_form"]

Tree: TypeAlias = dict[str, Any]
"""Texts by their names, and trees of them; a list has the keys `"0"`, `"1"`, ..."""

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_KEY: Final = re.compile(r"\[([^\[\]]*)\]")
_MOST_FIELDS: Final = 2_000
_DEEPEST: Final = 12


def read_form(text: str) -> Tree:
    """Read a form or a query into a tree of texts.

    Raises Refused where a name is no such name, or is both a value and a group.
    """
    tree: Tree = {}
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise Refused(f"Invalid request body: {error}") from None
    for name, value in pairs:
        _place(tree, _keys(name), value, name)
    return tree


def _keys(name: str) -> list[str]:
    matched = _NAME.fullmatch(name)
    keys = [matched[1], *_KEY.findall(matched[2])] if matched else []
    if not keys or len(keys) > _DEEPEST:
        raise Refused(f"Invalid parameter name: {name}", param=name)
    return keys


def _place(tree: Tree, keys: list[str], value: str, name: str) -> None:
    *groups, last = keys
    for key in groups:
        tree = tree.setdefault(key or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise Refused(f"{name} is both a value and a group", param=name)
    key = last or str(len(tree))
    if key in tree:
        raise Refused(f"{name} is given twice", param=name)
    tree[key] = value
