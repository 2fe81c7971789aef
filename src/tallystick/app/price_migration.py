"""Price migrations: what each customer would pay, planning one, and how it stands.

Looking reckons what planning does, by the same code, and stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.offers import Offers, sold_now
from tallystick.app.price_difference import compared
from tallystick.app.subscription_terms import group_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.given import ids_at, instant_at, whole_at
from tallystick.core.money import Money
from tallystick.core.number import ZERO, plain, quantity_of
from tallystick.core.page import Page, page_size
from tallystick.core.period import cadence_of, instant_text, to_the_second
from tallystick.core.price_migration import PriceMigration
from tallystick.core.property import shown
from tallystick.core.text import id_at, refused_at
from tallystick.errors import (
    Conflict,
    CurrencyMismatch,
    NotFound,
    PriceCapExceeded,
    UnknownPlan,
)
from tallystick.storage import catalogs, customers, price_migrations, subscriptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tallystick.core.catalog import Plan
    from tallystick.core.currency import Currency
    from tallystick.core.period import Instant
    from tallystick.core.price_migration import PriceMove
    from tallystick.storage.unit import Unit

__all__ = [
    "AskedMigration",
    "MigrationPreview",
    "get_price_migration",
    "list_price_migrations",
    "list_price_moves",
    "plan_price_migration",
    "preview_price_migration",
]

_AT_ONCE: Final = 500
_LONGEST_NOTICE: Final = 3_650  # days
_MOST_STAGES: Final = 100
_NAMED: Final = 20
_STATUSES: Final = (None, "planned", "moved", "skipped", "undone")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedMigration:
    """What a call says of a price migration, as it was said."""

    plan: object
    to: object
    at: object = None
    customers: object = None
    without: object = ()
    notice_days: object = 0
    cap_percent: object = None
    stages: object = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPreview:
    """What a price migration would do: each subscription, who is to pay most more first.

    Those that would not be moved come last, each with its reason; `before` and `after` are the sums
    of the others, for a period of each, in the plan's own currency, and `totals` in each.
    """

    migration: PriceMigration
    moves: tuple[PriceMove, ...]
    before: Money
    after: Money

    @property
    def totals(self) -> tuple[tuple[Money, Money], ...]:
        """The sums before and after in each currency, the plan's own first."""
        going = [each for each in self.moves if each.status == "planned"]
        units = {each.before.currency for each in going if each.before is not None}
        others = sorted(units - {self.before.currency})
        return ((self.before, self.after), *(_sums(going, unit) for unit in others))

    @property
    def over_cap(self) -> tuple[PriceMove, ...]:
        """Those that would pay more than the cap; with any of them it cannot be planned."""
        cap = self.migration.cap_percent
        return tuple(each for each in self.moves if each.status == "planned" and each.exceeds(cap))


def preview_price_migration(
    unit: Unit, at: Instant, asked: AskedMigration, id_: str = ""
) -> MigrationPreview:
    """Tell what a price migration would do; stores nothing.

    Raises UnknownPlan; NotFound for a customer; InvalidInput; Conflict where a plan is paid once,
    is not offered, or is of another group or currency.
    """
    unit.as_all()
    at = to_the_second(at)
    offers = Offers(unit)
    made = _read(unit, at, asked, id_)
    target = _checked(offers, made)
    moves: list[PriceMove] = []
    last: str | None = None
    while some := subscriptions.on_offers(unit, made.from_offers, _AT_ONCE, last):
        last = some[-1].id
        these = [each for each in some if _is_meant(made, each.customer)]
        moves += compared(unit, offers, made, at, these)
    going = [each for each in moves if each.status == "planned"]
    before, after = _sums(going, target.currency)
    ordered = tuple(sorted(moves, key=_worst_first))
    return MigrationPreview(migration=made, moves=ordered, before=before, after=after)


def _sums(moves: Sequence[PriceMove], unit: Currency) -> tuple[Money, Money]:
    """Add up the prices before and after of those that pay in a currency."""
    before, after = (
        [each for each in some if each is not None and each.currency == unit]
        for some in ((each.before for each in moves), (each.after for each in moves))
    )
    return Money.total(before, unit), Money.total(after, unit)


