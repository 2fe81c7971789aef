"""`tallystick serve`: the price list and the pricing page."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.cli.arguments import Environment, Usage, ends_well, opened
from tallystick.cli.output import say
from tallystick.errors import MissingExtra

__all__ = ["serve"]


@ends_well
def serve(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Catalogues; the first is that of /api/v1/plans.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="The port; the first free one from 8000 on if absent.")
    ] = None,
    environment: Environment = None,
    docs: Annotated[bool, typer.Option(help="Serve the API's documentation at /docs.")] = True,
) -> None:
    """Serve GET /api/v1/plans and the pricing page; Ctrl-C ends it."""
    named: list[str | None] = list(files) if files else [None]
    found = [opened(file, environment) for file in named]
    first, *others = found
    beside = {each.path.stem: each.ready() for each in others}
    if len(beside) < len(others):
        raise Usage("two of the catalogues have one file name; rename one")
    try:
        from tallystick.http.server import run
    except ImportError as error:
        raise MissingExtra("tallystick serve", "server") from error
    run(first.ready(), host, port, beside=beside, announce=say, docs=docs)
