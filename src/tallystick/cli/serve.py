"""`tallystick serve`: the price list, the pricing page, and usage over HTTP."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import Environment, Usage, ends_well, opened
from tallystick.cli.ledger import Database, Prefix, Schema, ledger
from tallystick.cli.output import say, warn
from tallystick.errors import MissingExtra, SetupError

if TYPE_CHECKING:
    from tallystick.core.catalog import Catalog
    from tallystick.http.demo import DemoPage
    from tallystick.http.keys import Keys
    from tallystick.wiring import Tallystick

__all__ = ["serve"]

_EVENTS = "TALLYSTICK_STRIPE_WEBHOOK_SECRETS"


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
    database: Database = None,
    demo: Annotated[
        tuple[str, str, str] | None,
        typer.Option(
            metavar="CATALOG PLAN USAGE",
            help="Show an example month of usage and three months of invoices on pages, from "
            ".tallystick/demo.db and from no other database.",
            show_default=False,
        ),
    ] = None,
    tables: Prefix = "tallystick_",
    schema: Schema = None,
    environment: Environment = None,
    docs: Annotated[bool, typer.Option(help="Serve the API's documentation at /docs.")] = True,
) -> None:
    """Serve GET /api/v1/plans and the pricing page; Ctrl-C ends it.

    With --database, usage is counted too, by the newest catalogue that was published there:
    POST /api/v1/usage/events and GET /api/v1/usage, for callers with one of the keys that
    TALLYSTICK_API_KEY holds, separated by commas. Where TALLYSTICK_SIGNING_KEYS and
    TALLYSTICK_RETURN_ORIGINS are set, they may sell: POST /api/v1/checkout/resolve and
    POST /api/v1/checkout. Where TALLYSTICK_STRIPE_WEBHOOK_SECRETS is set,
    events of Stripe are taken at POST /api/v1/webhooks/stripe; `tallystick worker` reads them.
    """
    catalog, beside = _catalogs(files, environment)
    try:
        from tallystick.http.server import run
    except ImportError as error:
        raise MissingExtra("tallystick serve", "server") from error
    keys, tally, page = _keys(), None, None
    if demo is not None:
        tally, page = _demonstrating(demo, host, environment)
        keys = keys or _key_of_this_run()
    elif database is not None:
        tally = _counting(database, tables, schema, keys)
    if _EVENTS in os.environ and (tally is None or tally.event_source is None):
        warn(f"no webhooks: {_EVENTS} is set, and events are only taken with --database")
    run(
        catalog,
        host,
        port,
        beside=beside,
        announce=say,
        docs=docs,
        tally=tally,
        keys=keys,
        demo=page,
    )


def _catalogs(
    files: list[str] | None, environment: str | None
) -> tuple[Catalog[str, str], dict[str, Catalog[str, str]]]:
    named: list[str | None] = list(files) if files else [None]
    first, *others = (opened(file, environment) for file in named)
    beside = {each.path.stem: each.ready() for each in others}
    if len(beside) < len(others):
        raise Usage("two of the catalogues have one file name; rename one")
    return first.ready(), beside


def _demonstrating(
    demo: tuple[str, str, str], host: str, environment: str | None
) -> tuple[Tallystick, DemoPage]:
    """Import the example month, bill it, print what it comes to, and give its pages."""
    from tallystick.cli.demo import opened_demo, show
    from tallystick.http.demo import HERE

    if host not in HERE:
        raise Usage("--demo shows usage without a key: it is for this machine's own addresses")
    catalog, plan, usage = demo
    tally, page = opened_demo(opened(catalog, environment).ready(), plan, usage)
    show(tally, page)
    return tally, page


def _keys() -> Keys:
    from tallystick.http.keys import VARIABLE, Keys

    return Keys(os.environ.get(VARIABLE, ""))


def _key_of_this_run() -> Keys:
    """Make a key that ends with this run, so that the demonstration can be tried at once."""
    from tallystick.http.keys import Keys

    key = secrets.token_urlsafe(24)
    say(f"API key       {key}  (of this run only)")
    return Keys(key)


def _counting(database: str, tables: str, schema: str | None, keys: Keys) -> Tallystick:
    """Open the ledger that usage is counted in, and say what is still missing."""
    tally = ledger(database, tables, schema)
    if any(each.applied_at is None for each in tally.migrations()):
        raise SetupError("the database has not all our tables: run `tallystick migrate` first")
    if not tally.usage.meters():
        warn("no meter yet: events are kept, and counted once `tallystick publish` has told how")
    tally.usage.prepare()
    if not keys:
        warn(
            "usage is closed to everyone: set TALLYSTICK_API_KEY, for example to the output of "
            "`openssl rand -hex 32`"
        )
    return tally
