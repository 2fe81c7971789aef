"""Several processes bill at once: what comes out is what one alone makes, to the number."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from tallystick.app.billing import run_billing
from tests.proof.billing_calls import arriving, customers, day, sell, start, use
from tests.proof.children import fork
from tests.proof.places import KINDS
from tests.proof.settings import FULL, times
from tests.proof.state import sound, state
from tests.proof.usage_calls import insisted, opened

if TYPE_CHECKING:
    from tallystick.wiring import Tallystick
    from tests.proof.children import Child, Report
    from tests.proof.conftest import Count
    from tests.proof.places import Place
    from tests.proof.state import State

SUBSCRIPTIONS: Final = 200
THREADS: Final = 16
UNTIL: Final = 62  # two renewals
BATCH: Final = 16
USUALLY: Final = {(2, "sqlite"), (4, "postgresql")}


def several(tally: Tallystick) -> None:
    """Have many that fall due at different times; some with calls, some that end, some items."""
    sell(tally)
    names = [f"c{number:03}" for number in range(SUBSCRIPTIONS)]
    customers(tally, names)
    for number, name in enumerate(names):
        start(tally, name, ("basic", "pro")[number % 2], number % 7, seats=number % 4 + 1)
        if number % 10 == 3:
            tally.subscriptions.cancel(f"{name}-sub", when=day(40), credit=True, at=day(8))
        if number % 10 == 4:
            tally.invoices.add_item(name, "Setting up", "9.00", idempotency_key=name, at=day(8))
    with arriving(tally, 12):
        for name in names[1::4]:
            use(tally, name, 11, 400)


def bill(url: str, threads: int, gate: tuple[int, int], report: Report) -> None:
    """Wait for the start, then bill with so many threads at once."""
    os.close(gate[1])
    with opened(url) as tally:
        with tally.begin():
            pass  # connected before the start
        os.read(gate[0], 1)
        faults: list[str] = []

        def work() -> None:
            try:
                act = partial(run_billing, tally.storage, day(UNTIL), batch=BATCH)
                done = insisted(act, report)
                report({"documents": done.documents, "set aside": len(done.set_aside)})
            except Exception as error:  # noqa: BLE001 - the test is to see it
                faults.append(f"{type(error).__name__}: {error}")

        running = [threading.Thread(target=work) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert not faults, faults


def billed_by(place: Place, processes: int, threads: int) -> tuple[State, list[Any]]:
    """Bill from the start with so many processes at once; give what is stored then."""
    place.restore()
    gate = os.pipe()
    children: list[Child] = [
        fork(lambda report: bill(place.url, threads, gate, report)) for _ in range(processes)
    ]
    for end in gate[::-1]:
        os.close(end)
    try:
        codes = [child.wait() for child in children]
    finally:
        for child in children:
            child.kill()
    assert codes == [0] * processes, "\n".join(child.errors() for child in children)
    told = [each for child in children for each in child.told if "documents" in each]
    return as_alone(state(place.url)), told


def as_alone(found: State) -> State:
    """Leave out in which order entries were written to the journal, which has no order."""
    books = [dict(zip(found["journal"][0], row, strict=True)) for row in found["journal"][1:]]
    rows = sorted([value for name, value in row.items() if name != "id"] for row in books)
    return {**found, "journal": rows}


@pytest.mark.parametrize(
    ("processes", "somewhere"),
    [(number, kind) for number in (2, 4) for kind in KINDS if FULL or (number, kind) in USUALLY],
    indirect=["somewhere"],
)
def test_numbers_do_not_tell_how_many_processes_billed(
    processes: int, somewhere: Place, count: Count
) -> None:
    with opened(somewhere.url) as tally:
        several(tally)
    somewhere.keep()
    alone, _ = billed_by(somewhere, 1, 1)
    told: list[Any] = []
    for _round in range(times(1, 20)):
        found, told = billed_by(somewhere, processes, THREADS // processes)
        for table in alone:
            assert found[table] == alone[table], table
        assert not any(each["set aside"] for each in told)
    names, *rows = alone["invoices"]
    issued = [
        dict(zip(names, row, strict=True)) for row in rows if row[names.index("body")] != "None"
    ]
    assert sum(each["documents"] for each in told) == len(issued)
    for series in ("invoice", "credit_note"):
        numbers = sorted(int(each["number"]) for each in issued if each["series"] == series)
        assert numbers == list(range(1, len(numbers) + 1))
    causes = [(each["customer_id"], each["cause"]) for each in issued]
    assert len(set(causes)) == len(causes)
    with opened(somewhere.url) as tally:
        assert not tally.verify().broken
    assert sound(somewhere.url)
    count(
        f"schedulers   {processes} processes x {THREADS // processes}  {somewhere.kind:<11}"
        f" {len(issued):>4} documents of {SUBSCRIPTIONS} subscriptions, numbered as by one"
    )
