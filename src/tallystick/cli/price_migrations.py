"""`tallystick prices`: moving customers from older plan versions to another one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.ledger import Yes, agreed, over_ledger
from tallystick.cli.output import say, say_json, say_table, warn
from tallystick.cli.price_migration_words import (
    migration_tree,
    move_tree,
    percent_words,
    preview_tree,
    print_migration,
    print_moves,
)
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.app.price_migration_run import MigrationRun, MigrationUndone
    from tallystick.wiring import Tallystick

__all__ = ["prices"]

prices = typer.Typer(
    name="prices",
    help="Price migrations: move customers from older plan versions to another one.\n\n"
    "`preview` shows what each would pay; `plan` refuses where a cap would be passed; `run` moves "
    "a stage at a time; `stop` ends it, `undo` takes back what has not taken effect.",
    no_args_is_help=True,
)
"""The commands under `tallystick prices`."""

_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the price migration.")]
_Plans = Annotated[
    list[str],
    typer.Argument(metavar="PLAN", help="What they have: pro@1, or pro for all older versions."),
]
_To = Annotated[str, typer.Option("--to", metavar="PLAN", help="pro for the newest, or pro@3.")]
_Date = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="From the end of the first period that ends then or later.",
        show_default="at once",
    ),
]
_Customers = Annotated[
    list[str] | None, typer.Option("--customer", metavar="CUSTOMER", help="Only they; repeat.")
]
_Without = Annotated[
    list[str] | None, typer.Option(metavar="CUSTOMER", help="All but they; repeat.")
]
_Notice = Annotated[int, typer.Option(help="Days between the run and the new price, at least.")]
_Cap = Annotated[
    str | None, typer.Option(metavar="PERCENT", help="Nobody pays more than this over before.")
]
_Stages = Annotated[
    list[int] | None,
    typer.Option("--stage", help="How many a run takes; repeat: 10, then 100, then the rest."),
]
_TOLD = 20


@prices.command()
@ends_well
@over_ledger
def preview(
    tally: Tallystick,
    plan: _Plans,
    to: _To,
    effective_at: _Date = None,
    customer: _Customers = None,
    without: _Without = None,
    notice_days: _Notice = 0,
    cap: _Cap = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show what each customer would pay for a period; change nothing.

    Exit status: 0 nobody is over the cap, 1 somebody is.
    """
    found = tally.price_migrations.preview(
        plan,
        to,
        effective_at=moment_or_none(effective_at, "--effective-at"),
        customers=customer,
        without=without or (),
        notice_days=notice_days,
        cap_percent=cap,
        at=moment_or_none(at, "--at"),
    )
    if as_json:
        say_json(preview_tree(found))
    else:
        print_moves(found.moves)
        for before, after in found.totals:
            say(f"{before} before, {after} after, for a period of each")
        if found.over_cap:
            warn(f"{len(found.over_cap):,} over the cap: `tallystick prices plan` would refuse")
    if found.over_cap:
        raise typer.Exit(1)


