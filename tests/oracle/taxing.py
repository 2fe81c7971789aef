"""What taxes come to: each rate once on all that it is for, and back as it was invoiced."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.oracle.lines import half_away
from tests.oracle.rows import shared

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tests.oracle.having import Tree
    from tests.oracle.lines import Line
    from tests.oracle.rows import Back, Row

__all__ = ["taxed"]


def taxed(
    taxes: list[Tree], on: datetime, rows: list[Row], backs: dict[int, list[Back]]
) -> list[Row]:
    """Tax what is sold at the rates of the day, and what is given back as it was invoiced."""
    holding = [tax for tax in taxes if _holds(tax, on)]
    new = [i for i, row in enumerate(rows) if i not in backs and row.sold]
    inside = {i: sum(_percent(t) for t in _of(rows[i], holding, inside=True)) for i in new}
    taken: dict[int, dict[str, int]] = {i: {} for i in new}
    for tax in sorted(holding, key=lambda tax: not tax["inclusive"]):
        places = [i for i in new if _is_for(tax, rows[i].line)]
        bases = [
            Fraction(rows[i].sold) / (1 + inside[i])
            if tax["inclusive"]
            else Fraction(rows[i].sold - sum(_inside(taken[i], holding)))
            for i in places
        ]
        exact = [base * _percent(tax) for base in bases]
        parts = shared(int(half_away(sum(exact, Fraction(0)))), exact)
        for i, minor in zip(places, parts, strict=True):
            taken[i][tax["name"]] = minor
    for i, some in backs.items():
        taken[i] = Counter()
        for back in some:
            for name, minor in _given_back(taxes, back.fee, -back.sold).items():
                taken[i][name] += minor
    return [
        replace(row, taxes=tuple(sorted(taken[i].items())), added=_added(taxes, taken[i]))
        if i in taken
        else row
        for i, row in enumerate(rows)
    ]


def _given_back(taxes: list[Tree], fee: Row | None, sold: int) -> dict[str, int]:
    """Give the share of each tax in a share of a fee; rounded as they are added up."""
    if fee is None:
        return {}
    inside = _names_inside(taxes)
    places = [tax["name"] for tax in taxes]
    names = sorted(fee.taxes, key=lambda each: (each[0] in inside, places.index(each[0])))
    upto, told, back = 0, 0, dict[str, int]()
    for name, minor in names:
        upto += minor
        by_now = int(half_away(Fraction(upto * sold, fee.sold)))
        back[name] = by_now - told
        told = by_now
    return back


def _names_inside(taxes: list[Tree]) -> set[str]:
    return {tax["name"] for tax in taxes if tax["inclusive"]}


def _added(taxes: list[Tree], taken: dict[str, int]) -> int:
    inside = _names_inside(taxes)
    return sum(minor for name, minor in taken.items() if name not in inside)


def _holds(tax: Tree, on: datetime) -> bool:
    return (tax.get("since") or on) <= on and (tax.get("until") is None or on < tax["until"])


def _is_for(tax: Tree, line: Line) -> bool:
    only, but = tax.get("prices", ()), tax.get("but", ())
    return (not only or line.price in only) and line.price not in but


def _percent(tax: Tree) -> Fraction:
    return Fraction(tax["percent"]) / 100


def _of(row: Row, taxes: Iterable[Tree], *, inside: bool) -> list[Tree]:
    return [tax for tax in taxes if tax["inclusive"] == inside and _is_for(tax, row.line)]


def _inside(taken: dict[str, int], taxes: Iterable[Tree]) -> list[int]:
    return [taken[tax["name"]] for tax in taxes if tax["inclusive"] and tax["name"] in taken]