def plan_price_migration(
    unit: Unit, at: Instant, id_: str, asked: AskedMigration
) -> PriceMigration:
    """Plan a price migration: nobody is moved before it is run.

    A repeat with the same id and words gives what the first call planned.

    Raises PriceCapExceeded, naming who would pay more than the cap; Conflict where nobody can be
    moved or the id is taken; what `preview_price_migration` raises.
    """
    key = id_at(id_, "id")
    unit.as_all()
    known = price_migrations.find_migration(unit, key)
    if known is not None:
        return _repeated(unit, asked, known)
    found = preview_price_migration(unit, at, asked, key)
    _check_cap(found)
    if not any(each.status == "planned" for each in found.moves):
        first = next((f": {each.reason}" for each in found.moves), "")
        raise Conflict(
            f"there is nobody to move from {', '.join(found.migration.from_offers[:5])}{first}"
        )
    price_migrations.add_migration(unit, found.migration, found.moves, found.before.currency)
    return get_price_migration(unit, key)


def get_price_migration(unit: Unit, id_: str, *, lock: bool = False) -> PriceMigration:
    """Give a price migration; lock it until the transaction ends if asked.  Raises NotFound."""
    key = id_at(id_, "id")
    unit.as_all()
    found = price_migrations.find_migration(unit, key, lock=lock)
    if found is None:
        raise NotFound("price migration", key)
    return found


def list_price_migrations(
    unit: Unit, *, limit: int = 20, starting_after: str | None = None
) -> Page[PriceMigration]:
    """Give a page of price migrations in the order of their ids."""
    unit.as_all()
    size = page_size(limit)
    after = None if starting_after is None else id_at(starting_after, "starting_after")
    found = price_migrations.list_migrations(unit, size + 1, after)
    return Page(found[:size], found[size - 1].id if len(found) > size else None)


def list_price_moves(
    unit: Unit,
    id_: str,
    *,
    status: str | None = None,
    limit: int = 20,
    starting_after: str | None = None,
) -> Page[PriceMove]:
    """Give a page of the subscriptions of a price migration, in the order of their ids.

    Raises NotFound, InvalidInput.
    """
    if status not in _STATUSES:
        raise refused_at("status", f"is planned, moved, skipped or undone, not {shown(status)}")
    size = page_size(limit)
    after = None if starting_after is None else id_at(starting_after, "starting_after")
    key = get_price_migration(unit, id_).id
    found = price_migrations.moves_of(
        unit,
        key,
        size + 1,
        after,
        status=status,  # type: ignore[arg-type]  # it is one of them
    )
    return Page(found[:size], found[size - 1].subscription if len(found) > size else None)


# --- what is asked for ----------------------------------------------------------------------------


def _read(unit: Unit, at: Instant, asked: AskedMigration, id_: str) -> PriceMigration:
    """Read what a call says.  Raises UnknownPlan, NotFound, InvalidInput."""
    target = sold_now(unit, id_at(asked.to, "to"))
    notice = whole_at(asked.notice_days, "notice_days")
    if notice > _LONGEST_NOTICE:
        raise refused_at("notice_days", f"is at most {_LONGEST_NOTICE:,}")
    made = PriceMigration(
        id=id_,
        from_offers=_from_offers(unit, asked.plan, target),
        to_offer=target.ref,
        at=at,
        planned_at=at,
        customers=None if asked.customers is None else _people(unit, asked.customers, "customers"),
        without=_people(unit, asked.without, "without"),
        notice_days=notice,
        cap_percent=_cap(asked.cap_percent),
        stages=_stages(asked.stages),
    )
    first = made.since(at)
    date = first if asked.at is None else instant_at(asked.at, "at")
    if notice and date < first:
        raise refused_at("at", f"is before {instant_text(first)}, when {notice} days' notice ends")
    return replace(made, at=date)


def _from_offers(unit: Unit, plan: object, target: Plan[Any]) -> tuple[str, ...]:
    """Read which plan versions are left: `pro@1`, `pro` for all older ones, or several of these."""
    several = (plan,) if isinstance(plan, str) else ids_at(plan, "plan")
    found = dict.fromkeys(
        ref for named in several for ref in _versions(unit, id_at(named, "plan"), target)
    )
    if target.ref in found:
        raise refused_at("plan", f"names {target.ref}, to which they are to be moved")
    if not found:
        raise refused_at("plan", f"names no version older than {target.ref}")
    return tuple(found)


