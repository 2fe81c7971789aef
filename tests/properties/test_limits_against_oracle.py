"""Limits are what the oracle says after every act, on both databases, whoever reads in between.

`PROOF=full` tries many more and longer lives, and asks that every act was let pass and refused.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.databases import migrated
from tests.oracle.limits import Limits
from tests.proof.settings import FULL, times
from tests.properties.limited import PLANS, Ledger, lives

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tests.databases import Kind
    from tests.oracle.limits import Tree

_KINDS: Final[tuple[Kind, ...]] = ("sqlite-memory", "postgresql")
_QUIET: Final = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate] + [Phase.shrink] * FULL,
    print_blob=True,
    derandomize=not FULL,
)
_MET: Final[Counter[tuple[str, str]]] = Counter()


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


@pytest.mark.parametrize("kind", _KINDS)
def test_limits_are_what_the_oracle_says(kind: Kind, tmp_path: Path) -> None:
    @settings(_QUIET, max_examples=times(12, 600))
    @given(lives(times(30, 120)))
    def play(life: tuple[datetime, str | None, list[Tree]]) -> None:
        begin, zone, acts = life
        with migrated(kind, tmp_path) as storage:
            ledger = Ledger(storage, begin, zone)
            played(ledger, Limits(PLANS, zone, begin), acts)
            ledger.holds()

    play()
