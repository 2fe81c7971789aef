"""Subscriptions that Stripe bills: what one that was fetched says, in our words.

Only what is fetched is read here, never what an event carries.

Sources: docs.stripe.com/billing/subscriptions/overview (statuses), …/pause-payment (what becomes of
invoices in a pause: `void` is for who cannot serve meanwhile; the others go on serving), and the
API reference of subscriptions (`current_period_end` is on the item).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick.core.currency import currency
from tallystick.core.mirror import Mirrored, MirroredLine
from tallystick.core.period import Period
from tallystick.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.intent import ProviderAccount
    from tallystick.core.lock import Lock
    from tallystick.core.period import Instant
    from tallystick.core.subscription import State

__all__ = ["PLAN_KEY", "mirrored_of", "price_lines"]

PLAN_KEY: Final = "billing_plan_id"
"""What names the plan in the metadata of a price or a subscription."""

_STATES: Final[Mapping[str, State]] = {
    "incomplete": "scheduled",
    "incomplete_expired": "canceled",
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "paused",
    "paused": "paused",
    "canceled": "canceled",
}
"""How a subscription stands here for each status there.

`incomplete` waits for its first payment: it has not begun, and gives nothing.  `unpaid` is one
whose invoices Stripe has given up on: it gives nothing until they are paid.
"""

_OVER: Final = frozenset({"incomplete_expired", "canceled"})
_TIMES: Final = (*("created", "start_date", "trial_start", "canceled_at", "ended_at"),)


def price_lines(lock: Lock) -> dict[str, str]:
    """Give our price line by Stripe's id of the price, as a lock file holds them.

    A price in another currency than the plan's own has its code behind the line (`core.lock`).
    """
    return {price.provider_id: line for line, price in lock.prices.items()}


def mirrored_of(
    fetched: Mapping[str, Any],
    *,
    account: ProviderAccount,
    lines: Mapping[str, str],
    as_of: Instant,
) -> Mirrored:
    """Read a subscription that was fetched at `as_of`, as plain JSON values.

    `lines` are our price lines by Stripe's ids of prices (`price_lines`).

    Raises Conflict for one of the other mode than the account's, InvalidInput for what cannot be
    read.
    """
    if fetched.get("livemode") is not account.live:
        mode = "live" if account.live else "test"
        raise Conflict(f"{str(fetched.get('id'))[:60]!r} is not of the {mode} mode of {account.id}")
    try:
        return _read(fetched, account, lines, as_of)
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, InvalidInput):
            raise
        text = f"what Stripe says of {str(fetched.get('id'))[:60]!r} cannot be read: {error!r}"
        raise InvalidInput(text) from error


def _read(
    fetched: Mapping[str, Any], account: ProviderAccount, lines: Mapping[str, str], as_of: Instant
) -> Mirrored:
    if fetched["items"].get("has_more"):
        raise InvalidInput(f"Stripe shows only some lines of {fetched['id']!r}")
    data = fetched["items"]["data"]
    stand = _stand_of(fetched)
    latest = _latest(fetched)
    unit = currency(str(fetched["currency"]).upper()).code
    status = fetched["status"]
    start, end = data[0]["current_period_start"], data[0]["current_period_end"]
    cancel_at = fetched.get("cancel_at") or (end if fetched["cancel_at_period_end"] else None)
    return Mirrored(
        account=account,
        provider="stripe",
        reference=str(fetched["id"]),
        payer=_id(fetched["customer"]),
        currency=unit,
        lines=tuple(_line(each, lines, unit) for each in data),
        plan=(fetched.get("metadata") or {}).get(PLAN_KEY),
        as_of=as_of,
        stamp=_stamp(fetched, latest),
        state=stand.state,
        lapsed=stand.lapsed,
        paused_at=stand.paused_at,
        resumes_at=stand.resumes_at,
        started_at=_at(fetched["start_date"]),
        anchor=_at(fetched["billing_cycle_anchor"]),
        period=Period(_instant(start), _instant(end)) if start < end else None,
        trial_end=_at(fetched.get("trial_end")),
        cancel_at=None if status in _OVER else _at(cancel_at),
        ended_at=_at(fetched.get("ended_at") or (latest if status in _OVER else None)),
    )


class _Stand(NamedTuple):
    state: State
    lapsed: bool = False
    paused_at: Instant | None = None
    resumes_at: Instant | None = None


def _stand_of(fetched: Mapping[str, Any]) -> _Stand:
    status = fetched["status"]
    state = _STATES.get(status)
    if state is None:
        raise InvalidInput(f"Stripe's status {str(status)[:40]!r} of a subscription is not known")
    pause = fetched.get("pause_collection")
    if status == "paused":  # a trial that ended without a way to pay
        return _Stand(state, paused_at=_at(fetched.get("trial_end")))
    if status == "unpaid":
        return _Stand(state, lapsed=True)
    if pause and pause["behavior"] == "void" and state in {"trialing", "active", "past_due"}:
        lapsed = state == "past_due"
        return _Stand("paused", lapsed, None, _at(pause.get("resumes_at")))
    return _Stand(state)


def _line(item: Mapping[str, Any], lines: Mapping[str, str], unit: str) -> MirroredLine:
    price = item["price"]
    line = lines.get(price["id"])
    return MirroredLine(
        item=str(item["id"]),
        price=str(price["id"]),
        line=None if line is None else line.removesuffix(f":{unit}"),
        plan=(price.get("metadata") or {}).get(PLAN_KEY),
        quantity=item.get("quantity"),
    )


def _latest(fetched: Mapping[str, Any]) -> int:
    """Give the last second of which it says that something happened then."""
    times = [fetched.get(name) for name in _TIMES]
    for item in fetched["items"]["data"]:
        times += [item.get("created"), item["current_period_start"]]
    return max((each for each in times if each is not None), default=0)


def _stamp(fetched: Mapping[str, Any], latest: int) -> str:
    """Tell apart what was fetched at one instant: what is over is later, then what went on."""
    body = json.dumps(fetched, sort_keys=True, default=str).encode()
    over = int(fetched["status"] in _OVER)
    return f"{over}/{latest:015d}/{hashlib.sha256(body).hexdigest()[:32]}"


def _id(named: Any) -> str:  # noqa: ANN401 - an id, or the object itself where it was expanded
    return str(named if isinstance(named, str) else named["id"])


def _at(second: int | None) -> Instant | None:
    return None if second is None else _instant(second)


def _instant(second: int) -> Instant:
    return datetime.fromtimestamp(second, UTC)
