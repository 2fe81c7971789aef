"""What mypy and pyright make of the generated module, on programs that use it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tallystick.core.catalog import Catalog, Feature, Plan, Product
from tallystick.core.currency import currency
from tallystick.core.typed_keys import module_text

CASES = Path(__file__).parent / "cases"
HOSTILE = [
    '"]; import os #',
    "it's",
    "b\"'oth",
    "new\nline",
    "größe",
    "\u202e",
    "\ud800",
    '"""',
    "{}",
]

Errors = dict[str, dict[int, str]]


def sells(plans: dict[str, list[str]]) -> Catalog:
    """Build a catalogue directly, past the reader, which takes no control characters."""
    usd = currency("USD")
    return Catalog(
        products=(
            Product(
                id="any",
                name="Any",
                currency=usd,
                plans=tuple(
                    Plan(
                        id=plan_id,
                        name="Any",
                        currency=usd,
                        product_id="any",
                        features={key: Feature(key=key, enabled=True) for key in keys},
                    )
                    for plan_id, keys in plans.items()
                ),
            ),
        )
    )


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the generated modules and the programs that use them into a folder."""
    folder = tmp_path_factory.mktemp("program")
    modules = {
        "billing": sells({"free": ["projects"], "pro": ["projects", "customDomains"]}),
        "crowded": sells({"pro": [f"feature{number}" for number in range(60)]}),
        "hostile": sells(dict.fromkeys(HOSTILE, HOSTILE)),
        "nothing": sells({}),
    }
    for name, catalog in modules.items():
        text = module_text(catalog, source="billing.toml")
        (folder / f"{name}_types.py").write_text(text, encoding="utf-8")
    for case in CASES.glob("*.py"):
        shutil.copy(case, folder)
    settings = {"typeCheckingMode": "strict", "reportUnusedExpression": "none"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def expected(program: Path) -> dict[str, set[int]]:
    """Give the lines marked as refused, by file; a file without one must be clean."""
    return {
        path.name: {
            number
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if line.endswith("# refused")
        }
        for path in program.glob("*.py")
    }


@pytest.fixture(scope="module")
def mypy_errors(program: Path) -> Errors:
    """Run mypy once over everything."""
    options = ["--strict", "--config-file=", "--cache-dir=.mypy_cache", "--output=json"]
    ran = started("mypy", *options, ".", folder=program)
    found: Errors = {}
    for line in ran.stdout.splitlines():
        error = json.loads(line)
        found.setdefault(Path(error["file"]).name, {})[error["line"]] = error["message"]
    assert ran.returncode == 1, ran.stderr
    return found


@pytest.fixture(scope="module")
def pyright_errors(program: Path) -> Errors:
    """Run pyright once over everything."""
    ran = started("basedpyright", "--outputjson", "--pythonpath", sys.executable, folder=program)
    found: Errors = {}
    for error in json.loads(ran.stdout)["generalDiagnostics"]:
        line = error["range"]["start"]["line"] + 1
        found.setdefault(Path(error["file"]).name, {})[line] = error["message"]
    assert ran.returncode == 1, ran.stderr
    return found


def started(module: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a checker of this environment in a folder."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, cwd=folder, check=False, capture_output=True, encoding="utf-8", timeout=300
    )


def lines(errors: Errors, files: dict[str, set[int]]) -> dict[str, set[int]]:
    """Give the lines with errors, for every file."""
    assert set(errors) <= set(files)
    return {name: set(errors.get(name, ())) for name in files}


def test_the_programs_hold_what_they_claim(expected: dict[str, set[int]]) -> None:
    assert len(expected["wrong.py"]) == 14
    assert len(expected["nothing.py"]) == 2
    assert len(expected["awaited.py"]) == 5
    assert len(expected["gates.py"]) == 20
    assert len(expected["crowded.py"]) == 2
    clean = {name for name, refused in expected.items() if not refused}
    assert clean == {
        "billing_types.py",
        "crowded_types.py",
        "hostile_types.py",
        "nothing_types.py",
        "right.py",
        "untyped.py",
    }


def test_mypy_refuses_exactly_the_misspelt_keys(
    mypy_errors: Errors, expected: dict[str, set[int]]
) -> None:
    assert lines(mypy_errors, expected) == expected, mypy_errors


def test_pyright_refuses_exactly_the_misspelt_keys(
    pyright_errors: Errors, expected: dict[str, set[int]]
) -> None:
    assert lines(pyright_errors, expected) == expected, pyright_errors
