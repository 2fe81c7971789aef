"""`tallystick schema`: the JSON Schema of a catalogue, for editors."""

from __future__ import annotations

from tallystick.cli.arguments import ends_well
from tallystick.cli.output import say_json

__all__ = ["schema"]


@ends_well
def schema() -> None:
    """Print the JSON Schema (2020-12) of a catalogue, for editors and other checkers."""
    from tallystick.core.dialects.schema import json_schema

    say_json(json_schema())
