"""`tallystick check`: whether a plan allows one more use of a feature."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.cli.arguments import (
    AsJson,
    Environment,
    ends_well,
    opened,
    plan_of,
    quantity,
    split_file,
)
from tallystick.cli.output import say, say_json, whole

__all__ = ["check"]


@ends_well
def check(
    words: Annotated[
        list[str], typer.Argument(metavar="[FILE] PLAN FEATURE", help="What is asked.")
    ],
    used: Annotated[str, typer.Option(metavar="N", help="What is used already.")] = "0",
    requested: Annotated[str, typer.Option(metavar="N", help="What is asked for.")] = "1",
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a plan allows one more use of a feature, and what would unlock it.

    Exit status: 0 allowed, 1 denied, 2 wrong usage.
    """
    from tallystick.core.entitlement import check_limit

    file, (plan_id, feature) = split_file(words, "PLAN", "FEATURE")
    plan = plan_of(opened(file, environment).catalog, plan_id)
    access = check_limit(
        plan, feature, quantity(used, "--used"), quantity(requested, "--requested")
    )
    if as_json:
        say_json(
            {
                "allowed": access.allowed,
                "plan": access.plan,
                "feature": access.feature,
                "reason": access.reason,
                "text": access.text,
                "limit": access.limit,
                "unlimited": access.unlimited,
                "used": whole(access.used),
                "requested": whole(access.requested),
                "remaining": whole(access.remaining),
                "overage": whole(access.overage),
                "unit_price": access.overage_price and access.overage_price.value,
                "currency": plan.currency,
                "upgrade_to": access.upgrade_to,
            }
        )
    else:
        say(f"{'allowed' if access.allowed else 'denied'}: {access.text} [{access.reason}]")
        if access.upgrade_to is not None:
            say(f"upgrade to: {access.upgrade_to}")
    if not access.allowed:
        raise typer.Exit(1)
