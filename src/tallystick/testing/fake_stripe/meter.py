"""Meters and their events: usage that Stripe adds up by customer."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.page import listing, page
from tallystick.testing.fake_stripe.refusal import Refused
from tallystick.testing.fake_stripe.route import Route

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Call

__all__ = ["ROUTES", "metered"]

_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?", re.ASCII)
_DAY: Final = 24 * 60 * 60
_OLDEST: Final = 35 * _DAY
_AHEAD: Final = 5 * 60
_LONGEST: Final = 100
_MOST_SUMMARIES: Final = 10_000


def metered(account: Account, meter: Thing, customer: str, start: int, end: int) -> Decimal:
    """Give what a meter counts of a customer in [start, end): the sum, the number, or the last."""
    name, settings = meter["event_name"], meter["value_settings"]["event_payload_key"]
    by = meter["customer_mapping"]["event_payload_key"]
    found = [
        event
        for event in account.of("billing.meter_event").values()
        if event["event_name"] == name
        and event["payload"][by] == customer
        and start <= event["timestamp"] < end
    ]
    formula = meter["default_aggregation"]["formula"]
    if formula == "count":
        return Decimal(len(found))
    values = [Decimal(e["payload"][settings]) for e in sorted(found, key=lambda e: e["timestamp"])]
    return sum(values, Decimal(0)) if formula == "sum" else (values or [Decimal(0)])[-1]


def _create(account: Account, call: Call) -> Thing:
    params, at = call.params, account.now()
    if any(_active(m, params["event_name"]) for m in account.of("billing.meter").values()):
        raise Refused(
            "An active meter already has this event_name.",
            code="resource_already_exists",
            param="event_name",
        )
    meter = {
        "id": account.new_id("mtr"),
        "object": "billing.meter",
        "created": at,
        "customer_mapping": params.get(
            "customer_mapping", {"type": "by_id", "event_payload_key": "stripe_customer_id"}
        ),
        "default_aggregation": params["default_aggregation"],
        "display_name": params["display_name"],
        "event_name": params["event_name"],
        "event_time_window": params.get("event_time_window"),
        "livemode": False,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": at,
        "value_settings": params.get("value_settings", {"event_payload_key": "value"}),
    }
    emit(account, "billing.meter.created", account.add(meter))
    return meter


def _active(meter: Thing, event_name: str) -> bool:
    return bool(meter["event_name"] == event_name and meter["status"] == "active")


def _retrieve(account: Account, call: Call) -> Thing:
    return account.get("billing.meter", call.ids[0])


def _update(account: Account, call: Call) -> Thing:
    meter = account.get("billing.meter", call.ids[0])
    meter |= {**call.params, "updated": account.now()}
    emit(account, "billing.meter.updated", meter)
    return meter


def _deactivate(account: Account, call: Call) -> Thing:
    return _turn(account, call, "inactive", account.now())


def _reactivate(account: Account, call: Call) -> Thing:
    return _turn(account, call, "active", None)


def _turn(account: Account, call: Call, status: str, at: int | None) -> Thing:
    meter = account.get("billing.meter", call.ids[0])
    if meter["status"] == status:
        raise Refused(f"The meter is already {status}.")
    meter |= {
        "status": status,
        "status_transitions": {"deactivated_at": at},
        "updated": account.now(),
    }
    word = "reactivated" if at is None else "deactivated"
    emit(account, f"billing.meter.{word}", meter)
    return meter


def _record(account: Account, call: Call) -> Thing:
    params = call.params
    meters = account.of("billing.meter").values()
    meter = next((m for m in meters if _active(m, params["event_name"])), None)
    if meter is None:
        raise Refused("There is no active meter with this event_name.", param="event_name")
    identifier = params.get("identifier") or account.new_id("mevt")
    if len(identifier) > _LONGEST:
        raise Refused("An identifier has up to 100 characters.", param="identifier")
    if identifier in account.of("billing.meter_event"):
        raise Refused(
            f"An event already exists with identifier {identifier}.",
            code="duplicate_meter_event",
            param="identifier",
        )
    payload, customer = _payload(account, meter, params["payload"])
    now = account.now(customer["test_clock"])
    event = {
        "id": identifier,
        "object": "billing.meter_event",
        "created": now,
        "event_name": params["event_name"],
        "identifier": identifier,
        "livemode": False,
        "payload": payload,
        "timestamp": _timestamp(params.get("timestamp"), now),
    }
    account.add(event)
    return {name: value for name, value in event.items() if name != "id"}


def _payload(account: Account, meter: Thing, given: Thing) -> tuple[Thing, Thing]:
    by = meter["customer_mapping"]["event_payload_key"]
    value = meter["value_settings"]["event_payload_key"]
    for key in (by, value):
        if key not in given and not (
            key == value and meter["default_aggregation"]["formula"] == "count"
        ):
            raise Refused(
                f"Missing required param: payload[{key}].",
                code="parameter_missing",
                param=f"payload[{key}]",
            )
    customer = account.given("customer", given[by], f"payload[{by}]")
    if value in given and _NUMBER.fullmatch(given[value]) is None:
        raise Refused("The value is no number.", param=f"payload[{value}]")
    return given, customer


def _timestamp(given: int | None, now: int) -> int:
    at = now if given is None else given
    if not now - _OLDEST <= at <= now + _AHEAD:
        raise Refused(
            "The timestamp is within the last 35 days, or at most 5 minutes ahead.",
            code="timestamp_too_far_in_past" if at < now else "timestamp_in_future",
            param="timestamp",
        )
    return at


def _summaries(account: Account, call: Call) -> Thing:
    meter, params = account.get("billing.meter", call.ids[0]), call.params
    customer, start, end = params["customer"], params["start_time"], params["end_time"]
    account.given("customer", customer, "customer")
    step = {"hour": 3600, "day": _DAY}.get(params.get("value_grouping_window", ""), end - start)
    whole = end > start and not (start % 60 or end % 60 or (end - start) % step)
    if not whole or (end - start) // step > _MOST_SUMMARIES:
        raise Refused("start_time and end_time stand at whole minutes, days, or hours.")
    summaries = [
        {
            "id": f"mtrsum_{meter['id']}_{customer}_{at}_{at + step}",
            "object": "billing.meter_event_summary",
            "aggregated_value": float(metered(account, meter, customer, at, at + step)),
            "end_time": at + step,
            "livemode": False,
            "meter": meter["id"],
            "start_time": at,
        }
        for at in reversed(range(start, end, step))
    ]
    paging = {k: v for k, v in params.items() if k in {"limit", "starting_after", "ending_before"}}
    return page(summaries, paging, call.path)


ROUTES: Final = (
    Route("POST", "/v1/billing/meters", "billing.MeterCreateParams", _create),
    Route("GET", "/v1/billing/meters", "billing.MeterListParams", listing("billing.meter")),
    Route("GET", "/v1/billing/meters/{id}", "billing.MeterRetrieveParams", _retrieve),
    Route("POST", "/v1/billing/meters/{id}", "billing.MeterUpdateParams", _update),
    Route(
        "POST",
        "/v1/billing/meters/{id}/deactivate",
        "billing.MeterDeactivateParams",
        _deactivate,
    ),
    Route(
        "POST",
        "/v1/billing/meters/{id}/reactivate",
        "billing.MeterReactivateParams",
        _reactivate,
    ),
    Route(
        "GET",
        "/v1/billing/meters/{id}/event_summaries",
        "billing.MeterListEventSummariesParams",
        _summaries,
    ),
    Route("POST", "/v1/billing/meter_events", "billing.MeterEventCreateParams", _record),
)
"""What is asked of meters."""
