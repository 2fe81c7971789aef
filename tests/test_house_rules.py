"""The house's rules hold over the whole package, and each rule can be seen to fail."""

from __future__ import annotations

import ast
import functools
import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tallystick
from tallystick.errors import TallystickError
from tallystick.problems import STATUS
from tests import house
from tests.integrations.django import project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "tallystick"


def in_core(name: str) -> bool:
    return name.startswith("src/tallystick/core/")


def in_package(name: str) -> bool:
    return name.startswith("src/tallystick/")


def in_tests(name: str) -> bool:
    return name.startswith("tests/") and Path(name).name.startswith("test_")


def at_the_border(name: str) -> bool:
    return name.startswith("src/tallystick/core/dialects/")


@dataclass(frozen=True)
class Case:
    """A rule, the files it covers, and pairs of snippets: one breaks it, one does not."""

    rule: house.Rule
    covers: Callable[[str], bool]
    pairs: tuple[tuple[str, str], ...]


CASES = [
    Case(
        house.clock,
        lambda name: in_package(name) and name != "src/tallystick/system.py",
        (
            (
                "from datetime import UTC, datetime\nnow = datetime.now(UTC)\n",
                "def ends(at, clock):\n    return clock.now() + at\n",
            ),
            ("from time import time\n", "from time import perf_counter\n"),
        ),
    ),
    Case(
        house.no_float,
        lambda name: in_core(name) and not at_the_border(name),
        (
            ("def price(quantity: float): ...\n", "def price(quantity: int): ...\n"),
            ("rate = 0.1\n", 'rate = Decimal("0.1")\n'),
            ("rate(share=0.5)\n", "get_close_matches(word, known, cutoff=0.8)\n"),
        ),
    ),
    Case(
        house.float_only_refused,
        at_the_border,
        (
            (
                "def read(value):\n    return float(value)\n",
                "def read(value):\n    return isinstance(value, int | float)\n",
            ),
            ("def read(value: float): ...\n", "def read(v):\n    return type(v) is float\n"),
            ("half = 0.5\n", "half = Decimal('0.5')\n"),
        ),
    ),
    Case(
        house.secrets_compared,
        in_package,
        (
            (
                "def valid(signature, expected):\n    return signature == expected\n",
                "def valid(token):\n    return token == '' or token is None\n",
            ),
            (
                "def valid(row, sent):\n    return sent != row.key_hash\n",
                "def same(row, sent):\n    return compare_digest(row.key_hash, sent)\n",
            ),
        ),
    ),
    Case(
        house.swallowed,
        in_package,
        (
            (
                "try:\n    pay()\nexcept:\n    raise\n",
                "try:\n    pay()\nexcept ValueError as error:\n    raise Declined from error\n",
            ),
            (
                "try:\n    pay()\nexcept ValueError:\n    pass\n",
                "with suppress(ValueError):\n    pay()\n",
            ),
        ),
    ),
    Case(
        house.plain_words,
        in_package,
        (
            ("class PlanManager: ...\n", "class Management: ...\n"),
            ("def handle_event(event): ...\n", "def read_event(handle): ...\n"),
            ("def process_row(row): ...\n", "def process_bind_param(self, value): ...\n"),
            ("total_cents = 5\n", "percents = 5\n"),
        ),
    ),
    Case(
        house.documented,
        in_package,
        (
            (
                '__all__ = ["LIMIT"]\n\nLIMIT = 5\n',
                '__all__ = ["LIMIT"]\n\nLIMIT = 5\n"""How many a plan may hold."""\n',
            ),
            (
                '__all__ = ["rate"]\n\ndef rate(): ...\n',
                '__all__ = ["rate"]\n\ndef rate():\n    """Rate a quantity."""\n',
            ),
            (
                '__all__ = ["Plan"]\nclass Plan:\n    """A plan."""\n    def fee(self): ...\n',
                '__all__ = ["Plan"]\nclass Plan:\n    """A plan."""\n    def _fee(self): ...\n',
            ),
            ("def rate(): ...\n", "def _rate(): ...\n"),
        ),
    ),
    Case(
        house.standard_library_only,
        in_core,
        (
            (
                "import pydantic\n",
                "if TYPE_CHECKING:\n    import typing_extensions\nimport decimal\n",
            ),
            (
                "def read():\n    from tallystick.files import read_tree\n",
                "from tallystick.core.money import Money\nfrom tallystick import errors\n",
            ),
        ),
    ),
    Case(
        house.exemptions_explained,
        lambda _name: True,
        (
            (
                "import this  # noqa: F401\n",
                "import this  # noqa: F401 - imported for its effect\n",
            ),
            (
                "x = y()  # type: ignore[no-any-return]\n",
                "x = y()  # type: ignore[no-any-return]  # the library has no types\n",
            ),
        ),
    ),
    Case(
        house.asserting,
        in_tests,
        (
            (
                "def test_it_runs():\n    price()\n",
                "def test_it_adds_up():\n    assert price() == 3\n",
            ),
            (
                "def runs(): ...\n\ndef test_it_runs():\n    runs()\n",
                "def costs(n):\n    assert price() == n\n\ndef test_it_adds_up():\n    costs(3)\n",
            ),
        ),
    ),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule.__name__)


