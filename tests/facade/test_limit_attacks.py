"""What somebody may try at a limit: it is refused, it changes nothing, and it shows nothing.

The rows of the list of attacks that are about usage and quota are named where they are held.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, func, select

from tallystick import QuotaExceeded, ReservationOver
from tallystick.errors import InvalidInput, InvalidUsage, NotFound, TallystickError
from tests.facade.billing import digest
from tests.facade.granting import Ledger
from tests.facade.test_gate import START, opened
from tests.storage.test_one_customer import Watch, names_customer
from tests.tenancy.test_two_tenants import WATERMARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick import Tallystick
    from tallystick.storage.unit import Storage

CALLERS = 64


@pytest.fixture
def tally(storage: Storage) -> Iterator[Tallystick]:
    with opened(storage.engine) as ledger:
        ledger.publish(author="anna", at=datetime(2026, 1, 1, tzinfo=UTC))
        yield ledger
        assert ledger.verify().ok


# --- S28: many at once ----------------------------------------------------------------------------


def _lease(tally: Tallystick) -> None:
    with tally.lease("acme", "calls", 1, report_every=60) as lease:
        assert lease.use()


WAYS: dict[str, Callable[[Tallystick], object]] = {
    "use": lambda tally: tally.use("acme", "calls"),
    "reserve": lambda tally: tally.reserve("acme", "calls"),
    "commit": lambda tally: tally.reserve("acme", "calls").commit(),
    "lease": _lease,
}


@pytest.mark.parametrize("way", WAYS)
def test_of_64_at_one_below_the_limit_one_is_let_pass(tally: Tallystick, way: str) -> None:
    tally.use("acme", "calls", 9)
    start = Barrier(8)

    def call(place: int) -> int:
        if place < 8:
            start.wait()
        try:
            WAYS[way](tally)
        except QuotaExceeded:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(call, range(CALLERS))) == 1
    answer = tally.check("acme", "calls")
    assert (answer.used + answer.reserved, answer.remaining) == (10, 0)


# --- S29: what is no quantity ---------------------------------------------------------------------

BAD: tuple[Any, ...] = (
    *(-5, 1.5, True, None, [], {}, b"1", float("nan"), float("inf"), object()),
    *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e999999"), 10**40),
    *("1e999999", "1e-400", "-1", "", " 1", "1_000", "١٢", "0x1", "NaN", "9" * 5_000, 10**5_000),
)
ASKED: dict[str, Callable[[Tallystick, Any], object]] = {
    "check": lambda tally, bad: tally.check("acme", "calls", bad),
    "check many": lambda tally, bad: tally.check_many([("acme", "calls", bad)]),
    "use": lambda tally, bad: tally.use("acme", "calls", bad),
    "reserve": lambda tally, bad: tally.reserve("acme", "calls", bad),
    "set": lambda tally, bad: tally.set("acme", "projects", bad),
    "give back": lambda tally, bad: tally.give_back("acme", "projects", bad),
    "lease": lambda tally, bad: tally.lease("acme", "calls", bad),
    "the host's count": lambda tally, bad: tally.check("acme", "calls", used=lambda: bad),
}


@pytest.mark.parametrize("way", ASKED)
def test_what_is_no_quantity_is_refused_at_every_door(
    storage_sqlite_file: Storage, way: str
) -> None:
    with opened(storage_sqlite_file.engine) as tally:
        tally.use("acme", "projects")
        before = digest(tally)
        for bad in BAD:
            if bad is None and way == "the host's count":
                continue  # None is no count of the host's at all
            with pytest.raises((InvalidInput, InvalidUsage)) as refused:
                ASKED[way](tally, bad)
            assert len(str(refused.value)) < 500
        assert digest(tally) == before


def test_what_is_no_quantity_commits_nothing(storage_sqlite_file: Storage) -> None:
    with opened(storage_sqlite_file.engine) as tally:
        held = tally.reserve("acme", "calls", 3)
        before = digest(tally)
        for bad in (each for each in BAD if each is not None):
            with pytest.raises((InvalidInput, InvalidUsage)):
                held.commit(bad)
        assert digest(tally) == before
        assert held.commit(3).used == 3


# --- S30: what is no time -------------------------------------------------------------------------


def test_a_time_that_cannot_be_is_refused_and_one_of_another_window_counts_there(
    tally: Tallystick,
) -> None:
    tally.use("acme", "calls", 10, at=START - timedelta(days=20))  # in the month before
    assert tally.check("acme", "calls").used == 0
    with pytest.raises(QuotaExceeded):
        tally.use("acme", "calls", at=START - timedelta(days=19))
    tally.use("acme", "files", 10, at=START - timedelta(days=365 * 50))
    assert tally.check("acme", "files").used == 0
    before = digest(tally)
    for bad in (START + timedelta(days=365 * 50), START.replace(year=1), START.replace(year=9999)):
        with pytest.raises(TallystickError):
            tally.use("acme", "files", at=bad)
    for text in ("2026-11-10T12:00:00", "2026-11-10T12:00:60Z", "0001-01-01T00:00:00Z", "9" * 30):
        with pytest.raises(TallystickError):
            tally.check("acme", "calls", at=text)
    assert digest(tally) == before


# --- S31, S35: another customer's -----------------------------------------------------------------


def test_what_another_holds_is_as_if_it_were_not_there(tally: Tallystick) -> None:
    held = tally.reserve("acme", "calls", 3)
    before = digest(tally)
    for act in (tally.commit, tally.release):
        told = []
        for id_ in (held.id, "rsv_nobody"):
            with pytest.raises(NotFound) as refused:
                act("globex", id_, held.token)
            told.append(str(refused.value).replace(id_, "…"))
        assert told[0] == told[1]
    assert digest(tally) == before
    assert tally.check("globex", "calls").remaining == 10


# --- S42: each statement names the customer -------------------------------------------------------


ANY = re.compile(r"SELECT \? AS anon_1 \nFROM \w+_(invoice_sections|customer_parents)\n LIMIT .*")
"""Whether there is any family at all: no answer shows it."""


def test_on_sqlite_each_statement_about_granted_units_names_the_customer(
    storage_sqlite_file: Storage,
) -> None:
    """Also while documents wait, and after time has brought grants that no run has kept."""
    url = storage_sqlite_file.engine.url.render_as_string(hide_password=False)
    ledger = Ledger(url, "rolling")
    with ledger.tally as tally:
        tally.customers.create("globex", name="Globex", currency="USD")
        tally.subscriptions.start("globex", "rolling", id="t")
        for who in ("acme", "globex"):
            tally.credits.grant(who, units=5, feature="calls")
            tally.use(who, "requests", 130)
        ledger.at("2026-11-01T00:10")
        tally.invoices.run()
        ledger.at("2026-12-01T00:10")
        with Watch(tally.storage) as watch:
            tally.check_all("acme")
            tally.use("acme", "requests")
        said = watch.of_customers()
        assert len(said) > 10
        others = [each for each in said if "globex" in str(each[1])]
        assert others == []
        strays = [text for text, bound in said if not _names(text, bound)]
        assert {text for text in strays if not ANY.fullmatch(text)} <= {WATERMARK}


def _names(text: str, bound: tuple[Any, ...]) -> bool:
    lists = [each for each in bound if isinstance(each, str) and each.startswith("[[")]
    return any("acme" in each for each in lists) or names_customer(text, bound, "acme")


# --- S43: words that would be SQL -----------------------------------------------------------------

HOSTILE = (
    "x'; DROP TABLE tallystick_gates; --",
    "' OR '1'='1",
    'x" OR 1=1 --',
    "1); DELETE FROM tallystick_usage_events; --",
    "%' UNION SELECT name FROM sqlite_master --",
    "$1 :customer {id} %(id)s ?",
)


def test_words_that_would_be_sql_are_only_words(tally: Tallystick) -> None:
    tally.use("acme", "calls", 4, idempotency_key="mine")
    for number, words in enumerate(HOSTILE, start=1):
        assert tally.check(words, "calls").used == 0
        assert not tally.check("acme", words).allowed
        assert tally.use(words, "calls", idempotency_key=words).used == 1
        with pytest.raises(TallystickError):
            tally.use("acme", words)
        held = tally.reserve(words, "calls", idempotency_key=f"{words} held")
        with pytest.raises((NotFound, ReservationOver)):
            tally.commit("acme", words, held.token)
        assert held.commit().used == 2
        with pytest.raises(TallystickError):
            tally.use("acme", "calls", at=words)
        tables = tally.storage.tables
        with tally.storage.engine.connect() as connection:
            count = select(func.count()).select_from(tables.gates)
            assert connection.execute(count).scalar_one() == 1 + number
    assert tally.check("acme", "calls").used == 4


def test_no_word_of_a_caller_stands_in_a_statement(tally: Tallystick) -> None:
    said: list[str] = []

    def note(*given: Any) -> None:
        said.append(given[2])

    event.listen(tally.storage.engine, "before_cursor_execute", note)
    try:
        tally.use("canary-who", "calls", idempotency_key="canary-key")
        tally.reserve("canary-who", "calls", idempotency_key="canary-held").release()
        tally.check("canary-who", "canary-feature")
    finally:
        event.remove(tally.storage.engine, "before_cursor_execute", note)
    assert said
    assert not [each for each in said if "canary" in each]