def _versions(unit: Unit, named: str, target: Plan[Any]) -> tuple[str, ...]:
    if "@" in named:
        return (Offers(unit)[named].ref,)
    newest = catalogs.newest_plans(unit).get(named)
    if newest is None:
        raise UnknownPlan(named)
    count = target.version - 1 if named == target.id else newest.version
    return tuple(f"{named}@{number}" for number in range(1, count + 1))


def _people(unit: Unit, given: object, path: str) -> tuple[str, ...]:
    """Read customers by their ids.  Raises NotFound for one that there is not."""
    ids = sorted(set(ids_at(given, path)))
    known = customers.several(unit, ids)
    lost = next((each for each in ids if each not in known), None)
    if lost is not None:
        raise NotFound("customer", lost)
    return tuple(ids)


def _cap(given: object) -> Decimal | None:
    return None if given is None else quantity_of(given, "cap_percent")


def _stages(given: object) -> tuple[int, ...]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise refused_at("stages", f"is a list of numbers, not {shown(given)}")
    sizes = tuple(islice(given, _MOST_STAGES + 1))
    if len(sizes) > _MOST_STAGES:
        raise refused_at("stages", f"has more than {_MOST_STAGES} entries")
    for place, size in enumerate(sizes):
        if not whole_at(size, f"stages[{place}]"):
            raise refused_at(f"stages[{place}]", "takes nobody: 1 is the least")
    return sizes


def _checked(offers: Offers, made: PriceMigration) -> Plan[Any]:
    """Hold the plan versions to what a change can do; give the one they are moved to."""
    target = offers[made.to_offer]
    if not target.active or target.custom:
        raise Conflict(f"plan {target.ref} is not offered: nobody can be moved to it")
    for plan in (target, *(offers[ref] for ref in made.from_offers)):
        if cadence_of(plan) is None:
            raise Conflict(f"plan {plan.ref} is paid once: it has no period that ends")
        if plan.currency not in target.sold_in:
            text = f"plan {plan.ref} is sold in {plan.currency}, {target.ref} in {target.currency}"
            raise CurrencyMismatch(text, {"plan": [text]})
        if group_of(plan) != group_of(target):
            groups = f"{group_of(plan)!r}, {target.ref} in {group_of(target)!r}"
            raise Conflict(f"plan {plan.ref} stands in group {groups}")
    return target


def _is_meant(made: PriceMigration, customer: str) -> bool:
    return customer not in made.without and (made.customers is None or customer in made.customers)


def _repeated(unit: Unit, asked: AskedMigration, known: PriceMigration) -> PriceMigration:
    """Give what was planned under an id, if these are the words that it was planned with."""
    again = _read(unit, known.planned_at, asked, known.id)
    if again != replace(known, state="planned", stage=0, counts=FrozenDict()):
        raise Conflict(f"there is another price migration {known.id!r} already", id=known.id)
    return known


# --- the cap --------------------------------------------------------------------------------------


def _check_cap(found: MigrationPreview) -> None:
    over, cap = found.over_cap, found.migration.cap_percent
    if not over or cap is None:
        return
    named = [f"{each.name or each.customer} ({each.customer}) {_more(each)}" for each in over]
    count = len({each.customer for each in over})
    rest = len(over) - _NAMED
    more = f", and {rest} more" if rest > 0 else ""
    raise PriceCapExceeded(
        f"{count} customer{'' if count == 1 else 's'} would pay over {plain(cap)} % more:"
        f" {', '.join(named[:_NAMED])}{more}. Leave them out, raise the cap, or publish other"
        " prices",
        list(dict.fromkeys(each.customer for each in over))[:_NAMED],
        count,
    )


def _more(part: PriceMove) -> str:
    return f"{part.change} from nothing" if part.percent is None else f"+{plain(part.percent)} %"


def _worst_first(part: PriceMove) -> tuple[Any, ...]:
    """Order by who is to pay most more, for whom there was no price before first of all."""
    change, percent = part.change, part.percent
    skipped = part.status == "skipped" or change is None
    return (
        skipped,
        percent is not None,
        -(percent or ZERO),
        0 if change is None else -change.minor,
        part.subscription,
    )
