"""`tallystick stripe`: the price list in Stripe, and everything else that is Stripe's alone."""

from __future__ import annotations

import typer

from tallystick.cli import (
    stripe_book,
    stripe_events,
    stripe_import,
    stripe_mirror,
    stripe_shadow,
    stripe_usage,
)

__all__ = ["stripe"]

stripe = typer.Typer(
    name="stripe",
    help="Sell through Stripe: the price list there, what it tells, and what it bills.\n\n"
    "Begin with `account`, `plan` and `apply`, and a key of test mode. Without an account, "
    "`tallystick dev --fake-stripe` shows the whole way.\n\n"
    "TALLYSTICK_STRIPE_KEY holds the secret key of the account. `plan` shows what `apply` would "
    "do, `pull` takes over what was made by hand, `drift` is for a nightly job; `import` and "
    "`shadow` are for who sells there already. What Stripe calls each line stands in the lock file "
    "beside the catalogue, one for each environment.",
    no_args_is_help=True,
)
"""The commands under `tallystick stripe`; each file of them names its own."""

for _command in (
    *stripe_book.COMMANDS,
    *stripe_import.COMMANDS,
    *stripe_mirror.COMMANDS,
    *stripe_shadow.COMMANDS,
    *stripe_usage.COMMANDS,
):
    stripe.command(_command.__name__.rstrip("_"))(_command)

stripe.add_typer(stripe_events.events)
