"""A quota on requests: one unit of a feature for each that succeeds.

Usage is counted in one of two places.  Tallystick's own: the unit is reserved before the handler
and committed or released after it, so that at the limit exactly so many pass.  Or the host's:
`check_usage` says how much was used, and the host counts the request itself; requests that run at
the same time may then all be told that there is room.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, Required, TypedDict

from tallystick.core.access_denial import denial
from tallystick.core.entitlement import Access, check_limit
from tallystick.core.number import plain, quantity_of
from tallystick.core.schedule import Schedule
from tallystick.core.spelling import did_you_mean
from tallystick.core.text import id_at
from tallystick.core.usage_reset import next_usage_reset
from tallystick.errors import SetupError
from tallystick.tenancy.leased import Leased
from tallystick.tenancy.steps import Call, Steps
from tallystick.tenancy.tenant import Tenant, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from tallystick.core.catalog import Catalog, Reset
    from tallystick.ports import Clock
    from tallystick.tenancy.admission import Admission

__all__ = ["Hold", "Quota", "QuotaOptions", "Reserving", "read_quota"]

_LONGEST_HOLD: Final = 86_400  # seconds
_ALL_BUT_ONE: Final = 2


class Hold(Protocol):
    """A unit that is held while a request is answered."""

    def commit(self) -> object:
        """Count it."""
        ...

    def release(self) -> object:
        """Give it back."""
        ...


class Reserving(Protocol):
    """What a quota asks of Tallystick: `Tallystick` itself, or a lease of it."""

    def reserve(self, customer: str, feature: str, quantity: int = 1, **options: Any) -> Hold:  # noqa: ANN401 - `plan` and `expires_in`
        """Hold so much; raises QuotaExceeded or ForbiddenError where there is no room."""
        ...

    def check(self, customer: str, feature: str, requested: int = 1, **options: Any) -> Access:  # noqa: ANN401 - `plan` and `used`
        """Say whether there is room, by the host's own count."""
        ...


class QuotaOptions(TypedDict, total=False):
    """What a QuotaMiddleware takes: the settings of its Quota; `clock` is the machine's."""

    quota_key: Required[str]
    check_usage: Callable[..., Any] | None
    limit: int | None
    catalog: Catalog[Any, Any] | None
    tally: Any  # a Tallystick, or what is Reserving like one
    default_plan: str | None
    hold_seconds: int
    lease: int | None
    clock: Clock | None


def read_quota(options: QuotaOptions, clock: Clock) -> Quota:
    """Make the rules of a quota out of settings.  Raises SetupError as Quota does."""
    settings: Mapping[str, Any] = {**options, "clock": clock}
    return Quota(**settings)


