"""Run every bench: each module in this folder that has a `run() -> list[Result]`.

`python -m bench` runs all, `python -m bench rating` only those named.  The result is a report, not
a gate: the exit code is 0 whatever the figures are.
"""

from __future__ import annotations

import importlib
import pkgutil
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import HEADER

if TYPE_CHECKING:
    from bench.measure import Result


def main(wanted: list[str]) -> int:
    """Run the benches that were asked for, and say how many goals were met."""
    names = [found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)])]
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        print(f"no bench is called {', '.join(unknown)}; there are: {', '.join(names)}")
        return 2
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    print(HEADER)
    results: list[Result] = []
    for name in wanted or names:
        module = importlib.import_module(f"bench.{name}") if name != "__main__" else None
        run = getattr(module, "run", None)
        if run is not None:
            results += run()
    met = sum(result.met for result in results)
    print(f"{met} of {len(results)} goals met")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
