"""The usage that the drafts of one batch stand on, read together when the first of them asks.

One draft that cannot be read is that draft's affair: it is told when it asks.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tallystick.app.billed_slices import Slices, is_sliced
from tallystick.app.billed_usage import Asked, UsageReader
from tallystick.app.late_usage import LateUsage
from tallystick.errors import TallystickError
from tallystick.storage.invoice_lines import billed_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.app.offers import Offers
    from tallystick.core.charge import Charge
    from tallystick.core.invoice import InvoiceLine
    from tallystick.core.minimum import Settled
    from tallystick.core.reckoned_lines import Late, Used
    from tallystick.storage.invoice_rows import Draft
    from tallystick.storage.unit import Unit

__all__ = ["UsageOfDrafts"]


class UsageOfDrafts:
    """What was used for the charges of some drafts, what came late for them, what is billed of it.

    The drafts are asked for in the order in which they are issued, and `issued` tells of each.
    """

    def __init__(
        self, unit: Unit, offers: Offers, drafts: Sequence[Draft], *, again: bool = False
    ) -> None:
        """Read nothing yet; `again` is for one document as it was when it was made."""
        self._again = again
        self._unit, self._offers = unit, offers
        self._drafts = sorted(drafts, key=lambda each: each.turn)

    @cached_property
    def _reader(self) -> UsageReader:
        """Read all that the drafts measure."""
        reader = UsageReader(self._unit, self._offers)
        for draft in self._drafts:
            asked = [
                Asked(draft.customer, charge, draft.finalize_at)
                for charge in draft.due.charges
                if _is_measured(charge)
            ]
            try:
                reader.ask(asked)
            except (TallystickError, KeyError):
                continue  # it is told again when this draft is reckoned
        return reader

    @cached_property
    def _late(self) -> LateUsage:
        return LateUsage(self._unit, self._offers, self._drafts, self._reader, again=self._again)

    @cached_property
    def _slices(self) -> Slices:
        """Read what slices billed, where a plan has a threshold."""
        slices = Slices(self._offers, self._reader)
        wanted = {
            (draft.customer, draft.subscription_id)
            for draft in self._drafts
            if draft.subscription_id is not None
            and any(self._is_sliced(charge) for charge in draft.due.charges)
        }
        if wanted:
            slices.add_billed(billed_lines(self._unit, wanted))
        return slices

    def _is_sliced(self, charge: Charge) -> bool:
        try:
            return is_sliced(charge, self._offers)
        except TallystickError:
            return False

    def used_for(self, draft: Draft) -> dict[int, tuple[Used, ...]]:
        """Give what was used for each charge of a draft that measures, by its place."""
        late = self._late  # what it will ask for is read in the same statements
        assert late is not None  # noqa: S101 - it was just made
        found: dict[int, tuple[Used, ...]] = {}
        for place, charge in enumerate(draft.due.charges):
            if _is_measured(charge):
                asked = Asked(draft.customer, charge, draft.finalize_at)
                used = self._reader.used_for(asked)
                sliced = self._is_sliced(charge)
                if sliced:
                    used = self._slices.rest(draft, charge, used, again=self._again)
                found[place] = used
        return found

    def late_for(self, draft: Draft) -> tuple[Late, ...]:
        """Give the windows that were billed before and may come to something else now."""
        return self._late.late_for(draft)

    def settled_for(self, draft: Draft, late: Sequence[Late]) -> tuple[Settled, ...]:
        """Give the minimum commitments that were settled before what is late now counted."""
        return self._late.settled_for(draft, late)

    def issued(self, draft: Draft, lines: Iterable[InvoiceLine]) -> None:
        """Note what a draft came to, for those that follow."""
        taken = tuple(lines)
        self._late.issued(draft, taken)
        self._slices.issued(draft, taken)


def _is_measured(charge: Charge) -> bool:
    return charge.kind == "usage" or charge.by_value
