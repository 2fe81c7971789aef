"""A new catalogue over real history: what each customer was asked for, and what it would have been.

Nothing is issued and nothing is written.  Most documents are told by their lines alone, whose
prices are looked up and whose quantities were measured when they were issued; whatever else acts
on a document (coupons, taxes, commitments, parts of periods) is reckoned by the steps of the
reckoning itself, see `app.retried`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tallystick.app.redemptions import redemptions_for
from tallystick.app.retried import retried
from tallystick.app.seller import settings_of
from tallystick.app.taxes import Taxing, published_tax_rules, tax_rules_versions
from tallystick.app.trials import Trials
from tallystick.core.backtest import Backtest, CustomerDifference, NotCompared
from tallystick.core.catalog import Catalog
from tallystick.core.currency import currency
from tallystick.core.money import Money
from tallystick.core.period import instant
from tallystick.core.trial import LineAmounts
from tallystick.core.whole_sum import WholeSum, offs_of, percents_of
from tallystick.errors import InvalidInput, InvalidPeriod, RuleError
from tallystick.storage import acted_on
from tallystick.storage.issued_figures import figures, last_of, lines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from tallystick.core.period import Instant
    from tallystick.core.redemption import Redemption
    from tallystick.core.trial import Trial
    from tallystick.storage.issued_figures import Customers, Figures, LineFigures
    from tallystick.storage.unit import Unit

__all__ = ["Progress", "backtest"]

_DOCUMENTS: Final = 4_000
_MOST_PRICES: Final = 500
_MOST_APART: Final = 1_000
_MOST_RULES: Final = 20
_OTHERS: Final = "and others"
_FAMILY: Final = "documents of families keep their amounts"
_LONGEST: Final = 200
_NOT_YET: Final[Any] = object()
_SIMPLE: Final = frozenset({"fee", "usage", "setup"})
_NOT_PLAIN: Final = tuple(f'"{name}":' for name in ("overrides", "holes", "cut", "cap", "part"))
"""What a due has that is not charged to everybody alike."""
_PART: Final = re.compile(r'"whole":(\["[^"]*","[^"]*"\]),"window":(?!\1)')
"""How a due says that something is for a part of a period."""
_OFFER: Final = re.compile(r'"offer":("(?:[^"\\]|\\.)*")')

_Charge: TypeAlias = tuple[str, str, str, str]
_Amounts: TypeAlias = LineAmounts | str | None
_More: TypeAlias = int | None
"""What the lines of a document come to beyond what they were; None where they cannot tell."""
_ActedOn: TypeAlias = "tuple[Collection[str], Collection[str], Mapping[str, Sequence[Redemption]]]"
_NOBODY: Final[_ActedOn] = ((), (), {})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backtest is: customers and documents so far."""

    customers: int
    documents: int


def backtest(
    unit: Unit,
    catalog: Catalog[Any, Any],
    *,
    since: Instant,
    until: Instant,
    plans: Mapping[str, str] | None = None,
    tell: Callable[[Progress], object] = bool,
) -> Backtest:
    """Give what the documents issued in `[since, until)` would come to by another catalogue.

    It counts as if it had been in force all along.  `plans` names the plans that others take the
    place of: `{"pro": "team"}`, or one version, `{"pro@1": "team"}`.  `tell` is told how far it is.

    Raises InvalidInput, InvalidPeriod, UnknownPlan.
    """
    if not isinstance(catalog, Catalog):
        raise InvalidInput(f"a catalogue is needed, not {type(catalog).__name__}: load it first")
    since, until = instant(since), instant(until)
    if since >= until:
        raise InvalidPeriod(f"the time looked at ends at {until} and begins only at {since}")
    unit.as_all()
    run = _Run(unit, Trials(unit, catalog, plans), since, until)
    after, last = "", last_of(unit, "", _DOCUMENTS)
    while True:
        run.take((after, last))
        tell(Progress(run.people, run.documents))
        if last is None:
            return run.told()
        after, last = last, last_of(unit, last, _DOCUMENTS)


