"""`tally.subscriptions`: what a call means, what a preview shows, what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.currency import currency
from tallystick.errors import (
    Conflict,
    CurrencyMismatch,
    InvalidInput,
    InvalidPeriod,
    NotFound,
    UnknownPlan,
)
from tests.facade.billing import START, catalog, day, digest, opened, usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick import Tallystick
    from tallystick.core.invoice import Invoice
    from tests.databases import Database

LATER = day("2026-10-16T00:00")


@pytest.fixture
def tally(database: Database) -> Iterator[Tallystick]:
    with opened(database.url) as ledger:
        yield ledger


def figures(*documents: Invoice) -> list[Any]:
    """Give all of documents that an act decides, without what issuing adds."""
    return [
        (each.id, each.cause, each.lines, each.total, each.balance, each.amount_due, each.at)
        for each in documents
    ]


# --- starting ---------------------------------------------------------------------------------


def test_a_plan_is_the_newest_version_and_the_rest_comes_from_it_and_the_customer(
    tally: Tallystick,
) -> None:
    tally.customers.update("acme", time_zone="Europe/Vienna")
    tally.publish(catalog(basic="12.00"), author="anna")
    made = tally.subscriptions.start("acme", "basic").subscription
    assert (made.id, made.plan, made.currency.code) == ("sub_000001", "basic@2", "USD")
    assert (made.group, made.zone, made.state) == ("default", "Europe/Vienna", "active")
    other = tally.subscriptions.start("acme", "desk", id="d", net_days=7, memo="hi").subscription
    assert (other.group, other.currency.code, other.terms.net_days) == ("desk", "EUR", 7)
    page = tally.subscriptions.list(customer="acme", limit=1)
    assert ([each.id for each in page], page.cursor) == (["d"], "d")
    assert [each.id for each in tally.subscriptions.list(starting_after="d")] == ["sub_000001"]
    assert tally.subscriptions.get("d", customer="acme") == other


def test_everything_that_can_be_said_of_a_start_is_kept(tally: Tallystick) -> None:
    made = tally.subscriptions.start(
        "acme",
        "pro@1",
        seats=3,
        add_ons={"sms": 2},
        overrides={"pro": {"cost": "20.00"}},
        phases=[{"periods": 2, "percent_off": "50"}, {"periods": 1, "plan": "pro"}],
        billing="calendar",
        ends_at="2027-10-01T00:00:00Z",
        identities=["card/1"],
        starts_at=datetime.fromisoformat("2026-10-05T12:00:00+02:00"),
        id="s",
    )
    found = made.subscription
    assert (found.state, found.begins_at) == ("scheduled", day("2026-10-05T10:00"))
    assert [(item.key, item.offer, item.seats) for item in found.items] == [
        ("plan", "pro@1", 3),
        ("sms", "sms@1", 2),
    ]
    assert [planned.periods for planned in found.planned] == [2]
    kinds = [(each.kind, each.at.date().isoformat()) for each in tally.subscriptions.schedule("s")]
    assert kinds[0] == ("starts", "2026-10-05")
    assert [at for kind, at in kinds if kind == "changes"] == ["2026-12-01"]
    assert kinds[-1] == ("ends", "2027-10-01")
    assert made.documents == ()


def test_a_repeat_with_its_key_gives_the_first_answer_whatever_came_between(
    tally: Tallystick,
) -> None:
    first = tally.subscriptions.start("acme", "basic", idempotency_key="k", at=START)
    moved = tally.subscriptions.change(
        first.subscription.id, plan="pro", idempotency_key="m", at=LATER
    )
    tally.publish(catalog(basic="12.00"), author="anna")
    tally.customers.update("acme", time_zone="Europe/Vienna")
    tally.invoices.run(LATER + timedelta(days=40))
    assert tally.subscriptions.start("acme", "basic", idempotency_key="k") == first
    assert (
        tally.subscriptions.change(first.subscription.id, plan="pro", idempotency_key="m") == moved
    )
    assert len(first.documents) == 1
    with pytest.raises(Conflict, match="was used for another start"):
        tally.subscriptions.start("acme", "basic", seats=2, idempotency_key="k")
    with pytest.raises(Conflict, match="was used for another change"):
        tally.subscriptions.cancel(first.subscription.id, idempotency_key="m")


def test_a_trial_is_given_once_to_a_customer_and_to_each_identity(tally: Tallystick) -> None:
    made = tally.subscriptions.start(
        "acme", "pro", trial_days=14, after_trial="paused", identities=["card/1"], id="a"
    )
    assert made.subscription.state == "trialing"
    assert [each.kind for each in tally.subscriptions.schedule("a")][:1] == ["trial_ends"]
    tally.customers.create("beta")
    with pytest.raises(Conflict, match="a trial is given once"):
        tally.subscriptions.start("beta", "pro", trial_days=14, identities=["card/1"])
    assert tally.subscriptions.list(customer="beta").items == ()
    assert tally.subscriptions.start("beta", "pro", trial_days=14).subscription.state == "trialing"


def test_a_repeat_of_a_start_has_the_trial_of_the_first(tally: Tallystick) -> None:
    tally.publish(catalog(trial_days=14), author="anna")
    start = partial(tally.subscriptions.start, "acme", "basic", id="s", idempotency_key="k")
    assert start().subscription.state == "trialing"
    assert start().subscription.state == "trialing"
    with pytest.raises(Conflict, match="was used for another start"):
        start(trial_days=0)
    with pytest.raises(InvalidInput, match="trial_days"):
        tally.subscriptions.start("acme", "basic", trial_days=False)


# --- moves ------------------------------------------------------------------------------------


def test_a_life_of_a_subscription(tally: Tallystick) -> None:
    own = tally.subscriptions
    own.start("acme", "basic", id="s")
    assert own.change("s", plan="pro", seats=2, at=LATER).subscription.plan == "pro@1"
    planned = own.change("s", plan="basic", at=LATER).subscription
    assert [each.number for each in planned.planned] == [3]
    (change,) = [each for each in own.schedule("s") if each.kind == "changes"]
    assert (change.number, change.at) == (3, day("2026-11-01"))
    assert own.unplan("s", 3, at=LATER).subscription.planned == ()
    assert (
        own.pause("s", resumes_at="2026-10-20T00:00:00Z", at=LATER).subscription.state == "paused"
    )
    assert own.resume("s", at=LATER).subscription.state == "active"
    assert own.cancel("s", at=LATER).subscription.cancel_at == day("2026-11-01")
    assert [each.kind for each in own.schedule("s")] == ["cancels"]
    assert own.keep("s", at=LATER).subscription.cancel_at is None
    assert own.lapse("s", at=LATER).subscription.state == "past_due"
    assert own.recover("s", at=LATER).subscription.state == "active"
    ended = own.cancel("s", when="now", credit=True, at=LATER)
    assert ended.subscription.state == "canceled"
    assert own.schedule("s") == ()
    with pytest.raises(Conflict, match="nothing happens to it any more"):
        own.resume("s", at=LATER)


# --- previews ---------------------------------------------------------------------------------


def test_a_preview_of_a_start_changes_nothing_and_gives_the_figures_of_the_act(
    tally: Tallystick,
) -> None:
    tally.invoices.add_item("acme", "Help", usd("3.00"), at=day("2026-09-30"))
    said: dict[str, Any] = {
        "seats": 2, "add_ons": ["sms"], "starts_at": day("2026-07-15"), "id": "s"
    }  # fmt: skip
    before = digest(tally)
    seen = tally.subscriptions.preview.start("acme", "pro", **said)
    assert digest(tally) == before
    with pytest.raises(NotFound):
        tally.subscriptions.get("s")
    made = tally.subscriptions.start("acme", "pro", **said)
    assert made.subscription == seen.subscription
    assert [each.id for each in seen.documents] == list(made.documents)
    assert len(seen.documents) == 3
    tally.invoices.run(START)
    issued = [tally.invoices.get(id_).invoice for id_ in made.documents]
    assert figures(*seen.documents) == figures(*issued)
    assert seen.upcoming is not None
    tally.invoices.run(day("2026-10-15T02:00"))
    assert figures(seen.upcoming) == figures(tally.invoices.get(seen.upcoming.id).invoice)


MOVES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("change", (), {"plan": "pro", "seats": 3, "proration": "invoice_now"}),
    ("change", (), {"plan": "pro", "when": "period_end"}),
    ("change", (), {"add": ["sms"], "overrides": {"basic": {"cost": "8.00"}}}),
    ("change", (), {"plan": "pro", "when": "2026-10-20T00:00:00Z"}),
    ("pause", (), {"mode": "extend"}),
    ("cancel", (), {"when": "now", "credit": True}),
    ("cancel", (), {}),
    ("lapse", (), {}),
]


@pytest.mark.parametrize(("name", "words", "said"), MOVES)
def test_a_preview_of_a_move_changes_nothing_and_gives_the_figures_of_the_act(
    tally: Tallystick, name: str, words: tuple[Any, ...], said: dict[str, Any]
) -> None:
    tally.subscriptions.start("acme", "basic", id="s", at=START)
    tally.invoices.run(START)
    before = digest(tally)
    seen = getattr(tally.subscriptions.preview, name)("s", *words, **said, at=LATER)
    assert digest(tally) == before
    made = getattr(tally.subscriptions, name)("s", *words, **said, at=LATER)
    assert made.subscription == seen.subscription
    assert [each.id for each in seen.documents] == list(made.documents)
    tally.invoices.run(LATER + timedelta(days=60))
    every = [*seen.documents, *([] if seen.upcoming is None else [seen.upcoming])]
    assert figures(*every) == figures(*(tally.invoices.get(each.id).invoice for each in every))


def test_a_preview_of_the_moves_that_take_something_back(tally: Tallystick) -> None:
    own = tally.subscriptions
    own.start("acme", "pro", id="s", at=START)
    own.change("s", plan="basic", at=LATER)
    own.cancel("s", at=LATER)
    before = digest(tally)
    assert own.preview.keep("s", at=LATER).subscription.cancel_at is None
    assert own.preview.unplan("s", 2, at=LATER).subscription.planned == ()
    assert own.preview.pause("s", at=LATER).subscription.state == "paused"
    assert digest(tally) == before
    with pytest.raises(Conflict):
        own.preview.resume("s", at=LATER)


def test_the_balance_pays_in_a_preview_too_once(tally: Tallystick) -> None:
    tally.invoices.add_item("acme", "Gift", usd("-15.00"), now=True, at=START)
    tally.invoices.run(START)
    assert tally.invoices.balance("acme") == (usd("15.00"),)
    seen = tally.subscriptions.preview.start("acme", "basic", at=START)
    assert seen.upcoming is not None
    assert (seen.documents[0].balance, seen.upcoming.balance) == (usd("10.00"), usd("5.00"))


def test_within_a_hosts_transaction_nothing_is_committed_and_a_preview_takes_nothing_back(
    tally: Tallystick,
) -> None:
    empty = digest(tally)
    with tally.storage.engine.connect() as host:
        tally.subscriptions.start("acme", "basic", id="s", at=START, connection=host)
        within = digest(tally, host)
        seen = tally.subscriptions.preview.change("s", plan="pro", at=LATER, connection=host)
        assert (seen.subscription.plan, digest(tally, host)) == ("pro@1", within)
        assert tally.subscriptions.get("s", connection=host).plan == "basic@1"
        with pytest.raises(Conflict):
            tally.subscriptions.start("acme", "pro", connection=host)
        assert digest(tally, host) == within  # what is refused leaves the host's work alone
        host.rollback()
    assert digest(tally) == empty


# --- what is refused --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet() -> Iterator[tuple[Tallystick, str]]:
    """A ledger in which everything is refused, and its digest."""
    with opened("sqlite://") as ledger:
        ledger.subscriptions.start("acme", "basic", id="s")
        yield ledger, digest(ledger)


class Hostile:
    """Raises whatever is asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __repr__


