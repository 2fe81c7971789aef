"""Tax rules from a tree of plain values: every problem with its path, raised once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.calendar import check_zone
from tallystick.core.dialects.report import BAD, Report, TooMany, position
from tallystick.core.dialects.scalars import (
    Choice,
    Flag,
    Identifier,
    Labels,
    Number,
    printable,
    shown,
)
from tallystick.core.frozen import FrozenDict
from tallystick.core.spelling import did_you_mean
from tallystick.core.tax_rules import STANDARD, TaxRule, TaxRules
from tallystick.errors import InvalidPeriod, InvalidTaxRules, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tallystick.core.dialects.scalars import Kind

__all__ = ["MOST_RATES", "read_tax_rules"]

MOST_RATES: Final = 50_000
"""So many rates a table may have."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)


class _Country:
    def read(self, value: object, path: str, report: Report) -> Any:
        if isinstance(value, str) and _COUNTRY.fullmatch(value):
            return str.__str__(value)
        report.problem(path, f"must be two capital letters such as AT, not {shown(value)}")
        return BAD

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[A-Z]{2}$"}


class _Day:
    def read(self, value: object, path: str, report: Report) -> Any:
        if isinstance(value, str) and _DATE.fullmatch(value):
            with suppress(ValueError):
                return date.fromisoformat(value)
        report.problem(path, f"must be a day such as '2027-01-31', in quotes, not {shown(value)}")
        return BAD

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


class _Zone:
    def read(self, value: object, path: str, report: Report) -> Any:
        try:
            return check_zone(value)  # type: ignore[arg-type]  # what is no text is refused there
        except InvalidPeriod as refused:
            report.problem(path, str(refused))
        return BAD

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


_RULES: Final[Mapping[str, Kind]] = {
    "engine": Identifier(),
    "time_zone": _Zone(),
    "elsewhere": Choice(("refuse", "untaxed")),
    "reverse_charge": Flag(),
    "categories": Labels(),
}
_RATE: Final[Mapping[str, Kind]] = {
    "country": _Country(),
    "region": Identifier(),
    "category": Identifier(),
    "name": Identifier(),
    "percent": Number(most=100),
    "inclusive": Flag(),
    "since": _Day(),
    "until": _Day(),
}
_NEEDED: Final = ("country", "name", "percent")


def read_tax_rules(
    tree: object, *, lines: Mapping[str, int] | None = None, source: str = "tax rules"
) -> TaxRules:
    """Read tax rules from a tree of plain values.

    `lines` gives the line of a path where the file's format can tell.  Raises InvalidTaxRules with
    all problems.
    """
    report = Report("tallystick", lines or {})
    if not isinstance(tree, Mapping):
        text = f"must be an object, not {shown(tree)}"
        raise InvalidTaxRules([Problem("tax rules", text, "write rates in it")], source)
    rules = None
    with suppress(TooMany):
        rules = _rules(tree, report)
    if rules is None or report.problems:
        found = sorted(report.problems, key=lambda problem: position(problem.path, tree))
        raise InvalidTaxRules(found, source)
    return rules


def _rules(tree: Mapping[Any, Any], report: Report) -> TaxRules:
    written = _fields(tree, _RULES, "", report, also=("rates",))
    fields = {name: value for name, value in written.items() if value is not BAD}
    listed = tree.get("rates", ())
    if not isinstance(listed, (list, tuple)) or len(listed) > MOST_RATES:
        report.problem("rates", f"must be a list of at most {MOST_RATES:,} rates")
        listed = ()
    elif not listed and "engine" not in written:
        report.problem("rates", "is missing or empty", "write the rates you owe")
    rates = {f"rates[{place}]": _rule(each, place, report) for place, each in enumerate(listed)}
    read = {path: rule for path, rule in rates.items() if rule is not None}
    _check_overlaps(read, report)
    categories = fields.pop("categories", {})
    if len(read) == len(rates):
        _check_categories(categories, {rule.category for rule in read.values()}, report)
    return TaxRules(rates=tuple(read.values()), categories=FrozenDict(categories), **fields)


def _fields(
    tree: Mapping[Any, Any],
    kinds: Mapping[str, Kind],
    path: str,
    report: Report,
    *,
    also: Collection[str] = (),
) -> dict[str, Any]:
    """Read the fields that are there; what is null counts as absent."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        known = isinstance(name, str) and (name in kinds or name in also)
        spelled = printable(name, 80) if isinstance(name, str) else shown(name)
        place = f"{path}.{spelled}" if path else spelled
        if not known:
            cure = did_you_mean(spelled, [*kinds, *also])
            report.problem(place, "is not a field of tax rules here", cure)
        elif name in kinds and value is not None:
            read = kinds[name].read(value, place, report)
            found[name] = read
    return found


def _rule(tree: object, place: int, report: Report) -> TaxRule | None:
    path = f"rates[{place}]"
    if not isinstance(tree, Mapping):
        report.problem(path, f"must be an object, not {shown(tree)}")
        return None
    fields = _fields(tree, _RATE, path, report)
    missing = [name for name in _NEEDED if name not in fields]
    for name in missing:
        report.problem(f"{path}.{name}", "is missing")
    if missing or any(value is BAD for value in fields.values()):
        return None
    rule = TaxRule(**fields)
    if rule.since and rule.until and rule.until <= rule.since:
        report.problem(
            f"{path}.until", f"must come after {rule.since}: it is the first day without"
        )
    return rule


def _check_overlaps(rules: Mapping[str, TaxRule], report: Report) -> None:
    """Refuse two rates of one name in one place and category that hold on one day."""
    same: dict[tuple[str, ...], list[tuple[str, TaxRule]]] = {}
    for path, rule in rules.items():
        key = (rule.country, rule.region.casefold(), rule.category, rule.name)
        same.setdefault(key, []).append((path, rule))
    for some in same.values():
        ordered = sorted(some, key=lambda each: each[1].since or date.min)
        for (first, one), (second, other) in pairwise(ordered):
            if one.until is None or other.since is None or other.since < one.until:
                text = f"holds on days on which {first} holds, of the same name and place"
                report.problem(second, text, "say until when the one and since when the other")


def _check_categories(categories: Mapping[str, str], known: Iterable[str], report: Report) -> None:
    words = {STANDARD, *known}
    for name, category in categories.items():
        if category not in words:
            text = f"is no category that has a rate: {shown(category)}"
            report.problem(f"categories.{printable(name)}", text, did_you_mean(category, words))