class _Run:
    """A backtest on its way."""

    def __init__(self, unit: Unit, trials: Trials, since: Instant, until: Instant) -> None:
        self.unit, self.trials, self.since, self.until = unit, trials, since, until
        every = list(trials.every())  # a plan once for each currency
        self.prices = _prices(each for _, each in every)
        self.whole = _words(ref for ref, each in every if each.whole)
        self.metered = _words(ref for ref, each in every if _changes_usage(each))
        self.changes = any(each.changes or each.whole for _, each in every)
        self.amounts: dict[_Charge, _Amounts] = {}
        taxed = tax_rules_versions(unit)
        self.taxing = Taxing(unit, settings_of(unit).party) if taxed else None
        self.adds_tax = any(_adds_tax(unit, each.number) for each in taxed[:_MOST_RULES])
        self.adds_tax |= len(taxed) > _MOST_RULES
        self.found: list[CustomerDifference] = []
        self.apart: dict[tuple[str, str, str, str], list[int]] = {}
        self.people = self.documents = 0

    def take(self, some: Customers) -> None:
        """Look at some customers: by their lines, and where these cannot tell, by documents."""
        documents = figures(self.unit, some, self.since, self.until, ends=self.adds_tax)
        by_document = self._lines(documents) if documents else {}
        late, granted, redeemed = self._acted_on(some) if documents and self.changes else _NOBODY
        family = acted_on.families(self.unit, some) if documents and self.changes else ()
        totals: dict[tuple[str, str], list[int]] = {}
        again: set[str] = set()
        for each in documents:
            now = self._told_by_lines(each, by_document, redeemed.get(each.customer, ()))
            if each.customer in family:
                self._set_apart(("", "", _FAMILY, each.currency), each.total)
                now = each.total
            elif each.customer in granted or (
                each.customer in late and _names(each.due, self.metered)
            ):
                now = None
            if now is None:
                again.add(each.customer)
            sums = totals.setdefault((each.customer, each.currency), [0, 0, 0])
            sums[0] += 1
            sums[1] += each.total
            sums[2] += now or 0
        if again:
            self._reckon(again, {each.id: each.total for each in documents}, totals)
        self.people += len({customer for customer, _ in totals})
        self.documents += len(documents)
        self.found += [_difference(*key, sums) for key, sums in totals.items()]

    def _lines(self, documents: Sequence[Figures]) -> dict[str, _More]:
        """Add up the lines of documents whose prices are not simply kept."""
        found: dict[str, _More] = {}
        if self.prices is None or self.prices:
            codes = {each.id: each.currency for each in documents}
            for line in lines(self.unit, documents, self.prices):
                self._add(line, found, codes)
        return found

    def _acted_on(self, some: Customers) -> _ActedOn:
        """Give whose usage lines cannot tell, who had promotional credits, who has which coupons.

        Lines cannot tell where usage came late, and where units grants may have paid.
        """
        unit = self.unit
        late: Collection[str] = ()
        if self.metered:
            late = {*acted_on.late(unit, some, self.until), *acted_on.given_units(unit, some)}
        coupons = redemptions_for(unit, acted_on.redeemed(unit, some))
        return late, acted_on.promoted(unit, some), coupons

    # --- by lines ---------------------------------------------------------------------------------

    def _told_by_lines(
        self, document: Figures, by_document: Mapping[str, _More], redeemed: Sequence[Redemption]
    ) -> int | None:
        """Give what a document comes to, minor units; None where its lines cannot tell."""
        if _names(document.due, self.whole):
            return None
        if document.id not in by_document:
            return document.total
        more = by_document[document.id]
        if more is None or document.credit or not _is_plain(document.due):
            return None
        if not (redeemed or document.discount or self.adds_tax):
            return document.total + more
        return self._with_offs_and_taxes(document, more, redeemed)

    def _with_offs_and_taxes(
        self, document: Figures, more: int, redeemed: Sequence[Redemption]
    ) -> int | None:
        """Give the total with coupons and taxes that act on all of it, if those alone do."""
        unit = currency(document.currency)
        mine = {None, document.subscription}
        acting = [
            each
            for each in redeemed
            if each.subscription in mine and each.acts(document.at) and each.coupon.takes(unit)
        ]
        offs = offs_of(acting, unit)
        sold = document.total - document.tax
        if not sold + document.discount and any(not each.coupon.recurring for each in redeemed):
            return None  # a coupon for one document may have come too early for this one
        percents = percents_of(document.end, sold) if self.adds_tax else ()
        if offs is None or percents is None:
            return None
        whole, subtotal = WholeSum(unit, offs, percents), sold + document.discount
        if whole.discount(subtotal) != document.discount or whole.tax(sold) != document.tax:
            return None
        return whole.total(subtotal + more)

    def _add(self, line: LineFigures, found: dict[str, _More], codes: Mapping[str, str]) -> None:
        """Note what a line comes to beyond what it was, if it is priced anew."""
        document, item, price, offer, kind, part, quantity, amount = line
        charge = (offer, price, kind, codes[document])
        known = self.amounts.get(charge, _NOT_YET)
        if known is _NOT_YET:
            known = self.amounts[charge] = self._look_up(*charge)
        if known is None:
            return
        if isinstance(known, str):
            self._set_apart((offer, price or kind, known, codes[document]), amount)
            return
        before = found.get(document, 0)
        if before is None or part or kind not in _SIMPLE or (self.adds_tax and not amount):
            found[document] = None  # what asked for nothing was never taxed
            return
        try:
            found[document] = before + known.of(item, quantity) - amount
        except RuleError:  # told where the document is reckoned
            found[document] = None

    def _look_up(self, offer: str, price: str, kind: str, code: str) -> _Amounts:
        """Give the amounts of a charge's lines; None for one that stays, or why it is apart."""
        if not offer or kind == "item":
            return None
        trial = self.trials.trial(offer, currency(code))
        charge = trial.charges.get(price)
        if charge is None and trial.gone:
            return trial.gone
        if charge is not None and charge.fate == "apart":
            return charge.why
        changed = charge.fate == "changed" if charge else kind == "setup" and trial.setup_changes
        return LineAmounts(trial, kind, price) if changed else None

    def _set_apart(self, key: tuple[str, str, str, str], amount: int) -> None:
        if key not in self.apart and len(self.apart) >= _MOST_APART:
            key = ("", "", _OTHERS, key[3])
        counted = self.apart.setdefault(key, [0, 0])
        counted[0] += 1
        counted[1] += amount

    # --- by documents -----------------------------------------------------------------------------

    def _reckon(
        self,
        customers: Collection[str],
        issued: Mapping[str, int],
        totals: Mapping[tuple[str, str], list[int]],
    ) -> None:
        """Reckon all documents of customers again, and count those that were looked at."""
        for (customer, _), sums in totals.items():
            if customer in customers:
                sums[2] = 0
        for each in retried(self.unit, self.trials, customers, self.until, self.taxing):
            invoice = each.document.invoice
            if invoice.id in issued:
                code = invoice.currency.code
                totals[invoice.customer, code][2] += each.total
                if each.why:
                    offers = [charge.item.offer for charge in each.document.due.charges]
                    key = (next(iter(offers), ""), "", each.why[:_LONGEST], code)
                    self._set_apart(key, issued[invoice.id])

    def told(self) -> Backtest:
        """Give what came out."""
        met = {offer for offer, *_ in self.amounts if offer} | set(self.trials.sold)
        added = {name for ref in met for name in self.trials.trial(ref).added}
        return Backtest(
            since=self.since,
            until=self.until,
            customers=tuple(self.found),
            not_compared=tuple(
                NotCompared(plan, charge, why, count, Money(minor, currency(code)))
                for (plan, charge, why, code), (count, minor) in sorted(self.apart.items())
            ),
            added=tuple(sorted(added)),
        )


