"""Many callers on one coupon, one wallet, one invoice: nothing over, and all of it still usable."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pytest

from tallystick.app import issuing
from tallystick.app.billing import run_billing
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.errors import Conflict, CouponRefused, InsufficientCredit
from tallystick.storage import redemptions
from tests.proof.billing_calls import BEGIN, SOLD, customers, day, documents, run, sell, start
from tests.proof.settings import PATIENCE, times
from tests.proof.usage_calls import insisted, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.core.invoice import Invoice
    from tallystick.storage.unit import Unit
    from tallystick.wiring import Tallystick
    from tests.proof.conftest import Count
    from tests.proof.places import Place

CALLERS: Final = 64
LIMITS: Final = (1, 3, 100)
WALLETS: Final = times(6, 60)
REFUNDS: Final = 16
REFUSED: Final = (Conflict, CouponRefused, InsufficientCredit)


@pytest.fixture
def ledger(somewhere: Place) -> Iterator[Tallystick]:
    """A ledger where coupons of each limit can be redeemed."""
    with opened(somewhere.url) as tally:
        sell(tally)
        coupons = [
            {
                "id": f"max{most}",
                "percent_off": "5",
                "max_redemptions": most,
                "codes": [f"MAX{most}"],
            }
            for most in LIMITS
        ]
        tree: Any = to_tree(SOLD)
        tally.publish(read_catalog({**tree, "coupons": coupons}), author="proof", at=BEGIN)
        yield tally
        assert not tally.verify().broken


def at_once(acts: Sequence[Callable[[], object]]) -> list[bool]:
    """Do all at the same moment, each by a caller of its own; tell who was not refused.

    Whatever else is raised is raised.
    """
    barrier = threading.Barrier(len(acts))

    def call(act: Callable[[], object]) -> bool:
        barrier.wait(PATIENCE)
        try:
            insisted(act, _unheard)
        except REFUSED:
            return False
        return True

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(call, acts))


def _unheard(_: object) -> None:
    """Leave out how often somebody waited for SQLite's lock."""


# --- one coupon -----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", LIMITS)
def test_of_64_callers_as_many_redeem_as_may(
    ledger: Tallystick, somewhere: Place, most: int, count: Count
) -> None:
    """Who is refused comes again until there is nothing: no place is lost, either."""
    names = [f"n{number:03}" for number in range(max(most + 8, CALLERS))]
    customers(ledger, names)
    redeemed: list[str] = []
    for begin in range(0, len(names), CALLERS):
        some = names[begin : begin + CALLERS]
        acts = [partial(ledger.coupons.redeem, name, f"max{most}", at=day(1)) for name in some]
        won = at_once(acts)
        redeemed += [name for name, done in zip(some, won, strict=True) if done]
    assert len(redeemed) == min(most, len(names))
    given_back = ledger.coupons.redemptions(redeemed[0])[0].id
    done = at_once([partial(ledger.coupons.release, given_back, at=day(2))] * REFUNDS)
    assert all(done)
    left = [name for name in names if name not in redeemed] or [redeemed[0]]
    again = at_once(
        [partial(ledger.coupons.redeem, name, f"max{most}", at=day(3)) for name in left[:REFUNDS]]
    )
    free = most - len(redeemed) + 1
    assert sum(again) == min(free, len(again))
    count(
        f"callers      coupon, {most:>3} places    {somewhere.kind:<11} {CALLERS:>4} callers,"
        f" {len(redeemed)} redeemed"
    )


