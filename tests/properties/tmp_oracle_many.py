"""Whatever is done to a subscription, two bills that share no line of code are the same.

`PROOF=full` tries many more lives, and asks that every move met every state.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.currency import currency
from tallystick.core.dialects import read_catalog
from tallystick.core.move import (
    Cancel,
    Change,
    Keep,
    Lapse,
    Pause,
    Recover,
    Resume,
    Start,
    Unplan,
)
from tallystick.core.rating.usage import Quantity
from tallystick.core.reckoned_lines import Used
from tallystick.core.reckoning import Facts, reckon
from tallystick.core.subscription_moves import advance, apply, start
from tallystick.errors import Conflict, InvalidInput, NotFound
from tests.oracle.billing import Document, Line, bill
from tests.oracle.life import CAN, Life, Refused

if TYPE_CHECKING:
    from tallystick.core.charge import Charge, Due
    from tallystick.core.move import Move, Timing

FULL: Final = os.environ.get("PROOF") == "full"
BEGIN: Final = datetime(2027, 1, 28, 6, 30, tzinfo=UTC)
END: Final = datetime(2029, 9, 1, tzinfo=UTC)
SPAN: Final = int((datetime(2028, 4, 1, tzinfo=UTC) - BEGIN).total_seconds())

_CALLS: Final = {"id": "calls", "kind": "usage", "rate": "1", "included": "1000"}
CATALOG: Final[dict[str, Any]] = {
    "free": {"every": ("month", 1), "prices": []},
    "basic": {"every": ("month", 1), "prices": [{"id": "basic", "kind": "flat", "minor": 999}]},
    "team": {"every": ("month", 1), "prices": [{"id": "t", "kind": "seat", "minor": 700}]},
    "pro": {
        "every": ("month", 1),
        "prices": [
            {"id": "pro", "kind": "flat", "minor": 2900},
            {"id": "seat", "kind": "seat", "minor": 501},
            _CALLS,
        ],
    },
    "twin": {
        "every": ("month", 1),
        "prices": [{"id": "twin", "kind": "flat", "minor": 2950}, _CALLS],
    },
    "max": {
        "every": ("month", 1),
        "prices": [
            {"id": "max", "kind": "flat", "minor": 9000},
            {
                "id": "steps",
                "kind": "usage",
                "included": "500",
                "tiers": [("1000", "0.7"), ("5000", "0.5"), (None, "0.123456789")],
            },
        ],
    },
    "quarter": {
        "every": ("month", 3),
        "prices": [{"id": "quarter", "kind": "flat", "minor": 2700}, {**_CALLS, "id": "q"}],
    },
    "year": {
        "every": ("year", 1),
        "prices": [
            {"id": "year", "kind": "flat", "minor": 30_000},
            {"id": "year-seat", "kind": "seat", "minor": 5000},
            {**_CALLS, "id": "monthly", "every": ("month", 1)},
        ],
    },
}


def _price(tree: dict[str, Any]) -> dict[str, Any]:
    """Write a price of the oracle's catalogue as ours is written."""
    made: dict[str, Any] = {"id": tree["id"], "name": tree["id"].title()}
    if "every" in tree:
        made |= {"interval": tree["every"][0], "interval_count": tree["every"][1]}
    if tree["kind"] != "usage":
        kind = "flat" if tree["kind"] == "flat" else "per_seat"
        return made | {"type": kind, "cost": _major(str(tree["minor"]))}
    made |= {"meter": "calls", "unit": "call", "included": tree["included"]}
    if "rate" in tree:
        return made | {"type": "per_unit", "cost": _major(tree["rate"])}
    tiers = [{"up_to": bound, "cost": _major(rate)} for bound, rate in tree["tiers"]]
    return made | {"type": "graduated", "tiers": tiers}


def _major(minor: str) -> str:
    return f"{Decimal(minor).scaleb(-2):f}"


