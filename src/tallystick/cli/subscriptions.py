"""`tallystick subscriptions`: what customers have, its moves, and what each would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.documents import (
    change_words,
    foreseen_tree,
    print_foreseen,
    print_subscription,
    subscription_tree,
    to_come_tree,
)
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.subscription_options import STARTS, Override, Seats, Time, said_by
from tallystick.cli.subscription_words import add_ons, overrides
from tallystick.cli.times import At, moment_or_none, when

if TYPE_CHECKING:
    from tallystick.app.subscription import Made
    from tallystick.facade.subscriptions import Moves
    from tallystick.wiring import Tallystick

__all__ = ["subscriptions"]

subscriptions = typer.Typer(
    name="subscriptions",
    help="What customers have: start, change, pause and end subscriptions.\n\n"
    "Each move has a `--preview`: the documents it would make, by the same code, and nothing is "
    "changed. `tallystick invoice run` issues the documents.",
    no_args_is_help=True,
)
"""The commands under `tallystick subscriptions`."""

_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the subscription.")]
_Preview = Annotated[
    bool, typer.Option("--preview", help="Show what it would make; change nothing.")
]
_Key = Annotated[
    str | None,
    typer.Option("--idempotency-key", metavar="KEY", help="Repeat it safely under this key."),
]
_When = Annotated[
    str | None,
    typer.Option("--when", metavar="now|period-end|TIME", help="When it takes effect."),
]
_Words = list[str] | None


@subscriptions.command()
@ends_well
@over_ledger
@said_by(STARTS)
def start(
    tally: Tallystick,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who is billed.")],
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="pro for the newest version, pro@1 for that.")
    ],
    *,
    said: dict[str, Any],
    preview: _Preview = False,
    quote: Annotated[
        bool, typer.Option("--quote", help="Print what it would cost as a signed quote instead.")
    ] = False,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Put a customer on a plan.

    Example: tallystick subscriptions start acme pro --seats 3 --trial-days 14 --preview
    """
    if quote:
        if preview or idempotency_key is not None:
            raise Usage("--quote goes without --preview and --idempotency-key: it changes nothing")
        text = tally.quotes.make(customer, plan, **said, at=moment_or_none(at, "--at"))
        say_json({"quote": text}) if as_json else say(text)
        return
    given = said if idempotency_key is None else {**said, "idempotency_key": idempotency_key}
    _move(tally, "start", (customer, plan), given, at, preview=preview, as_json=as_json)


