"""Published versions: a catalogue as it is kept for ever, and the numbers its plans carry.

A plan's version counts how often its offer changed.  The offer is the plan with its currency, and
what its figures depend on beside it: the definitions of the meters it names.  Every change of
a published plan makes the next version, whether it was sold or not, and so does going back to
an earlier offer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.canonical import canonical_json, digest, plan_to_tree, to_tree
from tallystick.core.dialects import read_catalog
from tallystick.core.meter import definition, meters_of
from tallystick.errors import InvalidCatalog, Problem

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant

__all__ = [
    "CatalogVersion",
    "PlanVersion",
    "catalog_of_text",
    "catalog_text",
    "offers",
    "versioned",
]

_SHA256: Final = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogVersion:
    """A catalogue as it was published: its number, what it hashes to, by whom and when."""

    number: int
    digest: str
    author: str
    published_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanVersion:
    """One offer of a plan: which version it is, since which catalogue, and when it was first sold.

    `text` is canonical JSON, and `digest` is that of its bytes.
    """

    plan_id: str
    version: int
    digest: str
    catalog_number: int
    text: str
    sold_at: Instant | None = None

    @property
    def ref(self) -> str:
        """The plan and its version: `pro@2`."""
        return f"{self.plan_id}@{self.version}"


def catalog_text(catalog: Catalog[Any, Any]) -> str:
    """Write a catalogue as the text that is kept: its tree as exact JSON, in its own order.

    Reading it back gives an equal catalogue, in the same order and with the same canonical bytes;
    a catalogue for which that does not hold is refused here, before anything is stored.

    Raises InvalidCatalog with every problem.
    """
    text = _json(to_tree(catalog))
    if digest(catalog_of_text(text)) != digest(catalog):
        problem = "holds a value that cannot be written down"
        raise InvalidCatalog([Problem("", problem, "build it from a file, or as a file would")])
    return text


def catalog_of_text(text: str) -> Catalog[str, str]:
    """Read what `catalog_text` wrote.  Raises InvalidCatalog."""
    tree = json.loads(text, parse_float=Decimal)
    return read_catalog(tree, dialect="tallystick", source="published catalogue")


def offers(catalog: Catalog[Any, Any]) -> dict[str, tuple[str, str]]:
    """Give the digest and the text of each plan's offer, by plan id."""
    meters = meters_of(catalog)
    return {plan.id: _offer(plan, meters) for plan in catalog}


def versioned(catalog: Catalog[Any, Any], versions: Mapping[str, int]) -> Catalog[str, str]:
    """Give the catalogue with each plan knowing its version, so that `plan.ref` is `pro@2`."""
    products = tuple(
        replace(
            product,
            plans=tuple(replace(p, version=versions.get(p.id, p.version)) for p in product.plans),
        )
        for product in catalog.products
    )
    return replace(catalog, products=products)


def _offer(plan: Plan[Any], meters: Mapping[str, Meter]) -> tuple[str, str]:
    tree = plan_to_tree(plan)
    limits: Any = tree.get("limits", [])
    limits.sort(key=_feature_key)
    body = canonical_json({"plan": tree, "meters": _meters(plan, meters)})
    return _SHA256 + hashlib.sha256(body).hexdigest(), body.decode()


def _feature_key(tree: Mapping[str, str]) -> str:
    return tree["feature_key"]


def _meters(plan: Plan[Any], meters: Mapping[str, Meter]) -> list[object]:
    """Give what the figures of a plan depend on, of each meter that it names."""
    named = {feature.meter or feature.key for feature in plan.features.values()}
    named |= {price.meter or price.id for price in plan.prices if price.basis != "flat"}
    used = [meters[key] for key in sorted(named & meters.keys())]
    return [
        definition(m) | {"rounding": m.rounding, "late": m.late, "late_after": m.late_after}
        for m in used
    ]


def _json(value: object) -> str:
    """Write JSON with exact numbers, the keys in the order they are in."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key, ensure_ascii=False)}:{_json(v)}" for key, v in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_json, value))}]"
    return canonical_json(value).decode()
