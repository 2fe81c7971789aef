"""Whether a request comes in, and as whom: one decision for ASGI and WSGI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tallystick.errors import (
    SetupError,
    TenantInactive,
    TenantNotFound,
    TenantSuspended,
)
from tallystick.tenancy.resolve import named_by, path_prefix_of
from tallystick.tenancy.steps import Call, Steps
from tallystick.tenancy.tenant import Principal, Tenant

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from tallystick.ports import Clock
    from tallystick.tenancy.facts import RequestFacts
    from tallystick.tenancy.lookup import TenantLookup
    from tallystick.tenancy.resolve import Resolution, Sources

__all__ = ["Admission", "Isolation", "Tenancy"]


class Isolation(Protocol):
    """How the host's own tables are kept apart; see `tallystick.tenancy.isolation`."""

    def connect(self, tenant: Tenant) -> AbstractContextManager[Connection]:
        """Give a connection in a transaction that sees one tenant's rows, committed at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Admission:
    """Who came in: the tenant (None on a public path), and who speaks for it, where that is known.

    `customer_id` is who is billed.  `prefix` is the part of the path that only named the tenant.
    """

    tenant: Tenant | None
    principal: Principal | None = None
    customer_id: str | None = None
    prefix: str = ""
    request_id: str = "-"
    _isolation: Isolation | None = None

    def connect(self) -> AbstractContextManager[Connection]:
        """Open a transaction on the host's own tables that sees this tenant's rows alone.

        Raises SetupError without a tenant, or without an isolation to open it by.
        """
        if self.tenant is None or self._isolation is None:
            missing = "isolation= of the TenantMiddleware" if self.tenant else "a tenant"
            raise SetupError(f"there is no connection without {missing}")
        return self._isolation.connect(self.tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """The rules by which requests come in.  Built by `tallystick.tenancy.settings.read_config`."""

    ways: tuple[Resolution, ...]
    sources: Sources
    lookup: TenantLookup
    clock: Clock
    principal: Callable[..., Any] | None = None
    customer: Callable[[Tenant], str] | None = None
    isolation: Isolation | None = None
    public: tuple[str, ...] = ()

    def admit(self, request: RequestFacts) -> Steps[Admission]:
        """Say who comes in.

        The ways of naming a tenant are asked in their order and the first that names one counts;
        all that name one must name the same, and who asks must speak for it.  Otherwise there is
        no such tenant, whatever the difference.

        Raises BadRequest, Unauthorized, TenantNotFound, TenantSuspended, TenantInactive; SetupError
        where the host's code gives something else than it should.
        """
        if _is_public(request.path, self.public):
            return Admission(None, request_id=request.request_id)
        tenant = yield from self._tenant(request)
        who = yield from self._who(request)
        customer = tenant.id if self.customer is None else self.customer(tenant)
        if who is not None and who.customer_id is not None and who.customer_id != customer:
            raise TenantNotFound(tenant.id)
        _refuse_status(tenant)
        prefix = path_prefix_of(self.sources, request) if "path" in self.ways else ""
        return Admission(tenant, who, customer, prefix, request.request_id, self.isolation)

    def _tenant(self, request: RequestFacts) -> Steps[Tenant]:
        chosen: Tenant | None = None
        at = self.clock.now()
        for way in self.ways:
            name = yield from named_by(way, self.sources, request, at)
            if name is None:
                continue
            found = yield from self.lookup.find(name)
            if found is None or (chosen is not None and found.id != chosen.id):
                raise TenantNotFound(name)
            chosen = chosen or found
        if chosen is None:
            raise TenantNotFound
        return chosen

    def _who(self, request: RequestFacts) -> Steps[Principal | None]:
        if self.principal is None:
            return None
        who = yield Call(self.principal, (request,))
        if who is not None and not isinstance(who, Principal):
            raise SetupError(f"principal gives a Principal or None, not {type(who).__name__}")
        return who


def _refuse_status(tenant: Tenant) -> None:
    if tenant.status == "suspended":
        raise TenantSuspended("this tenant is suspended; ask its owner or our support")
    if tenant.status == "inactive":
        raise TenantInactive("this tenant is not active")


def _is_public(path: str, public: tuple[str, ...]) -> bool:
    """Whether a path is one of those that need no tenant; one that ends in `/*` opens all below."""
    return any(
        path == each or (each[-2:] == "/*" and path.startswith(each[:-1])) for each in public
    )
