"""Who is asking: the organisation, and the person or program that speaks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from tallystick.core.property import shown
from tallystick.core.text import id_at, refused_at

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PLAN_KEY", "Principal", "Tenant", "TenantStatus", "plan_of"]

TenantStatus: TypeAlias = Literal["active", "suspended", "inactive"]
"""Whether a tenant may act: only an active one may."""

PLAN_KEY: Final = "plan"
"""The key of `metadata` under which a host keeps the plan, where it keeps it there."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """The organisation that asks.  Who is billed is a customer: by default the one of the same id.

    `id` never changes and is what rows are kept by; `slug` is the name in addresses, by default
    the id.  `metadata` is the host's own.

    Raises InvalidInput for an id or a slug that is none, or an unknown status.
    """

    id: str
    slug: str = ""
    status: TenantStatus = "active"
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Check the names, and freeze the metadata."""
        id_at(self.id, "id")
        if self.slug == "":
            object.__setattr__(self, "slug", self.id)
        id_at(self.slug, "slug")
        if self.status not in get_args(TenantStatus):
            known = ", ".join(get_args(TenantStatus))
            raise refused_at("status", f"is one of {known}, not {shown(self.status)}")
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata or {})))


@dataclass(frozen=True, slots=True)
class Principal:
    """The person or program that asks, and what it may do.

    `scopes` are words as `projects.write`; `customer_id` is whom it speaks for, None where it is
    not bound to one.

    Raises InvalidInput for an id that is none, or for scopes that are one text.
    """

    id: str
    scopes: frozenset[str] = frozenset()
    customer_id: str | None = None

    def __post_init__(self) -> None:
        """Check the names, and take the scopes from any collection."""
        id_at(self.id, "id")
        if self.customer_id is not None:
            id_at(self.customer_id, "customer_id")
        given: object = self.scopes
        if isinstance(given, str | bytes):
            raise refused_at("scopes", "is a set of words: split the text first")
        object.__setattr__(self, "scopes", frozenset(self.scopes))


def plan_of(tenant: Tenant) -> str | None:
    """Name the plan that the host keeps in `metadata["plan"]`; None leaves it to the subscription.

    One source wins: where the host names a plan, a subscription is not asked.  Whatever else
    stands there names a plan that is not known, so that nothing is given by mistake.
    """
    kept = tenant.metadata.get(PLAN_KEY)
    return None if kept is None else str(kept)
