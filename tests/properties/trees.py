"""Catalogues as trees of plain values: the examples, and what is left of them after an accident."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from hypothesis import strategies as st

from tallystick.core.bad_number import BadNumber
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.core.dialects.fields import TABLES
from tallystick.files import read_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["EXAMPLES", "VALUES", "broken", "json_like", "nodes", "nudged", "plain_json"]

_FOLDER: Final = Path(__file__).resolve().parents[2] / "examples"
_FILES: Final = ("plans.toml", "products.yaml", "products-as-posted.json", "shapes.yaml")

Step = str | int

_COUPONS: Final = [
    {
        "id": "spring",
        "amountOff": {"EUR": "10.00", "JPY": 1500},
        "duration": "repeating",
        "months": 3,
        "plans": ["cloud-monthly"],
        "meters": ["requests"],
        "startsAt": "2027-03-01T00:00:00+01:00",
        "ends_at": "2027-04-01T00:00:00Z",
        "minimum_amount": {"EUR": 50, "JPY": 9000},
        "codes": ["Spring", {"code": "FRIENDS", "maxRedemptions": 5}],
        "metadata": {"team": "growth"},
    },
    {"id": "always", "percent_off": 5, "duration": "forever", "currencies": ["EUR"]},
]

EXAMPLES: Final[tuple[Any, ...]] = (
    *(read_tree(_FOLDER / name).tree for name in _FILES),
    to_tree(read_catalog(read_tree(_FOLDER / "shapes.yaml").tree)),
    cast("dict[str, Any]", read_tree(_FOLDER / "shapes.yaml").tree) | {"coupons": _COUPONS},
)
"""A tree of each dialect as it is written, one as `to_tree` writes it, and one with coupons."""

_WORDS: Final = (
    *["", " ", "a", "USD", "usd", "JPY", "KWD", "XXX", "unlimited", "month", "year", "one-time"],
    *["recurring", "flat", "per_seat", "metered", "volume", "package", "percentage", "dynamic"],
    *["stripe", "plans", "products", "tallystick", "true", "NaN", "1e9", "-1", "9.99", "0.001"],
    *["\x1b[31m", "\ud800", "é", "a" * 300, "\u0344" * 3000, "customer.country"],
)
_FIELDS: Final = (
    *["id", "name", "currency", "price", "plans", "products", "features", "limits", "lineItems"],
    *["prices", "interval", "intervalCount", "interval_count", "custom", "setup_fee", "setupFee"],
    *["limit", "unitPrice", "meter", "meters", "reset", "tiers", "up_to", "cost", "percent"],
    *["flat_cost", "type", "unit", "metadata", "businessRules", "business_rules", "provider"],
    *["provider_id", "trial_days", "convert", "included", "dialect", "$schema", "hidden"],
    *["coupons", "percent_off", "amountOff", "duration", "months", "codes", "code", "starts_at"],
)
_NUMBERS: Final = st.one_of(
    st.integers(-3, 40),
    st.integers(-(10**20), 10**20),
    st.sampled_from([2**63, 2**63 - 1, 10**17, 10**18 - 1, 10**4000, -(10**4000)]),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.decimals(min_value=0, max_value=100, places=2),
    st.sampled_from([Decimal("1e999999"), Decimal("1e-999999"), Decimal("sNaN"), Decimal("-0")]),
    st.sampled_from([Decimal("0.000000000000000001"), Decimal(10**18 - 1)]),
    st.floats(),
)
_LEAVES: Final = st.one_of(
    st.none(),
    st.booleans(),
    _NUMBERS,
    st.sampled_from(_WORDS),
    st.text(max_size=6),
    st.just(BadNumber("1e9", "has an exponent")),
    st.binary(max_size=3),
)
_KEYS: Final = st.one_of(st.sampled_from(_FIELDS), st.text(max_size=6))

VALUES: Final = st.recursive(
    _LEAVES,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(_KEYS, below, max_size=4),
    max_leaves=10,
)
"""Any value a loader or a program may put into a tree."""


def json_like() -> st.SearchStrategy[Any]:
    """Give trees that look like catalogues from afar."""
    return st.one_of(
        VALUES,
        st.lists(st.dictionaries(_KEYS, VALUES, max_size=6), max_size=3),
        st.dictionaries(_KEYS, VALUES, max_size=6),
    )


def nodes(tree: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Give the steps to every value of a tree."""
    yield path
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from nodes(value, (*path, key))
    elif isinstance(tree, (list, tuple)):
        for index, value in enumerate(tree):
            yield from nodes(value, (*path, index))


