"""Celery: tasks that use a quota, counted once however often the broker sends them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tallystick.errors import MissingExtra, SetupError
from tallystick.integrations.holding import holding
from tallystick.integrations.needs import customer_from, need_of, seconds_held

try:
    from celery import current_task
except ImportError as error:
    raise MissingExtra("tallystick.integrations.celery", "celery") from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.core.entitlement import Access
    from tallystick.facade.keys import Key
    from tallystick.facade.reservation import Quantity
    from tallystick.wiring import Tallystick

__all__ = ["task_quota"]

P = ParamSpec("P")
R = TypeVar("R")


def task_quota(
    tally: Tallystick[Key],
    feature: Key,
    quantity: Quantity | Callable[..., Quantity] = 1,
    *,
    customer: Callable[..., object],
    plan: Callable[..., object] | None = None,
    expires_in: int | None = None,
    count: Callable[[str], Quantity] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Use so much of a feature for each run of a task that succeeds; it stands below `@app.task`.

    `customer`, `quantity` and `plan` (where you keep it yourself; None leaves it to the
    subscription) are asked with the arguments of the task.  What is held goes back by
    itself after `expires_in` seconds (60), so choose more than the longest run takes; a run that
    takes longer is counted at its end if the limit still allows it, and else fails.  A message that
    the broker sends twice is counted once; each retry is a run of its own.

    Raises SetupError for what the catalogue cannot give.  The task then raises QuotaExceeded,
    AccessDenied, PaymentNeeded, StorageUnavailable, mostly before it begins.
    """
    if not callable(customer) or not (plan is None or callable(plan)):
        raise SetupError("customer and plan are functions of the task's arguments")
    fixed = 1 if callable(quantity) else quantity
    need, seconds = need_of(tally, feature, fixed, count), seconds_held(expires_in)

    def around(task: Callable[P, R]) -> Callable[P, R]:
        @wraps(task)
        def counted(*args: P.args, **named: P.kwargs) -> R:
            owner = customer_from(customer(*args, **named))
            size = quantity(*args, **named) if callable(quantity) else quantity
            kept = None if plan is None else plan(*args, **named)
            named_plan = None if kept is None else str(kept)
            run, used = _run_id(), need.counted(owner)
            held = tally.reserve(
                owner,
                feature,
                size,
                expires_in=seconds,
                idempotency_key=run,
                used=used,
                plan=named_plan,
            )

            def late() -> Access:  # the same event: it is counted once, whichever writes it
                return tally.use(
                    owner, feature, size, idempotency_key=held.id, used=used, plan=named_plan
                )

            with holding(held, late):
                return task(*args, **named)

        return counted

    return around


def _run_id() -> str | None:
    """Name this run of a task, the same where the broker sends it again; None outside of one."""
    sent: Any = getattr(current_task, "request", None)
    if sent is None or sent.id is None:
        return None
    return f"task:{sent.id}:{sent.retries}"
