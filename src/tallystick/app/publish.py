"""Publishing a catalogue, and reading what was published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.meters import prepare
from tallystick.app.offers import Offers
from tallystick.core.canonical import digest
from tallystick.core.catalog import Catalog
from tallystick.core.diff import diff
from tallystick.core.lint import lint
from tallystick.core.meter import meters_of
from tallystick.core.period import to_the_second
from tallystick.core.published import (
    CatalogVersion,
    PlanVersion,
    catalog_of_text,
    catalog_text,
    offers,
    versioned,
)
from tallystick.core.text import text_at
from tallystick.errors import Conflict, InvalidCatalog, NotFound, StorageUnavailable, UnknownPlan
from tallystick.storage import catalogs
from tallystick.storage.meter_states import drop_retired, keep_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.app.meters import KeptMeter
    from tallystick.core.catalog import Plan
    from tallystick.core.diff import Change
    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.storage.unit import Storage, Unit

__all__ = [
    "Publication",
    "plan_version",
    "prepare_meters",
    "preview",
    "publish",
    "published",
    "versions",
]

_ATTEMPTS: Final = 5
_LONGEST_NUMBER: Final = 18


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing a catalogue does, or would do.

    `version` is the one that counts then.  `onto` is the number of the one before, which `changes`
    are told from; 0 where there was none.  `plans` are the plan versions that are new: `pro@2`.
    `stored` is False for a preview, and where the newest version says the same already (then
    `unchanged` is True).
    """

    version: CatalogVersion
    onto: int
    changes: tuple[Change, ...] = ()
    plans: tuple[str, ...] = ()
    stored: bool = False
    unchanged: bool = False


def publish(
    unit: Unit,
    at: Instant,
    catalog: Catalog[Any, Any],
    *,
    author: str,
    onto: int | None = None,
) -> Publication:
    """Store a catalogue as the next version, from now on the one that counts.

    Each plan whose offer is not that of its last version gets the next one; the others keep theirs.
    A catalogue with the digest of the newest version changes nothing.  `onto` is the number of
    the version that the author looked at: where another is the newest by now, nothing is stored.

    From then on the roll-ups of its meters are kept, and of those that plan versions sold before
    are billed by; of no other.  `prepare_meters` fills those that are new from the events there
    are.

    Raises InvalidCatalog with every problem, InvalidInput for an author that is no name, Conflict.
    """
    wanted = _Wanted(catalog, text_at(author, "author"))
    for _ in range(_ATTEMPTS):
        found = wanted.compared(unit, at)
        if found.unchanged:
            return found
        if onto is not None and onto != found.onto:
            raise _overtaken(unit, onto)
        plans = wanted.new_plans(unit, found.version.number)
        if catalogs.add(unit, found.version, wanted.text, plans):
            keep_only(unit, [*meters_of(wanted.catalog).values(), *_meters_sold(unit)])
            refs = tuple(plan.ref for plan in plans)
            return Publication(found.version, found.onto, found.changes, refs, stored=True)
    raise StorageUnavailable("others keep publishing at the same moment: try again", again=True)


def prepare_meters(storage: Storage, meters: Iterable[Meter]) -> tuple[KeptMeter, ...]:
    """Fill the roll-ups of these meters from the events, and drop those that nobody keeps.

    May be interrupted, called again, and called by several processes at once; meanwhile every meter
    is read to the same figures.

    Raises StorageUnavailable.
    """
    kept = prepare(storage, meters)
    drop_retired(storage)
    return kept


def preview(unit: Unit, at: Instant, catalog: Catalog[Any, Any], *, author: str) -> Publication:
    """Tell what `publish` would do; stores nothing.  Raises as `publish` does."""
    wanted = _Wanted(catalog, text_at(author, "author"))
    found = wanted.compared(unit, at)
    if found.unchanged:
        return found
    refs = tuple(plan.ref for plan in wanted.new_plans(unit, found.version.number))
    return Publication(found.version, found.onto, found.changes, refs)


