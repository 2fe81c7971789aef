"""Tasks that use a quota, run by Celery itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery

from tallystick import QuotaExceeded
from tallystick.errors import SetupError, Unauthorized, UnknownPlan
from tallystick.integrations.celery import task_quota

if TYPE_CHECKING:
    from tallystick import Tallystick
    from tallystick.testing.clock import FrozenClock


@pytest.fixture
def render(tally: Tallystick) -> Any:
    """A task that uses one request, and fails, is slow or is tried again where it is told to."""
    tally.migrate()
    tally.publish(author="ops")
    clock: FrozenClock = tally.clock  # type: ignore[assignment]  # as the fixture made it
    app = Celery("shop", set_as_current=False)

    @app.task(bind=True, max_retries=2)  # type: ignore[untyped-decorator]  # Celery has no types
    @task_quota(tally, "apiRequests", customer=lambda _, org, *__: org, expires_in=5)
    def render(self: Any, org: str | None, how: str = "") -> int:
        if how == "fails":
            raise ValueError(org)
        if how == "slow":
            clock.advance(timedelta(seconds=6))
        if how == "again" and self.request.retries < 2:
            raise self.retry(countdown=0)
        return int(tally.check(str(org), "apiRequests").reserved)

    return render


def test_a_run_that_succeeds_is_counted(render: Any, tally: Tallystick) -> None:
    assert render.apply(["acme"]).get() == 1
    access = tally.check("acme", "apiRequests")
    assert (access.used, access.reserved) == (1, 0)


def test_a_run_that_fails_is_not(render: Any, tally: Tallystick) -> None:
    with pytest.raises(ValueError, match="acme"):
        render.apply(["acme", "fails"]).get()
    access = tally.check("acme", "apiRequests")
    assert (access.used, access.reserved) == (0, 0)


def test_a_message_that_comes_twice_is_counted_once(render: Any, tally: Tallystick) -> None:
    for _ in range(2):
        render.apply(["acme"], task_id="one").get()
    assert tally.check("acme", "apiRequests").used == 1


def test_a_message_that_comes_again_after_a_failure_is_counted(
    render: Any, tally: Tallystick
) -> None:
    with pytest.raises(ValueError, match="acme"):
        render.apply(["acme", "fails"], task_id="one").get()
    for _ in range(2):
        render.apply(["acme"], task_id="one").get()
    assert tally.check("acme", "apiRequests").used == 1


def test_a_retry_is_a_run_of_its_own(render: Any, tally: Tallystick) -> None:
    render.apply(["acme", "again"]).get()
    assert tally.check("acme", "apiRequests").used == 1


def test_a_slow_run_is_counted_at_its_end_while_there_is_room(
    render: Any, tally: Tallystick
) -> None:
    for _ in range(3):
        render.apply(["acme", "slow"]).get()
    with pytest.raises(QuotaExceeded):
        render.apply(["acme", "slow"]).get()
    assert tally.check("acme", "apiRequests").used == 3


def test_nobody_and_too_much_never_begin(render: Any, tally: Tallystick) -> None:
    with pytest.raises(Unauthorized):
        render.apply([None]).get()
    tally.use("acme", "apiRequests", 3)
    with pytest.raises(QuotaExceeded):
        render.apply(["acme", "fails"]).get()


def test_the_plan_may_be_kept_by_the_host(tally: Tallystick) -> None:
    tally.migrate()
    tally.publish(author="ops")

    @task_quota(tally, "projects", 3, customer=lambda _: "acme", plan=lambda plan: plan)
    def create(plan: str | None) -> str:
        return plan or "the default"

    assert create("pro") == "pro"
    with pytest.raises(QuotaExceeded):
        create(None)
    with pytest.raises(UnknownPlan):
        create("gold")
    assert tally.check("acme", "projects", plan="pro").used == 3


def test_outside_of_a_worker_each_call_counts(tally: Tallystick) -> None:
    tally.migrate()
    tally.publish(author="ops")
    counted = task_quota(tally, "apiRequests", len, customer=lambda text: "acme")(str.upper)
    assert counted("ab") == "AB"
    assert tally.check("acme", "apiRequests").used == 2


def test_what_cannot_work_is_refused_when_the_program_starts(tally: Tallystick) -> None:
    with pytest.raises(SetupError, match="function"):
        task_quota(tally, "apiRequests", customer="acme")  # type: ignore[arg-type]  # as it says
    with pytest.raises(SetupError, match="no plan"):
        task_quota(tally, "nothing", customer=str)
