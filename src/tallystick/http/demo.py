"""The page of the demonstration: one customer's usage and what it costs, without a key.

For this machine only: it answers nobody who asks for another host's name.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tallystick.app.rated_usage import RatedUsage, rated_usage
from tallystick.errors import NotFound
from tallystick.http.pages import usage_page

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.period import Period
    from tallystick.wiring import Tallystick

__all__ = ["HERE", "DemoPage"]

HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names this machine has for itself."""


class DemoPage:
    """An ASGI app that draws the page anew each time it is asked for."""

    def __init__(
        self,
        tally: Tallystick,
        catalog: Catalog[str, str],
        plan: Plan[str],
        customer: str,
        period: Period,
    ) -> None:
        """Show a customer's period as rated by a plan."""
        self._tally, self._catalog, self._plan = tally, catalog, plan
        self._customer, self._period = customer, period
        self.path = f"/usage/{customer}"
        self.address = quote(self.path)

    def rated(self) -> RatedUsage:
        """Read and rate what is stored by now."""
        return self._tally.act(
            lambda unit, _: rated_usage(
                unit, self._catalog, self._plan, self._customer, self._period
            ),
            reading=True,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Draw the page for a browser on this machine."""
        if not _is_here(scope):
            # A page elsewhere may point its own name at this machine and read what it answers.
            raise NotFound("page", str(scope["path"])[:200])
        page = usage_page(await asyncio.to_thread(self.rated))
        await page(scope, receive, send)


def _is_here(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"host":
            host = value.decode("latin-1").lower()
            name_only = host[1:].partition("]")[0] if host[:1] == "[" else host.partition(":")[0]
            return name_only in HERE
    return False
