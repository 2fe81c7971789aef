"""Every command, in the order in which a newcomer needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.cli import (
    backtest,
    bill,
    check,
    checkout,
    checkouts,
    conformance,
    coupons,
    customers,
    dev,
    diff,
    dunning,
    entitlements,
    foresee,
    init,
    invoice,
    lint,
    meters,
    migrate,
    overrides,
    payments,
    plans,
    price_migrations,
    publish,
    quote,
    role,
    schema,
    seller,
    serve,
    stripe,
    subscriptions,
    tax,
    types,
    usage,
    verify,
    worker,
)
from tallystick.cli.credits import credits_
from tallystick.cli.output import say

__all__ = ["app"]

app = typer.Typer(
    name="tallystick",
    help="The open billing engine: plans, limits, usage and exact invoice lines.\n\n"
    "Start with `tallystick init`, then `tallystick lint` and `tallystick serve`. FILE is the "
    "catalogue (Python, TOML, JSON or YAML): the one you name, else TALLYSTICK_CATALOG, else "
    "billing.{py,toml,yaml,yml,json} in this folder. `tallystick dev --fake-stripe` sells it in a "
    "browser, `tallystick stripe` in earnest.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
"""The command line as Typer's value: what `main` runs and the tests type into."""


def _version(wanted: bool) -> None:
    if wanted:
        from tallystick import __version__

        say(f"tallystick {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


for command in (
    init.init,
    lint.lint,
    plans.plans,
    check.check,
    check.use,
    entitlements.entitlements,
    bill.bill,
    diff.diff,
    schema.schema,
    types.types,
    conformance.conformance,
    migrate.migrate,
    publish.publish,
    meters.meters,
    foresee.foresee,
    worker.worker,
    backtest.backtest,
    verify.verify,
    role.role,
    serve.serve,
    dev.dev,
):
    app.command()(command)

app.add_typer(customers.customers)
app.add_typer(usage.usage)
app.add_typer(seller.seller)
app.add_typer(tax.tax)
app.add_typer(subscriptions.subscriptions)
app.add_typer(price_migrations.prices)
app.add_typer(invoice.invoice)
app.add_typer(payments.payments)
app.add_typer(stripe.stripe)
app.add_typer(quote.quote)
checkout.checkout.add_typer(checkouts.checkouts)
app.add_typer(checkout.checkout)
app.add_typer(coupons.coupons)
app.add_typer(credits_)
app.add_typer(dunning.dunning)
app.add_typer(overrides.overrides)
