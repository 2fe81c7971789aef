"""`tallystick init`: a catalogue to start from."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from tallystick.cli.arguments import Usage, ends_well
from tallystick.cli.output import say

__all__ = ["Sample", "init"]


class Sample(StrEnum):
    """Which sample to write."""

    plans = "plans"
    products = "products"


_FILES = {Sample.plans: "plans.toml", Sample.products: "products.yaml"}


@ends_well
def init(
    sample: Annotated[
        Sample,
        typer.Option(help="A flat list of plans with limits, or products with plans and lines."),
    ] = Sample.plans,
    folder: Annotated[Path, typer.Option(help="Where to write it.")] = Path(),
) -> None:
    """Write a catalogue to start from: billing.toml (plans) or billing.yaml (products).

    Nothing that exists is overwritten.
    """
    source = files("tallystick.cli") / "samples" / _FILES[sample]
    present = sorted(path.name for path in folder.glob("billing.*") if path.is_file())
    if present:
        raise Usage(f"{present[0]} is here already; remove it or choose another --folder")
    target = folder / f"billing{Path(_FILES[sample]).suffix}"
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(source.read_text("utf-8"))
    except OSError as error:
        raise Usage(f"cannot write {target}: {error.strerror}") from None
    say(
        f"wrote {target}",
        "next: tallystick lint, then tallystick serve",
    )
