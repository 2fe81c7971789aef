"""Running the invariants over a ledger: what was checked, and every row that breaks one."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from tallystick.app.verify_grants import GRANT_CHECKS
from tallystick.app.verify_moves import MOVE_CHECKS
from tallystick.storage.verify import CHECKS
from tallystick.storage.verify_billing import BILLING_CHECKS
from tallystick.storage.verify_checkouts import CHECKOUT_CHECKS
from tallystick.storage.verify_credits import CREDIT_CHECKS
from tallystick.storage.verify_gates import GATE_CHECKS
from tallystick.storage.verify_inbox import INBOX_CHECKS
from tallystick.storage.verify_intents import INTENT_CHECKS
from tallystick.storage.verify_leases import LEASE_CHECKS
from tallystick.storage.verify_mirrors import MIRROR_CHECKS
from tallystick.storage.verify_notices import NOTICE_CHECKS
from tallystick.storage.verify_redemptions import REDEMPTION_CHECKS
from tallystick.storage.verify_taxes import TAX_CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tallystick.storage.unit import Unit
    from tallystick.storage.verify import Check

__all__ = ["ALL_CHECKS", "MOST_ROWS", "Checked", "Report", "verify_ledger"]

ALL_CHECKS: Final[tuple[Check, ...]] = (
    *CHECKS,
    *BILLING_CHECKS,
    *CREDIT_CHECKS,
    *GRANT_CHECKS,
    *REDEMPTION_CHECKS,
    *TAX_CHECKS,
    *NOTICE_CHECKS,
    *MOVE_CHECKS,
    *GATE_CHECKS,
    *LEASE_CHECKS,
    *INTENT_CHECKS,
    *CHECKOUT_CHECKS,
    *MIRROR_CHECKS,
    *INBOX_CHECKS,
)
"""Every check there is, in the order in which they are run."""

MOST_ROWS: Final = 100
"""The most rows that are told of one check."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One check that was run, and the rows that break it; `more` says that there are others."""

    name: str
    invariants: str
    sentence: str
    rows: tuple[Mapping[str, Any], ...]
    more: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing breaks it."""
        return not self.rows


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in their order."""

    checks: tuple[Checked, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing breaks any of them."""
        return all(each.ok for each in self.checks)

    @property
    def broken(self) -> tuple[Checked, ...]:
        """The checks that something breaks."""
        return tuple(each for each in self.checks if not each.ok)


def verify_ledger(unit: Unit, checks: Iterable[Check] = ALL_CHECKS) -> Report:
    """Run every check in one look at the database; changes nothing."""
    unit.as_all()
    return Report(tuple(_checked(unit, check) for check in checks))


def _checked(unit: Unit, check: Check) -> Checked:
    with closing(check.rows(unit)) as found:
        rows = tuple(islice(found, MOST_ROWS + 1))
    told = rows[:MOST_ROWS]
    return Checked(check.name, check.invariants, check.sentence, told, len(rows) > MOST_ROWS)
