"""The few holes in the wall: what the engine asks of the world outside.

A port stands here only where there are two real ways through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from tallystick.core.tax_decision import TaxDecision, TaxQuestion

__all__ = ["Clock", "Ids", "TaxEngine"]


class Clock(Protocol):
    """What time it is: `system.SystemClock`, or `testing.clock.FrozenClock`."""

    def now(self) -> datetime:
        """Give the time, aware and in UTC."""
        ...


class Ids(Protocol):
    """New names for our own rows: `system.SystemIds`, or `testing.ids.CountedIds`."""

    def new(self, prefix: str) -> str:
        """Give an id that was never given before, as `cus_…`; ids sort in the order of birth."""
        ...


class TaxEngine(Protocol):
    """Which rates a document is taxed at: `core.tax_rules.TaxRules`, or an engine of a third party.

    That one is found by its name in the entry points of the group `tallystick.tax_engines`: a
    function that is given the published TaxRules and gives the engine.
    """

    def decide(self, question: TaxQuestion) -> TaxDecision:
        """Give the rates of each line; to the same question for ever the same ones.

        It is asked within a transaction: what it knows it has at hand, and asks no network.
        Raises TaxUndecided where it cannot tell, which sets the document aside.
        """
        ...
