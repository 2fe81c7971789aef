"""Lives of subscriptions in the words of the oracle, and the same in the words of the engine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from tallystick.core.dialects import read_catalog
from tests.oracle.having import Refused
from tests.oracle.life import CAN, Life

__all__ = [
    "BEGIN",
    "CATALOG",
    "END",
    "OFFERS",
    "TREE",
    "Tree",
    "Using",
    "gaps",
    "lives",
    "overrides_of",
    "tree_in",
    "usages",
]

Tree = dict[str, Any]
BEGIN: Final = datetime(2027, 1, 28, 6, 30, tzinfo=UTC)
END: Final = datetime(2029, 9, 1, tzinfo=UTC)
SPAN: Final = int((datetime(2028, 4, 1, tzinfo=UTC) - BEGIN).total_seconds())
MONTH: Final = ("month", 1)


def _flat(name: str, minor: int) -> Tree:
    return {"id": name, "kind": "flat", "minor": minor}


_CALLS: Final = {"id": "calls", "kind": "usage", "rate": "1", "included": "1000"}
_TIERS: Final = [("1000", "0.7"), ("5000", "0.5"), (None, "0.123456789")]
CATALOG: Final[Tree] = {
    "free": {"every": MONTH, "prices": []},
    "extra": {"every": MONTH, "prices": [_flat("extra", 433)]},
    "basic": {"every": MONTH, "prices": [_flat("basic", 999)], "set_up": 1500},
    "team": {"every": MONTH, "prices": [{"id": "t", "kind": "seat", "minor": 700}]},
    "sms": {
        "every": MONTH,
        "prices": [_flat("sms", 250), {**_CALLS, "id": "texts", "rate": "0.3", "included": "50"}],
    },
    "floor": {"every": MONTH, "prices": [_flat("floor", 900)], "minimum": 5000},
    "commit": {"every": MONTH, "prices": [_flat("commit", 1100), _CALLS], "minimum": 7000},
    "pro": {
        "every": MONTH,
        "prices": [
            _flat("pro", 2900),
            {"id": "seat", "kind": "seat", "minor": 501},
            _CALLS,
        ],
    },
    "twin": {"every": MONTH, "prices": [_flat("twin", 2950), _CALLS]},
    "max": {
        "every": MONTH,
        "prices": [
            _flat("max", 9000),
            {"id": "steps", "kind": "usage", "included": "500", "tiers": _TIERS},
        ],
    },
    "quarter": {
        "every": ("month", 3),
        "prices": [_flat("quarter", 2700), {**_CALLS, "id": "q"}],
    },
    "mixed": {
        "every": ("year", 1),
        "prices": [
            _flat("mixed", 12_000),
            {"id": "care", "kind": "seat", "minor": 775, "every": MONTH},
        ],
        "minimum": 30_000,
    },
    "year": {
        "every": ("year", 1),
        "prices": [
            _flat("year", 30_000),
            {"id": "year-seat", "kind": "seat", "minor": 5000},
            {**_CALLS, "id": "monthly", "every": MONTH},
        ],
    },
}
ADD_ONS: Final = ["extra", "sms", "quarter", "floor", "team"]


def _major(minor: object, decimals: int = 2) -> str:
    return f"{Decimal(str(minor)).scaleb(-decimals):f}"


def _price(tree: Tree, decimals: int) -> Tree:
    """Write a price of the oracle's catalogue as ours is written."""
    made: Tree = {"id": tree["id"], "name": tree["id"].title()}
    if "every" in tree:
        made |= {"interval": tree["every"][0], "interval_count": tree["every"][1]}
    if tree["kind"] != "usage":
        kind = "flat" if tree["kind"] == "flat" else "per_seat"
        return made | {"type": kind, "cost": _major(tree["minor"], decimals)}
    made |= {"meter": "calls", "unit": "call", "included": tree["included"]}
    if "rate" in tree:
        return made | {"type": "per_unit", "cost": _major(tree["rate"], decimals)}
    tiers = [{"up_to": bound, "cost": _major(rate, decimals)} for bound, rate in tree["tiers"]]
    return made | {"type": "graduated", "tiers": tiers}


