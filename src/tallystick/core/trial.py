"""A plan version on trial: what its charges would be by another plan, price by price.

Each charge of the plan finds its counterpart in the other: the price of the same id, else the only
one that counts the same (the same meter, seats, nothing).  What has no counterpart, or one that is
charged at another cadence, is set apart and keeps what it came to: nothing is guessed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from tallystick.core.canonical import price_to_tree
from tallystick.core.frozen import FrozenDict
from tallystick.core.meter import definition, meter_of, meters_of
from tallystick.core.money import settle
from tallystick.core.number import ZERO
from tallystick.core.price import Dynamic, Percentage
from tallystick.core.rating import rate
from tallystick.core.rating.pieces import pieces_of
from tallystick.core.rating.usage import Quantity
from tallystick.core.span import fee_exact
from tallystick.core.subscription import MAIN, Item
from tallystick.core.terms import cadence_of_price, prices_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.meter import Meter
    from tallystick.core.price import Price

__all__ = ["Counterpart", "Fate", "LineAmounts", "Trial", "tried"]

Fate: TypeAlias = Literal["kept", "changed", "apart"]
"""What becomes of a charge: it stays as it is, it is priced anew, or it cannot be compared."""

_WORDS: Final = frozenset({"id", "name", "description", "unit", "meter", "provider_id"})
_BY_EVENT: Final = (Percentage, Dynamic)
_KEPT: Final = 100_000
_NOTHING: Final = Quantity(ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """What became of one charge of a plan.

    `price` is what it is charged by, under the id of old.  `why` says why it cannot be compared.
    `anew` is usage that has to be counted anew, as the quantity that was billed counts something
    else.  `same_id` says that what was agreed with one customer for this price holds on.
    """

    price: Price
    fate: Fate
    why: str = ""
    anew: bool = False
    same_id: bool = True

    @property
    def holds_agreements(self) -> bool:
        """Whether what was agreed with one customer for this price says what it pays now."""
        if self.fate == "changed":
            return self.same_id
        return self.price.basis != "usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A plan version as it is tried: its own identity, charges by price id, the other's figures.

    `setup_changes` says that its set-up fee is another one, and `gone` why nothing of it can be
    compared.  `added` names what the other plan charges and this one never did.  `whole` says that
    single lines cannot tell what a document comes to: a minimum commitment, usage that is counted
    anew, a price that asks for something where nothing was used.
    """

    plan: Plan[Any]
    charges: Mapping[str, Counterpart]
    setup_changes: bool = False
    gone: str = ""
    added: tuple[str, ...] = ()
    whole: bool = False

    @property
    def changes(self) -> bool:
        """Whether anything is priced anew."""
        return self.setup_changes or any(each.fate == "changed" for each in self.charges.values())


class _Side(NamedTuple):
    """A plan, and the meters that its catalogue declares."""

    plan: Plan[Any]
    meters: Mapping[str, Meter]


def tried(old: Plan[Any], new: Plan[Any] | None) -> Trial:
    """Try a plan version by another plan; None is one that is not there any more."""
    mine = _charges_of(old)
    if new is None or new.currency != old.currency:
        why = "there is no such plan" if new is None else f"{new.id} is sold in {new.currency}"
        apart = {id_: _apart(price, why) for id_, price in mine.items()}
        return Trial(plan=_plan(old, old, apart), charges=FrozenDict(apart), gone=why)
    theirs = dict(_charges_of(new))
    pairs = _paired(mine, theirs)
    sides = _side(old), _side(new)
    charges = {
        id_: _compared(*sides, price, theirs.get(pairs.get(id_, ""))) for id_, price in mine.items()
    }
    added = [id_ for id_ in theirs if id_ not in pairs.values()]
    added += _new_sums(old, new)
    trial = Trial(
        plan=_plan(old, new, charges),
        charges=FrozenDict(charges),
        setup_changes=old.setup_fee not in {ZERO, new.setup_fee},
        added=tuple(f"{new.id}: {name}" for name in added),
    )
    whole = trial.changes or old.minimum_commitment != trial.plan.minimum_commitment
    return replace(trial, whole=whole and _is_whole(old, mine, charges))


def _side(plan: Plan[Any]) -> _Side:
    return _Side(plan, {} if plan.catalog is None else meters_of(plan.catalog))


def _charges_of(plan: Plan[Any]) -> Mapping[str, Price]:
    return prices_of(Item(MAIN, plan.ref), {plan.ref: plan})


def _new_sums(old: Plan[Any], new: Plan[Any]) -> list[str]:
    """Name the sums that only the other plan asks for: no document has a line for them."""
    found = ["set-up fee"] if new.setup_fee and not old.setup_fee else []
    if new.minimum_commitment is not None and old.minimum_commitment is None:
        found.append("minimum commitment")
    return found


# --- counterparts ---------------------------------------------------------------------------------


def _paired(mine: Mapping[str, Price], theirs: Mapping[str, Price]) -> dict[str, str]:
    """Give the counterpart of prices by id: the same id, else the only one of its kind left."""
    found = {id_: id_ for id_ in mine if id_ in theirs}
    left: dict[tuple[str, str], list[str]] = defaultdict(list)
    asked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for kinds, prices in ((left, theirs), (asked, mine)):
        for id_, price in prices.items():
            if id_ not in found:
                kinds[_kind(price)].append(id_)
    for kind, ids in asked.items():
        if len(ids) == len(left[kind]) == 1:
            found[ids[0]] = left[kind][0]
    return found


