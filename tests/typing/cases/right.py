"""A program with typed keys in which every plan and feature is spelt rightly."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from billing_types import FeatureKey, PlanId, typed

from tallystick import Access, Catalog, check_limit, define_plans, get_feature_limit, has_feature

if TYPE_CHECKING:
    from tallystick import Plan

loose = define_plans([])
catalog = typed(loose)
assert_type(catalog, Catalog[PlanId, FeatureKey])

plan = catalog["pro"]
assert_type(has_feature(plan, "customDomains"), bool)
assert_type(check_limit(plan, "projects", 1), Access)
assert_type(check_limit(catalog["free"], "projects", 1, 2), Access)
assert_type(get_feature_limit(plan, "projects"), int | None)
assert_type(typed(catalog), Catalog[PlanId, FeatureKey])


def allowed(plan: Plan[FeatureKey], key: FeatureKey) -> bool:
    """Pass a key on."""
    return has_feature(plan, key)


def seen(plan_id: str) -> bool:
    """Look up a plan whose id comes from outside."""
    found = catalog.find(plan_id)
    return found is not None and allowed(found, "projects")


chosen: PlanId = "pro"
answers = [allowed(each, "customDomains") for each in catalog]
answers.append(allowed(catalog[chosen], "projects"))
