"""The strategy `hybrid`: each tenant by its own, such as a database for those who pay for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.core.property import shown
from tallystick.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from tallystick.tenancy.admission import Isolation
    from tallystick.tenancy.tenant import Tenant

__all__ = ["Hybrid"]


class Hybrid:
    """Connections by the strategy that a tenant is kept by."""

    strategy: Final = "hybrid"

    def __init__(
        self, strategies: Mapping[str, Isolation], choose: Callable[[Tenant], str] | None = None
    ) -> None:
        """Take the strategies by name; `choose` names a tenant's, `metadata["isolation"]` if None.

        Raises SetupError for no strategy.
        """
        if not strategies:
            raise SetupError("a hybrid needs at least one strategy")
        self._strategies = dict(strategies)
        self._choose = _kept if choose is None else choose

    def connect(self, tenant: Tenant) -> AbstractContextManager[Connection]:
        """Open a transaction as this tenant is kept.

        Raises SetupError where that is not said, rather than to put it where others are.
        """
        name = self._choose(tenant)
        if name not in self._strategies:
            known = ", ".join(self._strategies)
            raise SetupError(
                f"the tenant {shown(tenant.id)} is kept by {shown(name)}; there are {known}"
            )
        return self._strategies[name].connect(tenant)


def _kept(tenant: Tenant) -> str:
    return str(tenant.metadata.get("isolation", ""))
