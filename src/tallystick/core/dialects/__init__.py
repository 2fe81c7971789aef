"""One catalogue, three ways to write it.

* **plans**: a flat list of plans, `price` in integer minor units, `features` as limits
  (`define_plans`);
* **products**: products → plans → lineItems, `cost` in major units, `features` as texts
  (`tallystick.app.catalog.create_billing_schema`);
* **tallystick**: the superset of both, in Python, TOML, JSON or YAML.

All three give the same frozen `Catalog`.  Reading gathers every problem with its path and raises
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from tallystick.core.dialects.build import Builder
from tallystick.core.dialects.field import EVERY
from tallystick.core.dialects.fields import MOST_ENTRIES, read_record
from tallystick.core.dialects.report import Record, Report, TooMany, camel, position
from tallystick.core.dialects.scalars import shown
from tallystick.errors import InvalidCatalog, Problem

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog, Dialect
    from tallystick.core.provider import Abilities

__all__ = ["define_plans", "in_dialect", "read_catalog"]


def define_plans(plans: Iterable[Mapping[str, Any]]) -> Catalog[str, str]:
    """Read a flat list of plans; `price` is in integer minor units (2900 is USD 29.00).

    Raises InvalidCatalog with every problem and its path, such as `plans[0].features[1].limit`.
    """
    tree = plans
    if isinstance(plans, Iterable) and not isinstance(plans, (Mapping, str, bytes)):
        tree = list(islice(plans, MOST_ENTRIES + 1))  # what never ends is told, not waited for
    return read_catalog(tree, dialect="plans", source="plans")


def read_catalog(
    tree: object,
    *,
    dialect: Dialect | None = None,
    lines: Mapping[str, int] | None = None,
    source: str = "catalogue",
    abilities: Mapping[str, Abilities] | None = None,
) -> Catalog[str, str]:
    """Read a catalogue from a tree of plain values.

    The dialect is taken from the tree where it is not given: its `dialect` field, else from its
    shape.  `lines` gives the line of a path where the file's format can tell; `abilities` says
    what each provider can do.  Raises InvalidCatalog with all problems.
    """
    told = dialect or _dialect_of(tree)
    report = Report(told, lines or {})
    if isinstance(tree, (list, tuple)) and told == "plans":
        tree = {"plans": list(tree)}
    if not isinstance(tree, Mapping):
        raise InvalidCatalog([_no_catalog(tree, told)], source)
    catalog = None
    with suppress(TooMany):
        record = read_record(tree, "plan_list" if told == "plans" else "catalog", "", report)
        catalog = _build(record, report, abilities or {})
    if catalog is None or report.problems:
        found = sorted(report.problems, key=lambda problem: position(problem.path, tree))
        raise InvalidCatalog(found, source)
    return catalog


def _no_catalog(tree: object, dialect: Dialect) -> Problem:
    if dialect == "plans":
        return Problem("", f"must be a list of plans, not {shown(tree)}", "write plans in a list")
    return Problem("", f"must be an object, not {shown(tree)}", "write products in an object")


def in_dialect(found: Problem, dialect: Dialect) -> Problem:
    """Spell the path of a finding about values as the dialect that was read spells it."""
    if dialect == "tallystick":
        return found
    path = found.path.replace(".prices[", ".lineItems[")
    if dialect == "plans":
        head, dot, rest = path.partition(".plans[0]")
        path = head.replace("products[", "plans[", 1) + (rest if dot else "")
        path = path.replace(".limits[", ".features[")
    return replace(found, path=".".join(map(camel, path.split("."))))


def _build(record: Record, report: Report, abilities: Mapping[str, Abilities]) -> Catalog:
    builder = Builder(report, abilities, record.get("provider"))
    builder.add_meters(record.get("meters", []))
    if report.dialect == "plans":
        products = [builder.listed_plan(plan) for plan in record.get("plans", ())]
    else:
        default = record.get("currency")
        products = [builder.product(entry, default) for entry in record.get("products", ())]
    return builder.catalog(products, record.get("coupons", []))


def _dialect_of(tree: object) -> Dialect:
    if isinstance(tree, (list, tuple)):
        return "plans"
    if not isinstance(tree, Mapping):
        return "tallystick"
    named = tree.get("dialect")
    for dialect in EVERY:
        if isinstance(named, str) and named == dialect:
            return dialect
    if "plans" in tree and "products" not in tree:
        return "plans"
    return "products" if _has_line_items(tree.get("products")) else "tallystick"


def _has_line_items(products: object) -> bool:
    return isinstance(products, (list, tuple)) and any(
        isinstance(plan, Mapping) and "lineItems" in plan
        for product in products
        if isinstance(product, Mapping) and isinstance(product.get("plans"), (list, tuple))
        for plan in product["plans"]
    )