@functools.cache
def sources() -> dict[str, tuple[str, ast.Module]]:
    """Read every Python file of the project, with its tree, by its path from the root."""
    found = {}
    for folder in ("src", "tests", "bench", "examples", "scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("tests/typing/cases/"):
                source = path.read_text("utf-8")
                found[name] = source, ast.parse(source)
    return found


def breaches(case: Case) -> list[str]:
    """List what breaks a rule, as `file:line: sentence`."""
    found = []
    for name, (source, tree) in sources().items():
        if case.covers(name):
            for line, text in case.rule(tree, source):
                found.append(f"{name}:{line}: {text}")
    return found


@each_case
def test_the_house_keeps_its_rule(case: Case) -> None:
    found = breaches(case)
    assert not found, "\n".join(["", *found])


@each_case
def test_a_breach_of_the_rule_is_caught_and_the_cure_is_not(case: Case) -> None:
    for bad, good in case.pairs:
        assert list(case.rule(ast.parse(bad), bad))
        assert list(case.rule(ast.parse(good), good)) == []


def test_the_rules_look_at_every_room() -> None:
    rooms = {Path(name).parts[2] for name in sources() if name.startswith("src/")}
    assert {"core", "errors.py", "problems.py", "cli", "http", "files"} <= rooms


def test_sizes_are_reported_and_stop_nobody() -> None:
    long = "def long():\n" + "    x = 1\n" * 60 + "# ...\n" * 400
    assert list(house.large_in("a.py", long)) == ["a.py: 461 lines", "a.py:1 long: 61 lines"]
    assert list(house.large_in("a.py", "def short():\n    return 1\n")) == []
    assert all(":" in line for line in house.large_things(PACKAGE))


def modules() -> list[str]:
    """List every module of the package that may be imported without starting the program."""
    walked = pkgutil.walk_packages(tallystick.__path__, "tallystick.")
    names = [module.name for module in walked if not module.name.endswith("__main__")]
    return ["tallystick", *names]


def absent(module: object) -> list[str]:
    """List the names that a module promises in `__all__` and has not."""
    return [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]


@pytest.mark.parametrize("name", modules())
def test_every_name_in_all_exists(name: str) -> None:
    project.set_up()  # models are imported only inside a project
    assert absent(importlib.import_module(name)) == []


def test_a_name_that_does_not_exist_is_caught() -> None:
    class Module:
        __all__ = ("here", "gone")
        here = 1

    assert absent(Module) == ["gone"]


def every_error() -> set[type[TallystickError]]:
    """Find every error class of the package, wherever it is defined."""
    project.set_up()  # models are imported only inside a project
    for name in modules():
        importlib.import_module(name)
    found: set[type[TallystickError]] = set()
    waiting: list[type[TallystickError]] = [TallystickError]
    while waiting:
        error = waiting.pop()
        if error.__module__.partition(".")[0] == "tallystick" and error not in found:
            found.add(error)
            waiting += error.__subclasses__()
    return found


def unmapped(errors: Iterable[type[TallystickError]], status: Mapping[str, int]) -> list[str]:
    """List the errors whose code no status answers."""
    return sorted(f"{e.__name__}: {e.code}" for e in errors if e.code not in status)


def test_every_error_is_mapped_to_a_status() -> None:
    errors = every_error()
    assert len(errors) > 10
    assert unmapped(errors, STATUS) == []
    assert all(400 <= status < 600 for status in STATUS.values())


def test_an_error_without_a_status_is_caught() -> None:
    class Strange(TallystickError):
        code = "STRANGE"

    assert unmapped([Strange], {"NOT_FOUND": 404}) == ["Strange: STRANGE"]