def _difference(customer: str, code: str, sums: Sequence[int]) -> CustomerDifference:
    unit, (documents, issued, now) = currency(code), sums
    return CustomerDifference(customer, unit, documents, Money(issued, unit), Money(now, unit))


def _prices(trials: Iterable[Trial]) -> Collection[str] | None:
    """Give the prices whose lines have to be looked at; None where they are too many to name."""
    found = {
        id_ for each in trials for id_, charge in each.charges.items() if charge.fate != "kept"
    }
    found |= {"" for each in trials if each.setup_changes or each.gone}
    return found if len(found) <= _MOST_PRICES else None


def _changes_usage(trial: Trial) -> bool:
    return any(
        each.fate == "changed" and each.price.basis == "usage" for each in trial.charges.values()
    )


def _adds_tax(unit: Unit, version: int) -> bool:
    """Whether tax rules ever add a tax to what is sold, or leave that to others."""
    rules = published_tax_rules(unit, version)
    return bool(rules.engine) or any(not each.inclusive for each in rules.rates)


def _is_plain(due: str) -> bool:
    """Whether all of a due is charged to everybody alike for a whole period."""
    return not any(word in due for word in _NOT_PLAIN) and _PART.search(due) is None


def _words(refs: Iterable[str]) -> frozenset[str]:
    """Give plan versions as a due writes them."""
    return frozenset(json.dumps(ref, ensure_ascii=False) for ref in refs)


def _names(due: str, words: Collection[str]) -> bool:
    """Whether any item of a due is on one of these plan versions."""
    return bool(words) and any(word in words for word in _OFFER.findall(due))
