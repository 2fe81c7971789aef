"""What a provider that bills has to be told of usage, and whether it knows what we know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.number import exact_sum
from tallystick.core.usage_report import first_report, next_report, told_window
from tallystick.errors import NotFound
from tallystick.storage.meter_reports import add_reports, put_reports, reports_of
from tallystick.storage.usage_batch import Ask, read_many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from tallystick.core.meter import Meter
    from tallystick.core.period import Instant
    from tallystick.core.usage_report import Metered, UsageReport
    from tallystick.ports import Ids, Provider
    from tallystick.storage.unit import Unit

__all__ = ["Reporting", "UsageDifference", "begin_reports", "compared"]


@dataclass(frozen=True, slots=True)
class Reporting:
    """What reporting stands on: who is told, the meters by key, and new names for our rows."""

    provider: Provider
    meters: Mapping[str, Meter]
    ids: Ids

    def meter(self, name: str) -> Meter:
        """Give a meter by its key.  Raises NotFound."""
        if name not in self.meters:
            raise NotFound("meter", name)
        return self.meters[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDifference:
    """A window of which a provider does not know what we know.

    `used` is what we count by now, `reported` what it was told, `known` what it has added up.
    """

    metered: Metered
    used: Decimal
    reported: Decimal
    known: Decimal


def begin_reports(unit: Unit, at: Instant, how: Reporting, metered: Sequence[Metered]) -> int:
    """Store what a provider is to be told now; count it.

    A window of which it has not answered yet is left alone until it has.  Raises NotFound for a
    meter, InvalidInput.
    """
    unit.as_all()
    before = _before(unit, at, how, metered)
    totals = _totals(unit, how, metered)
    pairs = [(was, next_report(was, totals[key], at)) for key, was in before.items()]
    new = [now for was, now in pairs if now is not None and was.number == 0]
    changed = [(was, now) for was, now in pairs if now is not None and was.number > 0]
    add_reports(unit, new)
    put_reports(unit, [was for was, _ in changed], [now for _, now in changed])
    return len(new) + len(changed)


def compared(
    unit: Unit, at: Instant, how: Reporting, metered: Sequence[Metered]
) -> list[tuple[Metered, Decimal, UsageReport]]:
    """Give what is used by now and what was reported of it, for each of these windows."""
    unit.as_all()
    before = _before(unit, at, how, metered)
    totals = _totals(unit, how, metered)
    return [(each, totals[_key(each)], before[_key(each)]) for each in metered]


_Key = tuple[str, str, "Instant"]


def _key(metered: Metered) -> _Key:
    return metered.customer, metered.meter, metered.window.start


def _before(
    unit: Unit, at: Instant, how: Reporting, metered: Sequence[Metered]
) -> dict[_Key, UsageReport]:
    """Give what was told of each window; where nothing was, a report that tells nothing.

    It is read before the usage: what another reports meanwhile is seen, or refused.
    """
    name, account = how.provider.abilities.name, how.provider.account
    known = reports_of(unit, name, account, [_key(each)[:2] for each in metered])
    found = {}
    for each in metered:
        told_window(each.window)
        found[_key(each)] = known.get(_key(each)) or first_report(
            each,
            id_=how.ids.new("mrp"),
            provider=name,
            account=account,
            meter=how.meter(each.meter),
            at=at,
        )
    return found


def _totals(unit: Unit, how: Reporting, metered: Sequence[Metered]) -> dict[_Key, Decimal]:
    asks = [Ask(how.meter(each.meter), each.customer, each.window) for each in metered]
    found = zip(metered, read_many(unit, asks), strict=True)
    return {
        _key(each): exact_sum(*(figure.quantity for figure in figures)) for each, figures in found
    }
