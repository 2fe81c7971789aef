"""Whatever is done to a subscription, two bills that share no line of code are the same.

`PROOF=full` tries many more lives, and asks that every move met every state.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import product
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from tallystick.core import reckoned_lines, subscription_flow, subscription_spans
from tallystick.core.period import Period
from tallystick.core.proration import TimeShare
from tallystick.core.span import credit_for, period_from, share_of
from tests.oracle.billing import bill
from tests.oracle.life import CAN
from tests.proof.settings import FULL, times
from tests.properties.folded import billed
from tests.properties.lives import BEGIN, CATALOG, END, Tree, Using, lives, usages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from fractions import Fraction

    from tallystick.core.charge import Charge
    from tallystick.core.price import Price

Lived: TypeAlias = tuple[Tree, list[Tree]]
CELLS: Counter[tuple[str, str]] = Counter()
_DAY: Final = 86_400
ORACLE: Final = sorted(Path(__file__).parents[1].joinpath("oracle").glob("*.py"))


def _foreign(source: str) -> Iterator[str]:
    """Give what a module imports from elsewhere than the standard library and the oracle itself."""
    for node in ast.walk(ast.parse(source)):
        names = [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        for name in names:
            own = name == "tests.oracle" or name.startswith("tests.oracle.")
            if not own and name.partition(".")[0] not in sys.stdlib_module_names:
                yield name


@pytest.mark.parametrize("path", ORACLE, ids=lambda path: path.stem)
def test_the_oracle_shares_no_line_with_the_engine(path: Path) -> None:
    assert not list(_foreign(path.read_text()))


@pytest.mark.parametrize(
    "line",
    [
        "from tallystick.core.money import Money",
        "import tallystick",
        "def late():\n    from tallystick.core import span",
        "from tests.properties.lives import CATALOG",
        "from . import billing",
    ],
)
def test_an_oracle_that_asks_the_engine_is_caught(line: str) -> None:
    assert len(list(_foreign(f"import datetime\n{line}\n"))) == 1


def _differs(lived: tuple[Lived, Using]) -> bool:
    """Whether the two bills are not the same."""
    ((first, moves), using) = lived
    expected = bill(CATALOG, first, moves, using.events(), END)
    found, _ = billed(first, moves, using.events())
    return found != [each for each in expected.documents if each.lines]


@settings(max_examples=times(120, 10_000), deadline=None)
@given(lives(), usages())
def test_the_engine_bills_what_the_oracle_bills(life: Lived, using: Using) -> None:
    (first, moves), usage = life, using.events()
    expected = bill(CATALOG, first, moves, usage, END)
    CELLS.update((state, word) for state, word, _ in expected.told)
    found, made = billed(first, moves, usage)
    assert made == [done for *_, done in expected.told]
    assert found == [each for each in expected.documents if each.lines]


def test_every_move_met_every_state() -> None:
    words = set().union(*CAN.values())
    missing = [cell for cell in product(CAN, words) if cell not in CELLS]
    print(f"{len(CELLS)} cells of {len(CAN) * len(words)}; not met: {missing}")  # noqa: T201 - a report
    assert not FULL or not missing


_FIRST: Final[Tree] = {"at": BEGIN, "plan": "free", "seats": 1, "zone": None, "aligned": False}
_NEXT_DAY: Final = BEGIN + timedelta(days=1)
CASES: Final[dict[str, Lived]] = {
    "the commitment of an add-on, when a new interval begins it again": (
        {**_FIRST, "add_ons": {"floor": 1}},
        [{"at": _NEXT_DAY, "do": "change", "plan": "mixed", "proration": None}],
    ),
    "the rest of a fee whose time another price took over": (
        {**_FIRST, "plan": "sms"},
        [
            {"at": _NEXT_DAY, "do": "change", "plan": "extra", "when": "now", "proration": "none"},
            {"at": BEGIN + timedelta(days=8), "do": "change", "plan": "basic", "proration": None},
        ],
    ),
    "the commitment of an add-on that is had twice from its first second on": (
        {**_FIRST, "add_ons": {"floor": 1}},
        [{"at": BEGIN, "do": "change", "add": {"floor": 2}, "proration": "next_invoice"}],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_differed_once_or_nearly_is_the_same(name: str) -> None:
    (first, moves), usage = CASES[name], Using(200, (900_000,)).events()
    found, made = billed(first, moves, usage)
    assert made == [True] * len(moves)
    expected = bill(CATALOG, first, moves, usage, END).documents
    assert found == [each for each in expected if each.lines]


# --- planted faults -------------------------------------------------------------------------------


def _of_the_whole(*given: Any, **more: Any) -> Charge:
    charge = credit_for(*given, **more)
    return replace(charge, window=Period(given[0].start, given[0].end))


def _cut_off(exact: Fraction) -> int:
    return floor(exact)


def _never_cut(price: Price, _part: int, _whole: int) -> Price:
    return price


def _by_the_day(window: Period, whole: Period, holes: tuple[Period, ...] = ()) -> TimeShare:
    share = share_of(window, whole, holes)
    return TimeShare(share.part // _DAY * _DAY, share.whole) if share.part < share.whole else share


def _at_the_last_one(*given: Any) -> tuple[datetime, Period]:
    """Give the end of a period as if a short month moved the anchor day for ever."""
    start, anchor, cadence, zone = given
    return period_from(start, max(anchor, start), cadence, zone)


PLANTED: Final[dict[str, tuple[Any, str, Any]]] = {
    "a credit for all of it": (subscription_spans, "credit_for", _of_the_whole),
    "cut off, not rounded": (reckoned_lines, "round_quotient", _cut_off),
    "allowances always whole": (reckoned_lines, "scaled_allowance", _never_cut),
    "by the day": (reckoned_lines, "share_of", _by_the_day),
    "an anchor that drifts": (subscription_flow, "period_from", _at_the_last_one),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_makes_another_bill(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*PLANTED[name])
    search = settings(
        max_examples=400, database=None, derandomize=True, phases=[Phase.generate], deadline=None
    )
    assert find(st.tuples(lives(), usages()), _differs, settings=search)
