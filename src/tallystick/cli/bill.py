"""`tallystick bill`: a month of usage as exact invoice lines, without a database."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import (
    AsJson,
    Environment,
    Usage,
    ends_well,
    opened,
    plan_of,
    split_file,
)
from tallystick.cli.lines import lines_tree, print_lines
from tallystick.cli.output import say_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Plan
    from tallystick.core.meter import Meter
    from tallystick.core.usage_row import UsageRow

__all__ = ["bill"]


@ends_well
def bill(
    words: Annotated[list[str], typer.Argument(metavar="[FILE] PLAN", help="What is billed.")],
    usage: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Key and quantity as JSON object, JSON Lines or CSV; - for JSON Lines on stdin.",
        ),
    ],
    explain: Annotated[bool, typer.Option("--explain", help="Print each sum.")] = False,
    base: Annotated[
        bool, typer.Option("--base", help="Add the plan's flat lines for one period.")
    ] = False,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Turn usage into the lines of an invoice, each rounded once, half away from zero.

    Keys are feature keys, or the meters of metered and per-seat prices.
    """
    from tallystick.core.line_item import bill as bill_lines
    from tallystick.core.meter import measure

    file, (plan_id,) = split_file(words, "PLAN")
    catalog = opened(file, environment).catalog
    plan = plan_of(catalog, plan_id)
    rows = _rows(usage)
    lines = bill_lines(plan, measure(plan, rows, catalog.meters), base=base)
    if as_json:
        say_json(lines_tree(plan, lines, explain=explain))
    else:
        notes = _notes(plan, rows, catalog.meters)
        print_lines(lines, plan.currency, notes, explain=explain)


def _rows(usage: str) -> tuple[UsageRow, ...]:
    from tallystick.files import read_usage, usage_rows

    rows = (
        tuple(usage_rows(sys.stdin, "jsonl", name="stdin")) if usage == "-" else read_usage(usage)
    )
    customers = sorted({row.customer for row in rows if row.customer is not None})
    if len(customers) > 1:
        raise Usage(f"the usage is of several customers ({', '.join(customers[:5])}): bill one")
    return rows


def _notes(
    plan: Plan[Any], rows: tuple[UsageRow, ...], meters: Mapping[str, Meter]
) -> dict[str, str]:
    """Say of a gauge that only one of its values counts: a quota without a reset is read as one."""
    from tallystick.core.meter import meter_of

    counts = Counter(row.key for row in rows)
    kinds = {key: meter_of(plan, key, meters).aggregation for key in counts}
    return {
        key: f"the {kinds[key]} of {count:,} values"
        for key, count in counts.items()
        if count > 1 and kinds[key] in {"last", "max"}
    }