_CALENDAR: Final = Schedule(start=datetime(1900, 1, 1, tzinfo=UTC))  # a Monday


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The rules of one quota: which feature, whose count, which limit.

    `check_usage(tenant_id)` is the host's count; without it `tally` counts.  The limit is `limit`
    where it is given (-1: none), else the plan's, by `catalog` or `tally`.  The plan is the one in
    the tenant's `metadata["plan"]`, else what `tally` knows of the customer's subscription, else
    `default_plan`.  `hold_seconds` is how long a unit is held for a request that never ends.  With
    a `lease` of so many units requests are let through from memory, by blocks of that size.

    Raises SetupError for settings that do not fit together, and for a feature that no plan has or
    that never resets: that is a limit on what exists, which requests do not use up.
    """

    quota_key: str
    clock: Clock
    check_usage: Callable[..., Any] | None = None
    limit: int | None = None
    catalog: Catalog[Any, Any] | None = None
    tally: Reserving | None = None
    default_plan: str | None = None
    hold_seconds: int = 60
    lease: int | None = None
    leased: Leased | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse settings that do not fit together."""
        id_at(self.quota_key, "quota_key")
        if self.limit is not None and (type(self.limit) is not int or self.limit < -1):
            raise SetupError("limit is a whole number from 0, or -1 for none")
        if type(self.hold_seconds) is not int or not 1 <= self.hold_seconds <= _LONGEST_HOLD:
            raise SetupError(f"hold_seconds is a whole number from 1 to {_LONGEST_HOLD}")
        if self.check_usage is None:
            self._refuse_uncounted()
        elif not callable(self.check_usage):
            raise SetupError("check_usage is a function that gives how much a tenant has used")
        elif [self.limit, self.catalog, self.tally].count(None) != _ALL_BUT_ONE:
            raise SetupError("check_usage= goes with one of limit=, catalog= or tally=")
        self._refuse_feature()
        if self.lease is not None:
            if self.check_usage is not None:
                raise SetupError("lease= is for what tally= counts: leave check_usage= out")
            object.__setattr__(self, "leased", Leased(self.tally, self.lease))

    def _refuse_uncounted(self) -> None:
        if self.tally is None:
            raise SetupError(
                f"the quota on {self.quota_key!r} needs a count: pass tally=, or check_usage="
            )
        if self.limit is not None or self.catalog is not None:
            raise SetupError("where tally= counts, the limit is the plan's: leave limit= out")

    def _refuse_feature(self) -> None:
        book = getattr(self.tally, "price_book", None) if self.catalog is None else self.catalog
        if book is None:
            return
        features = [
            plan.features[self.quota_key] for plan in book if self.quota_key in plan.features
        ]
        if not features:
            known = {key for plan in book for key in plan.features}
            raise SetupError(
                f"no plan has the feature {self.quota_key!r}; "
                f"{did_you_mean(self.quota_key, known)}".rstrip("; ")
            )
        endless = any(each.limit not in {None, -1} and not each.renews for each in features)
        if endless and self.check_usage is None:
            raise SetupError(
                f"the quota on {self.quota_key!r} would never start again: give the feature a "
                "`reset`, or pass check_usage="
            )

    # --- asking ---------------------------------------------------------------------------------

    def take_at_once(self, admission: Admission) -> Hold | None:
        """Take a unit of a lease in memory; None where there is none, and `take` has to be run."""
        if self.leased is None or admission.tenant is None or admission.customer_id is None:
            return None
        return self.leased.at_once(admission.customer_id, self.quota_key, plan_of(admission.tenant))

    def take(self, admission: Admission) -> Steps[Hold | None]:
        """Take a unit for a request; what is held of it, None where nothing is to be settled.

        Raises QuotaExceeded, AccessDenied, UnknownPlan, StorageUnavailable: then nothing is held.
        """
        tenant, customer = admission.tenant, admission.customer_id
        if tenant is None or customer is None:
            return None
        if self.check_usage is not None:
            counted = yield Call(self.check_usage, (tenant.id,))
            yield from self._compare(tenant, customer, quantity_of(counted, "check_usage"))
            return None
        plan = plan_of(tenant)
        source = _tally(self) if self.leased is None else self.leased
        options: dict[str, Any] = {} if plan is None else {"plan": plan}
        reserve = functools.partial(source.reserve, expires_in=self.hold_seconds, **options)
        held: Hold = yield Call(reserve, (customer, self.quota_key, 1))
        return held

    def settle(self, held: Hold | None, *, succeeded: bool) -> Steps[None]:
        """Count what was held, or give it back where the request failed.

        Raises what the ledger raises: a unit that is not counted must not be given.
        """
        if held is not None:
            yield Call(held.commit if succeeded else held.release)

    def settle_at_once(self, held: Hold | None, *, succeeded: bool) -> bool:
        """Settle what needs nobody to be asked; False for what does, and then it is not settled."""
        if held is None or self.leased is None:
            return held is None
        (held.commit if succeeded else held.release)()
        return True

    def _compare(self, tenant: Tenant, customer: str, used: Decimal) -> Steps[None]:
        if self.limit is not None:
            access = self._by_limit(self.limit, used)
        elif self.catalog is not None:
            plan = self.catalog[plan_of(tenant) or self.default_plan or ""]
            feature = plan.features.get(self.quota_key)
            resets_at = None if feature is None else _next_reset(feature.reset, self.clock.now())
            access = replace(check_limit(plan, self.quota_key, used), resets_at=resets_at)
        else:
            check = functools.partial(_tally(self).check, used=used, **_plan_option(tenant))
            access = yield Call(check, (customer, self.quota_key, 1))
        if not access.allowed:
            raise denial(access)

    def _by_limit(self, limit: int, used: Decimal) -> Access:
        allowed = limit == -1 or used + 1 <= limit
        return Access(
            allowed=allowed,
            plan="",
            feature=self.quota_key,
            reason="ok" if allowed else "limit_reached",
            text=f"{plain(used)} of {limit} {self.quota_key} are used",
            limit=limit,
            used=used,
        )


def _tally(quota: Quota) -> Reserving:
    if quota.tally is None:
        raise SetupError("tally= is missing")
    return quota.tally


def _plan_option(tenant: Tenant) -> dict[str, Any]:
    """Name the plan only where the host keeps it: else the ledger looks for the subscription."""
    plan = plan_of(tenant)
    return {} if plan is None else {"plan": plan}


def _next_reset(reset: Reset | None, at: datetime) -> datetime | None:
    """Give when a month or a day of the calendar starts again, as a host's own count goes by."""
    if reset is None or reset == "billing_period":
        return None
    return next_usage_reset(at, reset, _CALENDAR)
