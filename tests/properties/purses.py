"""What customers have besides a plan: coupons, credits, taxes, in the words of the oracle and ours.

Amounts are minor units, whatever the currency.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from tallystick.core.tax_rules import TaxRule, TaxRules
from tests.properties.lives import gaps

if TYPE_CHECKING:
    from tests.properties.lives import Tree

__all__ = ["COUPONS", "PLACES", "RULES", "coupon_trees", "purses", "taxes_of"]

_OFFERED: Final[list[Tree]] = [
    {"id": "third", "percent": "33.333", "lasts": None},
    {"id": "start", "percent": "50", "lasts": "once"},
    {"id": "spring", "percent": "12.5", "lasts": 2},
    {"id": "gift", "percent": "100", "lasts": 1, "plans": ["extra", "team", "max", "year"]},
    {"id": "five", "minor": 500, "lasts": "once"},
    {"id": "monthly", "percent": "7.77", "lasts": None},
    {"id": "large", "minor": 4_001, "lasts": "once", "minimum": 3_000},
    {"id": "calling", "percent": "10", "lasts": None, "prices": ["calls", "steps", "q"]},
    {"id": "some", "percent": "3.01", "lasts": 13, "prices": ["pro", "seat", "sms", "care"]},
]
COUPONS: Final[dict[str, Tree]] = {each["id"]: each for each in _OFFERED}
"""The coupons of the catalogue.

A fixed one that recurs gives once for a time, over all documents (`core.given_off`): the oracle
does not know that, so it is held by tests of its own and by stories.
"""

_TURN: Final = date(2027, 8, 1)
_AT_TURN: Final = datetime(2027, 8, 1, tzinfo=UTC)
_CALLS: Final = ("calls", "monthly")


def _tax(name: str, percent: str, *, inclusive: bool = False, **more: Any) -> Tree:
    return {"name": name, "percent": percent, "inclusive": inclusive, **more}


PLACES: Final[dict[str, list[Tree]]] = {
    "US": [],
    "DE": [
        _tax("VAT", "19", until=_AT_TURN, but=_CALLS),
        _tax("VAT now", "21.5", since=_AT_TURN, but=_CALLS),
        _tax("less", "7", prices=_CALLS),
    ],
    "FR": [_tax("TVA", "20", inclusive=True)],
    "CA": [_tax("GST", "5"), _tax("QST", "9.975")],
    "BR": [
        _tax("ISS", "5", inclusive=True),
        _tax("PIS", "1.65", inclusive=True),
        _tax("fund", "0.5"),
    ],
}
"""The tax rates of each place; in the first nothing is taxed."""


def taxes_of(purse: Tree) -> list[Tree]:
    """Give the taxes of who lives where a purse says."""
    return PLACES[purse["country"]]


def _rules() -> TaxRules:
    rates = []
    for country, taxes in PLACES.items():
        for tax in taxes:
            rule = TaxRule(
                country=country,
                category="use" if "prices" in tax else "standard",
                name=tax["name"],
                percent=Decimal(tax["percent"]),
                inclusive=tax["inclusive"],
                since=_TURN if "since" in tax else None,
                until=_TURN if "until" in tax else None,
            )
            rates.append(rule)
    categories = dict.fromkeys(_CALLS, "use")
    return TaxRules(rates=tuple(rates), categories=categories, elsewhere="untaxed")


RULES: Final = _rules()
"""The same as rules that are published."""


def coupon_trees(code: str, decimals: int) -> list[Tree]:
    """Write the coupons as ours are written, in a currency."""

    def amounts(minor: int) -> Tree:
        return {code: f"{Decimal(minor).scaleb(-decimals):f}"}

    trees = []
    for each in COUPONS.values():
        tree: Tree = {name: each[name] for name in {"id", "plans", "prices"} & set(each)}
        if "percent" in each:
            tree["percent_off"] = each["percent"]
        else:
            tree["amount_off"] = amounts(each["minor"])
        if "minimum" in each:
            tree["minimum_amount"] = amounts(each["minimum"])
        lasts = each["lasts"]
        if isinstance(lasts, int):
            tree |= {"duration": "repeating", "months": lasts}
        elif lasts is None:
            tree["duration"] = "forever"
        trees.append(tree)
    return trees


_SIZES: Final = st.one_of(st.integers(1, 3_000), st.integers(3_000, 60_000))


@st.composite
def _grants(draw: st.DrawFn, begin: datetime) -> list[Tree]:
    found: list[Tree] = []
    for number in range(draw(st.integers(0, 4))):
        at = begin + draw(gaps) * draw(st.integers(0, 6))
        since = at + draw(st.one_of(st.just(timedelta()), gaps))
        ends = draw(st.one_of(st.none(), gaps))
        found.append(
            {
                "id": f"g{number}",
                "at": at,
                "since": since,
                "until": None if ends is None else since + ends + timedelta(days=1),
                "minor": draw(_SIZES),
                "category": draw(st.sampled_from(["promotional", "promotional", "paid"])),
                "priority": draw(st.integers(49, 51)),
                "prices": draw(st.sampled_from([(), (), ("calls", "pro", "basic"), ("t", "max")])),
            }
        )
    ordered = sorted(found, key=lambda each: each["at"])
    return [{**each, "number": place} for place, each in enumerate(ordered)]


@st.composite
def _voids(draw: st.DrawFn, grants: list[Tree]) -> list[Tree]:
    """Draw what is taken back of grants that do not end by themselves, each once at most."""
    lasting = [each for each in grants if each["until"] is None]
    return [
        {
            "at": each["at"] + draw(gaps) + timedelta(days=1),
            "id": each["id"],
            "minor": draw(st.none() | _SIZES),
        }
        for each in lasting
        if not draw(st.integers(0, 2))
    ]


@st.composite
def purses(draw: st.DrawFn, begin: datetime) -> Tree:
    """Draw what somebody has: where they live, which coupons they ask for, what is granted."""
    names = draw(st.lists(st.sampled_from(sorted(COUPONS)), max_size=4, unique=True))
    wishes: list[Tree] = [
        {
            "at": begin + draw(gaps) * draw(st.integers(0, 4)),
            "coupon": COUPONS[name],
            "own": draw(st.booleans()),
        }
        for name in names
    ]
    grants = draw(_grants(begin))
    return {
        "country": draw(st.sampled_from(sorted(PLACES))),
        "wishes": sorted(wishes, key=lambda wish: wish["at"]),
        "grants": grants,
        "voids": draw(_voids(grants)),
    }
