"""The demonstration of `tallystick serve --demo`: usage and invoices in a file of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tallystick.cli.arguments import Usage, plan_of
from tallystick.cli.demo_billing import bill_demo, show_invoices, show_year
from tallystick.cli.lines import print_lines, quantity_text
from tallystick.cli.output import say, say_table, warn

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog
    from tallystick.core.event import UsageEvent
    from tallystick.core.period import Period
    from tallystick.http.demo import DemoPage
    from tallystick.wiring import Tallystick

__all__ = ["FILE", "opened_demo", "show"]

FILE: Final = Path(".tallystick") / "demo.db"
"""The database of the demonstration; no other is ever touched by it."""


def opened_demo(
    catalog: Catalog[str, str], plan_id: str, usage: str
) -> tuple[Tallystick, DemoPage]:
    """Publish a catalogue, import a month of usage and bill three; again, nothing is left to do.

    Raises Usage, InvalidUsage, SetupError.
    """
    from tallystick.http.demo import DemoPage

    plan = plan_of(catalog, plan_id)
    tally = _ledger(catalog)
    published = tally.publish(author="demo")
    tally.usage.prepare()
    events = _import(tally, usage)
    first = min(events, key=lambda event: event.occurred_at)
    month = _month(first)
    bill_demo(tally, catalog, plan, first.customer, month, Path(usage).parent)
    page = DemoPage(tally, plan, first.customer, month)
    say(f"Published     version {published.version.number} of the catalogue in {FILE}")
    return tally, page


def _ledger(catalog: Catalog[str, str]) -> Tallystick:
    from tallystick.errors import MigrationRefused, SetupError
    from tallystick.wiring import Tallystick

    try:
        FILE.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot make {FILE.parent}: {error.strerror or error}") from None
    tally = Tallystick(f"sqlite:///{FILE}", catalog=catalog)
    try:
        tally.migrate()
    except MigrationRefused as refused:
        raise SetupError(f"{FILE} is of another version; remove it: {refused}") from None
    return tally


def _import(tally: Tallystick, usage: str) -> list[UsageEvent]:
    """Store the events of JSON Lines that are not stored yet; give all of them."""
    from tallystick.core.event import parse_event
    from tallystick.errors import InvalidUsage, SetupError
    from tallystick.http.decode import portions_of

    try:
        body = Path(usage).read_bytes()
    except OSError as error:
        raise SetupError(f"cannot read {usage}: {error.strerror or error}") from None
    at = tally.clock.now()
    events: list[UsageEvent] = []
    trees = (tree for portion in portions_of(body, "lines") for tree in portion)
    for place, tree in enumerate(trees, 1):
        try:
            if isinstance(tree, InvalidUsage):
                raise tree
            event = parse_event(tree, received_at=at)
            # As if it had arrived when it happened, or it would be late for the months billed here.
            events.append(replace(event, received_at=event.occurred_at))
        except InvalidUsage as refused:
            raise InvalidUsage(f"{usage}, event {place}: {refused}", refused.fields) from None
    if len({event.customer for event in events}) != 1:
        raise Usage(f"{usage} is not the usage of one customer")
    recorded = tally.usage.record_many(events)
    said = f"{recorded.accepted:,} new events, {recorded.duplicates:,} stored before"
    say(f"Imported      {usage}: {said}")
    for rejection in recorded.rejected:
        warn(f"rejected: {rejection.message}")
    return events


def _month(event: UsageEvent) -> Period:
    from tallystick.core.calendar import boundary
    from tallystick.core.period import Cadence, Period

    at = event.occurred_at
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Period(start, boundary(start, Cadence("month"), 1))


def show(tally: Tallystick, page: DemoPage) -> None:
    """Print what was used, what it costs, what was billed, and why one line is what it is."""
    rated = page.rated()
    say("", f"Usage of {rated.customer}, {rated.period.start:%Y-%m}")
    say_table(
        ["meter", "read as", "quantity", "unit"],
        (
            [meter.key, meter.aggregation, quantity_text(used), meter.unit]
            for meter, used in rated.metered
        ),
        right="quantity",
    )
    say("", f"The whole month on {rated.plan.id}")
    print_lines(rated.lines, rated.plan.currency)
    if page.invoices.documents():
        show_invoices(tally, page.invoices, f"sqlite:///{FILE}")
        show_year(tally, rated.customer, rated.period, f"sqlite:///{FILE}")
    say("")
