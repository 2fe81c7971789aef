"""`tallystick entitlements`: all that a customer may do now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.entitlement import Access
    from tallystick.wiring import Tallystick

__all__ = ["entitlements"]


@ends_well
@over_ledger
def entitlements(
    tally: Tallystick,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who is asked for.")],
    plan: Annotated[
        str | None,
        typer.Option(metavar="PLAN", help="The plan, where you keep it yourself."),
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """List what a customer may do now, feature by feature: limits, what is used, what is left.

    Example: tallystick entitlements acme --database sqlite:///app.db
    """
    from tallystick.core.access_tree import access_tree

    found = tally.check_all(customer, plan=plan, at=moment_or_none(at, "--at"))
    if as_json:
        trees = [access_tree(each) for each in found.values()]
        say_json({"customer": customer, "entitlements": trees})
        return
    if not found:
        say(f"{customer} has no plan, or none that says anything of a feature")
        return
    columns = ["feature", "allowed", "limit", "used", "reserved", "left", "resets", "reason"]
    say_table(columns, map(_row, found.values()), right="limit used reserved left")


def _row(access: Access) -> list[str]:
    from tallystick.core.period import instant_text

    limit = "unlimited" if access.unlimited else _number(access.limit)
    counted = access.limit is not None
    return [
        access.feature,
        "yes" if access.allowed else "no",
        limit,
        _number(access.used) if counted else "",
        _number(access.reserved) if counted else "",
        _number(access.remaining) if counted else "",
        "" if access.resets_at is None else instant_text(access.resets_at),
        access.reason,
    ]


def _number(number: int | Decimal | None) -> str:
    from tallystick.core.access_tree import count_of

    return "" if number is None else str(count_of(number))
