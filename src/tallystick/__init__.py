"""Tallystick, the open billing engine for Python.

Plans are written down once; Tallystick gates features by them and turns usage into exact invoice
lines.  The names below are resolved when they are first used, so that importing the package costs
next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tallystick.app.buffer import UsageBuffer
    from tallystick.app.catalog import create_billing_schema, load_catalog
    from tallystick.app.tax_ids import check_vat_id
    from tallystick.app.taxes import load_tax_rules
    from tallystick.core.catalog import Catalog, Feature, Plan, Product
    from tallystick.core.currency import Currency, currency
    from tallystick.core.dialects import define_plans
    from tallystick.core.entitlement import Access, check_limit, get_feature_limit, has_feature
    from tallystick.core.line_item import LineItem, map_usage_to_line_items
    from tallystick.core.money import Money, Rate
    from tallystick.core.price import Price, Tier
    from tallystick.core.tax_rules import TaxRule, TaxRules
    from tallystick.errors import (
        AccessDenied,
        ForbiddenError,
        InvalidCatalog,
        InvalidTaxRules,
        InvalidUsage,
        PaymentNeeded,
        QuotaExceeded,
        ReservationOver,
        TallystickError,
        TaxUndecided,
        UnknownPlan,
    )
    from tallystick.facade.reservation import Reservation
    from tallystick.storage.migrate import get_billing_migrations_dir
    from tallystick.wiring import Tallystick

__all__ = [
    "Access",
    "AccessDenied",
    "Catalog",
    "Currency",
    "Feature",
    "ForbiddenError",
    "InvalidCatalog",
    "InvalidTaxRules",
    "InvalidUsage",
    "LineItem",
    "Money",
    "PaymentNeeded",
    "Plan",
    "Price",
    "Product",
    "QuotaExceeded",
    "Rate",
    "Reservation",
    "ReservationOver",
    "Tallystick",
    "TallystickError",
    "TaxRule",
    "TaxRules",
    "TaxUndecided",
    "Tier",
    "UnknownPlan",
    "UsageBuffer",
    "check_limit",
    "check_vat_id",
    "create_billing_schema",
    "currency",
    "define_plans",
    "get_billing_migrations_dir",
    "get_feature_limit",
    "has_feature",
    "load_catalog",
    "load_tax_rules",
    "map_usage_to_line_items",
]

_HOMES: Final = {
    "tallystick.app.buffer": ("UsageBuffer",),
    "tallystick.app.catalog": ("create_billing_schema", "load_catalog"),
    "tallystick.app.tax_ids": ("check_vat_id",),
    "tallystick.app.taxes": ("load_tax_rules",),
    "tallystick.core.catalog": ("Catalog", "Feature", "Plan", "Product"),
    "tallystick.core.currency": ("Currency", "currency"),
    "tallystick.core.dialects": ("define_plans",),
    "tallystick.core.entitlement": ("Access", "check_limit", "get_feature_limit", "has_feature"),
    "tallystick.core.line_item": ("LineItem", "map_usage_to_line_items"),
    "tallystick.core.money": ("Money", "Rate"),
    "tallystick.core.price": ("Price", "Tier"),
    "tallystick.core.tax_rules": ("TaxRule", "TaxRules"),
    "tallystick.errors": (
        "AccessDenied",
        "ForbiddenError",
        "InvalidCatalog",
        "InvalidTaxRules",
        "InvalidUsage",
        "PaymentNeeded",
        "QuotaExceeded",
        "ReservationOver",
        "TallystickError",
        "TaxUndecided",
        "UnknownPlan",
    ),
    "tallystick.facade.reservation": ("Reservation",),
    "tallystick.storage.migrate": ("get_billing_migrations_dir",),
    "tallystick.wiring": ("Tallystick",),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Resolve a public name on first use."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'tallystick' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted({*globals(), *__all__})