@subscriptions.command()
@ends_well
@over_ledger
def change(
    tally: Tallystick,
    id_: _Id,
    plan: Annotated[str | None, typer.Option(help="Another plan: pro, or pro@1.")] = None,
    seats: Seats = None,
    add: Annotated[
        _Words, typer.Option(metavar="PLAN[=SEATS]", help="An add-on, or its seats; repeat.")
    ] = None,
    remove: Annotated[_Words, typer.Option(metavar="PLAN", help="An add-on; repeat.")] = None,
    override: Override = None,
    list_prices: Annotated[
        bool, typer.Option("--list-prices", help="Take prices of its own away.")
    ] = False,
    when_: _When = None,
    proration: Annotated[
        str | None,
        typer.Option(
            metavar="invoice_now|next_invoice|none|value_capped", help="The rest of the period."
        ),
    ] = None,
    preview: _Preview = False,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Have another plan, other seats, add-ons or prices.

    An upgrade is now and a downgrade at the end of the period, unless --when says otherwise.
    """
    if list_prices and override:
        raise Usage("--list-prices takes away what --override gives")
    said: dict[str, Any] = {
        "plan": plan,
        "seats": seats,
        "add": add_ons(add, "--add"),
        "remove": remove or None,
        "overrides": {} if list_prices else overrides(override),
        "when": when(when_),
        "proration": proration,
        "idempotency_key": idempotency_key,
    }
    given = {name: value for name, value in said.items() if value is not None}
    _move(tally, "change", (id_,), given, at, preview=preview, as_json=as_json)


@subscriptions.command()
@ends_well
@over_ledger
def pause(
    tally: Tallystick,
    id_: _Id,
    mode: Annotated[
        str,
        typer.Option(metavar="keep|extend", help="Leave the boundaries, or move them on."),
    ] = "keep",
    resumes_at: Time = None,
    preview: _Preview = False,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Stop for a while; the paused time is not billed."""
    given = {
        "mode": mode,
        "resumes_at": moment_or_none(resumes_at, "--resumes-at"),
        "idempotency_key": idempotency_key,
    }
    _move(tally, "pause", (id_,), given, at, preview=preview, as_json=as_json)


@subscriptions.command()
@ends_well
@over_ledger
def resume(
    tally: Tallystick,
    id_: _Id,
    preview: _Preview = False,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Go on after a pause."""
    given = {"idempotency_key": idempotency_key}
    _move(tally, "resume", (id_,), given, at, preview=preview, as_json=as_json)


@subscriptions.command()
@ends_well
@over_ledger
def cancel(
    tally: Tallystick,
    id_: _Id,
    when_: _When = None,
    credit: Annotated[bool, typer.Option("--credit", help="Give the unused rest back.")] = False,
    preview: _Preview = False,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """End it: at the end of the period unless --when says otherwise."""
    given = {"when": when(when_), "credit": credit, "idempotency_key": idempotency_key}
    _move(tally, "cancel", (id_,), given, at, preview=preview, as_json=as_json)


@subscriptions.command()
@ends_well
@over_ledger
def keep(
    tally: Tallystick,
    id_: _Id,
    preview: _Preview = False,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Take a cancellation back that has not come true yet."""
    given = {"idempotency_key": idempotency_key}
    _move(tally, "keep", (id_,), given, at, preview=preview, as_json=as_json)


@subscriptions.command()
@ends_well
@over_ledger
def unplan(
    tally: Tallystick,
    id_: _Id,
    number: Annotated[int, typer.Argument(help="The number that `schedule` shows.")],
    preview: _Preview = False,
    idempotency_key: _Key = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Take a planned change back."""
    given = {"idempotency_key": idempotency_key}
    _move(tally, "unplan", (id_, number), given, at, preview=preview, as_json=as_json)


@subscriptions.command()
@ends_well
@over_ledger
def show(tally: Tallystick, id_: _Id, as_json: AsJson = False) -> None:
    """Show a subscription as it is."""
    found = tally.subscriptions.get(id_)
    if as_json:
        say_json(subscription_tree(found))
    else:
        print_subscription(found)


@subscriptions.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    customer: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Only theirs.")] = None,
    limit: Annotated[int, typer.Option(help="How many: 1 to 100.")] = 20,
    starting_after: Annotated[
        str | None, typer.Option(metavar="ID", help="The last of the page before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List subscriptions in the order of their ids, page by page."""
    from tallystick.core.period import instant_text

    page = tally.subscriptions.list(customer=customer, limit=limit, starting_after=starting_after)
    if as_json:
        found = [subscription_tree(each) for each in page]
        say_json({"subscriptions": found, "cursor": page.cursor})
        return
    rows = (
        [
            each.id,
            each.customer,
            each.state,
            each.plan,
            str(each.seats),
            each.biller if each.origin is None else each.origin.provider,
            "" if each.period is None else instant_text(each.period.end),
        ]
        for each in page
    )
    heads = ["id", "customer", "state", "plan", "seats", "biller", "period ends"]
    say_table(heads, rows, right="seats")
    if page.cursor is not None:
        say(f"more: --starting-after {page.cursor}")


@subscriptions.command()
@ends_well
@over_ledger
def schedule(tally: Tallystick, id_: _Id, as_json: AsJson = False) -> None:
    """List what will happen by itself: renewal, planned changes, an end."""
    from tallystick.core.period import instant_text

    found = tally.subscriptions.schedule(id_)
    if as_json:
        say_json([to_come_tree(each) for each in found])
        return
    if not found:
        say("nothing will happen by itself")
        return
    rows = (
        [
            instant_text(each.at),
            each.kind.replace("_", " "),
            "" if each.number is None else str(each.number),
            change_words(each.change),
        ]
        for each in found
    )
    say_table(["at", "what", "number", "change"], rows, right="number")


# --- shared ---------------------------------------------------------------------------------------


def _move(
    tally: Tallystick,
    name: str,
    words: tuple[Any, ...],
    given: dict[str, Any],
    at: str | None,
    *,
    preview: bool,
    as_json: bool,
) -> None:
    """Make a move, or look at it, and print what came of it."""
    moves: Moves[Any] = tally.subscriptions.preview if preview else tally.subscriptions
    made = getattr(moves, name)(*words, **given, at=moment_or_none(at, "--at"))
    if preview:
        if as_json:
            say_json(foreseen_tree(made))
        else:
            print_foreseen(made)
    else:
        _print(made, as_json=as_json)


def _print(made: Made, *, as_json: bool) -> None:
    if as_json:
        tree = subscription_tree(made.subscription)
        say_json({"subscription": tree, "documents": list(made.documents)})
        return
    print_subscription(made.subscription)
    for document in made.documents:
        say(f"document: {document}, issued by `tallystick invoice run`")
