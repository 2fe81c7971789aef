"""`tallystick foresee`: a customer's next years, before they come."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.documents import invoice_tree
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, say_table, warn
from tallystick.cli.plot import print_bars
from tallystick.cli.times import At, moment_or_none, month_or_moment

if TYPE_CHECKING:
    from tallystick.app.forecast import Forecast
    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.wiring import Tallystick

__all__ = ["foresee", "print_months"]

_LIKE: Final = re.compile(r"last-([0-9]{1,2})-months?", re.ASCII | re.IGNORECASE)
_LONGEST: Final = 60


@ends_well
@over_ledger
def foresee(
    tally: Tallystick,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Whose time to come.")],
    until: Annotated[str, typer.Option(metavar="TIME", help="How far: 2029-11, a day, or a time.")],
    change: Annotated[
        list[str] | None,
        typer.Option(metavar="PLAN@DATE", help="Another plan from then on; repeat."),
    ] = None,
    usage: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What will be used: a file of events.")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(metavar="LAST-N-MONTHS", help="What was used then, again and again."),
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show the documents to come and what they add up to; changes nothing.

    Example: tallystick foresee acme --until 2029-11 --change pro@2028-01 --like last-3-months
    Exit status: 0 done, 1 billing would stop at something.
    """
    found = tally.foresee(
        customer,
        month_or_moment(until, "--until"),
        changes=[_change(word) for word in change or ()],
        usage=None if usage is None else _events(usage, customer),
        like=None if like is None else _months(like),
        at=moment_or_none(at, "--at"),
    )
    if as_json:
        say_json(_tree(found))
    else:
        _print(found)
    for each in found.set_aside:
        warn(f"would be set aside: {each.kind} {each.id}: {each.reason['message']}")
    if found.set_aside:
        raise typer.Exit(1)


def _change(word: str) -> tuple[str, Instant]:
    plan, sign, date = word.rpartition("@")
    if not sign or not plan or "-" not in date:
        raise Usage(f"--change takes PLAN@DATE, as pro@2028-01, not {word!r}")
    return plan, month_or_moment(date, "--change")


def _months(word: str) -> int:
    found = _LIKE.fullmatch(word)
    if found is None:
        raise Usage(f"--like takes last-N-months, as last-3-months, not {word!r}")
    return int(found[1])


def _events(path: Path, customer: str) -> list[object]:
    """Read the events of a file; lines without a customer are of the one that is foreseen."""
    from tallystick.errors import InvalidUsage
    from tallystick.files.events import Columns, EventFile

    found: list[object] = []
    with EventFile(path, columns=Columns(customer=customer)) as file:
        for line in file:
            if line.fault is not None:
                raise InvalidUsage(f"{path}: line {line.line} {line.fault}")
            found.append(line.tree)
    return found


# --- output ---------------------------------------------------------------------------------------


def _tree(found: Forecast) -> dict[str, Any]:
    from tallystick.core.period import instant_text

    return {
        "customer": found.customer,
        "at": instant_text(found.at),
        "until": instant_text(found.until),
        "documents": [invoice_tree(each) for each in found.documents],
        "months": [
            {
                "month": each.month,
                "currency": each.total.currency.code,
                "documents": each.documents,
                "total": each.total.minor,
                "amount_due": each.amount_due.minor,
            }
            for each in found.months
        ],
        "set_aside": [
            {"kind": each.kind, "id": each.id, "reason": dict(each.reason)}
            for each in found.set_aside
        ],
    }


def _print(found: Forecast) -> None:
    if not found.documents:
        say("no document is to come")
    else:
        columns = ["at", "document", "subscription", "for", "total", "due"]
        say_table(columns, map(_row, found.documents), right="total due")
    print_months(found)
    say("", "foreseen: nothing was changed")


def print_months(found: Forecast) -> None:
    """Print what each month comes to as a bar, and the sum, in each currency."""
    from tallystick.core.money import Money

    for unit in dict.fromkeys(each.total.currency for each in found.months):
        mine = [each for each in found.months if each.total.currency == unit]
        say("")
        print_bars([(each.month, each.total.minor, str(each.total)) for each in mine])
        total = Money.total((each.total for each in mine), unit)
        count = sum(each.documents for each in mine)
        say(f"total  {total} in {count:,} document{'' if count == 1 else 's'}")


def _row(invoice: Invoice) -> list[str]:
    from tallystick.core.period import instant_text

    words = ", ".join(dict.fromkeys(each.description for each in invoice.lines))
    return [
        instant_text(invoice.at),
        invoice.kind.replace("_", " "),
        invoice.subscription or "",
        words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…",
        str(invoice.total),
        str(invoice.amount_due),
    ]
