"""Tenants that were looked up a moment ago: kept for a stated time, and never too many."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.errors import SetupError
from tallystick.tenancy.steps import Call
from tallystick.tenancy.tenant import Tenant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tallystick.ports import Clock
    from tallystick.tenancy.steps import Steps

__all__ = ["TenantLookup"]

_LONGEST: Final = 86_400  # seconds


class TenantLookup:
    """The host's `lookup_tenant`, asked again when its answer is older than so many seconds.

    A tenant that is suspended meanwhile is let in for so long at most; `forget` makes it at once.
    What was not found is not kept, so a new tenant is there at once and no stranger can push out
    those who are kept.
    """

    def __init__(
        self, function: Callable[..., Any], clock: Clock, *, seconds: int = 30, most: int = 10_000
    ) -> None:
        """Keep answers for 0 to 86,400 seconds (0: none are kept), and `most` of them.

        Raises SetupError.
        """
        if not callable(function):
            raise SetupError("lookup_tenant is a function that gives a Tenant or None")
        if type(seconds) is not int or not 0 <= seconds <= _LONGEST:
            raise SetupError(f"cache_seconds is a whole number from 0 to {_LONGEST}")
        if type(most) is not int or most < 1:
            raise SetupError("cache_size is a whole number from 1")
        self._function, self._clock, self._most = function, clock, most
        self._lifetime = timedelta(seconds=seconds)
        self._kept: OrderedDict[str, tuple[Tenant, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, name: str) -> Steps[Tenant | None]:
        """Give the tenant of an id or slug, None where there is none.

        Raises SetupError where the host's code gives neither.
        """
        asked_at = self._clock.now()
        kept = self._known(name, asked_at)
        if kept is not None:
            return kept
        found = yield Call(self._function, (name,))
        if found is None:
            return None
        if not isinstance(found, Tenant):
            raise SetupError(f"lookup_tenant gives a Tenant or None, not {type(found).__name__}")
        self._keep(name, found, asked_at)
        return found

    def forget(self, name: str | None = None) -> None:
        """Ask again for this tenant, by its id or any of its names; None forgets all."""
        with self._lock:
            for key, (tenant, _) in list(self._kept.items()):
                if name is None or name in {key, tenant.id, tenant.slug}:
                    del self._kept[key]

    def _known(self, name: str, at: datetime) -> Tenant | None:
        with self._lock:
            tenant, since = self._kept.get(name, (None, at))
            if tenant is None or not timedelta(0) <= at - since < self._lifetime:
                self._kept.pop(name, None)
                return None
            self._kept.move_to_end(name)
            return tenant

    def _keep(self, name: str, tenant: Tenant, at: datetime) -> None:
        if not self._lifetime:
            return
        with self._lock:
            self._kept[name] = tenant, at
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
