"""`tallystick usage import`: a team's own log files become usage events."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.ledger import Database, Prefix, Schema, ledger
from tallystick.cli.output import say, say_json, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from tallystick.app.imports import BadLine, Imported
    from tallystick.files.events import Columns, EventFile

__all__ = ["import_"]

_TOLD: Final = 20
_INTERRUPTED: Final = 130

_Text = str | None
_Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN,…",
        help="Which column is id, source, customer, type, occurred_at or a property; repeat.",
    ),
]
_Source = Annotated[_Text, typer.Option(help="The source of lines that name none.")]
_Customer = Annotated[_Text, typer.Option(help="The customer of lines without one.")]
_Type = Annotated[_Text, typer.Option("--type", help="The type of lines without one.")]
_Ids = Annotated[
    _Text,
    typer.Option(metavar="NAME", help="Make ids NAME:LINE; for one FILE, whose lines never move."),
]
_Form = Annotated[
    _Text, typer.Option("--format", metavar="jsonl|csv|parquet", help="If the suffix says none.")
]


@ends_well
def import_(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="JSON Lines, CSV or Parquet; - for stdin.")
    ],
    database: Database = None,
    map_: _Map = None,
    source: _Source = None,
    customer: _Customer = None,
    type_: _Type = None,
    ids: _Ids = None,
    utc: Annotated[bool, typer.Option("--utc", help="Times without a zone are UTC.")] = False,
    format_: _Form = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing; tell every bad line.")
    ] = False,
    rejected: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all bad lines there, as JSON Lines.")
    ] = None,
    tables: Prefix = "tallystick_",
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Record the events of files, each once for ever: run it again after an interruption.

    Exit status 1 if any line was rejected.  The lines that are good are stored all the same.
    Example: tallystick usage import october.csv --map id=request,customer=account,quantity=bytes
    """
    from tallystick.app.imports import Imported
    from tallystick.files.events import Columns

    if ids is not None and len(files) > 1:
        raise Usage("--ids takes one FILE: the same line of two would count once; run it for each")
    columns = Columns(
        names=_names(map_), source=source, customer=customer, type=type_, ids=ids, utc=utc
    )
    opened = [_file(name, format_, columns) for name in files]
    counts = Imported()
    with _Report(rejected, every=dry_run and not as_json, quiet=as_json) as report:
        try:
            _import(opened, database, tables, schema, report, counts, dry_run=dry_run)
        except KeyboardInterrupt:
            warn("interrupted; run it again: what is stored already counts once")
            report.summary(counts, dry_run=dry_run)
            raise typer.Exit(_INTERRUPTED) from None
        finally:
            report.told(counts)
        report.summary(counts, dry_run=dry_run)
    if counts.rejected:
        raise typer.Exit(1)


def _import(
    files: list[EventFile],
    database: str | None,
    tables: str,
    schema: str | None,
    report: _Report,
    counts: Imported,
    *,
    dry_run: bool,
) -> None:
    from tallystick.app.imports import import_lines, tried
    from tallystick.system import SystemClock

    if database is None and dry_run:  # the lines by themselves need none
        clock = SystemClock()
        for file in files:
            with file, _progress(file) as done:
                import_lines(
                    file.name,
                    file,
                    lambda items: tried(items, {}, clock.now()),
                    bad=report.bad,
                    done=done,
                    into=counts,
                )
        return
    with ledger(database, tables, schema) as tally:
        if not dry_run:
            tally.usage.prepare()
        for file in files:
            with file, _progress(file) as done:
                tally.usage.import_file(
                    file, bad=report.bad, done=done, into=counts, preview=dry_run
                )


class _Report:
    """What is told of the lines that were not stored: some to people, all to a file."""

    def __init__(self, path: Path | None, *, every: bool, quiet: bool) -> None:
        self.path, self.every, self.quiet = path, every, quiet
        self.first: list[BadLine] = []
        self.late = False
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self.path is not None:
            try:
                self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                raise Usage(f"--rejected {self.path}: {error.strerror or error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def bad(self, line: BadLine) -> None:
        if len(self.first) < _TOLD:
            self.first.append(line)
        if self.every:
            say(_words(line))
        if self._file is not None:
            self._file.write(json.dumps(_tree(line), ensure_ascii=False, default=str) + "\n")

    def told(self, counts: Imported) -> None:
        """Name the first bad lines to a person."""
        if self.quiet or self.every:
            return
        warn(*(_words(line) for line in self.first))
        more = counts.rejected - len(self.first)
        if more > 0:
            where = f"all are in {self.path}" if self.path else "write all with --rejected FILE"
            warn(f"… and {more:,} more; {where}")

    def summary(self, counts: Imported, *, dry_run: bool) -> None:
        if self.quiet:
            say_json(
                {
                    "read": counts.read,
                    "accepted": counts.accepted,
                    "duplicates": counts.duplicates,
                    "rejected": counts.rejected,
                    "late": counts.late,
                    "stored": not dry_run,
                    "problems": [_tree(line) for line in self.first],
                }
            )
            return
        if dry_run:
            good, bad = f"{counts.accepted:,} good", f"{counts.rejected:,} bad"
            say(f"{counts.read:,} read: {good}, {bad}; none stored")
            return
        parts = [f"{counts.accepted:,} stored", f"{counts.duplicates:,} already there"]
        if counts.late:
            parts.append(f"{counts.late:,} of them too late for a meter")
        say(f"{counts.read:,} read: {', '.join(parts)}, {counts.rejected:,} rejected")


def _words(line: BadLine) -> str:
    return f"{line.file}:{line.line}: {line.message} [{line.code}]"


def _tree(line: BadLine) -> dict[str, Any]:
    tree = {"file": line.file, "line": line.line, "code": line.code, "message": line.message}
    return tree if line.event is None else {**tree, "event": _plain(line.event)}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def _names(pairs: list[str] | None) -> dict[str, str]:
    """Read the column map: `id=ID,customer=Account`; a name alone is its own column."""
    names: dict[str, str] = {}
    for pair in ",".join(pairs or ()).split(",") if pairs else ():
        name, sign, column = pair.strip().partition("=")
        if not name or (sign and not column):
            raise Usage(f"--map takes FIELD=COLUMN, not {pair.strip()!r}")
        if name in names:
            raise Usage(f"--map names {name!r} twice")
        names[name] = column or name
    return names


def _file(name: str, form: str | None, columns: Columns) -> EventFile:
    from tallystick.files.events import EventFile

    if form not in {None, "jsonl", "csv", "parquet"}:
        raise Usage(f"--format is jsonl, csv or parquet, not {form!r}")
    if name != "-":
        return EventFile(name, form=form, columns=columns)  # type: ignore[arg-type]  # looked at above
    if form == "parquet":
        raise Usage("Parquet is not read from the standard input: name a file")
    return EventFile(
        "stdin",
        form="csv" if form == "csv" else "jsonl",
        columns=columns,
        stream=sys.stdin.buffer,
    )


@contextmanager
def _progress(file: EventFile) -> Iterator[Callable[[Imported], None]]:
    """Show how far the reading of a file is, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[lines]}", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(Path(file.name).name, total=file.size, lines="")

        def done(counts: Imported) -> None:
            lines = f"{counts.accepted:,} stored, {counts.duplicates:,} already there"
            bar.update(task, completed=file.position, lines=lines)

        yield done
