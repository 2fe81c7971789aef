"""`tallystick plans`: the price list, exactly as the service answers it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tallystick.cli.arguments import Environment, ends_well, opened
from tallystick.cli.output import say_bytes

__all__ = ["View", "plans"]


class View(StrEnum):
    """How much the price list tells."""

    compact = "compact"
    full = "full"


@ends_well
def plans(
    file: Annotated[str | None, typer.Argument(help="The catalogue.", show_default=False)] = None,
    view: Annotated[View, typer.Option(help="What the payload holds.")] = View.compact,
    environment: Environment = None,
) -> None:
    """Print the body of GET /api/v1/plans, byte for byte (JSON, no final newline)."""
    from tallystick.core.price_list import price_list_body

    catalog = opened(file, environment).ready()
    say_bytes(price_list_body(catalog, view.value))
