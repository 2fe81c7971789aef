"""The pages of the demonstration: one customer's usage, what it costs, what was billed; no key.

For this machine only: it answers nobody who asks for another host's name.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.routing import Route

from tallystick.core.line_item import LineItem, bill
from tallystick.core.money import Money
from tallystick.http.demo_invoices import DemoInvoices
from tallystick.http.here import HERE, only_here
from tallystick.http.pages import usage_page

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tallystick.core.catalog import Plan
    from tallystick.core.meter import Meter
    from tallystick.core.period import Period
    from tallystick.wiring import Tallystick

__all__ = ["HERE", "DemoPage", "RatedUsage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedUsage:
    """What a customer used in a period, and the lines it makes with the plan's own fees."""

    customer: str
    plan: Plan[str]
    period: Period
    metered: tuple[tuple[Meter, Decimal], ...]
    lines: tuple[LineItem, ...]
    total: Money


class DemoPage:
    """An ASGI app that draws the page anew each time it is asked for."""

    def __init__(self, tally: Tallystick, plan: Plan[str], customer: str, period: Period) -> None:
        """Show a customer's period as rated by a plan."""
        self._tally, self._plan = tally, plan
        self._customer, self._period = customer, period
        self.path = f"/usage/{customer}"
        self.address = quote(self.path)
        self.invoices = DemoInvoices(tally, customer)

    def routes(self) -> list[Route]:
        """Give the routes of this page and of those of the customer's invoices."""
        return [Route(self.path, self, methods=["GET"]), *self.invoices.routes()]

    def addresses(self) -> dict[str, str]:
        """Give what a person may open first, by its name."""
        return {"Usage page": self.address, "Invoices": self.invoices.address}

    def rated(self) -> RatedUsage:
        """Read and rate what is stored by now."""
        usage, customer, period = self._tally.usage, self._customer, self._period
        measured = usage.measured(customer, self._plan, period)
        lines = bill(self._plan, measured, base=True)
        known = usage.meters()
        names = dict.fromkeys(_meter_name(self._plan, key) for key in measured)
        meters = [known[name] for name in names]
        return RatedUsage(
            customer=customer,
            plan=self._plan,
            period=period,
            metered=tuple((each, usage.quantity(customer, each, period)) for each in meters),
            lines=lines,
            total=Money.total((line.amount for line in lines), self._plan.currency),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Draw the page for a browser on this machine."""
        only_here(scope)
        page = usage_page(await asyncio.to_thread(self.rated), invoices=self.invoices.address)
        await page(scope, receive, send)


def _meter_name(plan: Plan[str], key: str) -> str:
    feature = plan.features.get(key)
    return key if feature is None else feature.meter or key
