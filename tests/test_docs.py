"""Everything in the docs runs.

The fenced samples of a page run in their order, in one namespace and one folder that holds a copy
of examples/.  What a sample is, its first word says:

* `python` runs; with `>>>` its answers are compared as doctest does;
* `console` runs each line after `$` that starts with `tallystick` and compares what follows;
  of `make` the target must exist; other commands are for the reader, but on the pages that need
  an account of Stripe (`tests/docs_terminal.py`);
* `json`, `jsonl`, `toml` and `yaml` must parse, and are written down with ` file=NAME`.

Where whole lines of an answer are left out, `...` stands for them.  A sample that cannot run says
why after `later:` (not in this version) or `shown:` (for the reader), for instance
```` ```python later: subscriptions come with 0.2 ````; Python must compile all the same.
"""

from __future__ import annotations

import ast
import doctest
import json
import re
import shutil
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tallystick.system import SystemClock
from tallystick.testing.fake_stripe import FakeStripe, running
from tests.commands import run_command
from tests.docs_terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

FENCE = re.compile(r"^ *(?P<ticks>```+|~~~+)(?P<info>[^`]*)$")
REASON = re.compile(r"\b(later|shown): *(?P<why>\w+\W+\w+.*)$")
NAMED = re.compile(r"\bfile=(?P<name>[\w.-]+)")
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
RUN = {"python", "console", "json", "jsonl", "toml", "yaml"}
KNOWN = RUN | {"csv", "css", "html", "http", "javascript", "text"}
ACCOUNT = {"stripe.md", "stripe-prices.md"}
LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Sample:
    """A fenced block: its language, the rest of its first line, its text and where it stands."""

    language: str
    rest: str
    text: str
    where: str

    @property
    def runs(self) -> bool:
        """Tell whether it is to be run; one that is not must say why."""
        skipped = re.search(r"\b(later|shown|no-run|skip)\b", self.rest) is not None
        assert not skipped or REASON.search(self.rest), f"{self.where}: says no reason"
        return not skipped


def samples_of(page_text: str, page: str) -> Iterator[Sample]:
    """Read the fenced blocks of a page in their order."""
    opened: re.Match[str] | None = None
    start, lines = 0, list[str]()
    for number, line in enumerate(page_text.splitlines(), 1):
        fence = FENCE.match(line)
        if opened is None:
            if fence:
                opened, start, lines = fence, number, []
        elif fence and fence["ticks"].startswith(opened["ticks"]) and not fence["info"].strip():
            language, _, rest = opened["info"].strip().partition(" ")
            assert language in KNOWN, f"{page}:{start}: write one of {', '.join(sorted(KNOWN))}"
            text = textwrap.dedent("\n".join(lines) + "\n")
            yield Sample(language, rest, text, f"{page}:{start}")
            opened = None
        else:
            lines.append(line)
    assert opened is None, f"{page}:{start}: the block is not closed"


def run_page(text: str, page: str, folder: Path, terminal: Terminal | None = None) -> int:
    """Run every sample of a page; give how many there were."""
    namespace: dict[str, Any] = {"__name__": "__docs__"}
    count = 0
    for sample in samples_of(text, page):
        if sample.language == "python":
            run_python(sample, namespace)
        elif sample.language == "console" and sample.runs:
            run_console(sample, folder, terminal)
        elif sample.language in {"json", "jsonl", "toml", "yaml"} and sample.runs:
            read_document(sample, folder)
        else:
            continue
        count += 1
    return count


def run_python(sample: Sample, namespace: dict[str, Any]) -> None:
    """Run a block of Python, or compare its `>>>` answers; at least it must compile."""
    if ">>> " in sample.text:
        test = doctest.DocTestParser().get_doctest(
            sample.text, namespace, sample.where, sample.where, 0
        )
        if sample.runs:
            said: list[str] = []
            runner = doctest.DocTestRunner(optionflags=LOOSE)
            runner.run(test, out=said.append, clear_globs=False)
            assert not said, f"{sample.where}:\n{''.join(said)}"
            namespace.update(test.globs)
        return
    code = compile(ast.parse(sample.text, sample.where), sample.where, "exec")
    if sample.runs:
        exec(code, namespace)  # noqa: S102 - running the samples of our own docs is the point


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Split a console block into commands and what each is said to print."""
    command, answer = "", list[str]()
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            if command:
                yield command, "\n".join(answer)
            command, answer = line[2:], []
        else:
            answer.append(line)
    if command:
        yield command, "\n".join(answer)


def run_console(sample: Sample, folder: Path, terminal: Terminal | None) -> None:
    """Run the `tallystick` commands of a block, or all of a terminal's; compare what they print."""
    for command, expected in commands(sample.text):
        if command.startswith("make"):
            targets = set(TARGET.findall((ROOT / "Makefile").read_text("utf-8")))
            assert set(command.split("#")[0].split()[1:]) <= targets, f"{sample.where}: {command}"
        if terminal is not None:
            told = terminal.run(command)
            if told is not None:
                compare(f"{sample.where}: $ {command}", expected, told[1], told[0])
            continue
        if command.split()[0] != "tallystick":
            continue
        shown = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
        status, printed = run_command(command, folder, shown)
        compare(f"{sample.where}: $ {command}", expected, printed, status)


def compare(where: str, expected: str, printed: str, status: int) -> None:
    """Compare an answer, blanks apart; where none is shown the command must succeed."""
    assert "Traceback" not in printed, f"{where}\n{printed}"
    if not expected.strip():
        assert status == 0, f"{where}\nexit {status}\n{printed}"
        return
    same = doctest.OutputChecker().check_output(
        f"{expected.strip()}\n", printed.strip() + "\n", LOOSE
    )
    assert same, f"{where}\nexpected:\n{expected}\nprinted:\n{printed}"


