"""Reading predicate trees: every problem with its place, within bounds; nothing in them runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from tallystick.core.rules.leaf import KEYS, Leaves, Report
from tallystick.core.rules.schema import DEFAULT_SCHEMA
from tallystick.core.rules.tree import All, Any, Not, Window
from tallystick.core.rules.values import word_for
from tallystick.errors import InvalidRule, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tallystick.core.rules.schema import Schema
    from tallystick.core.rules.tree import Rule

__all__ = ["MAX_DEPTH", "MAX_RULES", "check", "parse"]

MAX_DEPTH: Final = 20
"""How deep rules may stand inside rules."""
MAX_RULES: Final = 1000
"""How many rules a tree may have, branches and leaves."""

_FORMS: Final = ("all", "any", "not", "window", "attr")


def parse(tree: object, *, schema: Schema = DEFAULT_SCHEMA, path: str = "eligibility") -> Rule:
    """Read a predicate tree of plain values.

    Raises InvalidRule, which names every problem with its path.
    """
    report = Report()
    rule = _read(tree, schema, path, report)
    if rule is None or report.problems:
        fields: dict[str, list[str]] = {}
        for problem in report.problems:
            fields.setdefault(problem.path, []).append(problem.text)
        raise InvalidRule("\n  ".join(["the rule is wrong", *map(str, report.problems)]), fields)
    return rule


def check(
    tree: object, *, schema: Schema = DEFAULT_SCHEMA, path: str = "eligibility"
) -> tuple[Problem, ...]:
    """Tell every problem of a predicate tree, in the order in which they stand."""
    report = Report()
    _read(tree, schema, path, report)
    return tuple(report.problems)


def _read(tree: object, schema: Schema, path: str, report: Report) -> Rule | None:
    """Read a tree whose bounds are looked at first, so that the recursion stays shallow."""
    if problem := _out_of_bounds(tree, path):
        report.problems.append(problem)
        return None
    return _Reader(Leaves(schema, report), report).rule(tree, path)


def _out_of_bounds(tree: object, path: str) -> Problem | None:
    """Walk the rules with a list for a stack and tell where they are too deep or too many."""
    waiting = [(tree, path, 1)]
    count = 0
    while waiting:
        node, place, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH:
            return Problem(place, f"rules are nested more than {MAX_DEPTH} deep")
        if count > MAX_RULES:
            return Problem(path, f"a tree has at most {MAX_RULES} rules")
        inner = islice(_inside(node, place), MAX_RULES + 1)
        waiting.extend((child, where, depth + 1) for child, where in inner)
    return None


def _inside(node: object, path: str) -> Iterator[tuple[object, str]]:
    """Iterate the rules directly inside a rule, each with its place."""
    if not isinstance(node, Mapping):
        return
    if "not" in node:
        yield node["not"], f"{path}.not"
    for form in ("all", "any"):
        inside = node.get(form)
        if isinstance(inside, list | tuple):
            yield from ((each, f"{path}.{form}[{i}]") for i, each in enumerate(inside))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the branches of one tree."""

    leaves: Leaves
    report: Report

    def rule(self, node: object, path: str) -> Rule | None:
        """Read one rule of whichever form."""
        if not isinstance(node, Mapping):
            self.report.add(path, f"a rule is an object, not {word_for(node)}")
            return None
        forms = [form for form in _FORMS if form in node]
        if not forms and any(key in node for key in KEYS):
            forms = ["attr"]
        if len(forms) != 1:
            self.formless(node, forms, path)
            return None
        self.report.strange_keys(node, KEYS if forms == ["attr"] else forms, path)
        return self.of_form(forms[0], node, path)

    def formless(self, node: Mapping[object, object], forms: Sequence[str], path: str) -> None:
        """Tell that a rule has no form, or several at once."""
        if forms:
            cure = "put each into an object of its own, inside one all or any"
            self.report.add(path, f"a rule has one form, not {' and '.join(forms)} at once", cure)
        elif node:
            self.report.strange_keys(node, _FORMS, path)
        else:
            cure = "leave eligibility out where everyone is eligible"
            self.report.add(path, "an empty rule says nothing", cure)

    def of_form(self, form: str, node: Mapping[object, object], path: str) -> Rule | None:
        """Read a rule by the key that gives its form."""
        if form == "attr":
            return self.leaves.comparison(node, path)
        inside, place = node[form], f"{path}.{form}"
        if form == "window":
            return self.window(inside, place)
        if form == "not":
            inner = self.rule(inside, place)
            return None if inner is None else Not(inner)
        rules = self.rules(inside, place)
        if rules is None:
            return None
        return All(rules) if form == "all" else Any(rules)

    def rules(self, inside: object, path: str) -> tuple[Rule, ...] | None:
        """Read the list in an all or any, which holds at least one rule."""
        if not isinstance(inside, list | tuple) or not inside:
            found = "an empty one" if isinstance(inside, list | tuple) else word_for(inside)
            self.report.add(path, f"needs a list of rules, not {found}")
            return None
        found_rules = [self.rule(each, f"{path}[{i}]") for i, each in enumerate(inside)]
        good = tuple(rule for rule in found_rules if rule is not None)
        return good if len(good) == len(found_rules) else None

    def window(self, inside: object, path: str) -> Window | None:
        """Read a window on the instant of asking: from (included) until (excluded)."""
        if not isinstance(inside, Mapping) or not any(key in inside for key in ("from", "until")):
            self.report.add(path, "needs an object with from, until or both")
            return None
        self.report.strange_keys(inside, ("from", "until"), path)
        start, until = (self.end(inside, name, path) for name in ("from", "until"))
        if start is not None and until is not None and start >= until:
            self.report.add(path, "is empty: until is not after from")
        return Window(start, until)

    def end(self, inside: Mapping[object, object], name: str, path: str) -> datetime | None:
        """Read one end of a window; None where it is absent or wrong."""
        return self.leaves.instant(inside[name], f"{path}.{name}") if name in inside else None
