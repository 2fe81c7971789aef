"""The shapes on the wire, as models: what the description of the service publishes.

Keys are camelCase on the wire.

The price list's bytes are not made from these models (they are built once, in
`tallystick.core.price_list`); a test holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from tallystick.http.wire_checkout import (
    ResolvedCheckout,
    SentCheckout,
    SentCheckoutPage,
    ShownCheckout,
)
from tallystick.http.wire_entitlements import CheckedAccess, Entitlements
from tallystick.http.wire_webhooks import ReceivedEvent

__all__ = [
    "ErrorEnvelope",
    "Health",
    "PriceList",
    "RecordedUsage",
    "SentCloudEvent",
    "SentEvent",
    "UsageFigures",
    "schemas",
]

Number: TypeAlias = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""A decimal written as a JSON number."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class Tier(_Shape):
    """One step of a tiered line; upTo is inclusive, null is without end.

    A unit has a cost or, where the quantity is money, is charged a percentage of itself.
    """

    up_to: Number | None
    cost: Number | None = None
    flat_cost: Number | None = None
    percent: Number | None = None


class Conversion(_Shape):
    """From what is metered to what is billed."""

    operation: Literal["multiply", "divide"] = "multiply"
    factor: Number
    rounding: Literal["none", "ceiling", "floor", "half_up"] = "none"
    to: Number = Decimal(1)


class Line(_Shape):
    """A line of a plan, as the native catalogue writes it; what equals its default is left out.

    Amounts are major units of the product's currency.
    """

    id: str
    type: Literal[
        "flat",
        "per_seat",
        "per_unit",
        "graduated",
        "volume",
        "package",
        "percentage",
        "dynamic",
    ]
    name: str | None = None
    description: str | None = None
    basis: Literal["flat", "seats", "usage"] | None = None
    currency: str | None = None
    unit: str | None = None
    meter: str | None = None
    cost: Number | None = None
    tiers_mode: Literal["graduated", "volume"] | None = None
    tiers: list[Tier] | None = None
    package_size: Number | None = None
    round_packages: Literal["up", "down"] | None = None
    percent: Number | None = None
    fixed: Number | None = None
    free_transactions: int | None = None
    free_volume: Number | None = None
    minimum_per_transaction: Number | None = None
    maximum_per_transaction: Number | None = None
    multiplier: Number | None = None
    included: Number | None = None
    minimum_quantity: Number | None = None
    discount_percent: Number | None = None
    discount_amount: Number | None = None
    minimum_spend: Number | None = None
    maximum_spend: Number | None = None
    convert: Conversion | None = None
    allow_negative: bool | None = None
    interval: Literal["day", "week", "month", "year"] | None = None
    interval_count: Annotated[int, Field(ge=1)] | None = None
    group_by: list[str] | None = None


class Limit(_Shape):
    """What a plan gives of a feature; -1 is unlimited, overagePrice is for each unit beyond."""

    feature_key: str
    enabled: bool
    limit: int | None = None
    overage_price: Number | None = None
    description: str | None = None
    reset: Literal["minute", "hour", "day", "week", "month", "year", "billing_period"] | None = None


class PlanEntry(_Shape):
    """A plan; what has a default is present only where it is set.

    price is major units of the product's currency, or of its own where it names one, null for
    "contact us"; interval is null for a plan that is paid once.  currencies are the others that it
    is sold in.
    """

    id: str
    name: str
    interval: Literal["day", "week", "month", "year"] | None
    interval_count: Annotated[int, Field(ge=1)] | None
    price: Number | None
    price_variant_id: str | None
    provider: str | None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    custom: bool | None = None
    label: str | None = None
    button_label: str | None = None
    href: str | None = None
    business_rules: Any = None
    coupons: list[str] | None = None
    coupon_ids: list[str] | None = None
    prices: list[Line] | None = None
    trial_days: Annotated[int, Field(ge=1)] | None = None
    limits: list[Limit] | None = None
    description: str | None = None
    setup_fee: Number | None = None
    minimum_commitment: Number | None = None
    badge: str | None = None
    highlighted: bool | None = None
    currencies: list[str] | None = None


class ProductEntry(_Shape):
    """A product and the plans it can be bought on."""

    id: str
    name: str
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    features: list[str]
    plans: Annotated[list[PlanEntry], Field(min_length=1)]
    business_rules: Any = None
    description: str | None = None
    badge: str | None = None
    highlighted: bool | None = None


class Products(_Shape):
    """What is sold, in catalogue order."""

    products: list[ProductEntry]


class PriceList(_Shape):
    """The price list."""

    ok: Literal[True]
    data: Products


class State(_Shape):
    """How the service is."""

    status: Literal["alive", "ready"]


class Health(_Shape):
    """The answer to a probe."""

    ok: Literal[True]
    data: State


class Failure(_Shape):
    """What went wrong: a stable code, a sentence, and data a program may act on.

    With VALIDATION_ERROR details.fields maps each path to its texts.
    """

    code: str
    message: str
    details: dict[str, Any]


class ErrorEnvelope(_Shape):
    """The answer to every request that failed."""

    ok: Literal[False]
    error: Failure


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


Identifier: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
"""A text that names something; no blanks at its ends, no control characters."""

Properties: TypeAlias = dict[str, str | Number | bool | None]
"""What an event says: up to 50 texts, plain numbers, bools and nulls."""


class SentEvent(_Sent):
    """A usage event: unique by customer, source and id.

    A correction has void or amend (the id of the event it corrects) instead of a type.
    """

    id: Identifier
    customer: Identifier
    type: Identifier | None = None
    source: Identifier | None = None
    occurred_at: datetime | None = None
    received_at: datetime | None = None
    properties: Properties | None = None
    void: str | dict[str, str] | None = None
    amend: str | dict[str, str] | None = None


class SentCloudEvent(BaseModel):
    """A usage event as CloudEvents 1.0 has it: subject is the customer, data the properties."""

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    type: Identifier
    subject: Identifier
    time: datetime | None = None
    data: Properties | None = None


class RejectedEvent(_Shape):
    """Why an event was not stored; index is its place in the request, from 0."""

    index: Annotated[int, Field(ge=0)]
    code: str
    message: str


class LateEvent(_Shape):
    """An event that is stored, and the meters that leave it out because it came too late."""

    index: Annotated[int, Field(ge=0)]
    meters: list[str]


class Tally(_Shape):
    """What became of the events of a request."""

    accepted: Annotated[int, Field(ge=0)]
    duplicates: Annotated[int, Field(ge=0)]
    rejected: list[RejectedEvent]
    late: list[LateEvent] | None = None


class RecordedUsage(_Shape):
    """The answer to usage events."""

    ok: Literal[True]
    data: Tally


class UsageFigure(_Shape):
    """A quantity, exact, as a text; group holds the properties that were asked for."""

    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    quantity: Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
    group: dict[str, str | None] | None = None


class Figures(_Shape):
    """What a customer used of one meter in a period."""

    customer: str
    meter: str
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    figures: list[UsageFigure]


class UsageFigures(_Shape):
    """The answer to a question about usage."""

    ok: Literal[True]
    data: Figures


def schemas(*, usage: bool = False, webhooks: bool = False) -> dict[str, Any]:
    """Give the JSON Schemas of all shapes by name, as an OpenAPI document holds them."""
    found: dict[str, Any] = {}
    of_usage = (SentEvent, SentCloudEvent, RecordedUsage, UsageFigures) if usage else ()
    of_access = (CheckedAccess, Entitlements) if usage else ()
    of_checkout = (SentCheckout, ResolvedCheckout, SentCheckoutPage, ShownCheckout) if usage else ()
    of_events = (ReceivedEvent,) if webhooks else ()
    models = (*of_usage, *of_access, *of_checkout, *of_events)
    for model in (PriceList, Health, ErrorEnvelope, *models):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return {name: _exact(found[name]) for name in sorted(found)}


def _exact(schema: dict[str, Any]) -> dict[str, Any]:
    """Say of a key that need not be there that it is never null: it is left out instead."""
    for name, part in schema["properties"].items():
        if name in schema.get("required", ()):
            continue
        part.pop("default", None)
        given = [one for one in part.get("anyOf", ()) if one != {"type": "null"}]
        if len(given) == 1:
            del part["anyOf"]
            part.update(given[0])
    return schema
