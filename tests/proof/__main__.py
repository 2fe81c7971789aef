"""Count the boundaries of every write path, and with `--update` commit to the numbers.

python -m tests.proof            print each boundary of each path
python -m tests.proof --update   write boundaries.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.proof.boundaries import BOUNDARIES
from tests.proof.paths import PATHS
from tests.proof.places import KINDS, place
from tests.proof.sweep import prepare, uncrashed


def main() -> None:
    """Count, print, and write where it is asked for."""
    numbers: dict[str, dict[str, int]] = {}
    for path in PATHS.values():
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder, place(kind, Path(folder)) as here:
                prepare(path, here)
                found = uncrashed(path, here)
            numbers.setdefault(path.name, {})[kind] = len(found.met)
            print(f"{path.name} on {kind}: {len(found.met)}")  # noqa: T201 - what it is for
            if "--update" not in sys.argv:
                print(*(f"  {each}" for each in found.met), sep="\n")  # noqa: T201 - the same
    if "--update" in sys.argv:
        text = json.dumps(dict(sorted(numbers.items())), indent=2)
        BOUNDARIES.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
