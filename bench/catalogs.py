"""Loading a catalogue of 1,000 plans: seconds of processor time, and against `json.loads`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.measure import compared

if TYPE_CHECKING:
    from bench.measure import Result

__all__ = ["run"]

ROUNDS: Final = 5
LOADED: Final = """
import sys, time
from tallystick import load_catalog
start = time.process_time()
catalog = load_catalog(sys.argv[1])
print(time.process_time() - start)
assert len(catalog) == 1000
"""


def run() -> list[Result]:
    """Load the same catalogue as JSON and as YAML, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for suffix in ("json", "yaml"):
            path = Path(folder) / f"billing.{suffix}"
            path.write_text(json.dumps(_catalog(), indent=1), "utf-8")  # JSON is YAML too
            figures = [_seconds(path) for _ in range(ROUNDS)]
            name = f"loading 1,000 plans from {suffix.upper()}, CPU"
            results.append(compared(name, figures, goal=1.0, unit="s"))
    return results


def _seconds(path: Path) -> float:
    command = [sys.executable, "-c", LOADED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _catalog() -> dict[str, Any]:
    return {
        "dialect": "tallystick",
        "provider": "stripe",
        "currency": "USD",
        "products": [_product(n) for n in range(500)],
    }


def _product(n: int) -> dict[str, Any]:
    return {
        "id": f"product-{n}",
        "name": f"Product {n}",
        "description": "A product of many",
        "features": ["One thing", "Another thing"],
        "plans": [_plan(n, "month"), _plan(n, "year")],
    }


def _plan(n: int, interval: str) -> dict[str, Any]:
    key = f"{n}-{interval}"
    return {
        "id": f"plan-{key}",
        "name": f"Plan {key}",
        "interval": interval,
        "interval_count": 1,
        "prices": [
            {"id": f"flat-{key}", "type": "flat", "cost": str(Decimal(n) + Decimal("9.99"))},
            {
                "id": f"calls-{key}",
                "type": "graduated",
                "unit": "call",
                "tiers": [
                    {"up_to": 1000, "cost": 0},
                    {"up_to": 10_000, "cost": "0.001"},
                    {"up_to": None, "cost": "0.0005"},
                ],
            },
        ],
        "limits": [
            {"key": "projects", "limit": n},
            {"key": "seats", "limit": 5},
            {"key": "support", "enabled": interval == "year"},
        ],
    }
