"""`tallystick customers parent`: a customer that pays for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.cli.arguments import AsJson, ends_well
from tallystick.cli.ledger import over_ledger
from tallystick.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from tallystick.core.parent import Parent
    from tallystick.wiring import Tallystick

__all__ = ["parent"]

parent = typer.Typer(
    name="parent",
    help="Who pays for whom: one consolidated invoice for a family of customers.",
    no_args_is_help=True,
)
"""The commands under `tallystick customers parent`."""

_Child = Annotated[str, typer.Argument(metavar="CHILD", help="Your id of the customer.")]
_From = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="From when on; else from now on.")
]


@parent.command("set")
@ends_well
@over_ledger
def set_(
    tally: Tallystick,
    child: _Child,
    parent_id: Annotated[str, typer.Argument(metavar="PARENT", help="Who pays for it.")],
    from_: _From = None,
    as_json: AsJson = False,
) -> None:
    """Let a customer pay for another one, from the next boundary on.

    Example: tallystick customers parent set north holding --from 2027-03-01T00:00:00Z
    """
    _print(tally.customers.set_parent(child, parent_id, from_=from_), as_json=as_json)


@parent.command()
@ends_well
@over_ledger
def remove(tally: Tallystick, child: _Child, from_: _From = None, as_json: AsJson = False) -> None:
    """Let a customer pay for itself again, from the next boundary on."""
    _print(tally.customers.remove_parent(child, from_=from_), as_json=as_json)


@parent.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Your id of the customer.")],
    as_json: AsJson = False,
) -> None:
    """List who pays or paid for a customer, and for whom it pays or paid."""
    from tallystick.core.parent import parent_tree

    trees = [parent_tree(each) for each in tally.customers.parents(id_)]
    if as_json:
        say_json({"parents": trees})
        return
    rows = ([str(tree[name] or "") for name in _COLUMNS] for tree in trees)
    say_table(list(_COLUMNS), rows)


_COLUMNS = ("customer", "parent", "from", "until")


def _print(made: Parent, *, as_json: bool) -> None:
    from tallystick.core.parent import parent_tree

    tree = parent_tree(made)
    if as_json:
        say_json(tree)
        return
    for name, value in tree.items():
        if value:
            say(f"{name}: {value}")