STRANGE: list[Any] = [
    5,
    1.5,
    True,
    b"a",
    (),
    [],
    {},
    Hostile(),
    "",
    "\ud800",
    "x" * 10_000,
    10**400,
]


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "name",
    [
        "customer", "plan", "seats", "add_ons", "trial_days", "after_trial", "starts_at",
        "paid_until", "ends_at", "billing", "anchor", "phases", "overrides", "net_days",
        "po_number", "memo", "identities", "id", "idempotency_key",
    ],
)  # fmt: skip
def test_a_strange_value_is_refused_by_name_and_stores_nothing(
    quiet: tuple[Tallystick, str], name: str, value: Any
) -> None:
    good = {
        ("add_ons", ()), ("phases", ()), ("identities", ()), ("seats", 5), ("trial_days", 5),
        ("net_days", 5),
    }  # fmt: skip
    if value in ((), [], {}) and name in {"add_ons", "phases", "identities", "overrides"}:
        pytest.skip("nothing of them is something one can say")
    if (name, value) in [each for each in good if type(value) is type(each[1])]:
        pytest.skip("that is a good one")
    tally, before = quiet
    given: dict[str, Any] = {"customer": "acme", "plan": "pro", name: value}
    words = [given.pop("customer"), given.pop("plan")]
    with pytest.raises((InvalidInput, NotFound)) as caught:
        tally.subscriptions.start(*words, **given)
    assert len(str(caught.value)) < 1_000
    assert digest(tally) == before


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    ("move", "name"),
    [
        *[("change", name) for name in ("plan", "seats", "add", "remove", "when", "proration")],
        *[("change", "overrides"), ("change", "customer"), ("change", "id")],
        *[("pause", "mode"), ("pause", "resumes_at"), ("cancel", "when"), ("cancel", "credit")],
        *[("unplan", "number"), ("keep", "idempotency_key")],
    ],
)
def test_a_strange_value_of_a_move_is_refused(
    quiet: tuple[Tallystick, str], move: str, name: str, value: Any
) -> None:
    if (name, value) in {("seats", 5), ("credit", True)} if value.__hash__ else False:
        pytest.skip("that is a good one")
    tally, before = quiet
    given: dict[str, Any] = {"number": 1} if move == "unplan" else {}
    given = {"id": "s", **given, name: value}
    with pytest.raises((InvalidInput, NotFound, Conflict)) as caught:
        getattr(tally.subscriptions, move)(**given)
    assert len(str(caught.value)) < 1_000
    assert digest(tally) == before


