"""The plan versions of a ledger on trial: each as it would be by a plan of another catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.offers import Offers
from tallystick.core.frozen import FrozenDict
from tallystick.core.trial import tried
from tallystick.errors import InvalidInput, UnknownPlan
from tallystick.storage import catalogs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.charge import Charge
    from tallystick.core.currency import Currency
    from tallystick.core.trial import Counterpart, Trial
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.unit import Unit

__all__ = ["Trials"]

_MOST: Final = 1_000
_LONGEST: Final = 200


class Trials(Offers):
    """Plans by their refs, `pro@2`, each charging what another catalogue asks for.

    A plan is tried by the one of its id, unless `plans` names another: for all versions of it
    (`{"pro": "team"}`), or for one (`{"pro@1": "team"}`).
    """

    def __init__(
        self, unit: Unit, catalog: Catalog[Any, Any], plans: Mapping[str, str] | None = None
    ) -> None:
        """Read from a transaction.

        Raises UnknownPlan for a plan that was never published, or that the catalogue has not;
        InvalidInput for what is no mapping of plans.
        """
        super().__init__(unit)
        self._catalog, self._plans = catalog, _checked(plans)
        self._trials: dict[tuple[str, Currency | None], Trial] = {}
        published = catalogs.refs(unit)
        known = {*published, *(ref.rpartition("@")[0] for ref in published)}
        for mine, theirs in self._plans.items():
            if mine not in known:
                raise UnknownPlan(mine[:_LONGEST])
            catalog[theirs]  # UnknownPlan, now rather than at the first customer
        self._published = published
        self.sold = catalogs.sold(unit)

    def trial(self, ref: str, currency: Currency | None = None) -> Trial:
        """Give what becomes of a plan version, in one of its currencies; None is its own.

        Raises UnknownPlan, CurrencyMismatch.
        """
        found = self._trials.get((ref, currency))
        if found is None:
            whole = super()._read(ref)
            old = whole.in_currency(currency or whole.currency)
            named = self._plans.get(ref) or self._plans.get(old.id) or old.id
            new = self._catalog.find(named)
            if new is not None and old.currency in new.sold_in:
                new = new.in_currency(old.currency)
            found = self._trials[ref, currency] = tried(old, new)
        return found

    def every(self) -> Iterator[tuple[str, Trial]]:
        """Give every plan version that was published, by its ref, as it is tried.

        Once for each currency that it is sold in.
        """
        for ref in self._published:
            yield ref, self.trial(ref)
            for each in super()._read(ref).currencies:
                yield ref, self.trial(ref, each.currency)

    def is_changed(self, charge: Charge) -> bool:
        """Whether a charge is priced anew."""
        found = self._counterpart(charge)
        return found is not None and found.fate == "changed"

    def counts_anew(self, charge: Charge) -> bool:
        """Whether a charge is priced anew by a quantity that no document has."""
        found = self._counterpart(charge)
        return found is not None and found.anew

    def agreed(self, document: Document) -> Document:
        """Give a document with what was agreed with its customer for prices that there still are.

        What stays as it was billed needs no agreement.
        """
        if not any(charge.item.overrides for charge in document.due.charges):
            return document
        charges = tuple(map(self._agreed, document.due.charges))
        return replace(document, due=replace(document.due, charges=charges))

    def _agreed(self, charge: Charge) -> Charge:
        counterparts = self._trial_of(charge).charges
        overrides = {
            price: fields
            for price, fields in charge.item.overrides.items()
            if price in counterparts and counterparts[price].holds_agreements
        }
        return replace(charge, item=replace(charge.item, overrides=FrozenDict(overrides)))

    def _counterpart(self, charge: Charge) -> Counterpart | None:
        if charge.kind == "setup":
            return None
        return self._trial_of(charge).charges.get(charge.price)

    def _trial_of(self, charge: Charge) -> Trial:
        return self.trial(charge.item.offer, charge.item.currency)

    def _read(self, ref: str) -> Plan[Any]:
        others = [each.currency for each in super()._read(ref).currencies]
        return self.trial(ref).plan.resolved_as({u: self.trial(ref, u).plan for u in others})


def _checked(plans: Mapping[str, str] | None) -> dict[str, str]:
    if plans is None:
        return {}
    try:
        named = dict(plans)
    except (TypeError, ValueError):
        named = {"": ""}
    if len(named) > _MOST or not all(
        isinstance(word, str) and word for pair in named.items() for word in pair
    ):
        text = f"is a mapping of plans to plans, at most {_MOST:,}"
        raise InvalidInput(f"plans {text}", {"plans": [text]})
    return named
