"""Eligibility: predicate trees that say who may have a plan, read strictly and judged in words.

A tree is data, never code.  `parse` turns it into frozen values or tells every problem with its
place; `evaluate` answers for given facts and a given instant, with a reason for every comparison
that failed.  What is not known never makes anyone eligible.
"""

from __future__ import annotations

from tallystick.core.rules.eligibility import eligibility_of, hints_of, problems_of
from tallystick.core.rules.reading import check, parse
from tallystick.core.rules.schema import DEFAULT_SCHEMA, Kind, Schema
from tallystick.core.rules.tree import All, Any, Comparison, Not, Operator, Rule, Window, to_tree
from tallystick.core.rules.verdict import Verdict, evaluate

__all__ = [
    "DEFAULT_SCHEMA",
    "All",
    "Any",
    "Comparison",
    "Kind",
    "Not",
    "Operator",
    "Rule",
    "Schema",
    "Verdict",
    "Window",
    "check",
    "eligibility_of",
    "evaluate",
    "hints_of",
    "parse",
    "problems_of",
    "to_tree",
]
