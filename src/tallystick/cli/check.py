"""`tallystick check` and `use`: whether a plan, or a customer, may use more of a feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import (
    AsJson,
    Environment,
    Usage,
    ends_well,
    opened,
    plan_of,
    quantity,
    split_file,
)
from tallystick.cli.ledger import Prefix, Schema, json_value, ledger, over_ledger
from tallystick.cli.output import say, say_json, whole

if TYPE_CHECKING:
    from tallystick.core.entitlement import Access
    from tallystick.wiring import Tallystick

__all__ = ["check", "use"]

_Plan = Annotated[
    str | None,
    typer.Option("--plan", metavar="PLAN", help="The plan, where you keep it yourself."),
]
_Number = Annotated[str, typer.Option("--requested", "-n", metavar="N", help="What is asked for.")]


@ends_well
def check(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[FILE] PLAN FEATURE | CUSTOMER FEATURE", help="What is asked."),
    ],
    used: Annotated[
        str | None, typer.Option(metavar="N", help="What is used already.", show_default="0")
    ] = None,
    requested: _Number = "1",
    plan: _Plan = None,
    database: Annotated[
        str | None,
        typer.Option("--database", "-d", metavar="ADDRESS", help="Ask for a customer of it."),
    ] = None,
    tables: Prefix = "tallystick_",
    schema: Schema = None,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a plan allows one more use of a feature, and what would unlock it.

    With --database: whether a customer may use it now, by what they have and what they used.

    Exit status: 0 allowed, 1 denied, 2 wrong usage.
    """
    from tallystick.core.entitlement import check_limit

    number = quantity(requested, "--requested")
    if database is None:
        file, (plan_id, feature) = split_file(words, "PLAN", "FEATURE")
        found = plan_of(opened(file, environment).catalog, plan_id)
        access = check_limit(found, feature, quantity(used or "0", "--used"), number)
        _tell(access, as_json=as_json, currency=found.currency)
    else:
        if len(words) != len(("CUSTOMER", "FEATURE")):
            raise Usage(f"takes CUSTOMER FEATURE, not {len(words)} words; see --help")
        count = None if used is None else quantity(used, "--used")
        with ledger(database, tables, schema) as tally:
            access = tally.check(words[0], words[1], number, used=count, plan=plan)
        _tell(access, as_json=as_json)
    if not access.allowed:
        raise typer.Exit(1)


@ends_well
@over_ledger
def use(
    tally: Tallystick,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who uses it.")],
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="What is used.")],
    requested: _Number = "1",
    plan: _Plan = None,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The same key again counts nothing more.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Use so much of a feature: check and record in one step, or nothing at all.

    Exit status: 0 used, 1 denied, 2 wrong usage.
    """
    number = quantity(requested, "--requested")
    _tell(tally.use(customer, feature, number, plan=plan, idempotency_key=key), as_json=as_json)


def _tell(access: Access, *, as_json: bool, currency: object = None) -> None:
    if as_json:
        price = access.overage_price
        say_json(
            {
                "allowed": access.allowed,
                "plan": access.plan,
                "feature": access.feature,
                "reason": access.reason,
                "text": access.text,
                "limit": None if access.limit is None else whole(access.limit),
                "unlimited": access.unlimited,
                "used": whole(access.used),
                "reserved": whole(access.reserved),
                "requested": whole(access.requested),
                "remaining": whole(access.remaining),
                "overage": whole(access.overage),
                "unit_price": price and price.value,
                "currency": (price.currency if price is not None else currency),
                "warning": access.warning,
                "resets_at": json_value(access.resets_at),
                "upgrade_to": access.upgrade_to,
                "unlocks": [
                    {"kind": each.kind, "plan": each.plan, "seats": each.seats}
                    | {"price": None if each.price is None else str(each.price)}
                    for each in access.unlocks
                ],
            }
        )
        return
    say(f"{'allowed' if access.allowed else 'denied'}: {access.text} [{access.reason}]")
    if access.upgrade_to is not None:
        say(f"upgrade to: {access.upgrade_to}")