def test_one_customer_has_a_coupon_once_by_whatever_spelling(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    """A redemption by one key is one; under other keys the coupon acts already."""
    customers(ledger, ["acme"])
    spellings = ("MAX100", "max100", " Max100 ", "ＭＡＸ１００")
    acts = [
        partial(ledger.coupons.redeem, "acme", spellings[n % 4], idempotency_key=f"key {n % 8}")
        for n in range(CALLERS)
    ]
    assert any(at_once(acts))
    assert len(ledger.coupons.redemptions("acme")) == 1
    count(
        f"callers      coupon, one customer {somewhere.kind:<11} {CALLERS:>4} callers, 1 redeemed"
    )


def test_a_coupon_is_released_or_lowers_a_document_and_never_both(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    """A place that is free again was not used: `verify` would name the discount that was."""
    names = [f"n{number:03}" for number in range(times(16, 100))]
    customers(ledger, names)
    ids = {}
    for name in names:
        start(ledger, name, "basic")
        ids[name] = ledger.coupons.redeem(name, "MAX100", at=BEGIN).id
    acts: list[Callable[[], object]] = [
        partial(ledger.coupons.release, ids[name], at=day(1)) for name in names
    ]
    runs = [partial(run_billing, ledger.storage, day(1), batch=2) for _ in range(2)]
    released = at_once([*runs, *acts])[2:]
    run(ledger, 1)
    for name, done in zip(names, released, strict=True):
        (document,) = documents(ledger, name)
        assert document.invoice.discount.minor == (0 if done else 50)
    count(
        f"callers      release and issue    {somewhere.kind:<11} {len(names):>4} redemptions,"
        f" {sum(released)} released"
    )


def test_who_releases_while_a_document_is_issued_waits_for_it_and_is_refused(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    """Between reading who has a coupon and writing down what it took, nobody gives it back."""
    customers(ledger, ["acme"])
    start(ledger, "acme", "basic")
    redemption = ledger.coupons.redeem("acme", "MAX1", at=BEGIN).id
    told: list[bool] = []

    def release() -> None:
        told.extend(at_once([partial(ledger.coupons.release, redemption, at=day(1))]))

    releasing = threading.Thread(target=release)

    def insert_discounts(unit: Unit, invoices: Sequence[Invoice]) -> None:
        if releasing.ident is None:
            releasing.start()
            releasing.join(0.5)  # time enough for it, if nothing held it up
        redemptions.insert_discounts(unit, invoices)

    with mock.patch.object(issuing, "insert_discounts", insert_discounts):
        run(ledger, 1)
    releasing.join(PATIENCE)
    assert told == [False]
    (document,) = documents(ledger, "acme")
    assert document.invoice.discount.minor == 50
    count(f"callers      release in an issue  {somewhere.kind:<11}    1 refused")


# --- one wallet -----------------------------------------------------------------------------------


def test_one_wallet_is_spent_from_all_sides_and_no_more_than_there_is(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    """Runs burn it, callers void and transfer it, an invoice it paid is voided: all at once."""
    moved = Counter[str]()
    for number in range(WALLETS):
        name, other = f"w{number:03}", f"o{number:03}"
        customers(ledger, [name, other])
        spent = ledger.credits.grant(name, "6.00", category="paid", at=BEGIN).grant.id
        start(ledger, name, "basic")
        run(ledger, 0.5)
        (first,) = documents(ledger, name)
        assert ledger.credits.get(spent).remaining == 0
        grant = ledger.credits.grant(name, "25.00", category="paid", at=BEGIN).grant.id
        ledger.invoices.add_item(name, "A book", "8.00", now=True, at=day(1))
        acts: list[Callable[[], object]] = [
            *(partial(run_billing, ledger.storage, day(2), batch=1) for _ in range(2)),
            *(
                partial(ledger.credits.void, grant, "4.00", idempotency_key=f"v{n}", at=day(1))
                for n in range(3)
            ),
            *(
                partial(
                    ledger.credits.transfer,
                    grant,
                    "4.00",
                    to=other,
                    idempotency_key=f"{name} {n // 2}",
                    at=day(1),
                )
                for n in range(6)
            ),
            partial(ledger.invoices.void, first.invoice.id, at=day(1)),
        ]
        assert at_once(acts)[-1]
        run(ledger, 2)
        _is_whole(ledger, [spent, grant], other, 3_100)
        for id_ in (spent, grant):
            moved += Counter(each.kind for each in ledger.credits.trace(id_).moves)
            if ledger.credits.get(id_).remaining:  # what is left is usable to the last unit
                assert ledger.credits.void(id_, at=day(3)).remaining == 0
    assert moved["restored"] == WALLETS
    count(
        f"callers      one wallet           {somewhere.kind:<11} {12 * WALLETS:>4} calls:"
        f" {', '.join(f'{kind} {often}' for kind, often in sorted(moved.items()))}"
    )


def _is_whole(tally: Tallystick, grants: Sequence[str], other: str, size: int) -> None:
    """Hold what went out and what is left to what was granted; a transfer is had by one."""
    out, left = Counter[str](), 0
    for trace in map(tally.credits.trace, grants):
        assert trace.row.remaining >= 0
        left += int(trace.row.remaining)
        for move in trace.moves:
            out[move.kind] += int(move.size)
    gone = out["burned"] - out["restored"] + out["voided"] + out["transferred"]
    assert gone + left == size
    assert sum(int(row.grant.size) for row in tally.credits.list(other)) == out["transferred"]


# --- one invoice ----------------------------------------------------------------------------------


def test_refunds_at_once_never_give_back_more_than_was_paid(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    """Sixteen want a quarter each of what was paid: four get it, and then nothing is left."""
    rounds = times(3, 40)
    for number in range(rounds):
        name = f"r{number:03}"
        customers(ledger, [name])
        start(ledger, name, "basic")
        run(ledger, 0.5)
        (invoice,) = documents(ledger, name)
        ledger.invoices.pay(invoice.invoice.id, at=day(1))
        refund = partial(ledger.invoices.refund, invoice.invoice.id, "2.50", at=day(2))
        assert sum(at_once([refund] * REFUNDS)) == 4
        found = ledger.invoices.get(invoice.invoice.id)
        assert (found.paid, found.refunded) == (1_000, 1_000)
        with pytest.raises(Conflict):
            ledger.invoices.refund(invoice.invoice.id, "0.01", at=day(3))
    count(
        f"callers      refunds              {somewhere.kind:<11} {rounds * REFUNDS:>4} callers,"
        f" {4 * rounds} refunded"
    )


def test_of_64_spends_of_one_wallet_as_many_come_through_as_it_can_pay(
    ledger: Tallystick, somewhere: Place, count: Count
) -> None:
    """Each takes 3.00 of 100.00: 33 of them, and the last 1.00 can still be taken."""
    customers(ledger, ["acme", "globex"])
    grant = ledger.credits.grant("acme", "100.00", at=BEGIN).grant.id
    acts = [
        partial(ledger.credits.void, grant, "3.00", idempotency_key=f"v{n}", at=day(1))
        if n % 2
        else partial(
            ledger.credits.transfer,
            grant,
            "3.00",
            to="globex",
            idempotency_key=f"t{n}",
            at=day(1),
        )
        for n in range(CALLERS)
    ]
    assert sum(at_once(acts)) == 33
    assert ledger.credits.get(grant).remaining == 100
    assert ledger.credits.void(grant, "1.00", at=day(2)).remaining == 0
    count(f"callers      64 spends            {somewhere.kind:<11} {CALLERS:>4} callers, 33 spent")
