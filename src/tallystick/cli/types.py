"""`tallystick types`: the plan ids and feature keys as types."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.cli.arguments import Environment, ends_well, opened
from tallystick.cli.output import say_bytes

__all__ = ["types"]


@ends_well
def types(
    file: Annotated[str | None, typer.Argument(help="The catalogue.", show_default=False)] = None,
    environment: Environment = None,
) -> None:
    """Print a Python module with which mypy and pyright refuse a misspelt plan or feature.

    Example: tallystick types billing.toml > billing_keys.py
    """
    from tallystick.core.typed_keys import module_text

    found = opened(file, environment)
    say_bytes(module_text(found.catalog, source=found.path.name).encode())