def _kind(price: Price) -> tuple[str, str]:
    return price.basis, (price.meter or price.id) if price.basis == "usage" else ""


def _compared(old: _Side, new: _Side, price: Price, other: Price | None) -> Counterpart:
    if other is None:
        return _apart(price, f"{new.plan.id} has no price for it")
    if cadence_of_price(price, old.plan) != cadence_of_price(other, new.plan):
        return _apart(price, f"{new.plan.id} charges {other.id} at another interval")
    metered = price.basis == "usage"
    if metered != (other.basis == "usage"):
        return _apart(price, f"{new.plan.id} counts something else for {other.id}")
    same_id = other.id == price.id
    anew = metered and _counts_anew(old, new, price, other)
    if not anew and _figures(price) == _figures(other):
        return Counterpart(price=_fixed(price), fate="kept", same_id=same_id)
    by_event = isinstance(price.shape, _BY_EVENT) or isinstance(other.shape, _BY_EVENT)
    named = replace(
        other,
        id=price.id,
        meter=(other.meter or other.id) if metered else None,
        interval=price.interval,
        interval_count=price.interval_count,
    )
    return Counterpart(price=named, fate="changed", anew=anew or by_event, same_id=same_id)


def _counts_anew(old: _Side, new: _Side, price: Price, other: Price) -> bool:
    """Whether two prices count something else: another meter, or by other groups."""
    key, other_key = price.meter or price.id, other.meter or other.id
    if price.group_by != other.group_by or key != other_key:
        return True
    mine, theirs = meter_of(old.plan, key, old.meters), meter_of(new.plan, key, new.meters)
    return definition(mine) != definition(theirs) or mine.rounding != theirs.rounding


def _figures(price: Price) -> dict[str, object]:
    """Give all of a price that its amounts depend on."""
    tree = price_to_tree(price)
    return {name: value for name, value in tree.items() if name not in _WORDS}


def _apart(price: Price, why: str) -> Counterpart:
    return Counterpart(price=_fixed(price), fate="apart", why=why)


def _fixed(price: Price) -> Price:
    """Give a price that keeps the amounts of its lines: a fee as it is, usage as it was billed."""
    if price.basis != "usage":
        return price
    return replace(
        price,
        shape=Dynamic(),
        convert=None,
        included=ZERO,
        minimum_quantity=ZERO,
        discount=None,
        minimum=None,
        maximum=None,
        allow_negative=True,  # a late line may give back
    )


# --- the plan -------------------------------------------------------------------------------------


def _plan(old: Plan[Any], new: Plan[Any], charges: Mapping[str, Counterpart]) -> Plan[Any]:
    """Give the plan version as it is tried; what its features charge stands among its prices."""
    features = {key: replace(each, unit_price=None) for key, each in new.features.items()}
    commitment = new.minimum_commitment if old.minimum_commitment is not None else None
    return replace(
        old,
        prices=tuple(each.price for each in charges.values()),
        features=features,
        setup_fee=new.setup_fee,
        minimum_commitment=commitment,
        catalog=new.catalog,
    )


def _is_whole(
    old: Plan[Any], mine: Mapping[str, Price], charges: Mapping[str, Counterpart]
) -> bool:
    usage = [each for each in charges.values() if each.fate == "changed"]
    usage = [each for each in usage if each.price.basis == "usage"]
    if old.minimum_commitment is not None or any(each.anew for each in usage):
        return True
    if usage and old.invoice_threshold is not None:
        return True
    if any(mine[id_].basis != each.price.basis for id_, each in charges.items()):
        return True
    return any(_asks_for_nothing(each.price) for each in usage if not each.price.group_by)


def _asks_for_nothing(price: Price) -> bool:
    """Whether a price asks for something where nothing was used."""
    return bool(rate(price, _NOTHING).amount.minor)


class LineAmounts:
    """What lines of one charge come to for a whole period, minor units, each worked out once.

    For a fee, usage or a set-up fee (`kind`) whose price is charged to everybody alike.
    """

    def __init__(self, trial: Trial, kind: str, price_id: str) -> None:
        """Know none yet."""
        self._trial, self._kind, self._price_id = trial, kind, price_id
        self._known: dict[tuple[str, str], int] = {}
        price = None if kind != "usage" else trial.charges[price_id].price
        self._pieces = None if price is None else pieces_of(price)

    def of(self, item: str, quantity: str) -> int:
        """Give the amount of a line of an item, for a quantity as a plain text.

        Raises InvalidUsage, OutOfBounds.
        """
        found = self._known.get((item, quantity))
        if found is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            found = self._known[item, quantity] = self._amount(item, Decimal(quantity))
        return found

    def _amount(self, item: str, quantity: Decimal) -> int:
        if self._pieces is not None and quantity >= 0:
            return self._pieces.minor(quantity)
        plan = self._trial.plan
        if self._kind == "setup":
            return settle(plan.setup_fee, plan.currency).minor
        price = self._trial.charges[self._price_id].price
        if self._kind == "usage":
            return rate(price, Quantity(quantity)).amount.minor
        exact = fee_exact(price, Item(item, plan.ref, seats=int(quantity)))
        return settle(exact, price.currency).minor
