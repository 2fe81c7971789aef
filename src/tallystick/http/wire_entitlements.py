"""The shapes of answers about access, as `tallystick.core.access_tree` writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from tallystick.core.entitlement import Reason, WarningLevel

__all__ = ["CheckedAccess", "Entitlements"]

Fraction: TypeAlias = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]+$")]
Count: TypeAlias = int | Fraction
"""A number where it is whole, else its digits as a text, exact."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UnlockPrice(_Answer):
    """An amount in minor units of its currency."""

    minor: int
    currency: str


class OveragePrice(_Answer):
    """What a unit beyond the limit costs, in minor units as a text: it may be a fraction of one."""

    minor: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$")]
    currency: str


class UnlockedBy(_Answer):
    """What would allow a denied use; price is null for "contact us"."""

    kind: Literal["plan", "add_on", "top_up"]
    plan: str
    name: str
    seats: int
    price: UnlockPrice | None


class Feature(_Answer):
    """Whether so much of a feature may be used, with what is left and why.

    limit is null where there is no number and -1 where there is no bound; value is a
    configuration value.
    """

    allowed: bool
    feature: str
    plan: str | None
    reason: Reason
    text: str
    limit: Count | None
    unlimited: bool
    used: Count
    reserved: Count
    requested: Count
    remaining: Count | None
    overage: Count
    overage_price: OveragePrice | None
    warning: WarningLevel | None
    resets_at: datetime | None
    value: Any
    upgrade_to: str | None
    unlocks: list[UnlockedBy]


class CheckedFeature(Feature):
    """An answer, and whose it is."""

    customer: str


class CheckedAccess(_Answer):
    """The answer to one question."""

    ok: Literal[True]
    data: CheckedFeature


class OfCustomer(_Answer):
    """An answer for each feature of what a customer has."""

    customer: str
    entitlements: list[Feature]


class Entitlements(_Answer):
    """The answer for all features of a customer."""

    ok: Literal[True]
    data: OfCustomer
