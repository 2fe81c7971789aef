"""The repository itself: what is declared is what is locked, and nothing names a machine."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = ("run", "dev")
OURS = {"bench", "examples", "tallystick", "tests"}

# Written in parts, so that this file does not hold what it looks for.
HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
HOSTS += [".".join(parts) for parts in (("deb", "debian", "org"), ("archive", "ubuntu", "com"))]
FOLDERS = ["work/", "farm/", "root/", r"tmp/\w", r"home/\w", r"Users/\w", r"opt/\w"]
NAMED = re.compile(
    "|".join([*map(re.escape, HOSTS), r"(?<![\w.$}~-])/(?:" + "|".join(FOLDERS) + ")"])
)
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplementedError)\b")
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)(?P<marker> ; .+?)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def tracked() -> list[Path]:
    """List the files of the project: what git keeps, and what it would keep once added."""
    git = shutil.which("git")
    assert git is not None
    listed = subprocess.run(
        [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = sorted({ROOT / name for name in listed.stdout.split("\0") if name})
    return [path for path in paths if path.is_file()]


def texts() -> Iterator[tuple[str, str]]:
    """Read every text file outside tests/ with its path from the root."""
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        raw = path.read_bytes()
        if not name.startswith("tests/") and b"\0" not in raw:
            yield name, raw.decode("utf-8", "replace")


def matches(pattern: re.Pattern[str], files: Iterable[tuple[str, str]]) -> list[str]:
    """List where a pattern stands, as `file:line: text`."""
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in files
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


NOT_RUN = {"celery", "django", "django-rest", "flask", "jwt", "openfeature", "parquet", "testing"}


def pins(kind: str) -> dict[str, str]:
    """Read a requirements file; every line must be a pin or a hash of one."""
    found: dict[str, str] = {}
    for line in (ROOT / "requirements" / f"{kind}.txt").read_text("utf-8").splitlines():
        pin = PIN.match(line)
        assert pin or HASH.match(line), f"neither a pin nor its hash: {line}"
        if pin:
            found[canonicalize_name(pin["name"])] = pin["version"]
    return found


def declared(kind: str) -> list[Requirement]:
    """List what pyproject.toml asks for: the core and the extras, with the groups for dev.

    `make run` installs what it needs: `parquet` is for those who have such files, the extras of
    host frameworks for those who have such a host; both are in dev.
    """
    project = PROJECT["project"]
    asked = [*project["dependencies"]]
    for name, extra in project["optional-dependencies"].items():
        asked += extra if kind == "dev" or name not in NOT_RUN else []
    groups = PROJECT["dependency-groups"]
    for group in ("build", "dev") if kind == "dev" else ("build",):
        asked += [entry for entry in groups[group] if isinstance(entry, str)]
    return [Requirement(text) for text in asked]


def unpinned(asked: Iterable[Requirement], locked: dict[str, str]) -> list[str]:
    """List what is asked for and not locked at a version that answers."""
    return [
        str(requirement)
        for requirement in asked
        if not requirement.specifier.contains(
            locked.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    ]


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = matches(NAMED, texts())
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    "line",
    [
        "index-url = https://" + HOSTS[0] + "/simple",
        "see /" + "home/ann/notes.txt",
        "open('/" + "tmp/x')",
        "cd /" + "work/main",
    ],
)
def test_a_registry_or_a_machine_is_caught(line: str) -> None:
    assert matches(NAMED, [("a.txt", line)]) == [f"a.txt:1: {line}"]


@pytest.mark.parametrize(
    "line", ["docs/work/", "https://example.com/home/x", "$HOME/work/", "/workers"]
)
def test_an_ordinary_path_is_not(line: str) -> None:
    assert matches(NAMED, [("a.txt", line)]) == []


def test_nothing_is_left_unfinished() -> None:
    found = matches(UNFINISHED, [(name, text) for name, text in texts() if name.endswith(".py")])
    assert not found, "\n".join(["", *found])


def test_no_lock_file_with_addresses_is_kept() -> None:
    assert not [path for path in tracked() if path.name in {"uv.lock", "poetry.lock"}]


@pytest.mark.parametrize("kind", LOCKS)
def test_everything_declared_is_locked(kind: str) -> None:
    assert unpinned(declared(kind), pins(kind)) == []


def test_a_dependency_that_is_not_locked_is_caught() -> None:
    asked = [Requirement("left-pad>=1"), Requirement("rich>=14"), Requirement("typer>=9")]
    assert unpinned(asked, {"rich": "15.0", "typer": "0.20"}) == ["left-pad>=1", "typer>=9"]


def test_what_runs_is_what_is_tested() -> None:
    run, dev = pins("run"), pins("dev")
    assert len(run) > 10
    assert {name: dev.get(name) for name in run} == run


@pytest.mark.parametrize("kind", LOCKS)
def test_every_pin_has_hashes(kind: str) -> None:
    lines = (ROOT / "requirements" / f"{kind}.txt").read_text("utf-8").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if PIN.match(line):
            assert HASH.match(following), f"no hash follows {line}"


def imported(folders: tuple[str, ...]) -> dict[str, str]:
    """Map every foreign package that some folders import to a file that does."""
    found: dict[str, str] = {}
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    for path in paths:
        if "cases" in path.parts:  # refused on purpose, and importing what is generated
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in {name.partition(".")[0] for name in names}:
                if name not in sys.stdlib_module_names | OURS:
                    found[name] = path.relative_to(ROOT).as_posix()
    return found


@pytest.mark.parametrize(
    ("kind", "folders"), [("run", ("src",)), ("dev", ("tests", "bench", "examples", "scripts"))]
)
def test_what_is_imported_is_declared(kind: str, folders: tuple[str, ...]) -> None:
    extras = [
        each for extra in PROJECT["project"]["optional-dependencies"].values() for each in extra
    ]
    asked = [*declared(kind), *map(Requirement, extras)]
    known = {canonicalize_name(requirement.name) for requirement in asked}
    owners = packages_distributions()
    undeclared = {
        name: place
        for name, place in imported(folders).items()
        if not known & {canonicalize_name(owner) for owner in owners.get(name, [name])}
    }
    assert undeclared == {}


def test_the_changelog_knows_the_version() -> None:
    version = PROJECT["project"]["version"]
    assert f"[{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_licence_is_what_the_project_says() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    for name in PROJECT["project"]["license-files"]:
        assert (ROOT / name).stat().st_size > 100
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")


def test_make_shows_what_it_can_do() -> None:
    make = shutil.which("make")
    assert make is not None
    shown = subprocess.run([make], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for target in ("run", "test", "test-browser", "bench", "lock", "fix", "clean", "conformance"):
        assert re.search(rf"^  make {target} +\w", shown, re.MULTILINE), target


@pytest.mark.parametrize(
    ("setting", "status", "said"),
    [("", 0, "1 skipped"), ("1", 0, "1 skipped"), ("required", 1, "1 error")],
)
def test_a_skip_fails_where_a_browser_is_required(
    setting: str, status: int, said: str, tmp_path: Path
) -> None:
    page = tmp_path / "test_page.py"
    page.write_text("import pytest\n\n@pytest.mark.browser\ndef test_it():\n    pass\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.conftest", str(page)],
        cwd=ROOT,
        env={**os.environ, "TALLYSTICK_BROWSER": setting, "TALLYSTICK_CHROMIUM": "no-such-browser"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout
    assert said in done.stdout
