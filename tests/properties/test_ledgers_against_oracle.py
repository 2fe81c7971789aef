"""What is stored is what the oracle says: on both databases the same bytes, billed late or on time.

A small town of customers lives side by side on one ledger.  `PROOF=full` lets many more towns live.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.databases import migrated
from tests.oracle.asking import asked
from tests.oracle.billing import bill, numbered, with_items
from tests.oracle.life import CAN
from tests.oracle.redeeming import redeemed
from tests.proof.settings import FULL, times
from tests.properties.ledgers import CURRENCIES, Ledger, Person, told_by
from tests.properties.lives import (
    BEGIN,
    CATALOG,
    Using,
    lives,
    usages,
)
from tests.properties.purses import COUPONS, PLACES, purses, taxes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.oracle.asking import Asked
    from tests.oracle.billing import Bill, Document
    from tests.oracle.lines import Line
    from tests.properties.lives import Tree

UNTIL: Final = datetime(2028, 3, 15, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_QUIET: Final = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)


@st.composite
def _items(draw: st.DrawFn, since: datetime) -> list[Tree]:
    days = draw(st.lists(st.integers(0, 200), max_size=2, unique=True))
    return [
        {"do": "item", "at": since + n * _DAY, "name": f"item {n}", "minor": draw(_AMOUNTS)}
        for n in days
    ]


_AMOUNTS: Final = st.sampled_from([1, 4_999, 70_000, -350, -20_000])


@st.composite
def _people(draw: st.DrawFn) -> Person:
    first, moves = draw(lives(most=9))
    moves = [move for move in moves if move["at"] < UNTIL]
    person = Person(first, moves, draw(usages(200)), draw(_items(first["at"])))
    return replace(person, purse=draw(purses(first["at"])))


def _bill(person: Person) -> Bill:
    usage = [(at, quantity) for _, at, quantity in person.arrivals(UNTIL)]
    return bill(CATALOG, person.first, person.moves, usage, UNTIL)


def _bills(town: dict[str, Person]) -> dict[str, Bill]:
    return {who: _bill(each) for who, each in town.items()}


TOWNS: Final = st.lists(_people(), min_size=2, max_size=4).map(
    lambda people: {f"c{n}": person for n, person in enumerate(people)}
)


class _Plays:
    """The ledgers that one town is played on: each a database and a way to bill it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def played(self, town: dict[str, Person], until: datetime, code: str = "USD") -> list[Ledger]:
        """Play it on each, hold what must be true of each, and hold them to be the same."""
        steps = told_by(town, until)
        ways: list[tuple[Any, bool]] = [("sqlite-memory", True), ("postgresql", False)]
        if FULL:
            ways += [("sqlite-memory", False), ("postgresql", True)]
        with ExitStack() as stack:
            found = []
            for kind, punctual in ways:
                storage = stack.enter_context(migrated(kind, self.folder))
                ledger = Ledger(storage, punctual=punctual, code=code)
                ledger.play(steps, until)
                ledger.read()
                ledger.check()
                found.append(ledger)
        assert all(each.bodies == found[0].bodies for each in found)
        assert all(each.made == found[0].made for each in found)
        assert all(each.redeemed == found[0].redeemed for each in found)
        return found


def _wishes(person: Person) -> list[tuple[Tree, bool]]:
    """Tell which coupons somebody asked for in time, and whether they could be had."""
    wishes = [wish for wish in person.purse.get("wishes", ()) if wish["at"] < UNTIL]
    return redeemed(CATALOG, person.first, person.moves, wishes)


def _asked(who: str, person: Person, bill: Bill, ledger: Ledger) -> list[Asked]:
    """Give what the documents of somebody ask for in the end."""
    coupons = [{**wish["coupon"], "at": wish["at"]} for wish, done in _wishes(person) if done]
    purse = {
        **person.purse,
        "coupons": coupons,
        "taxes": taxes_of(person.purse) if person.purse else [],
        "zone": person.first["zone"],
    }

    def shown(document: Document) -> Sequence[Line]:
        return ledger.shown.get((who, document.cause), ())

    return asked(with_items(bill.unsettled, person.items), purse, shown)


def _compare(town: dict[str, Person], folder: Path, code: str = "USD") -> Ledger:
    """Hold a ledger to the oracle: moves, states, documents with their numbers, line by line."""
    ledger = _Plays(folder).played(town, UNTIL, code)[0]
    bills = {who: each for who, each in _bills(town).items() if who in ledger.made}
    assert ledger.made == {who: [done for *_, done in each.told] for who, each in bills.items()}
    assert ledger.states == {who: each.state for who, each in bills.items()}
    assert ledger.redeemed == {who: [done for _, done in _wishes(town[who])] for who in bills}
    documents = {who: _asked(who, town[who], each, ledger) for who, each in bills.items()}
    expected = [row for row in numbered(documents.items()) if row[2].issued <= UNTIL]
    assert ledger.documents == sorted(expected, key=lambda row: row[0])
    return ledger


