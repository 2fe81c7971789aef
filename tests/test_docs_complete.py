"""Everything public is in the docs: fields, commands, names, errors, and every page is reachable.

Each check is a function from what is public and what is written to the list of what is missing or
stale, so that it can be seen to fail.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from typer.main import get_command

import tallystick
from tallystick.cli.commands import app
from tallystick.core.dialects.field import EVERY, Field
from tallystick.core.dialects.fields import TABLES
from tallystick.core.dialects.scalars import Choice, Flag
from tallystick.errors import TallystickError
from tallystick.problems import STATUS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"

SECTIONS: Final = {
    "catalog": "The file: products",
    "plan_list": "The file: a list of plans",
    "product": "Product",
    "plan": "Plan",
    "listed_plan": "Listed plan",
    "credit": "Credit",
    "rollover": "Rollover",
    "feature": "Feature",
    "price": "Price",
    "tier": "Tier",
    "convert": "Convert",
    "meter": "Meter",
    "coupon": "Coupon",
    "code": "Code",
    "plan_in": "Plan in another currency",
    "feature_in": "Feature in another currency",
    "price_in": "Price in another currency",
}
"""Where the fields of each table stand in catalog.md."""

CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


# --- reading a page -----------------------------------------------------------------------------


def sections(text: str) -> dict[str, str]:
    """Split a page by its headings: the text under each, up to the next of any level."""
    found: dict[str, str] = {}
    heading, fenced = "", False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if not fenced and (title := re.match(r"#+ +(.*)", line)):
            heading = title[1].strip()
            assert heading not in found, f"two sections are called {heading}"
        found[heading] = found.get(heading, "") + line + "\n"
    return found


def rows(section: str) -> dict[str, list[str]]:
    """Give the cells of a section's tables by the name in backticks that stands first."""
    table: dict[str, list[str]] = {}
    for line in section.splitlines():
        if named := re.match(r"\| *[• ]*`([^`]+)`", line):
            assert named[1] not in table, f"{named[1]} stands twice"
            table[named[1]] = [cell.strip() for cell in line.strip("| ").split("|")]
    return table


def named(text: str) -> set[str]:
    """Give every word that stands in `code`."""
    plain = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    return {word for code in CODE.findall(plain) for word in re.findall(r"\w+", code)}


# --- the checks ---------------------------------------------------------------------------------


def field_faults(fields: Sequence[Field], section: str) -> Iterator[str]:
    """Compare a table of fields with what its section says of each."""
    written = rows(section)
    for field in fields:
        if field.name not in written:
            yield f"{field.name} is not written down"
            continue
        cells = written[field.name]
        if cells[1] != needed_by(field):
            yield f"{field.name} is needed by {needed_by(field)!r}, not {cells[1]!r}"
        kind = field.kind
        words = {*(kind.words if isinstance(kind, Choice) else ()), *field.also}
        for word in sorted(words - set(CODE.findall(cells[2]))):
            yield f"{field.name} may say {word}"
        if isinstance(kind, Flag) and not re.search(r"true|false|whether", cells[2].lower()):
            yield f"{field.name} is true or false"
        if "MINOR" in field.doc.upper() and "MINOR" not in cells[2]:
            yield f"{field.name} is in MINOR units"
    for name in written.keys() - {field.name for field in fields}:
        yield f"{name} is no field"


def needed_by(field: Field) -> str:
    """Say which forms of a catalogue need a field, as the page says it."""
    return "always" if field.needed == EVERY else ", ".join(field.needed)


def command_faults(commands: Mapping[str, set[str]], text: str) -> Iterator[str]:
    """Compare the commands and their options with their sections."""
    written = sections(text)
    known = {option for options in commands.values() for option in options}
    for name, options in commands.items():
        section = written.get(f"tallystick {name}")
        if section is None:
            yield f"{name} has no section"
            continue
        usage = next(iter(CODE.findall(section)), "")
        for option in sorted(options - set(OPTION.findall(usage))):
            yield f"{name} takes {option}"
        for option in sorted(set(OPTION.findall(usage)) - options):
            yield f"{name} does not take {option}"
        if "Python twin" not in section:
            yield f"{name} names no Python twin"
    for option in sorted(set(OPTION.findall(" ".join(CODE.findall(text)))) - known - BORN):
        yield f"no command takes {option}"
    groups = {name.rpartition(" ")[0] for name in commands}
    for heading in written:
        name = heading.removeprefix("tallystick ")
        if name != heading and name not in commands and name not in groups:
            yield f"{heading} is no command"


BORN: Final = {"--help", "--version", "-h", "-m", "-e"}
"""Options of the command line itself, of Python, and the short name of --environment."""


def commands_of_the_app() -> dict[str, set[str]]:
    """Ask the command line itself what it takes; `customers list` is a command of its own."""
    return dict(commands_below(get_command(app)))


def commands_below(command: Any, name: str = "") -> Iterator[tuple[str, set[str]]]:
    """Give a command's name and options, or those of each command that stands under it."""
    if hasattr(command, "commands"):
        for below, each in command.commands.items():
            yield from commands_below(each, f"{name} {below}".strip())
        return
    options = (each for each in command.params if each.param_type_name == "option")
    names = (option for each in options for option in (*each.opts, *each.secondary_opts))
    yield name, {option for option in names if option.startswith("--")}


def error_faults(errors: Sequence[type[TallystickError]], text: str) -> Iterator[str]:
    """Compare each error's code and status with its row."""
    written = rows(text)
    for error in errors:
        cells = written.get(error.__name__, ["", "", ""])
        if cells[1:3] != [error.code, str(STATUS[error.code])]:
            yield f"{error.__name__} is {error.code} {STATUS[error.code]}, not {cells[1:3]}"
    for name in written.keys() - {error.__name__ for error in errors}:
        yield f"{name} is no error"


