"""`tallystick stripe events`: what Stripe told, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import Yes, agreed, json_value, over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from tallystick.core.provider_event import ProviderEvent
    from tallystick.wiring import Tallystick

__all__ = ["events"]

events = typer.Typer(
    name="events",
    help="What Stripe told, and what became of it.\n\n"
    "`tallystick serve` takes events, `tallystick worker` reads what they tell of.",
    no_args_is_help=True,
)
"""The commands under `tallystick stripe events`."""

_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the event, evt_….")]


@events.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    state: Annotated[
        str | None, typer.Option(metavar="new|applied|ignored|set_aside", help="Only these.")
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only of this type.")
    ] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="Only of this object.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many: 1 to 100.")] = 20,
    starting_after: Annotated[
        str | None, typer.Option(metavar="ID", help="The last of the page before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List events, the last received first, page by page."""
    page = tally.provider_events.list(
        state=state,  # type: ignore[arg-type]  # looked at there
        type=type_,
        object_id=object_id,
        limit=limit,
        starting_after=starting_after,
    )
    if as_json:
        say_json({"events": [_tree(each) for each in page], "cursor": page.cursor})
        return
    say_table(["id", "type", "object", "happened", "state", "reason"], map(_row, page))
    if page.cursor is not None:
        say(f"more: --starting-after {page.cursor}")


@events.command()
@ends_well
@over_ledger
def replay(tally: Tallystick, id_: _Id, at: At = None, as_json: AsJson = False) -> None:
    """Let what an event tells of be asked for again, once its reason is cured."""
    event = tally.provider_events.replay(id_, at=moment_or_none(at, "--at"))
    if as_json:
        say_json(_tree(event))
    else:
        say(f"{event.object_id} is asked for by the next run of `tallystick worker`")


@events.command()
@ends_well
@over_ledger
def prune(
    tally: Tallystick,
    days: Annotated[int, typer.Option(help="How many days are kept, from 4.")] = 90,
    yes: Yes = False,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Remove old events that wait for nothing; what they told of stays as it is."""
    if not agreed(f"remove events older than {days} days?", yes=yes, quiet=as_json):
        return
    removed = tally.provider_events.prune(days, at=moment_or_none(at, "--at"))
    if as_json:
        say_json({"removed": removed})
    else:
        say(f"{removed:,} removed")


def _tree(event: ProviderEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "provider": event.provider,
        "account": event.account,
        "live": event.live,
        "api_version": event.api_version,
        "kind": event.kind,
        "object": event.object_id,
        "created": json_value(event.created),
        "received_at": json_value(event.received_at),
        "state": event.state,
        "reason": None if event.reason is None else dict(event.reason),
        "done_at": json_value(event.done_at),
    }


def _row(event: ProviderEvent) -> list[str]:
    why = "" if event.reason is None else f"{event.reason['message']} [{event.reason['code']}]"
    happened = str(json_value(event.created))
    return [event.id, event.type, event.object_id or "", happened, event.state, why]