@st.composite
def broken(draw: st.DrawFn, *, most: int = 3) -> Any:
    """Take an example and change up to `most` values of it: replace, remove, repeat, rename."""
    tree = copy.deepcopy(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(0, most))):
        places = [steps for steps in nodes(tree) if steps]
        if places:
            _change(draw, tree, draw(st.sampled_from(places)))
    return tree


def _change(draw: st.DrawFn, tree: Any, steps: Sequence[Step]) -> None:
    around = _at(tree, steps[:-1])
    last = steps[-1]
    if not isinstance(around, (dict, list)):
        return
    act = draw(st.sampled_from(["replace", "number", "remove", "repeat", "rename", "transplant"]))
    if act == "replace":
        around[last] = draw(VALUES)  # type: ignore[index]  # a step fits its container
    elif act == "number":
        around[last] = draw(_NUMBERS)  # type: ignore[index]  # a step fits its container
    elif act == "remove":
        del around[last]  # type: ignore[arg-type]  # a step fits its container
    elif act == "transplant":
        other = draw(st.sampled_from([each for each in nodes(tree) if each]))
        around[last] = copy.deepcopy(_at(tree, other))  # type: ignore[index]  # a step fits
    elif isinstance(around, list):
        around.append(copy.deepcopy(around[int(last)]))
    else:
        around[draw(_KEYS)] = around[str(last)] if act == "repeat" else around.pop(str(last))


_FIGURES: Final = st.one_of(
    st.integers(0, 40),
    st.decimals(min_value=0, max_value=10**6, places=2),
    st.integers(1, 10**10).map(lambda n: Decimal(n).scaleb(-9)),
    st.sampled_from([10**12, 10**15, 10**18 - 1, Decimal("999999999999999999.999999999999999999")]),
)
_LIKELY: Final[dict[str, st.SearchStrategy[Any]]] = {
    "active": st.booleans(),
    "business_rules": st.dictionaries(st.text(max_size=4), VALUES, max_size=3),
    "custom": st.booleans(),
    "discount_amount": _FIGURES,
    "discount_percent": st.integers(0, 100),
    "hidden": st.booleans(),
    "included": _FIGURES,
    "interval": st.sampled_from(["day", "week", "month", "year"]),
    "interval_count": st.integers(1, 40),
    "limit": st.integers(-1, 10**6),
    "maximum_spend": _FIGURES,
    "metadata": st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3),
    "minimum_quantity": _FIGURES,
    "provider": st.sampled_from([None, "stripe", "manual", "elsewhere"]),
    "provider_id": st.sampled_from([None, "price_1"]),
    "reset": st.sampled_from([None, "month", "billing_period"]),
    "setup_fee": _FIGURES,
    "trial_days": st.integers(1, 10**6),
    "unit_price": _FIGURES,
}
_TABLE_OF: Final = {
    "products": "product",
    "plans": "plan",
    "lineItems": "price",
    "prices": "price",
    "limits": "feature",
    "features": "feature",
    "tiers": "tier",
}
_OPTIONAL: Final = frozenset({"description", "displayName", "display_name", "name", "unit"})


@st.composite
def nudged(draw: st.DrawFn, *, most: int = 4) -> Any:
    """Take an example and change values for others of their kind: often it is still a catalogue."""
    tree = copy.deepcopy(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(1, most))):
        _nudge(draw, tree)
    return tree


def _nudge(draw: st.DrawFn, tree: Any) -> None:
    steps = draw(st.sampled_from([s for s in nodes(tree) if s]))
    value = _at(tree, steps)
    around, last = _at(tree, steps[:-1]), steps[-1]
    if isinstance(value, dict):
        known = {field.name for field in TABLES[_TABLE_OF.get(str(steps[-2:][0]), "convert")]}
        name = draw(st.sampled_from(sorted(known & _LIKELY.keys()) or ["factor"]))
        value[name] = draw(_LIKELY.get(name, _FIGURES))
    elif isinstance(value, bool):
        around[last] = not value
    elif isinstance(value, (int, Decimal)):
        around[last] = draw(_FIGURES)
    elif isinstance(value, str) and value.replace(".", "").isdigit():
        around[last] = f"{draw(_FIGURES):f}"
    elif isinstance(value, str) and isinstance(around, dict) and last in _OPTIONAL:
        del around[last]


def _at(tree: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        tree = tree[step]
    return tree


def plain_json(tree: Any) -> Any:
    """Give the tree as a JSON parser would, numbers as its own."""
    return json.loads(json.dumps(tree, default=_number))


def _number(value: object) -> float | int:
    assert isinstance(value, Decimal)
    return int(value) if value == value.to_integral_value() else float(value)
