"""Tax rules: the rates of places by category and date, as whoever sells keeps them for itself.

Tallystick ships no rate of any country: rates change, and which one is owed is for a tax adviser to
say.  The rates of a document are those of the day on which it is issued, in the seller's time zone,
in the country and region of the buyer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from tallystick.core.calendar import wall_clock
from tallystick.core.canonical import canonical_json
from tallystick.core.frozen import FrozenDict
from tallystick.core.number import ZERO, plain
from tallystick.core.tax import TaxRate
from tallystick.core.tax_decision import TaxDecision
from tallystick.core.tax_status import tax_status
from tallystick.errors import TaxUndecided

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    from tallystick.core.period import Instant
    from tallystick.core.tax_decision import SoldLine, TaxQuestion

__all__ = ["STANDARD", "Elsewhere", "TaxRule", "TaxRules", "TaxRulesVersion", "tax_rules_tree"]

STANDARD: Final = "standard"
"""The category of whatever nobody said another one of."""

Elsewhere: TypeAlias = Literal["refuse", "untaxed"]
"""What becomes of a sale to a country that is not in the rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRule:
    """One rate of a place: of a region (`QC`) of a country (`CA`), or of all its other regions.

    It holds from the day `since` on, up to the day `until`, which is not in it.
    """

    country: str
    region: str = ""
    category: str = STANDARD
    name: str
    percent: Decimal
    inclusive: bool = False
    since: date | None = None
    until: date | None = None

    def holds(self, on: date) -> bool:
        """Whether it holds on a day."""
        begun = self.since is None or self.since <= on
        return begun and (self.until is None or on < self.until)

    @property
    def rate(self) -> TaxRate:
        """The rate as a line is taxed with."""
        return TaxRate(self.name, self.percent, inclusive=self.inclusive)


@dataclass(frozen=True, kw_only=True)
class TaxRules:
    """The rules of one seller.

    `categories` names the category of what is sold, by the id of a price, else of its plan, else of
    its product.  `time_zone` (IANA) is where the seller's days begin.  With an `engine`, a tax
    engine of that name is asked instead, and told these rules.
    """

    rates: tuple[TaxRule, ...] = ()
    categories: Mapping[str, str] = field(default_factory=FrozenDict)
    elsewhere: Elsewhere = "refuse"
    reverse_charge: bool = True
    time_zone: str = "UTC"
    engine: str = ""

    def __hash__(self) -> int:
        """Hash by the digest."""
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """What the rules hash to, however they are written: `sha256:…`."""
        return f"sha256:{hashlib.sha256(canonical_json(tax_rules_tree(self))).hexdigest()}"

    def decide(self, question: TaxQuestion) -> TaxDecision:
        """Give the rates of a document.

        A region that has rates on the day has all of them, and those of its country don't count
        there.  A category without a rate of its own in a place has the standard one.

        Raises TaxUndecided where seller or buyer have no country, the buyer no region in a country
        that has rates by region, or there is no rate.
        """
        status = tax_status(question.seller, question.buyer, reverse_charge=self.reverse_charge)
        if status.note:
            return self._all(question, TaxRate("", ZERO, note=status.note), status.reason)
        if status.country not in self._by_country:
            if self.elsewhere == "refuse":
                raise TaxUndecided(
                    f"{status.country} is not in the tax rules: add its rates, or say what becomes"
                    " of sales to countries without any, `elsewhere: untaxed`"
                )
            reason = f"{status.country} is not in the rules, and elsewhere nothing is taxed"
            return self._all(question, TaxRate("", ZERO, note="untaxed"), reason + status.reason)
        on = wall_clock(question.at, self.time_zone).date()
        place, rules = self._place(status.country, status.region, on)
        reasons = {f"rates of {place} on {on.isoformat()}{status.reason}": None}
        rates = [self._rates(line, place, rules, reasons) for line in question.lines]
        return TaxDecision(rates=tuple(rates), reasons=tuple(reasons), rules=self.digest)

    def _all(self, question: TaxQuestion, rate: TaxRate, reason: str) -> TaxDecision:
        rates = tuple((rate,) for _ in question.lines)
        return TaxDecision(rates=rates, reasons=(reason,), rules=self.digest)

    @cached_property
    def _by_country(self) -> Mapping[str, Mapping[str, Sequence[TaxRule]]]:
        found: dict[str, dict[str, list[TaxRule]]] = {}
        for rule in self.rates:
            found.setdefault(rule.country, {}).setdefault(rule.region.casefold(), []).append(rule)
        return found

    def _place(self, country: str, region: str, on: date) -> tuple[str, Sequence[TaxRule]]:
        """Give the rules of the region on a day, where it has any, else those of the country."""
        by_region = self._by_country[country]
        if not region and any(by_region):
            raise TaxUndecided(
                f"{country} has rates by region and the customer no address.state: set it"
            )
        of_region = [rule for rule in by_region.get(region.casefold(), ()) if rule.holds(on)]
        if region and of_region:
            return f"{country}-{of_region[0].region}", of_region
        of_country = [rule for rule in by_region.get("", ()) if rule.holds(on)]
        if not of_country:
            place = f"{country}-{region}" if region and any(by_region) else country
            raise TaxUndecided(f"the tax rules have no rate of {place} on {on.isoformat()}: add it")
        return country, of_country

    def _rates(
        self, line: SoldLine, place: str, rules: Sequence[TaxRule], reasons: dict[str, None]
    ) -> tuple[TaxRate, ...]:
        category = self._category(line)
        rates = tuple(rule.rate for rule in rules if rule.category == category)
        if not rates and category != STANDARD:
            reasons[f"{place} has no {category} rate: the standard one counts"] = None
            rates = tuple(rule.rate for rule in rules if rule.category == STANDARD)
        if not rates:
            raise TaxUndecided(f"the tax rules have no {STANDARD} rate of {place} on that day")
        return rates

    def _category(self, line: SoldLine) -> str:
        ids = (line.price, line.plan, line.product)
        return next((self.categories[id_] for id_ in ids if id_ in self.categories), STANDARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRulesVersion:
    """Tax rules as they were published: their number, what they hash to, by whom and when."""

    number: int
    digest: str
    author: str
    published_at: Instant


def tax_rules_tree(rules: TaxRules) -> dict[str, Any]:
    """Give rules as plain JSON values, as a file has them; what equals its default is left out."""
    tree: dict[str, Any] = {
        "engine": rules.engine,
        "time_zone": "" if rules.time_zone == "UTC" else rules.time_zone,
        "elsewhere": "" if rules.elsewhere == "refuse" else rules.elsewhere,
        "reverse_charge": None if rules.reverse_charge else False,
        "categories": dict(rules.categories),
        "rates": [_rule_tree(rule) for rule in rules.rates],
    }
    return {name: value for name, value in tree.items() if value not in ("", None, {}, [])}


def _rule_tree(rule: TaxRule) -> dict[str, Any]:
    tree = {
        "country": rule.country,
        "region": rule.region,
        "category": "" if rule.category == STANDARD else rule.category,
        "name": rule.name,
        "percent": plain(rule.percent),
        "inclusive": rule.inclusive or None,
        "since": None if rule.since is None else rule.since.isoformat(),
        "until": None if rule.until is None else rule.until.isoformat(),
    }
    return {name: value for name, value in tree.items() if value not in ("", None)}