def versions(unit: Unit) -> tuple[CatalogVersion, ...]:
    """Give every published version, the newest first."""
    return catalogs.every(unit)


def published(unit: Unit, number: int | None = None) -> Catalog[str, str]:
    """Give a published catalogue, the newest if no number is named, its plans with their versions.

    Raises NotFound.
    """
    if number is None:
        latest = catalogs.newest(unit)
        number = 0 if latest is None else latest.number
        text = None if latest is None else catalogs.text_of(unit, number)
    else:
        text = catalogs.text_of(unit, number) if _is_number(number) else None
    if text is None:
        asked = "newest" if not number else str(number) if _is_number(number) else "no number"
        raise NotFound("published catalogue", asked)
    return versioned(catalog_of_text(text), catalogs.plan_numbers(unit, number))


def plan_version(unit: Unit, ref: str) -> Plan[str]:
    """Give a plan as it was published: `pro@1`, or `pro` for what the newest catalogue sells.

    Its `catalog` is the one that the version came with.  Raises UnknownPlan.
    """
    if not isinstance(ref, str):
        raise UnknownPlan(type(ref).__name__)
    latest = catalogs.newest(unit)
    now = None if latest is None else published(unit, latest.number).find(ref)
    if now is not None:
        return now
    plan_id, at_sign, number = ref.rpartition("@")
    plain = number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER
    found = catalogs.plan(unit, plan_id, int(number)) if at_sign and plain else None
    if found is None:
        raise UnknownPlan(ref)
    return published(unit, found.catalog_number)[plan_id]


def _meters_sold(unit: Unit) -> Iterator[Meter]:
    """Give the meters that plan versions which were sold are billed by."""
    book = Offers(unit)
    for ref in catalogs.sold(unit):
        plan, meters = book[ref], book.meters(ref)
        keys = {price.meter or price.id for price in plan.prices if price.basis == "usage"}
        keys |= {each.meter or each.key for each in plan.features.values() if each.unit_price}
        yield from (meters[key] for key in sorted(keys & meters.keys()))


class _Wanted:
    """A catalogue that shall be published, checked as every other one."""

    def __init__(self, catalog: Catalog[Any, Any], author: str) -> None:
        self.text, self.author = catalog_text(catalog), author
        self.catalog = catalog_of_text(self.text)
        self.digest = digest(self.catalog)
        problems = [found for found in lint(self.catalog) if found.severity == "problem"]
        if problems:
            raise InvalidCatalog(problems)

    def compared(self, unit: Unit, at: Instant) -> Publication:
        """Tell what changed since the newest version."""
        last = catalogs.newest(unit)
        if last is not None and last.digest == self.digest:
            return Publication(last, last.number, unchanged=True)
        onto = 0 if last is None else last.number
        text = None if last is None else catalogs.text_of(unit, onto)
        old = Catalog(products=()) if text is None else catalog_of_text(text)
        version = CatalogVersion(
            number=onto + 1, digest=self.digest, author=self.author, published_at=to_the_second(at)
        )
        return Publication(version, onto, diff(old, self.catalog))

    def new_plans(self, unit: Unit, number: int) -> tuple[PlanVersion, ...]:
        """Give the plans whose offer is not that of their last version."""
        last = catalogs.newest_plans(unit)
        return tuple(
            PlanVersion(
                plan_id=key,
                version=last[key].version + 1 if key in last else 1,
                digest=sha,
                catalog_number=number,
                text=text,
            )
            for key, (sha, text) in offers(self.catalog).items()
            if key not in last or last[key].digest != sha
        )


def _overtaken(unit: Unit, onto: int) -> Conflict:
    last = catalogs.newest(unit)
    number = 0 if last is None else last.number
    by = "nothing is published" if last is None else f"version {number} is by {last.author}"
    return Conflict(
        f"the changes were told from version {onto}, and {by}: look at them again",
        expected=onto,
        published=number,
    )


def _is_number(value: object) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 < value < 10**_LONGEST_NUMBER  # type: ignore[operator]  # it is a whole number here
