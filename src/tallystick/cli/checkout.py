"""`tallystick checkout resolve`: what buying would be, before anything is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json
from tallystick.cli.quote import print_quoted
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from tallystick.core.checkout import CouponLeftOut, ResolvedPlan
    from tallystick.wiring import Tallystick

__all__ = ["checkout"]

checkout = typer.Typer(
    name="checkout",
    help="Checkouts: who may buy what, what it costs them, and what came of it.\n\n"
    "`resolve` says it before anything is paid. Your program opens a checkout, by "
    "`tally.checkouts.open` or POST /api/v1/checkout, and leads the customer to its page; "
    "`refresh` asks the provider how that stands, as `tallystick worker` does by itself.",
    no_args_is_help=True,
)
"""The commands under `tallystick checkout`."""


@checkout.command()
@ends_well
@over_ledger
def resolve(
    tally: Tallystick,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who would buy.")],
    plans: Annotated[list[str], typer.Argument(metavar="PLAN...", help="What is looked at.")],
    seats: Annotated[int, typer.Option(metavar="N", help="Of each plan.")] = 1,
    coupon: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="A code as it was typed; repeat.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="What to pay in, if in none yet.")
    ] = None,
    identity: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Who has no second trial; repeat.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Tell of each plan whether a customer may buy it, which coupons act, and what is due.

    Status 1 where none of them can be bought.
    """
    found = tally.checkouts.resolve(
        customer,
        [{"plan": plan, "quantity": seats} for plan in plans],
        codes=coupon or (),
        currency=currency,
        identities=identity or (),
        at=moment_or_none(at, "--at"),
    )
    if as_json:
        from tallystick.core.checkout_tree import resolved_tree

        say_json({"customer": customer, "plans": [resolved_tree(each) for each in found]})
    else:
        for each in found:
            _print(each)
    if not any(each.available for each in found):
        raise typer.Exit(1)


def _print(found: ResolvedPlan) -> None:
    say("", f"plan: {found.plan}", f"available: {'yes' if found.available else 'no'}")
    say(*(f"  {reason.text}" for reason in found.reasons))
    if found.trial != "none":
        say(f"trial: {found.trial}")
    say(*(f"coupon: {taken.coupon.name or taken.coupon.id}" for taken in found.taken))
    say(*(f"left out: {_name(left)}: {'; '.join(left.words)}" for left in found.left_out))
    if found.start is not None:
        print_quoted(found.today, found.renewal)
    if found.quote is not None:
        say("", f"quote: {found.quote}")


def _name(left: CouponLeftOut) -> str:
    if left.coupon is None:
        return repr(left.typed)
    return left.coupon.name or left.coupon.id
