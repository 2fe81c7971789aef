"""Try every fault and say which the tests notice.

python -m tests.mutants              try all
python -m tests.mutants WORD ...     try those whose names have one of the words
"""

from __future__ import annotations

import os
import sys

from tests.mutants.faults import FAULTS
from tests.mutants.runner import Tried, sound, try_all


def main(words: list[str]) -> int:
    """Try faults; give 1 where one survived or could not be tried."""
    chosen = [each for each in FAULTS if not words or any(word in each.name for word in words)]
    said = sound(chosen)
    if said is not None:
        print(f"without any fault the tests fail already:\n{said}")  # noqa: T201 - a command
        return 1
    done = try_all(chosen, os.cpu_count() or 1, _tell)
    left = [tried for tried in done if tried.fate != "killed"]
    print(f"{len(done) - len(left)} of {len(done)} faults were noticed")  # noqa: T201 - a command
    return 1 if left or not done else 0


def _tell(tried: Tried) -> None:
    more = "" if tried.fate in {"killed", "survived"} else f": {tried.said.strip()[-600:]}"
    print(f"{tried.fate:<10} {tried.mutant.name}{more}", flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