def test_foreign_ids_plans_and_currencies_are_refused(tally: Tallystick) -> None:
    own = tally.subscriptions
    own.start("acme", "basic", id="s")
    tally.customers.create("beta", currency="EUR")
    tally.customers.create("gamma")
    with pytest.raises(NotFound):
        own.change("s", plan="pro", customer="beta")
    with pytest.raises(NotFound):
        own.get("s", customer="beta")
    with pytest.raises(NotFound):
        own.start("nobody", "pro")
    with pytest.raises(UnknownPlan):
        own.start("beta", "gold")
    with pytest.raises(UnknownPlan):
        own.start("beta", "pro@7")
    with pytest.raises(CurrencyMismatch, match="is sold in USD, the customer pays EUR"):
        own.start("beta", "pro")
    with pytest.raises(CurrencyMismatch):
        own.start("beta", "desk", add_ons=["sms"])
    with pytest.raises(Conflict, match="not offered"):
        own.start("gamma", "old")
    with pytest.raises(Conflict, match="stands in group 'desk'"):
        own.change("s", plan="desk")
    with pytest.raises(Conflict, match="a live subscription"):
        own.start("acme", "pro")
    with pytest.raises(Conflict, match="already"):
        own.start("beta", "desk", id="s")
    tally.customers.forget("beta")
    with pytest.raises(Conflict, match="was forgotten"):
        own.start("beta", "desk")


def test_a_time_without_a_zone_is_refused_with_its_name(tally: Tallystick) -> None:
    naive = datetime(2026, 10, 1)  # noqa: DTZ001 - the point of the test
    with pytest.raises(InvalidPeriod) as caught:
        tally.subscriptions.start("acme", "pro", starts_at=naive)
    assert list(caught.value.fields) == ["starts_at"]
    with pytest.raises(InvalidPeriod):
        tally.subscriptions.start("acme", "pro", at=naive)
    with pytest.raises(InvalidInput, match="now, period_end or a time"):
        tally.subscriptions.cancel("s", when="2026-10-01")


def test_the_currency_is_the_plans(tally: Tallystick) -> None:
    made = tally.subscriptions.start("acme", "desk").subscription
    assert made.currency == currency("EUR")
