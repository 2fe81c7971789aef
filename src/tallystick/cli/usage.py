"""`tallystick usage`: import, read, correct and export what customers used."""

from __future__ import annotations

import csv
import sys
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well, plan_of, quantity
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, say_table, whole
from tallystick.cli.times import moment, moment_or_none
from tallystick.cli.usage_import import import_

if TYPE_CHECKING:
    from tallystick.app.usage import Figure
    from tallystick.core.event import UsageEvent
    from tallystick.core.meter import Meter
    from tallystick.core.period import Period
    from tallystick.wiring import Tallystick

__all__ = ["usage"]

usage = typer.Typer(
    name="usage",
    help="What customers used: import it, look at it, correct it, hand it over.",
    no_args_is_help=True,
)
"""The commands under `tallystick usage`."""

usage.command("import")(import_)

_Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="Whose usage.")]
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="2027-01-31, or a time with its zone."),
]
_To = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="The first moment that is not in it.")
]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the event.")]
_Source = Annotated[str, typer.Option(help="Where the event came from.")]
_OwnId = Annotated[
    str | None, typer.Option("--id", metavar="ID", help="The correction's own id, to repeat it by.")
]


@usage.command()
@ends_well
@over_ledger
def show(
    tally: Tallystick,
    customer: _Customer,
    start: _From = None,
    end: _To = None,
    meter: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Only this meter; repeat.")
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(metavar="PROPERTY", help="Tell groups of one meter apart; repeat."),
    ] = None,
    window: Annotated[
        str | None, typer.Option(metavar="hour|day|month", help="Cut the period, by UTC.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="What was known at that time.")
    ] = None,
    plan: Annotated[
        str | None, typer.Option(help="Rate the usage by this plan, and print the lines.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a customer used: every meter, this month (UTC) unless you say otherwise.

    Example: tallystick usage show acme --meter requests --window day --from 2026-10-01
    """
    period = _period(tally, start, end)
    if plan is not None:
        if meter or group_by or window or as_of:
            raise Usage("--plan rates the whole period: leave the other options out")
        _rated(tally, customer, plan, period, as_json=as_json)
        return
    if window not in {None, "hour", "day", "month"}:
        raise Usage(f"--window is hour, day or month, not {window!r}")
    meters = _meters(tally, meter)
    if group_by and len(meters) != 1:
        raise Usage("--group-by tells the groups of one meter apart: name it with --meter")
    back = moment_or_none(as_of, "--as-of")
    figures = [
        (each, figure)
        for each in meters
        for figure in tally.usage.read(
            customer,
            each,
            period,
            group_by=group_by or (),
            window=window,  # type: ignore[arg-type]  # it is one of those
            as_of=back,
        )
    ]
    if as_json:
        say_json(_figures_tree(customer, period, figures, group_by or []))
    else:
        _print_figures(customer, period, figures, group_by or [], windowed=window is not None)


@usage.command()
@ends_well
@over_ledger
def export(
    tally: Tallystick,
    customer: Annotated[str | None, typer.Option(metavar="CUSTOMER", help="Only theirs.")] = None,
    start: _From = None,
    end: _To = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="jsonl|csv", help="How it is written.")
    ] = "jsonl",
) -> None:
    """Print stored events and corrections as they were sent, in the order of arrival, one a line.

    `tallystick usage import` reads the JSON Lines: all of them duplicates here, the same elsewhere.
    Example: tallystick usage export --customer acme > acme.jsonl
    """
    from tallystick.app.sent import event_text

    if format_ not in {"jsonl", "csv"}:
        raise Usage(f"--format is jsonl or csv, not {format_!r}")
    period = None if start is None and end is None else _period(tally, start, end)
    events = tally.usage.export(customer=customer, period=period)
    if format_ == "jsonl":
        for event in events:
            sys.stdout.write(f"{event_text(event)}\n")
        return
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(_COLUMNS)
    for event in events:
        table.writerow(_cells(event))


@usage.command()
@ends_well
@over_ledger
def void(
    tally: Tallystick,
    customer: _Customer,
    id_: _Id,
    source: _Source = "api",
    own_id: _OwnId = None,
    as_json: AsJson = False,
) -> None:
    """Take an event back: it stays, and counts no more."""
    status = tally.usage.void(customer, id_, source=source, correction_id=own_id)
    _corrected(status, f"voided {id_}", as_json=as_json)


@usage.command()
@ends_well
@over_ledger
def amend(
    tally: Tallystick,
    customer: _Customer,
    id_: _Id,
    quantity_: Annotated[
        str | None, typer.Option("--quantity", metavar="N", help="What it should have been.")
    ] = None,
    property_: Annotated[
        list[str] | None,
        typer.Option("--property", metavar="NAME=TEXT", help="Another property; repeat."),
    ] = None,
    occurred_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it really happened.")
    ] = None,
    source: _Source = "api",
    own_id: _OwnId = None,
    as_json: AsJson = False,
) -> None:
    """Correct an event by another one.  What is not named stays as it is."""
    changes: dict[str, object] = {}
    for pair in property_ or ():
        name, sign, text = pair.partition("=")
        if not sign:
            raise Usage("--property takes NAME=TEXT")
        changes[name] = text
    if quantity_ is not None:
        changes["quantity"] = quantity(quantity_, "--quantity")
    if not changes and occurred_at is None:
        raise Usage("say what changes: --quantity, --property or --occurred-at")
    at = moment_or_none(occurred_at, "--occurred-at")
    status = tally.usage.amend(
        customer, id_, properties=changes, occurred_at=at, source=source, correction_id=own_id
    )
    _corrected(status, f"amended {id_}", as_json=as_json)


def _corrected(status: str, done: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"status": status})
    else:
        say(done if status == "accepted" else f"nothing to do: {done} before")


# --- times ----------------------------------------------------------------------------------------


def _period(tally: Tallystick, start: str | None, end: str | None) -> Period:
    """Give the period that is asked for; what is not said is of the current month."""
    from tallystick.core.calendar import boundary
    from tallystick.core.period import Cadence, Period
    from tallystick.errors import InvalidPeriod

    now = tally.clock.now().astimezone(UTC)
    month = Cadence("month")
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    since = first if start is None else moment(start, "--from")
    try:
        if end is not None:
            return Period(since, moment(end, "--to"))
        following = since.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return Period(since, boundary(following if start else first, month, 1))
    except InvalidPeriod as refused:
        raise Usage(f"--from, --to: {refused}") from None


# --- figures --------------------------------------------------------------------------------------

_COLUMNS = (
    "id",
    "source",
    "customer",
    "kind",
    "type",
    "occurred_at",
    "received_at",
    "target_source",
    "target_id",
    "properties",
)


def _meters(tally: Tallystick, keys: list[str] | None) -> list[Meter]:
    known = tally.usage.meters()
    if not known:
        raise Usage("nothing is metered here: publish a catalogue with `tallystick publish`")
    unknown = [key for key in keys or () if key not in known]
    if unknown:
        raise Usage(f"no meter {unknown[0]!r}; there are {', '.join(known)}")
    return [known[key] for key in keys] if keys else list(known.values())


def _print_figures(
    customer: str,
    period: Period,
    figures: list[tuple[Meter, Figure]],
    names: list[str],
    *,
    windowed: bool,
) -> None:
    from tallystick.cli.lines import quantity_text
    from tallystick.core.period import instant_text

    say(f"{customer}, {instant_text(period.start)} to {instant_text(period.end)}")
    columns = ["meter", *(["from"] if windowed else []), *names, "quantity", "unit"]
    say_table(
        columns,
        (
            [
                meter.key,
                *([instant_text(figure.period.start)] if windowed else []),
                *("-" if text is None else text for text in figure.group),
                quantity_text(figure.quantity),
                meter.unit,
            ]
            for meter, figure in figures
        ),
        right="quantity",
    )


def _figures_tree(
    customer: str, period: Period, figures: list[tuple[Meter, Figure]], names: list[str]
) -> dict[str, Any]:
    return {
        "customer": customer,
        **_span(period),
        "figures": [
            {
                "meter": meter.key,
                **_span(figure.period),
                **({"group": dict(zip(names, figure.group, strict=True))} if names else {}),
                "quantity": whole(figure.quantity),
                "unit": meter.unit,
            }
            for meter, figure in figures
        ],
    }


def _span(period: Period) -> dict[str, str]:
    from tallystick.core.period import instant_text

    return {"from": instant_text(period.start), "to": instant_text(period.end)}


def _rated(
    tally: Tallystick, customer: str, plan_id: str, period: Period, *, as_json: bool
) -> None:
    """Print the lines of a plan for what is stored, as `tallystick bill` does for a file."""
    from tallystick.cli.lines import lines_tree, print_lines
    from tallystick.core.line_item import bill

    plan = plan_of(tally.catalog(), plan_id)
    lines = bill(plan, tally.usage.measured(customer, plan, period))
    if as_json:
        say_json({"customer": customer, **_span(period), **lines_tree(plan, lines)})
    else:
        print_lines(lines, plan.currency)


def _cells(event: UsageEvent) -> list[str]:
    from tallystick.core.event import properties_text
    from tallystick.core.period import instant_text

    received = "" if event.received_at is None else instant_text(event.received_at)
    source, key = event.target or ("", "")
    return [
        event.id,
        event.source,
        event.customer,
        event.kind,
        event.type,
        instant_text(event.occurred_at),
        received,
        source,
        key,
        properties_text(event.properties),
    ]
