"""What time does to a subscription: a trial ends, a period is over, it is cancelled, it expires."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.invoice import HOUR, advance_invoice, draft, finalize
from tallystick.testing.fake_stripe.invoice_line import line_of_period
from tallystick.testing.fake_stripe.meter import metered
from tallystick.testing.fake_stripe.subscription import licensed_lines, next_end, set_period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.testing.fake_stripe.account import Account, Thing

__all__ = ["cancel", "due_steps", "end_trial", "pass_time", "renewal_lines", "take_step"]

_EXPIRES: Final = 23 * HOUR
_NOTICE: Final = 3 * 24 * HOUR
_LIVE: Final = frozenset(("active", "past_due", "trialing", "unpaid"))


def pass_time(account: Account, until: int, test_clock: str | None) -> None:
    """Do all that falls due up to a second, in its order, each at its own time."""
    while due := min(due_steps(account, test_clock), default=None):
        at, kind, wanted = due
        if at > until:
            break
        if test_clock is not None:
            account.of("test_helpers.test_clock")[test_clock]["frozen_time"] = at
        take_step(account, kind, wanted, at)


def due_steps(account: Account, test_clock: str | None) -> Iterator[tuple[int, str, str]]:
    """Give when each subscription and each invoice has something to do next."""
    for subscription in account.of("subscription").values():
        if subscription["test_clock"] == test_clock:
            at = _next(account, subscription)
            if at is not None:
                yield at, "subscription", subscription["id"]
    for invoice in account.of("invoice").values():
        if invoice["test_clock"] == test_clock and invoice["status"] in {"draft", "open"}:
            at = invoice["automatically_finalizes_at"] or invoice["next_payment_attempt"]
            if at is not None:
                yield at, "invoice", invoice["id"]


def _next(account: Account, subscription: Thing) -> int | None:
    if subscription["status"] == "incomplete":
        return int(subscription["created"]) + _EXPIRES
    if subscription["status"] not in _LIVE:
        return None
    times = [subscription["items"]["data"][0]["current_period_end"], subscription["cancel_at"]]
    if subscription["status"] == "trialing" and subscription["id"] not in account.noticed:
        times.append(max(subscription["trial_end"] - _NOTICE, subscription["trial_start"]))
    pause = subscription["pause_collection"]
    times.append(None if pause is None else pause["resumes_at"])
    return min(int(at) for at in times if at is not None)


def take_step(account: Account, kind: str, wanted: str, at: int) -> None:
    """Do the next thing of a subscription or an invoice."""
    if kind == "invoice":
        advance_invoice(account, account.of("invoice")[wanted], at)
        return
    subscription = account.of("subscription")[wanted]
    pause = subscription["pause_collection"]
    end = subscription["items"]["data"][0]["current_period_end"]
    if subscription["status"] == "incomplete":
        subscription["status"] = "incomplete_expired"
        emit(account, "customer.subscription.updated", subscription, {"status": "incomplete"}, at)
    elif subscription["cancel_at"] is not None and subscription["cancel_at"] <= at:
        cancel(account, subscription, at, "cancellation_requested")
    elif pause is not None and pause["resumes_at"] is not None and pause["resumes_at"] <= at:
        subscription["pause_collection"] = None
        emit(
            account, "customer.subscription.updated", subscription, {"pause_collection": pause}, at
        )
    elif at < end:
        account.noticed.add(wanted)
        emit(account, "customer.subscription.trial_will_end", subscription, at=at)
    elif subscription["cancel_at_period_end"]:
        cancel(account, subscription, at, "cancellation_requested")
    elif subscription["status"] == "trialing":
        end_trial(account, subscription, at)
    else:
        _renew(account, subscription, at, at)


def end_trial(account: Account, subscription: Thing, at: int) -> None:
    """Let the first paid period begin; without a way to pay it may pause or end instead."""
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    customer = account.of("customer")[subscription["customer"]]
    default = customer["invoice_settings"]["default_payment_method"]
    if not (subscription["default_payment_method"] or default):
        if behavior == "cancel":
            cancel(account, subscription, at, "cancellation_requested")
            return
        if behavior == "pause":
            subscription["status"] = "paused"
            emit(account, "customer.subscription.paused", subscription, at=at)
            return
    subscription |= {"status": "active", "trial_end": at}
    _renew(account, subscription, at, at)


def _renew(account: Account, subscription: Thing, start: int, at: int) -> None:
    was = subscription["items"]["data"][0]["current_period_start"]
    usage = _usage_lines(account, subscription)
    if start != subscription["billing_cycle_anchor"] and subscription["trial_end"] == start:
        subscription["billing_cycle_anchor"] = start
    set_period(subscription, start, next_end(subscription, start))
    emit(
        account,
        "customer.subscription.updated",
        subscription,
        {"items": {"data": [{"current_period_start": was}]}},
        at,
    )
    _expire_discounts(account, subscription, at)
    lines = [*usage, *account.prorations.pop(subscription["id"], [])]
    lines += licensed_lines(account, subscription)
    if lines:
        _bill(account, subscription, lines, at)


def _bill(account: Account, subscription: Thing, lines: list[Thing], at: int) -> None:
    pause = subscription["pause_collection"]
    invoice = draft(
        account,
        account.of("customer")[subscription["customer"]],
        lines,
        at,
        currency=subscription["currency"],
        reason="subscription_cycle",
        subscription=subscription,
        discounts=subscription["discounts"],
        more={} if pause else {"automatically_finalizes_at": at + HOUR},
    )
    subscription["latest_invoice"] = invoice["id"]
    if pause is None or pause["behavior"] == "keep_as_draft":
        return
    finalize(account, invoice, at)
    if invoice["status"] == "open":
        word = {"void": "void", "mark_uncollectible": "uncollectible"}[pause["behavior"]]
        invoice["status"] = word
        name = {"void": "voided", "uncollectible": "marked_uncollectible"}[word]
        invoice["status_transitions"][f"{name}_at"] = at
        emit(account, f"invoice.{name}", invoice, at=at)


def _usage_lines(account: Account, subscription: Thing) -> list[Thing]:
    lines = []
    for item in subscription["items"]["data"]:
        recurring = item["price"]["recurring"]
        period = item["current_period_start"], item["current_period_end"]
        # Source: docs.stripe.com/billing/subscriptions/trials: usage in a trial is not charged.
        free = subscription["trial_end"] is not None and period[0] < subscription["trial_end"]
        if recurring["usage_type"] == "metered" and not free:
            meter = account.of("billing.meter")[recurring["meter"]]
            used = metered(account, meter, subscription["customer"], *period)
            lines.append(line_of_period(account, item, max(used, Decimal(0)), period))
    return lines


def _expire_discounts(account: Account, subscription: Thing, at: int) -> None:
    lasting = []
    for wanted in subscription["discounts"]:
        discount = account.of("discount")[wanted]
        once = account.coupons[wanted]["duration"] == "once"
        used = (
            once
            and subscription["latest_invoice"] is not None
            and not _free_so_far(account, subscription)
        )
        if not used and (discount["end"] is None or at < discount["end"]):
            lasting.append(wanted)
    subscription["discounts"] = lasting


def _free_so_far(account: Account, subscription: Thing) -> bool:
    latest = account.of("invoice")[subscription["latest_invoice"]]
    return bool(latest["subtotal"] == 0)


def renewal_lines(account: Account, subscription: Thing) -> list[Thing]:
    """Give the lines that the next renewal will have, as a preview shows them."""
    end = subscription["items"]["data"][0]["current_period_end"]
    usage = _usage_lines(account, subscription)
    later = {**subscription, "items": {"data": [dict(i) for i in subscription["items"]["data"]]}}
    set_period(later, end, next_end(later, end))
    return [
        *usage,
        *account.prorations.get(subscription["id"], []),
        *licensed_lines(account, later),
    ]


def cancel(account: Account, subscription: Thing, at: int, reason: str) -> None:
    """End a subscription now; what was used and not billed yet is billed."""
    usage = [line for line in _usage_lines(account, subscription) if line["amount"]]
    was = subscription["status"]
    subscription |= {"status": "canceled", "ended_at": at}
    subscription["canceled_at"] = subscription["canceled_at"] or at
    subscription["cancellation_details"]["reason"] = reason
    emit(account, "customer.subscription.deleted", subscription, {"status": was}, at)
    account.prorations.pop(subscription["id"], None)
    if usage:
        _bill(account, subscription, usage, at)
