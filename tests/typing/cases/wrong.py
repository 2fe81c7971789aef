"""A program with typed keys and misspelt ones: each line marked so must be refused."""

from __future__ import annotations

from billing_types import FeatureKey, PlanId, typed

from tallystick import Plan, check_limit, define_plans, get_feature_limit, has_feature


def untyped(plan: Plan, key: str) -> bool:
    """Ask a plan whose keys are any text."""
    return has_feature(plan, key)


catalog = typed(define_plans([]))
plan = catalog["pro"]
word = str(plan)

catalog["prp"]  # refused
catalog[word]  # refused
has_feature(plan, "customDomain")  # refused
has_feature(plan, word)  # refused
has_feature(catalog["free"], "custom_domains")  # refused
has_feature(plan, key="Projects")  # refused
check_limit(plan, "project", 1)  # refused
check_limit(plan, "pro", 1)  # refused
get_feature_limit(plan, "project")  # refused

untyped(plan, "projects")  # refused

found = catalog.find(word)
if found is not None:
    has_feature(found, "project")  # refused

answers = [
    check_limit(each, "project", 1)  # refused
    for each in catalog
]
gone: PlanId = "enterprise"  # refused
key: FeatureKey = ""  # refused