OFFERS: Final = {
    plan.ref: plan
    for plan in read_catalog(
        {
            "dialect": "tallystick",
            "currency": "USD",
            "meters": [{"key": "calls", "aggregation": "sum"}],
            "products": [
                {
                    "id": "app",
                    "name": "App",
                    "currency": "USD",
                    "plans": [
                        {
                            "id": key,
                            "name": key.title(),
                            "interval": plan["every"][0],
                            "interval_count": plan["every"][1],
                            "prices": [_price(price) for price in plan["prices"]],
                        }
                        for key, plan in CATALOG.items()
                    ],
                }
            ],
        }
    )
}


# --- lives ----------------------------------------------------------------------------------------

# Whole days and the seconds before them, so that acts meet boundaries and each other.
gaps = st.one_of(
    st.just(0),
    st.integers(0, 40).map(lambda days: days * 86_400),
    st.integers(0, 40 * 86_400),
    st.integers(1, 100).map(lambda days: days * 86_400 - 1),
).map(lambda seconds: timedelta(seconds=seconds))
plans = st.sampled_from(list(CATALOG))
WORDS: Final = ["change", "change", "change", "pause", "resume", "resume", "keep", "unplan"]
WORDS.extend(["lapse", "recover", "cancel"])


def _wish(draw: st.DrawFn, word: str, at: datetime) -> dict[str, Any]:
    """Draw what is asked for, in the words of the oracle."""
    wish: dict[str, Any] = {"at": at, "do": word}
    match word:
        case "change":
            parts = draw(st.sampled_from([("plan",), ("plan",), ("seats",), ("plan", "seats")]))
            drawn = {"plan": draw(plans), "seats": draw(st.integers(1, 9))}
            wish |= {name: drawn[name] for name in parts}
            when = draw(st.sampled_from([None, None, "now", "now", "period_end", "date"]))
            wish |= {"when": at + draw(gaps) if when == "date" else when}
            wish |= {"invoice": draw(st.sampled_from([None, "now"]))}
        case "pause":
            wish |= {"mode": draw(st.sampled_from(["keep", "extend"]))}
            wish |= {"resumes": at + draw(gaps) if draw(st.integers(0, 2)) == 0 else None}
        case "cancel":
            when = draw(st.sampled_from(["now", "period_end", "period_end", "date", "date"]))
            wish |= {"when": at + draw(gaps) if when == "date" else when}
            wish |= {"credit": draw(st.booleans())}
        case "unplan":
            wish |= {"number": draw(st.integers(2, 6))}
        case _:
            pass
    return wish


