"""Starting: the processor time of `import tallystick` and of `tallystick --help`.

Measured in fresh processes on compiled bytecode; a bare interpreter's own start is taken away from
the import, and not from the command, which a person waits for as a whole.
"""

from __future__ import annotations

import compileall
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import tallystick
from bench.measure import compared

if TYPE_CHECKING:
    from bench.measure import Result

__all__ = ["run"]

ROUNDS: Final = 9
HEAVY: Final = ("pydantic", "sqlalchemy", "typer", "rich", "ruamel")


def run() -> list[Result]:
    """Start fresh processes in turns."""
    compileall.compile_dir(Path(tallystick.__file__).parent, quiet=2)
    told = _output("import sys, tallystick; print(*sys.modules)")
    brought = [name for name in HEAVY if name in told.split()]
    assert not brought, f"import tallystick brings {brought}"
    imports, helps, uses = [], [], []
    for _ in range(ROUNDS):
        bare = _cpu("-c", "pass")
        imports.append((_cpu("-c", "import tallystick") - bare) * 1000)
        uses.append((_cpu("-c", "from tallystick import has_feature, define_plans") - bare) * 1000)
        helps.append(_cpu("-m", "tallystick", "--help"))
    return [
        compared("import tallystick, CPU", imports, goal=30, unit="ms"),
        compared("from tallystick import has_feature, define_plans", uses, goal=100, unit="ms"),
        compared("tallystick --help, CPU", helps, goal=0.3, unit="s"),
    ]


def _cpu(*words: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _output(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
