"""A program without typed keys: every text is taken."""

from __future__ import annotations

from typing import assert_type

from tallystick import Access, Catalog, Plan, check_limit, define_plans, has_feature

catalog = define_plans([])
assert_type(catalog, Catalog[str, str])

plan = catalog["pro"]
assert_type(plan, Plan[str])
word = str(plan)
assert_type(has_feature(plan, word), bool)
assert_type(has_feature(catalog[word], "anything"), bool)
assert_type(check_limit(plan, word, 1), Access)
assert_type(check_limit(plan, "anything", 1), Access)


def allowed(plan: Plan, key: str) -> bool:
    """Pass a key on; a bare `Plan` is one whose keys are any text."""
    return has_feature(plan, key)


answers = [allowed(each, word) for each in catalog]
