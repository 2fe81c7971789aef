"""`tallystick publish`: a catalogue becomes the next version, for ever."""

from __future__ import annotations

import getpass
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Environment, Usage, ends_well, opened
from tallystick.cli.ledger import Database, Prefix, Schema, Yes, agreed, json_value, ledger
from tallystick.cli.output import say, say_json, say_table, warn

if TYPE_CHECKING:
    from tallystick.app.publish import Publication
    from tallystick.core.catalog import Catalog
    from tallystick.core.published import CatalogVersion
    from tallystick.wiring import Tallystick

__all__ = ["Author", "author_or_user", "publish"]

Author = Annotated[
    str | None,
    typer.Option(
        envvar="TALLYSTICK_AUTHOR", help="Who publishes.", show_default="who is logged in"
    ),
]
"""The option of the commands that publish."""


@ends_well
def publish(
    file: Annotated[str | None, typer.Argument(help="The catalogue.", show_default=False)] = None,
    database: Database = None,
    author: Author = None,
    yes: Yes = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Only list what was published; change nothing.")
    ] = False,
    tables: Prefix = "tallystick_",
    schema: Schema = None,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Store a catalogue as the next version, after showing what changes.

    A plan that changed becomes `pro@2`; what was published before stays as it was. A new meter
    counts the events that are stored already.
    Exit status: 0 published, or nothing to do; 1 declined, or another was quicker.
    """
    if list_:
        if file is not None:
            raise Usage("--list takes no catalogue: it asks the database")
        with ledger(database, tables, schema) as tally:
            _list(tally.catalogs(), as_json=as_json)
        return
    catalog = opened(file, environment).ready()
    with ledger(database, tables, schema) as tally:
        name = author_or_user(author)
        seen = tally.publish(catalog, author=name, preview=True)
        done = seen if seen.unchanged else _publish(tally, catalog, name, seen, yes, as_json)
        _print(done, as_json=as_json)
        _prepare(tally)


def _publish(
    tally: Tallystick,
    catalog: Catalog[str, str],
    author: str,
    seen: Publication,
    yes: bool,
    as_json: bool,
) -> Publication:
    if not as_json:
        say(*(change.text for change in seen.changes))
    question = f"Publish this as version {seen.version.number}?"
    if not agreed(question, yes=yes, quiet=as_json):
        say("nothing was published")
        raise typer.Exit(1)
    return tally.publish(catalog, author=author, onto=seen.onto, prepare=False)


def _print(done: Publication, *, as_json: bool) -> None:
    if as_json:
        say_json(_tree(done))
    elif done.unchanged:
        say(f"nothing to do: this is version {done.onto}, as published")
    else:
        new = f", new: {', '.join(done.plans)}" if done.plans else ", no plan changed"
        say(f"published version {done.version.number}{new}")


def _prepare(tally: Tallystick) -> None:
    """Fill the roll-ups that are new: it is published by now, so this may take its time."""
    ready = {each.meter.key for each in tally.usage.kept() if each.state == "ready"}
    new = [key for key in tally.usage.meters() if key not in ready]
    if new:
        sys.stdout.flush()
        warn(f"counting what is stored for {', '.join(new)}; Ctrl-C leaves it for later")
    tally.usage.prepare()


def author_or_user(author: str | None) -> str:
    """Give who publishes: who was named, else who is logged in.  Raises Usage where nobody is."""
    if author is not None:
        return author
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # nobody is logged in, as in a container
        raise Usage("say who publishes: --author NAME, or TALLYSTICK_AUTHOR") from None


def _list(found: tuple[CatalogVersion, ...], *, as_json: bool) -> None:
    rows = [json_value(asdict(each)) for each in found]
    if as_json:
        say_json(rows)
    elif rows:
        columns = ["number", "published_at", "author", "digest"]
        say_table(columns, ([str(row[name]) for name in columns] for row in rows), right="number")
    else:
        say("nothing was published yet")


def _tree(done: Publication) -> dict[str, Any]:
    return {
        **json_value(asdict(done.version)),
        "onto": done.onto,
        "stored": done.stored,
        "unchanged": done.unchanged,
        "plans": list(done.plans),
        "changes": [asdict(change) for change in done.changes],
    }
