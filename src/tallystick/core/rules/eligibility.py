"""Where business rules hold an eligibility, and where not: the rest of them is not ours to read."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Final

from tallystick.core.rules.reading import check, parse
from tallystick.core.rules.schema import DEFAULT_SCHEMA, LONGEST_NAME
from tallystick.errors import Problem

if TYPE_CHECKING:
    from tallystick.core.rules.schema import Schema
    from tallystick.core.rules.tree import Rule

__all__ = ["eligibility_of", "hints_of", "problems_of"]

_KEY: Final = "eligibility"
_KEYS_LOOKED_AT: Final = 1000


def eligibility_of(business_rules: object, *, schema: Schema = DEFAULT_SCHEMA) -> Rule | None:
    """Give the rule in `businessRules.eligibility`; None where there is none.

    Raises InvalidRule.
    """
    if not isinstance(business_rules, Mapping) or _KEY not in business_rules:
        return None
    return parse(business_rules[_KEY], schema=schema)


def problems_of(
    business_rules: object, path: str = "businessRules", *, schema: Schema = DEFAULT_SCHEMA
) -> tuple[Problem, ...]:
    """Tell every problem of the eligibility in business rules that stand at `path`."""
    if not isinstance(business_rules, Mapping) or _KEY not in business_rules:
        return ()
    place = f"{path}.{_KEY}" if path else _KEY
    return check(business_rules[_KEY], schema=schema, path=place)


def hints_of(business_rules: object, path: str = "businessRules") -> tuple[Problem, ...]:
    """Point at a key that looks like a misspelt `eligibility`, which nobody would ever read."""
    if not isinstance(business_rules, Mapping) or _KEY in business_rules:
        return ()
    keys = islice(business_rules, _KEYS_LOOKED_AT)
    texts = [key for key in keys if isinstance(key, str) and len(key) <= LONGEST_NAME]
    near = get_close_matches(_KEY, texts, n=1, cutoff=0.8)
    cure = f"did you mean {_KEY!r}?"
    return tuple(
        Problem(f"{path}.{key}", "is passed through unread", cure, severity="hint") for key in near
    )
