"""`tallystick meters`: what is counted, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Environment, Usage, ends_well, opened
from tallystick.cli.ledger import Database, Prefix, Schema, ledger
from tallystick.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.meter import Meter

__all__ = ["meters"]


@ends_well
def meters(
    file: Annotated[str | None, typer.Argument(help="The catalogue.", show_default=False)] = None,
    database: Database = None,
    tables: Prefix = "tallystick_",
    schema: Schema = None,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Show what each meter counts: of FILE, or of the newest published catalogue.

    Without either it is the catalogue that is found here. A database also says whether the
    roll-ups of a meter are ready; its figures are right anyway.
    """
    from tallystick.core.meter import meters_of

    if file is not None or database is None:
        declared: Mapping[str, Meter] = meters_of(opened(file, environment).catalog)
        found, states = declared, dict[str, str]()
    else:
        found, states = _published(database, tables, schema)
    if as_json:
        say_json([_tree(meter, states.get(meter.key)) for meter in found.values()])
        return
    if not found:
        say("no meter: neither a numeric feature nor a metered price")
        return
    columns = ["meter", "counts", "of events", "where", "by", "late", "roll-ups"]
    rows = ([*_cells(meter), states.get(meter.key, "")] for meter in found.values())
    say_table(columns if states else columns[:-1], (row if states else row[:-1] for row in rows))


def _published(
    database: str, tables: str, schema: str | None
) -> tuple[Mapping[str, Meter], dict[str, str]]:
    from tallystick.core.meter import definition

    with ledger(database, tables, schema) as tally:
        found = tally.usage.meters()
        if not found:
            raise Usage("nothing is published there: `tallystick publish` a catalogue, or name one")
        kept = {str(definition(each.meter)): each.state for each in tally.usage.kept()}
    return found, {
        key: kept.get(str(definition(meter)), "not kept") for key, meter in found.items()
    }


def _cells(meter: Meter) -> list[str]:
    how = meter.aggregation.replace("_", "-")
    what = "events" if meter.aggregation == "count" else f"{how} of {meter.value}"
    late = "" if meter.late_after is None else f"{meter.late} after {meter.late_after} days"
    where = "; ".join(f"{name} is {' or '.join(texts)}" for name, texts in meter.filter.items())
    return [meter.key, what, meter.event_type, where, ", ".join(meter.group_by), late]


def _tree(meter: Meter, state: str | None) -> dict[str, Any]:
    from tallystick.core.meter import definition

    tree = {**definition(meter), "gauge": meter.gauge, "unit": meter.unit, "late": meter.late}
    tree |= {"late_after": meter.late_after, "rounding": meter.rounding}
    return tree if state is None else {**tree, "rollups": state}