def _plan(key: str, plan: Tree, decimals: int) -> Tree:
    made = {
        "id": key,
        "name": key.title(),
        "interval": plan["every"][0],
        "interval_count": plan["every"][1],
        "prices": [_price(price, decimals) for price in plan["prices"]],
    }
    names = {"minimum": "minimum_commitment", "set_up": "setup_fee"}
    return made | {names[name]: _major(plan[name], decimals) for name in names if name in plan}


def tree_in(code: str, decimals: int, **more: Any) -> Tree:
    """Write the catalogue as ours is written, in a currency of so many decimals."""
    return {
        "dialect": "tallystick",
        "currency": code,
        "meters": [{"key": "calls", "aggregation": "sum"}],
        "products": [
            {
                "id": "app",
                "name": "App",
                "currency": code,
                "plans": [_plan(key, plan, decimals) for key, plan in CATALOG.items()],
            }
        ],
        **more,
    }


TREE: Final[Tree] = tree_in("USD", 2)
OFFERS: Final = {plan.ref: plan for plan in read_catalog(TREE)}


def overrides_of(own: Tree, decimals: int = 2) -> dict[str, Tree]:
    """Write prices of one customer as ours are written."""
    written = {"minor": "cost", "rate": "cost"}
    return {
        name: {written[key]: _major(value, decimals) for key, value in fields.items()}
        for name, fields in own.items()
    }


# --- what is drawn --------------------------------------------------------------------------------

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
PARTS: Final = [
    ("plan",),
    ("plan",),
    ("seats",),
    ("plan", "seats"),
    ("add",),
    ("add",),
    ("remove",),
    ("plan", "add"),
    ("own",),
]
PRORATIONS: Final = [None, None, "invoice_now", "next_invoice", "value_capped", "none"]


def _own(draw: st.DrawFn, plan: str) -> Tree:
    """Draw another price for one of a plan's."""
    found = [price for price in CATALOG[plan]["prices"] if "tiers" not in price]
    if not found or not draw(st.integers(0, 3)):
        return {}
    price = draw(st.sampled_from(found))
    if price["kind"] == "usage":
        return {price["id"]: {"rate": draw(st.sampled_from(["0.5", "2"]))}}
    return {price["id"]: {"minor": draw(st.sampled_from([100, 777, 20_000]))}}


def _wish(draw: st.DrawFn, word: str, at: datetime, life: Life) -> Tree:
    """Draw what is asked for, in the words of the oracle."""
    wish: Tree = {"at": at, "do": word}
    match word:
        case "change":
            parts = draw(st.sampled_from(PARTS))
            drawn: Tree = {"plan": draw(plans), "seats": draw(st.integers(1, 9))}
            if "add" in parts:
                drawn["add"] = {draw(st.sampled_from(ADD_ONS)): draw(st.integers(1, 4))}
            if "remove" in parts:
                drawn["remove"] = [draw(st.sampled_from([*life.items, *ADD_ONS][1:]))]
            if "own" in parts:
                drawn["own"] = _own(draw, life.items["plan"].plan)
            wish |= {name: drawn[name] for name in parts}
            when = draw(st.sampled_from([None, None, "now", "now", "period_end", "date"]))
            wish |= {"when": at + draw(gaps) if when == "date" else when}
            wish |= {"proration": draw(st.sampled_from(PRORATIONS))}
        case "pause":
            wish |= {"mode": draw(st.sampled_from(["keep", "extend"]))}
            wish |= {"resumes": at + draw(gaps) if draw(st.integers(0, 2)) == 0 else None}
        case "cancel":
            when = draw(st.sampled_from(["now", "period_end", "period_end", "date", "date"]))
            wish |= {"when": at + draw(gaps) if when == "date" else when}
            wish |= {"credit": draw(st.booleans())}
        case "unplan":
            wish |= {"number": draw(st.integers(1, 6))}
        case _:
            pass
    return wish


