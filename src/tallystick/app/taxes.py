"""Taxes: publishing the seller's rules, reading them, and asking them for documents' rates."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.tax_ids import is_vat_id
from tallystick.core.canonical import canonical_json
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.core.invoice import Party
from tallystick.core.period import to_the_second
from tallystick.core.seller import buyer_of
from tallystick.core.tax_decision import Taxation
from tallystick.core.tax_rules import TaxRules, TaxRulesVersion, tax_rules_tree
from tallystick.core.tax_status import ids_to_check
from tallystick.core.text import text_at
from tallystick.errors import (
    InvalidInput,
    MissingExtra,
    NotFound,
    StorageUnavailable,
    TaxUndecided,
)
from tallystick.files import read_tax_tree
from tallystick.storage import tax_rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tallystick.core.customer import Customer
    from tallystick.core.period import Instant
    from tallystick.core.tax_decision import TaxDecision, TaxQuestion
    from tallystick.ports import TaxEngine
    from tallystick.storage.unit import Unit

__all__ = [
    "ENGINES",
    "Taxing",
    "engine_of",
    "load_tax_rules",
    "publish_tax_rules",
    "published_tax_rules",
    "rules_of_digest",
    "tax_rules_versions",
]

ENGINES: Final = "tallystick.tax_engines"
"""The group of entry points in which tax engines of third parties are found."""

_ATTEMPTS: Final = 5
_LONGEST_NUMBER: Final = 18


def load_tax_rules(path: str | Path) -> TaxRules:
    """Load tax rules from a YAML, TOML or JSON file.

    Raises InvalidTaxRules with every problem and its path, SetupError where there is no such file.
    """
    source = read_tax_tree(path)
    return read_tax_rules(source.tree, lines=source.lines, source=source.name)


def publish_tax_rules(unit: Unit, at: Instant, rules: TaxRules, *, author: str) -> TaxRulesVersion:
    """Store rules as the next version, by which documents are taxed from now on.

    Issued documents stay as they are.  Rules that say what the newest version says change nothing.

    Raises InvalidTaxRules, InvalidInput for an author that is no name, StorageUnavailable.
    """
    if not isinstance(rules, TaxRules):
        raise InvalidInput(f"tax rules are needed, not {type(rules).__name__}: load them first")
    author = text_at(author, "author")
    text = canonical_json(tax_rules_tree(rules)).decode()
    _rules_of(text)  # what is kept can be read: rules built in code are checked as a file's are
    for _ in range(_ATTEMPTS):
        last = tax_rules.newest(unit)
        if last is not None and last.digest == rules.digest:
            return last
        version = TaxRulesVersion(
            number=1 if last is None else last.number + 1,
            digest=rules.digest,
            author=author,
            published_at=to_the_second(at),
        )
        if tax_rules.add(unit, version, text):
            return version
    raise StorageUnavailable("others keep publishing at the same moment: try again", again=True)


def published_tax_rules(unit: Unit, number: int | None = None) -> TaxRules:
    """Give published rules, the newest if no number is named.  Raises NotFound."""
    if number is None:
        text = tax_rules.newest_text(unit)
    else:
        plain = type(number) is int and 0 < number < 10**_LONGEST_NUMBER
        text = tax_rules.text_of(unit, number) if plain else None
    if text is None:
        raise NotFound("published tax rules", "newest" if number is None else str(number)[:20])
    return _rules_of(text)


def tax_rules_versions(unit: Unit) -> tuple[TaxRulesVersion, ...]:
    """Give every published version, the newest first."""
    return tax_rules.every(unit)


def rules_of_digest(unit: Unit, digest: str) -> TaxRules:
    """Give the rules that hash to a digest.  Raises NotFound, also where they hash to another."""
    text = tax_rules.text_of_digest(unit, digest)
    rules = None if text is None else _rules_of(text)
    if rules is None or rules.digest != digest:
        raise NotFound("published tax rules", digest[:80])
    return rules


@lru_cache(maxsize=8)
def _rules_of(text: str) -> TaxRules:
    return read_tax_rules(json.loads(text), source="published tax rules")


def engine_of(rules: TaxRules) -> Callable[[TaxQuestion], TaxDecision]:
    """Give who is asked for rates: the rules themselves, or the engine that they name."""
    if not rules.engine:
        return rules.decide

    def decide(question: TaxQuestion) -> TaxDecision:
        found = _engine(rules).decide(question)
        return replace(found, engine=rules.engine, rules=rules.digest)

    return decide


@lru_cache(maxsize=8)
def _engine(rules: TaxRules) -> TaxEngine:
    found: Any = next(iter(entry_points(group=ENGINES, name=rules.engine)), None)
    if found is None:
        raise TaxUndecided(
            f"the tax rules name the engine {rules.engine!r}, and no package that is installed"
            f" has it among its entry points {ENGINES!r}"
        )
    engine: TaxEngine = found.load()(rules)
    return engine


class Taxing:
    """Whom the documents of a batch ask for their rates, and what is known of their buyers."""

    def __init__(self, unit: Unit, seller: Party) -> None:
        """Read the rules that count now; without any nothing is taxed."""
        text = tax_rules.newest_text(unit)
        self._rules = None if text is None else _rules_of(text)
        self._seller = seller
        self._buyers: dict[str, Party] = {}

    def buyer(self, customer: Customer | None) -> Party:
        """Give a customer as it stands on a document, its VAT ids checked where they decide.

        Raises TaxUndecided where they cannot be.
        """
        if customer is None:
            return Party()
        known = self._buyers.get(customer.id)
        if known is None:
            known = self._buyers[customer.id] = self._checked(customer)
        return known

    def _checked(self, customer: Customer) -> Party:
        buyer = buyer_of(customer)
        if self._rules is None or not self._rules.reverse_charge:
            return buyer
        try:
            checked = tuple(filter(is_vat_id, ids_to_check(self._seller, buyer)))
        except MissingExtra as missing:
            raise TaxUndecided(f"whether reverse charge applies is not known: {missing}") from None
        return buyer_of(customer, checked_ids=checked) if checked else buyer

    def taxation(self, customer: Customer | None) -> Taxation | None:
        """Give how a document for a customer is taxed; None where there are no rules.

        Raises TaxUndecided.
        """
        if self._rules is None:
            return None
        return Taxation(
            decide=engine_of(self._rules), seller=self._seller, buyer=self.buyer(customer)
        )
