"""`tallystick overrides`: what was agreed with one customer about a feature."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.override import Override
    from tallystick.wiring import Tallystick

__all__ = ["overrides"]

overrides = typer.Typer(
    name="overrides",
    help="What was agreed with one customer about a feature; it goes before their plan.",
    no_args_is_help=True,
)
"""The commands under `tallystick overrides`."""

_Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="With whom.")]
_Feature = Annotated[str, typer.Argument(metavar="FEATURE", help="The key of the feature.")]


@overrides.command("list")
@ends_well
@over_ledger
def list_(tally: Tallystick, customer: _Customer, as_json: AsJson = False) -> None:
    """List what is agreed with a customer now."""
    _tell(customer, tally.overrides.of(customer), as_json=as_json)


@overrides.command("set")
@ends_well
@over_ledger
def set_(
    tally: Tallystick,
    customer: _Customer,
    feature: _Feature,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", help="In the place of the plan's; -1 for unlimited."),
    ] = None,
    value: Annotated[
        str | None, typer.Option(metavar="JSON", help="A configuration value.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Switch the feature off.")] = False,
    as_json: AsJson = False,
) -> None:
    """Agree about a feature from now on, on whatever plan the customer has.

    What is not named stays as the plan says. Example: tallystick overrides set acme projects
    --limit 100
    """
    agreed = tally.overrides.set(
        customer,
        feature,
        enabled=not off,
        limit=limit,
        value=None if value is None else _value(value),
    )
    _tell(customer, {feature: agreed}, as_json=as_json)


@overrides.command()
@ends_well
@over_ledger
def remove(
    tally: Tallystick, customer: _Customer, feature: _Feature, as_json: AsJson = False
) -> None:
    """Give what the plan says again.  Status 1 where nothing is agreed."""
    tally.overrides.lift(customer, feature)
    _tell(customer, tally.overrides.of(customer), as_json=as_json)


def _value(text: str) -> object:
    """Read the JSON of an option.  Raises Usage."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Usage("--value is JSON, as '{\"dark\": true}' or '\"red\"'") from None


def _tell(customer: str, agreed: Mapping[str, Override], *, as_json: bool) -> None:
    known = sorted(agreed.items())
    if as_json:
        trees = [{"feature": key, **_tree(each)} for key, each in known]
        say_json({"customer": customer, "overrides": trees})
    elif known:
        rows = ([key, *_row(each)] for key, each in known)
        say_table(["feature", "is", "limit", "value"], rows, right="limit")
    else:
        say(f"nothing is agreed with {customer}")


def _tree(override: Override) -> dict[str, Any]:
    return {"enabled": override.enabled, "limit": override.limit, "value": override.value}


def _row(override: Override) -> list[str]:
    limit = "" if override.limit is None else str(override.limit)
    value = "" if override.value is None else json.dumps(override.value, ensure_ascii=False)
    return ["on" if override.enabled else "off", "unlimited" if limit == "-1" else limit, value]