def _times(draw: st.DrawFn, at: datetime) -> Tree:
    """Draw when it begins and ends: a trial, a start elsewhere, a fixed term."""
    times: Tree = {}
    match draw(st.integers(0, 9)):
        case 0 | 1:
            times |= {"trial": draw(st.integers(1, 45))}
            times |= {"after": draw(st.sampled_from(["active", "active", "paused", "canceled"]))}
        case 2:
            begins = at - draw(gaps)
            times |= {"starts": begins, "paid_until": max(at, begins) + draw(gaps)}
            if times["paid_until"] <= begins:
                times = {}
        case 3 | 4:
            times["starts"] = max(BEGIN, at + draw(gaps) - draw(gaps))
        case _:
            pass
    if draw(st.integers(0, 5)) == 0:
        first = max(at, times.get("starts", at))
        times["ends"] = first + timedelta(seconds=draw(st.integers(1, SPAN)))
    return times


def _start(draw: st.DrawFn, at: datetime) -> Tree:
    plan = draw(plans)
    first: Tree = {
        "at": at,
        "plan": plan,
        "seats": draw(st.integers(1, 5)),
        "zone": draw(st.sampled_from([None, None, "America/New_York", "Australia/Lord_Howe"])),
        "aligned": draw(st.sampled_from([False, False, True])),
    }
    others = [name for name in ADD_ONS if name != plan]
    if draw(st.integers(0, 2)) == 0:
        first["add_ons"] = draw(st.dictionaries(st.sampled_from(others), st.integers(1, 3)))
    match draw(st.integers(0, 5)):
        case 0:
            first["own"] = _own(draw, plan)
        case 1 | 2:
            phase = st.fixed_dictionaries(
                {"periods": st.integers(1, 3)},
                optional={"off": st.sampled_from([10, 33, 50, 100]), "plan": plans},
            )
            phases = draw(st.lists(phase, min_size=1, max_size=2))
            first["phases"] = [p for p in phases if p.get("plan") not in others]
        case _:
            pass
    return first | _times(draw, at)


@st.composite
def lives(draw: st.DrawFn, *, most: int = 12) -> tuple[Tree, list[Tree]]:
    """Draw a start, and moves that mostly can be made where they are."""
    at = BEGIN + draw(gaps)
    first = _start(draw, at)
    life = Life(CATALOG, first)
    life.pass_to(at)
    moves: list[Tree] = []
    for _ in range(draw(st.integers(0, most))):
        at += draw(gaps)
        life.pass_to(at)
        can = [word for word in WORDS if word in CAN[life.state]]
        any_word = not can or draw(st.integers(0, 9)) == 0
        word = draw(st.sampled_from(WORDS if any_word else can))
        moves.append(_wish(draw, word, at, life))
        with suppress(Refused):
            life.do(moves[-1])
    return first, moves


@dataclass(frozen=True)
class Using:
    """Usage every so many hours, of a few sizes in turn (thousandths)."""

    hours: int
    sizes: tuple[int, ...]

    def events(self) -> list[tuple[datetime, Decimal]]:
        """Give when how much was used."""
        return [
            (
                BEGIN + timedelta(hours=n * self.hours),
                Decimal(self.sizes[n % len(self.sizes)]).scaleb(-3),
            )
            for n in range(14 * 30 * 24 // self.hours)
        ]


def usages(fewest_hours: int = 20) -> st.SearchStrategy[Using]:
    """Draw how somebody uses what was bought."""
    size = st.one_of(st.integers(1, 999_999), st.integers(500_000, 9_999_999))
    sizes = st.lists(size, min_size=1, max_size=5).map(tuple)
    return st.builds(Using, st.integers(fewest_hours, 400), sizes)