@prices.command()
@ends_well
@over_ledger
def plan(
    tally: Tallystick,
    plan: _Plans,
    to: _To,
    effective_at: _Date = None,
    customer: _Customers = None,
    without: _Without = None,
    notice_days: _Notice = 0,
    cap: _Cap = None,
    stage: _Stages = None,
    id_: Annotated[str | None, typer.Option("--id", metavar="ID", help="Your own id.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Plan a price migration; nobody is moved before it is run.

    Example: tallystick prices plan pro --to pro@2 --cap 10 --notice-days 30 --stage 10 --stage 100
    """
    made = tally.price_migrations.plan(
        plan,
        to,
        effective_at=moment_or_none(effective_at, "--effective-at"),
        customers=customer,
        without=without or (),
        notice_days=notice_days,
        cap_percent=cap,
        stages=stage or (),
        id=id_,
        at=moment_or_none(at, "--at"),
    )
    if as_json:
        say_json(migration_tree(made))
        return
    print_migration(made)
    say(f"next: tallystick prices run {made.id}")


@prices.command()
@ends_well
@over_ledger
def run(
    tally: Tallystick,
    id_: _Id,
    stage: Annotated[
        int | None, typer.Option(help="The stage that is meant, to repeat it safely.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Move the next stage, or finish one that was interrupted.

    Whoever cannot be moved is left out with the reason.
    """
    done = tally.price_migrations.run(
        id_, stage=stage, at=moment_or_none(at, "--at"), tell=_told(_run_words, quiet=as_json)
    )
    if as_json:
        say_json(
            {
                "stage": done.stage,
                "state": done.state,
                "moved": done.moved,
                "left": done.left,
                "skipped": [move_tree(each) for each in done.skipped],
            }
        )
        return
    say(_run_words(done) if done.did_work else f"nobody is left in stage {done.stage}")
    for each in done.skipped[:_TOLD]:
        warn(f"left out: {each.subscription} of {each.customer}: {each.reason}")
    if len(done.skipped) > _TOLD:
        warn(f"… and {len(done.skipped) - _TOLD:,} more: tallystick prices show {id_} --moves")
    if done.left and done.state == "running":
        say(f"next: tallystick prices run {id_}")


@prices.command()
@ends_well
@over_ledger
def stop(tally: Tallystick, id_: _Id, as_json: AsJson = False) -> None:
    """Move nobody else, for ever; who was moved stays so."""
    made = tally.price_migrations.stop(id_)
    if as_json:
        say_json(migration_tree(made))
    else:
        print_migration(made)


@prices.command()
@ends_well
@over_ledger
def undo(
    tally: Tallystick, id_: _Id, yes: Yes = False, at: At = None, as_json: AsJson = False
) -> None:
    """Take back every change that has not taken effect, and say who has the new prices.

    Exit status: 0 everybody is as before, 1 somebody is not.
    """
    if not agreed(f"undo {id_}?", yes=yes, quiet=as_json):
        raise Usage("nothing was changed")
    done = tally.price_migrations.undo(
        id_, at=moment_or_none(at, "--at"), tell=_told(_undo_words, quiet=as_json)
    )
    if as_json:
        say_json({"undone": done.undone, "kept": [move_tree(each) for each in done.kept]})
    else:
        say(_undo_words(done))
        for each in done.kept[:_TOLD]:
            warn(f"stays moved: {each.subscription} of {each.customer}: {each.reason}")
        if len(done.kept) > _TOLD:
            warn(f"… and {len(done.kept) - _TOLD:,} more: tallystick prices show {id_} --moves")
    if done.kept:
        raise typer.Exit(1)


@prices.command()
@ends_well
@over_ledger
def show(
    tally: Tallystick,
    id_: _Id,
    moves: Annotated[bool, typer.Option("--moves", help="List its subscriptions too.")] = False,
    limit: Annotated[int, typer.Option(help="How many of them: 1 to 100.")] = 20,
    starting_after: Annotated[
        str | None, typer.Option(metavar="ID", help="The last of the page before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how a price migration stands."""
    made = tally.price_migrations.get(id_)
    page = None
    if moves:
        page = tally.price_migrations.moves(id_, limit=limit, starting_after=starting_after)
    if as_json:
        more: dict[str, Any] = {}
        if page is not None:
            more = {"moves": [move_tree(each) for each in page], "cursor": page.cursor}
        say_json(migration_tree(made) | more)
        return
    print_migration(made)
    if page is not None:
        print_moves(page.items)
        if page.cursor is not None:
            say(f"more: --starting-after {page.cursor}")


@prices.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    limit: Annotated[int, typer.Option(help="How many: 1 to 100.")] = 20,
    starting_after: Annotated[
        str | None, typer.Option(metavar="ID", help="The last of the page before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List price migrations in the order of their ids, page by page."""
    page = tally.price_migrations.list(limit=limit, starting_after=starting_after)
    if as_json:
        found = [migration_tree(each) for each in page]
        say_json({"price_migrations": found, "cursor": page.cursor})
        return
    rows = (
        [
            each.id,
            each.state,
            each.to_offer,
            percent_words(each.cap_percent),
            ", ".join(f"{count:,} {status}" for status, count in each.counts.items()),
        ]
        for each in page
    )
    say_table(["id", "state", "to", "cap", "subscriptions"], rows)
    if page.cursor is not None:
        say(f"more: --starting-after {page.cursor}")


# --- progress -------------------------------------------------------------------------------------


def _told(words: Callable[[Any], str], *, quiet: bool) -> Callable[[Any], object]:
    """Say after every batch how far it is, where a person looks on."""
    if quiet or not sys.stderr.isatty():
        return bool
    return lambda done: warn(words(done))


def _run_words(done: MigrationRun) -> str:
    left_out = f", {len(done.skipped):,} left out" if done.skipped else ""
    return f"stage {done.stage}: {done.moved:,} moved{left_out}, {done.left:,} to come"


def _undo_words(done: MigrationUndone) -> str:
    stay = f", {len(done.kept):,} stay moved" if done.kept else ""
    return f"{done.undone:,} undone{stay}"