def read_document(sample: Sample, folder: Path) -> None:
    """Parse a document; write it down where it is named, so that later samples can use it."""
    try:
        match sample.language:
            case "json":
                json.loads(sample.text)
            case "jsonl":
                for line in sample.text.splitlines():
                    json.loads(line)
            case "toml":
                tomllib.loads(sample.text)
            case _:
                yaml.safe_load(sample.text)
    except (ValueError, yaml.YAMLError) as error:
        pytest.fail(f"{sample.where}: does not parse: {error}")
    if named := NAMED.search(sample.rest):
        (folder / named["name"]).write_text(sample.text, "utf-8")


# --- links --------------------------------------------------------------------------------------


def prose(text: str) -> str:
    """Give a page without its fenced blocks and without `code`."""
    kept, opened = [], False
    for line in text.splitlines():
        if FENCE.match(line):
            opened = not opened
        elif not opened:
            kept.append(re.sub(r"`[^`]*`", "", line))
    return "\n".join(kept)


def anchors(text: str) -> set[str]:
    """Give the anchors of a page's headings, as a forge makes them."""
    found: set[str] = set()
    opened = False
    for line in text.splitlines():
        opened ^= FENCE.match(line) is not None
        if heading := re.match(r"#+ +(.*)", "" if opened else line):
            slug = re.sub(r"[^\w\- ]", "", heading[1].strip().lower()).replace(" ", "-")
            repeated = sum(
                1 for other in found if re.fullmatch(re.escape(slug) + r"(-\d+)?", other)
            )
            found.add(f"{slug}-{repeated}" if repeated else slug)
    return found


def dangling(page: Path) -> list[str]:
    """List the links of a page that lead nowhere inside the repository."""
    lost = []
    for link in LINK.finditer(prose(page.read_text("utf-8"))):
        target, _, anchor = link["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / target) if target else page
        if not there.exists() or (anchor and anchor not in anchors(there.read_text("utf-8"))):
            lost.append(link["target"])
    return lost


# --- the tests ----------------------------------------------------------------------------------


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with a copy of examples/, and the current one for the test."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def terminal(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal | None]:
    """A fake Stripe for the pages about an account: only key, secret and address differ."""
    if page.name not in ACCOUNT:
        yield None
        return
    fake = FakeStripe(SystemClock())
    with running(fake) as address:
        made = Terminal(fake, address, folder, monkeypatch.setenv)
        yield made
        made.close()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_samples_of_the_page_run(page: Path, folder: Path, terminal: Terminal | None) -> None:
    text = page.read_text("utf-8")
    expected = sum(1 for _ in samples_of(text, name_of(page)))
    assert 0 <= run_page(text, name_of(page), folder, terminal) <= expected


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_links_of_the_page_lead_somewhere(page: Path) -> None:
    assert dangling(page) == []


def test_every_decision_is_listed_and_every_cited_one_exists() -> None:
    pages = {page.name: page for page in (ROOT / "docs" / "adr").glob("[0-9]*.md")}
    numbers = [name[:4] for name in pages]
    assert len(set(numbers)) == len(numbers)
    listed = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    assert [name for name in pages if f"({name})" not in listed] == []
    cited = {
        number
        for path in (ROOT / "src").rglob("*.py")
        for number in re.findall(r"\bADR-(\d{4})\b", path.read_text("utf-8"))
    }
    assert cited <= set(numbers)


def test_the_docs_were_found_and_have_samples_that_run() -> None:
    names = {name_of(page) for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "docs/index.md", "docs/glossary.md"} <= names
    readme = (ROOT / "README.md").read_text("utf-8")
    running = [s for s in samples_of(readme, "README.md") if s.language == "python" and s.runs]
    assert running


@pytest.mark.parametrize(
    "page",
    [
        "```python\nassert 1 == 2\n```\n",
        "```python\n>>> 1 + 1\n3\n```\n",
        "```python later: comes with subscriptions\n1 = 2\n```\n",
        "```python no-run\nx = 1\n```\n",
        "```python later: soon\nx = 1\n```\n",
        "```console\n$ tallystick no-such-command\n```\n",
        "```console\n$ tallystick --help\nSomething else\n```\n",
        "```console\n$ make coffee\n```\n",
        "```json\n{'a': 1}\n```\n",
        "```toml\na = \n```\n",
        "```yaml\na: [\n```\n",
        "```python\nx = 1\n",
        "```bash\ntallystick lint\n```\n",
        "1. First\n\n    ```python\n    assert 1 == 2\n    ```\n",
    ],
)
def test_a_sample_that_does_not_hold_is_caught(page: str, folder: Path) -> None:
    with pytest.raises((AssertionError, SyntaxError, pytest.fail.Exception)):
        run_page(page, "page.md", folder)


def test_a_page_that_holds_passes(folder: Path) -> None:
    page = (
        "```python\nx = 2\n```\n```python\n>>> x + 1\n3\n>>> y = 5\n```\n"
        "```python\nassert y == 5\n```\n"
        '```json file=a.json\n{"a": 1}\n```\n```console\n$ make test  # the gate\n$ tallystick '
        "--help\n...Usage: tallystick...\n```\n```text\nanything\n```\n"
    )
    assert run_page(page, "page.md", folder) == 5
    assert (folder / "a.json").read_text("utf-8") == '{"a": 1}\n'


def test_a_link_to_nowhere_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One thing\n[a](gone.md) [b](#one-thing) [c](#two) [d](page.md#one-thing) `[e](no.md)`\n"
        "[f](https://example.com)\n```text\n[g](no.md)\n```\n",
        "utf-8",
    )
    assert dangling(page) == ["gone.md", "#two"]