def errors_below(error: type[TallystickError]) -> Iterator[type[TallystickError]]:
    """Give an error of `tallystick.errors` and all that are kinds of it."""
    if error.__module__ == "tallystick.errors":
        yield error
    for kind in error.__subclasses__():
        yield from errors_below(kind)


def unreachable(start: Path, pages: Sequence[Path]) -> list[str]:
    """List the pages that no link leads to from the start, directly or through a list of pages."""
    lists = [start, *start.parent.rglob("README.md")]
    linked = {
        (page.parent / target).resolve()
        for page in lists
        for target in LINK.findall(page.read_text("utf-8"))
    }
    assert all(page.resolve() in linked for page in lists[1:]), "a list of pages is not linked"
    return [page.name for page in pages if page != start and page.resolve() not in linked]


# --- over the real docs -------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_every_field_of_a_catalogue_is_written_down_truly(table: str) -> None:
    page = sections((REFERENCE / "catalog.md").read_text("utf-8"))
    assert list(field_faults(TABLES[table], page[SECTIONS[table]])) == []


def test_every_command_and_option_is_written_down() -> None:
    text = (REFERENCE / "cli.md").read_text("utf-8")
    assert list(command_faults(commands_of_the_app(), text)) == []


def test_every_public_name_is_written_down() -> None:
    pages = [ROOT / "README.md", *REFERENCE.glob("*.md")]
    written = {word for page in pages for word in named(page.read_text("utf-8"))}
    assert set(tallystick.__all__) - written == set()


def test_every_error_is_written_down_with_its_code_and_status() -> None:
    errors = list(errors_below(TallystickError))
    text = (REFERENCE / "errors.md").read_text("utf-8")
    assert list(error_faults(errors, text)) == []
    service = (REFERENCE / "http.md").read_text("utf-8")
    assert [code for code in STATUS if code not in service] == []


def test_every_page_can_be_reached_from_the_index() -> None:
    assert unreachable(DOCS / "index.md", sorted(DOCS.rglob("*.md"))) == []


# --- each check can fail ------------------------------------------------------------------------

FIELDS = (
    Field("id", Flag(), "Unique.", EVERY),
    Field("mode", Choice(("up", "down")), "In minor units.", also=("way",)),
)
TRUE = "| `id` | always | whether it is |\n| `mode` | | `up` or `down`, MINOR units; or `way` |\n"


def test_a_table_that_says_all_and_nothing_else_passes() -> None:
    assert list(field_faults(FIELDS, TRUE)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("| `id` |", "| id |", "id is not written down"),
        ("always", "plans", "id is needed by 'always', not 'plans'"),
        ("whether it is", "unique", "id is true or false"),
        (" or `down`", "", "mode may say down"),
        ("; or `way`", "", "mode may say way"),
        ("MINOR", "major", "mode is in MINOR units"),
        ("| `mode`", "| `gone` | | x |\n| `mode`", "gone is no field"),
    ],
)
def test_a_table_of_fields_that_is_not_true_is_caught(old: str, new: str, fault: str) -> None:
    assert list(field_faults(FIELDS, TRUE.replace(old, new))) == [fault]


PAGE = "# All\n`x -h`\n## tallystick go\n`tallystick go [--far]`\nPython twin: `go()`.\n"


def test_a_page_of_commands_that_says_all_passes() -> None:
    assert list(command_faults({"go": {"--far"}}, PAGE)) == []


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        ("## tallystick go", "## Going", ["go has no section"]),
        ("--far", "", ["go takes --far"]),
        ("`x -h`", "`x --near`", ["no command takes --near"]),
        ("[--far]", "[--far] --json", ["go does not take --json", "no command takes --json"]),
        ("Python twin", "Twin", ["go names no Python twin"]),
        ("## tally", "## tallystick old\n## tally", ["tallystick old is no command"]),
        ("## tally", "## tallystick go on\n## tally", ["tallystick go on is no command"]),
    ],
)
def test_a_page_of_commands_that_is_not_true_is_caught(
    old: str, new: str, faults: list[str]
) -> None:
    assert list(command_faults({"go": {"--far"}}, PAGE.replace(old, new))) == faults


def test_a_name_counts_only_as_code_in_the_prose() -> None:
    page = "`Money` and Rate\n```python\nTier\n```\n`Plan.prices`"
    assert named(page) == {"Money", "Plan", "prices"}


def test_an_error_that_is_written_wrongly_is_caught() -> None:
    true = "| • `TallystickError` | INTERNAL_ERROR | 500 | all |\n"
    assert list(error_faults([TallystickError], true)) == []
    for wrong in (true.replace("500", "400"), true.replace("INTERNAL", "OTHER"), ""):
        (fault,) = error_faults([TallystickError], wrong)
        assert fault.startswith("TallystickError is INTERNAL_ERROR 500, not ")
    assert list(error_faults([], true)) == ["TallystickError is no error"]


def test_a_page_that_nothing_leads_to_is_caught(tmp_path: Path) -> None:
    (tmp_path / "list").mkdir()
    pages = {
        "index.md": "[a](a.md#part) [list](list/README.md)",
        "a.md": "[b](b.md)",
        "b.md": "",
        "list/README.md": "[c](c.md)",
        "list/c.md": "",
    }
    for name, text in pages.items():
        (tmp_path / name).write_text(text, "utf-8")
    start = tmp_path / "index.md"
    assert unreachable(start, sorted(tmp_path.rglob("*.md"))) == ["b.md"]
    start.write_text("[a](a.md) [b](b.md)", "utf-8")
    with pytest.raises(AssertionError, match="not linked"):
        unreachable(start, [])
