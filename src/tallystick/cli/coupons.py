"""`tallystick coupons`: who may redeem one, redeeming it, and what customers have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import json_value, over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from tallystick.core.redemption import Redemption
    from tallystick.wiring import Tallystick

__all__ = ["coupons"]

coupons = typer.Typer(
    name="coupons",
    help="Coupons of customers: check a code, redeem it, give it back, end it.\n\n"
    "What is offered stands in the catalogue. A code is the same however it is written: `Welcome`, "
    "` WELCOME `.",
    no_args_is_help=True,
)
"""The commands under `tallystick coupons`."""

_Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who redeems it.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the redemption.")]
_Subscription = Annotated[
    str | None, typer.Option(metavar="ID", help="For this one alone; for all if absent.")
]


@coupons.command()
@ends_well
@over_ledger
def check(
    tally: Tallystick,
    customer: _Customer,
    code: Annotated[str, typer.Argument(metavar="CODE", help="As it was typed.")],
    subscription: _Subscription = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether a customer may redeem a code: status 0 if so, else 1; changes nothing."""
    found = tally.coupons.check(
        code, customer=customer, subscription=subscription, at=moment_or_none(at, "--at")
    )
    coupon = None if found.coupon is None else found.coupon.id
    if as_json:
        say_json({"allowed": found.allowed, "coupon": coupon, "reasons": list(found.reasons)})
    elif found.allowed:
        say(f"{code} may be redeemed: coupon {coupon}")
    else:
        say(*found.words)
    if not found.allowed:
        raise typer.Exit(1)


@coupons.command()
@ends_well
@over_ledger
def redeem(
    tally: Tallystick,
    customer: _Customer,
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="As it was typed; or --coupon.")
    ] = None,
    coupon: Annotated[
        str | None, typer.Option(metavar="ID", help="Give the coupon of this id, without a code.")
    ] = None,
    subscription: _Subscription = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Repeat it safely under this key.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Redeem a coupon by its code, or give one by its id.

    Example: tallystick coupons redeem acme WELCOME --subscription s-1
    """
    made = tally.coupons.redeem(
        customer,
        code,
        coupon=coupon,
        subscription=subscription,
        idempotency_key=idempotency_key,
        at=moment_or_none(at, "--at"),
    )
    _print(made, as_json=as_json)


@coupons.command()
@ends_well
@over_ledger
def release(tally: Tallystick, id_: _Id, at: At = None, as_json: AsJson = False) -> None:
    """Take a redemption back whose sale came to nothing: its place is free again."""
    _print(tally.coupons.release(id_, at=moment_or_none(at, "--at")), as_json=as_json)


@coupons.command()
@ends_well
@over_ledger
def end(tally: Tallystick, id_: _Id, at: At = None, as_json: AsJson = False) -> None:
    """Let a redemption act no more from now on; its place stays taken."""
    _print(tally.coupons.end(id_, at=moment_or_none(at, "--at")), as_json=as_json)


@coupons.command("list")
@ends_well
@over_ledger
def list_(tally: Tallystick, customer: _Customer, as_json: AsJson = False) -> None:
    """List what a customer has redeemed, in the order in which it acts."""
    found = tally.coupons.redemptions(customer)
    if as_json:
        say_json([_tree(each) for each in found])
        return
    rows = (
        [
            each.id,
            each.coupon.id,
            each.code or "",
            each.subscription or "all",
            str(json_value(each.redeemed_at)),
            str(json_value(each.ends_at) or ""),
            str(each.used),
        ]
        for each in found
    )
    say_table(
        ["id", "coupon", "code", "subscription", "redeemed", "ends", "used"], rows, right="used"
    )


def _tree(redemption: Redemption) -> dict[str, Any]:
    return {
        "id": redemption.id,
        "coupon": redemption.coupon.id,
        "customer": redemption.customer,
        "subscription": redemption.subscription,
        "code": redemption.code,
        "redeemed_at": json_value(redemption.redeemed_at),
        "ends_at": json_value(redemption.ends_at),
        "used": redemption.used,
    }


def _print(redemption: Redemption, *, as_json: bool) -> None:
    tree = _tree(redemption)
    if as_json:
        say_json(tree)
    else:
        say(*(f"{name}: {value}" for name, value in tree.items() if value is not None))
