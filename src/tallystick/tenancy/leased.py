"""Quotas from memory: a lease for each customer, from which requests are let through.

A process holds a bounded number of leases, as each has a thread that reports; who was not asked for
longest gives way.  What the middleware is told is what a lease tells: the limit holds over all
processes, and a process that is killed wastes at most a block of each customer.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from tallystick.core.access_denial import denial
from tallystick.errors import SetupError

if TYPE_CHECKING:
    from tallystick.tenancy.quota import Hold

__all__ = ["Leased"]

_MOST: Final = 256
_LARGEST: Final = 1_000_000
_Key: TypeAlias = tuple[str, str, str | None]  # customer, feature, plan


class _Lease(Protocol):
    def hold(self, quantity: int = 1, *, wait: bool = True) -> Hold | None: ...

    def close(self) -> None: ...


class Leased:
    """Reserves from leases, as Tallystick itself reserves from its ledger.

    `size` is the block of one lease.  Use by others is seen when the next block is taken.  `close`
    gives back what is left; a program that ends closes its leases by itself.
    """

    def __init__(self, tally: Any, size: int, *, most: int = _MOST) -> None:  # noqa: ANN401 - a Tallystick
        """Stand on a ledger; at most so many leases are held at once.  Raises SetupError."""
        if type(size) is not int or not 1 <= size <= _LARGEST:
            raise SetupError(f"lease is a whole number of units from 1 to {_LARGEST:,}")
        self.price_book = getattr(tally, "price_book", None)
        self._tally, self._size, self._most = tally, size, most
        self._lock = Lock()  # of the leases there are, never held while the database is asked
        self._leases: OrderedDict[_Key, _Lease] = OrderedDict()
        self._taking: dict[_Key, Lock] = {}  # one thread takes a lease, the others wait for it

    def at_once(self, customer: str, feature: str, plan: str | None = None) -> Hold | None:
        """Hold a unit where a lease in memory has one: nobody is asked, and nobody waits."""
        lease = self._leases.get((customer, feature, plan))
        return None if lease is None else lease.hold(wait=False)

    def reserve(
        self,
        customer: str,
        feature: str,
        quantity: int = 1,
        *,
        plan: str | None = None,
        **_: object,
    ) -> Hold:
        """Hold so much, of a lease that is taken where there is none.

        Raises QuotaExceeded at the limit, and what `Tallystick.lease` raises.
        """
        key = (customer, feature, plan)
        while True:
            lease = self._lease(key)
            try:
                held = lease.hold(quantity)
            except SetupError:  # it was closed to make room, or in the parent of this process
                with self._lock:
                    if self._leases.get(key) is lease:
                        del self._leases[key]
                continue
            if held is not None:
                return held
            raise self._refusal(key, quantity)

    def _refusal(self, key: _Key, quantity: int) -> Exception:
        customer, feature, plan = key
        access = self._tally.check(customer, feature, quantity, **_named(plan))
        if access.allowed:  # what another holder gave back is given out a moment later
            access = replace(access, allowed=False, reason="limit_reached")
        return denial(access)

    def close(self) -> None:
        """Close every lease.  Raises StorageUnavailable; those that are left are closed later."""
        while self._leases:
            with self._lock:
                _, lease = self._leases.popitem()
            lease.close()

    def _lease(self, key: _Key) -> _Lease:
        found = self._known(key)
        if found is not None:
            return found
        with self._lock:
            mine = self._taking.setdefault(key, Lock())
        try:
            with mine:
                return self._known(key) or self._taken(key)
        finally:
            with self._lock:
                self._taking.pop(key, None)

    def _known(self, key: _Key) -> _Lease | None:
        with self._lock:
            found = self._leases.get(key)
            if found is not None:
                self._leases.move_to_end(key)
            return found

    def _taken(self, key: _Key) -> _Lease:
        """Take a lease; who was not asked for longest gives way to it."""
        customer, feature, plan = key
        taken: _Lease = self._tally.lease(customer, feature, self._size, **_named(plan))
        over: list[_Lease] = []
        with self._lock:
            self._leases[key] = taken
            while len(self._leases) > self._most:
                over.append(self._leases.popitem(last=False)[1])
        for each in over:
            each.close()
        return taken


def _named(plan: str | None) -> dict[str, str]:
    return {} if plan is None else {"plan": plan}