@st.composite
def lives(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Draw a start, and moves that mostly can be made where they are."""
    at = BEGIN + draw(gaps)
    first: dict[str, Any] = {
        "at": at,
        "plan": draw(plans),
        "seats": draw(st.integers(1, 5)),
        "zone": draw(st.sampled_from([None, None, "America/New_York", "Australia/Lord_Howe"])),
        "aligned": draw(st.sampled_from([False, False, True])),
    }
    if draw(st.integers(0, 4)) == 0:
        first |= {"trial": draw(st.integers(1, 45))}
        first |= {"after": draw(st.sampled_from(["active", "active", "paused", "canceled"]))}
    if draw(st.integers(0, 5)) == 0:
        first["starts"] = max(BEGIN, at + draw(gaps) - draw(gaps))
    if draw(st.integers(0, 5)) == 0:
        first["ends"] = max(at, first.get("starts", at)) + timedelta(
            seconds=draw(st.integers(1, SPAN))
        )
    life = Life(CATALOG, first)
    life.pass_to(at)
    moves: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 12))):
        at += draw(gaps)
        life.pass_to(at)
        can = [word for word in WORDS if word in CAN[life.state]]
        any_word = not can or draw(st.integers(0, 9)) == 0
        word = draw(st.sampled_from(WORDS if any_word else can))
        moves.append(_wish(draw, word, at))
        with suppress(Refused):
            life.do(moves[-1])
    return first, moves


@st.composite
def usages(draw: st.DrawFn) -> list[tuple[datetime, Decimal]]:
    """Draw usage every so many hours, of a few sizes in turn."""
    hours = draw(st.integers(20, 400))
    sizes = draw(st.lists(st.integers(1, 999_999), min_size=1, max_size=5))
    return [
        (BEGIN + timedelta(hours=n * hours), Decimal(sizes[n % len(sizes)]).scaleb(-3))
        for n in range(14 * 30 * 24 // hours)
    ]


# --- both sides -----------------------------------------------------------------------------------


def _move(tree: dict[str, Any]) -> Move:
    when = tree.get("when")
    date = None if when in {None, "now", "period_end"} else when
    match tree["do"]:
        case "change":
            return Change(
                offer=f"{tree['plan']}@1" if "plan" in tree else None,
                seats=tree.get("seats"),
                timing=None if date else when,
                at=date,
                proration="invoice_now" if tree.get("invoice") == "now" else None,
            )
        case "pause":
            return Pause(mode=tree["mode"], resumes_at=tree.get("resumes"))
        case "cancel":
            timing: Timing = "now" if when == "now" else "period_end"
            return Cancel(timing=timing, at=date, credit=tree["credit"])
        case "unplan":
            return Unplan(number=tree["number"])
        case word:
            words: dict[str, Move] = {
                "resume": Resume(),
                "keep": Keep(),
                "lapse": Lapse(),
                "recover": Recover(),
            }
            return words[word]


def _billed(
    first: dict[str, Any], moves: list[dict[str, Any]], usage: list[tuple[datetime, Decimal]]
) -> tuple[list[Document], list[bool]]:
    """Give the engine's documents, and which moves it made."""
    move = Start(
        customer="ada",
        group="default",
        offer=f"{first['plan']}@1",
        currency="USD",
        zone=first["zone"],
        seats=first["seats"],
        starts_at=first.get("starts"),
        trial_days=first.get("trial"),
        after_trial=first.get("after", "active"),
        billing="calendar" if first["aligned"] else "anniversary",
        ends_at=first.get("ends"),
    )
    outcome = start("s", move, first["at"], OFFERS)
    dues = [*outcome.dues]
    made = []
    for each in moves:
        try:
            outcome = apply(outcome.subscription, _move(each), each["at"], OFFERS)
        except (Conflict, InvalidInput, NotFound):
            made.append(False)
            continue
        made.append(True)
        dues += outcome.dues
    outcome = advance(outcome.subscription, END, OFFERS)
    documents = [_document(due, usage) for due in [*dues, *outcome.dues]]
    return [each for each in documents if each.lines], made


def _document(due: Due, usage: list[tuple[datetime, Decimal]]) -> Document:
    used = {
        place: (Used(measured=Quantity(_measured(charge, usage))),)
        for place, charge in enumerate(due.charges)
        if charge.kind == "usage"
    }
    facts = Facts(
        id="x",
        customer="ada",
        subscription="s",
        currency=currency("USD"),
        due=due,
        finalize_at=due.at,
        offers=OFFERS,
        used=used,
    )
    lines = [
        Line(
            each.kind,
            each.price,
            each.window.start,
            each.window.end,
            each.quantity,
            each.amount.minor,
        )
        for each in reckon(facts).lines
        if each.window is not None
    ]
    return Document(due.at, tuple(sorted(lines)))


def _measured(charge: Charge, usage: list[tuple[datetime, Decimal]]) -> Decimal:
    assert charge.window is not None
    return sum(
        (
            number
            for at, number in usage
            if at in charge.window and not any(at in hole for hole in charge.holes)
        ),
        Decimal(0),
    )


CELLS: Counter[tuple[str, str]] = Counter()


@settings(max_examples=3000, deadline=None)
@given(lives(), usages())
def test_the_engine_bills_what_the_oracle_bills(
    life: tuple[dict[str, Any], list[dict[str, Any]]], usage: list[tuple[datetime, Decimal]]
) -> None:
    first, moves = life
    expected, told = bill(CATALOG, first, moves, usage, END)
    CELLS.update((state, word) for state, word, _ in told)
    found, made = _billed(first, moves, usage)
    assert made == [done for *_, done in told]
    assert found == expected


def test_every_move_met_every_state() -> None:
    words = set().union(*CAN.values())
    missing = [cell for cell in product(CAN, words) if cell not in CELLS]
    print(f"{len(CELLS)} cells of {len(CAN) * len(words)}; not met: {missing}")  # noqa: T201 - a report
    assert not FULL or not missing