@settings(_QUIET, max_examples=times(3, 60))
@given(town=TOWNS, code=st.sampled_from(CURRENCIES))
def test_a_town_is_billed_as_the_oracle_says(
    town: dict[str, Person], code: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _compare(town, tmp_path_factory.mktemp("town"), code)


# --- every state and every move -------------------------------------------------------------------

_NOON: Final = BEGIN + timedelta(hours=6)
_LEADS: Final[dict[str, tuple[Tree, list[Tree]]]] = {
    "scheduled": ({"starts": _NOON + 20 * _DAY}, []),
    "trialing": ({"trial": 30}, []),
    "active": ({}, []),
    "past_due": ({}, [{"do": "lapse"}]),
    "paused": ({}, [{"do": "pause", "mode": "keep"}]),
    "canceled": ({}, [{"do": "cancel", "when": "now", "credit": True}]),
    "ended": ({"ends": _NOON + 7 * _DAY}, []),
}
_MOVES: Final[dict[str, Tree]] = {
    "change": {"plan": "max", "seats": 3, "proration": "invoice_now"},
    "pause": {"mode": "extend", "resumes": _NOON + 50 * _DAY},
    "cancel": {"when": "period_end", "credit": True},
    "unplan": {"number": 2},
}
_PLANNED: Final[Tree] = {
    "do": "change",
    "plan": "team",
    "when": _NOON + 70 * _DAY,
    "proration": None,
}


def _cell(state: str, word: str) -> Person:
    """Lead a subscription into a state, and ask for a move there."""
    more, lead = _LEADS[state]
    first = {"at": _NOON, "plan": "pro", "seats": 2, "zone": None, "aligned": False, **more}
    before = {"keep": [{"do": "cancel", "when": _NOON + 90 * _DAY}], "unplan": [_PLANNED]}
    acts = [*before.get(word, []), *lead]
    moves = [{**act, "at": _NOON + 2 * _DAY} for act in acts]
    asked = {"do": word, **_MOVES.get(word, {}), "at": _NOON + 10 * _DAY}
    after = {"do": "change", "seats": 6, "proration": None, "at": _NOON + 41 * _DAY}
    return Person(first, [*moves, asked, after], Using(10_000, (7_000_000,)), [])


def test_every_move_is_asked_for_in_every_state(tmp_path: Path) -> None:
    words = sorted(set().union(*CAN.values()))
    town = {f"{state}-{word}": _cell(state, word) for state, word in product(CAN, words)}
    told = {who: each.told for who, each in _bills(town).items()}
    met = {
        cell for some in told.values() for cell in some if cell[2] or cell[1] not in CAN[cell[0]]
    }
    missing = [cell for cell in product(CAN, words) if (*cell, cell[1] in CAN[cell[0]]) not in met]
    assert not missing
    _compare(town, tmp_path)


# --- coupons, credits and taxes -------------------------------------------------------------------

_AT_ONCE: Final[list[Tree]] = [
    {"do": "change", "plan": "team", "seats": 3, "proration": "next_invoice", "when": "now"},
    {"do": "change", "plan": "basic", "proration": "none", "when": "now"},
    {"do": "change", "plan": "max", "proration": "next_invoice", "when": "now"},
]
_TO_AND_FRO: Final[list[Tree]] = [
    {"do": "change", "seats": 7, "proration": "invoice_now"},
    {"do": "change", "plan": "commit", "seats": 1, "when": "now", "proration": None},
    {"do": "change", "plan": "year", "seats": 2, "proration": None},
    {"do": "change", "plan": "free", "seats": 2, "when": "now", "proration": "invoice_now"},
    {"do": "change", "plan": "pro", "seats": 1, "when": "now", "proration": "invoice_now"},
]
_TOLD: Final[dict[str, tuple[str, int, tuple[str, ...]]]] = {
    "US": ("team", 0, ("five", "gift")),
    "DE": ("pro", 0, ("some",)),
    "FR": ("pro", 6, ("monthly", "calling", "start")),
    "CA": ("free", 0, ("third",)),
    "BR": ("commit", 0, ("spring", "calling")),
}
"""By where somebody lives: the plan, from which day on there are which coupons."""


def _with_all(country: str) -> Person:
    """Give somebody who has coupons from a day on, and credits of each kind."""
    plan, begun, names = _TOLD[country]
    first = {"at": _NOON, "plan": plan, "seats": 3, "zone": None, "aligned": False}
    moves = _AT_ONCE if plan == "free" else _TO_AND_FRO
    days = (4, 11, 20) if plan == "free" else (4, 11, 47, 60, 230)
    at = [_NOON + n * _DAY for n in days]
    wishes = [{"at": _NOON + begun * _DAY, "coupon": COUPONS[name], "own": True} for name in names]
    some: Tree = {"at": _NOON, "since": _NOON, "priority": 50, "prices": ()}
    grants: list[Tree] = [
        {**some, "until": _NOON + 40 * _DAY, "minor": 300, "category": "promotional"},
        {**some, "until": None, "minor": 1_500, "category": "paid", "priority": 9},
        {**some, "until": None, "minor": 5_000, "category": "promotional", "prices": ("calls",)},
    ]
    return Person(
        first,
        [{**move, "at": when} for move, when in zip(moves, at, strict=False)],
        Using(600, (2_900_000,)),
        [{"do": "item", "at": _NOON + 12 * _DAY, "name": "help", "minor": 4_999}],
        purse={
            "country": country,
            "wishes": wishes,
            "grants": [{**each, "id": f"g{n}", "number": n} for n, each in enumerate(grants)],
            "voids": [{"at": _NOON + 90 * _DAY, "id": "g2", "minor": 1}],
        },
    )


@pytest.mark.parametrize("code", CURRENCIES if FULL else ("CLF",))
def test_what_goes_off_and_what_comes_back_is_what_the_oracle_says(
    code: str, tmp_path: Path
) -> None:
    ledger = _compare({country: _with_all(country) for country in PLACES}, tmp_path, code)
    told = [each for *_, each in ledger.documents]
    rows = [row for each in told for row in each.lines]
    asked_for = {name for *_, names in _TOLD.values() for name in names}
    assert {name for each in told for name, _ in each.coupons} == asked_for
    assert {name for each in told for name, _ in each.burns} == {"g0", "g1", "g2"}
    rates = {tax["name"] for taxes in PLACES.values() for tax in taxes}
    assert {name for row in rows for name, _ in row.taxes} == rates
    assert any(row.line.kind == "credit" and row.discount < 0 and row.taxes for row in rows)
    assert any(each.total < 0 for each in told)
    assert any(row.line.kind == "minimum" for row in rows)


# --- usage that comes late ------------------------------------------------------------------------


def _late(person: Person, days: int) -> Person:
    """Let some usage come late, and end it all a day before the town does."""
    last = {"do": "cancel", "when": "now", "credit": False, "at": UNTIL - _DAY}
    moves = [
        {**move, "proration": "next_invoice"} if move.get("proration") == "value_capped" else move
        for move in person.moves
    ]
    more = replace(person.using, sizes=tuple(10 * size for size in person.using.sizes))
    return replace(person, moves=[*moves, last], using=more, items=[], late_by=days, purse={})


_EXTRAS: Final[Tree] = {"extra": 1, "floor": 1, "sms": 1, "team": 1}
_LAST_SECOND: Final = Person(
    {
        "at": BEGIN + timedelta(days=1, seconds=-1),
        "starts": BEGIN,
        "ends": BEGIN + _DAY,
        "plan": "free",
        "seats": 1,
        "add_ons": _EXTRAS,
        "zone": None,
        "aligned": False,
    },
    [
        {
            "do": "change",
            "add": {"extra": 4},
            "proration": None,
            "when": None,
            "at": BEGIN + timedelta(days=1, seconds=-1),
        }
    ],
    Using(200, (1,)),
    [],
)
"""Somebody whose credit for the last second of a fee rounds to zero, and so does its tax."""


@settings(_QUIET, max_examples=times(2, 40))
@example(town={"c0": _LAST_SECOND}, days=1)
@given(town=TOWNS, days=st.integers(1, 40))
def test_late_usage_comes_to_what_it_would_have_been_in_time(
    town: dict[str, Person], days: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # somebody of whom it is known that late usage is charged
    first = {"at": _NOON, "plan": "pro", "seats": 1, "zone": None, "aligned": False}
    steady = Person(first, [], Using(200, (900_000,)), [])
    town = {who: _late(each, days) for who, each in {**town, "steady": steady}.items()}
    ledger = _Plays(tmp_path_factory.mktemp("late")).played(town, UNTIL)[0]
    rows = [(who, row.line) for _, who, each in ledger.documents for row in each.lines]
    assert any(line.kind == "late" for _, line in rows)
    assert _sums(rows) == _sums(
        (who, line)
        for who, some in _bills(town).items()
        for each in some.documents
        for line in each.lines
    )


def _sums(lines: Iterable[tuple[str, Line]]) -> dict[tuple[str, str, str], int]:
    """Add up what each price came to for everybody, early or late."""
    sums = Counter[tuple[str, str, str]]()
    for who, line in lines:
        sums[who, line.item, line.price] += line.minor
    return {name: minor for name, minor in sums.items() if minor}
