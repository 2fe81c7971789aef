"""Limits are what the oracle says after every act, on both databases, whoever reads in between.

`PROOF=full` tries many more and longer lives.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.databases import migrated
from tests.oracle.granting import Granting
from tests.oracle.limits import Limits
from tests.proof.settings import FULL, times
from tests.properties.limit_lives import LONG, granted_lives, lives
from tests.properties.limited import PLANS, Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import Kind
    from tests.oracle.limits import Tree
    from tests.properties.limit_lives import Life

_LIVES: Final[dict[Kind, int]] = {"sqlite-memory": times(3, 600), "postgresql": times(1, 300)}
_QUIET: Final = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate] + [Phase.shrink] * FULL,
    print_blob=True,
    derandomize=not FULL,
)
_MET: Final[Counter[tuple[str, str]]] = Counter()
_SAID: Final = {
    *(("use", "refused"), ("reserve", "refused"), ("commit", "refused"), ("commit", "over")),
    *(("use", "ok"), ("reserve", "ok"), ("commit", "ok"), ("release", "ok"), ("stale", "over")),
    *(("lease", "ok"), ("report", "ok"), ("set", "ok"), ("less", "ok"), ("grant", "ok")),
    *(("start", "ok"), ("change", "ok"), ("add", "ok"), ("remove", "ok"), ("cancel", "ok")),
    *(("agree", "ok"), ("lift", "ok"), ("run", "ok")),
}
"""What has to be said at least once, or the lives tell nothing."""


def played(ledger: Ledger, oracle: Limits, acts: list[Tree]) -> None:
    """Let acts happen to both; after each they say the same."""
    for number, asked in enumerate(acts):
        act = oracle.meant(asked)
        if act is None:
            continue
        said = oracle.take(act)
        assert ledger.take(act) == said, (number, act)
        assert ledger.answers() == oracle.answers(), (number, act)
        _MET[act["do"], said] += 1


@pytest.mark.parametrize("kind", _LIVES)
def test_limits_are_what_the_oracle_says(kind: Kind, tmp_path: Path) -> None:
    @settings(_QUIET, max_examples=_LIVES[kind])
    @given(lives(times(30, 120)))
    @example(LONG)
    def play(life: Life) -> None:
        begin, zone, acts = life
        with migrated(kind, tmp_path) as storage:
            ledger = Ledger(storage, begin, zone)
            played(ledger, Limits(PLANS, zone, begin), acts)
            ledger.holds()

    _MET.clear()
    play()
    assert _MET.keys() >= _SAID, _SAID - _MET.keys()


@pytest.mark.parametrize("kind", _LIVES)
def test_granted_units_are_what_the_oracle_says_whenever_a_run_comes_by(
    kind: Kind, tmp_path: Path
) -> None:
    @settings(_QUIET, max_examples=_LIVES[kind])
    @given(granted_lives(times(24, 80)))
    def play(life: Life) -> None:
        begin, zone, acts = life
        with migrated(kind, tmp_path) as storage:
            ledger, oracle = Ledger(storage, begin, zone), Granting(begin, zone)
            ledger.take({"do": "start", "plan": "granting"})
            for number, act in enumerate(acts):
                assert oracle.take(act) == ledger.take(act), (number, act)
                limit, used = oracle.answer()
                found = ledger.answers()["units"]
                assert found[1:3] == (limit, used), (number, act)
            ledger.holds()

    play()


def test_whoever_reads_in_between_changes_no_balance(tmp_path: Path) -> None:
    @settings(_QUIET, max_examples=times(2, 100))
    @given(granted_lives(times(24, 80)), st.data())
    def play(life: Life, data: st.DataObject) -> None:
        begin, zone, acts = life
        every = range(len(acts))
        reads = data.draw(st.sets(st.sampled_from(every)), "read after") if acts else set()
        found = []
        for read in (reads, set(every), set[int]()):
            with migrated("sqlite-memory", tmp_path) as storage:
                ledger = Ledger(storage, begin, zone)
                ledger.take({"do": "start", "plan": "granting"})
                said = []
                for number, act in enumerate(acts):
                    said.append(ledger.take(act))
                    if number in read:
                        ledger.answers()
                        ledger.take({"do": "run"})
                found.append((said, ledger.answers()))
        assert found[0] == found[1] == found[2]

    play()
