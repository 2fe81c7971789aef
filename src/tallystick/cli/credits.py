"""`tallystick credits`: grants of money and of units, what is left of them, where they went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.ledger import json_value, over_ledger
from tallystick.cli.output import say, say_json, say_table
from tallystick.cli.times import At, moment_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.credit import CreditGrant
    from tallystick.core.money import Money
    from tallystick.storage.credits import CreditMove, GrantRow
    from tallystick.storage.top_ups import RuleRow, TopUpRow
    from tallystick.wiring import Tallystick

__all__ = ["credits_"]

credits_ = typer.Typer(
    name="credits",
    help="What customers may use before they pay: grants of money, and of units of a feature.\n\n"
    "A promotional grant lowers what is sold and taxed; a paid one was bought, and pays what is "
    "asked.",
    no_args_is_help=True,
)
"""The commands under `tallystick credits`."""

_Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who has it.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the grant.")]
_Currency = Annotated[str | None, typer.Option(help="Where the customer has none, as USD.")]
_Words = list[str] | None


@credits_.command()
@ends_well
@over_ledger
def grant(
    tally: Tallystick,
    customer: _Customer,
    amount: Annotated[
        str | None, typer.Argument(metavar="[AMOUNT]", help="Of money: 12.50.")
    ] = None,
    units: Annotated[str | None, typer.Option(help="Of units of a --feature instead.")] = None,
    feature: Annotated[
        str | None, typer.Option(metavar="KEY", help="What the units are of.")
    ] = None,
    currency: _Currency = None,
    category: Annotated[
        str, typer.Option(metavar="promotional|paid", help="Given away, or bought.")
    ] = "promotional",
    priority: Annotated[int, typer.Option(help="The lower number burns first.")] = 50,
    effective_at: Annotated[str | None, typer.Option(metavar="TIME")] = None,
    expires_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Its end, exclusive.")
    ] = None,
    meter: Annotated[_Words, typer.Option(metavar="KEY", help="Only what is metered so.")] = None,
    price: Annotated[_Words, typer.Option(metavar="ID", help="Only this price; repeat.")] = None,
    plan: Annotated[_Words, typer.Option(metavar="ID", help="Only this plan; repeat.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for people.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Repeat it safely under this key.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Grant credits to a customer.

    Example: tallystick credits grant acme 25.00 --expires-at 2027-01-01 --reason "an outage"
    """
    made = tally.credits.grant(
        customer,
        _amount(amount, currency),
        units=units,
        feature=feature,
        category=category,  # type: ignore[arg-type]  # the ledger looks at it
        priority=priority,
        effective_at=moment_or_none(effective_at, "--effective-at"),
        expires_at=moment_or_none(expires_at, "--expires-at"),
        meters=meter or (),
        prices=price or (),
        plans=plan or (),
        reason=reason,
        idempotency_key=idempotency_key,
        at=moment_or_none(at, "--at"),
    )
    _print(made, as_json=as_json)


@credits_.command()
@ends_well
@over_ledger
def void(
    tally: Tallystick,
    id_: _Id,
    amount: Annotated[
        str | None, typer.Argument(metavar="[AMOUNT]", help="All that is left if absent.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="A repeat under this key is refused.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Take back what is left of a grant, or so much of it."""
    made = tally.credits.void(
        id_, amount, idempotency_key=idempotency_key, at=moment_or_none(at, "--at")
    )
    _print(made, as_json=as_json)


@credits_.command()
@ends_well
@over_ledger
def transfer(
    tally: Tallystick,
    id_: _Id,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="How much of it.")],
    to: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who gets it.")],
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="A repeat under this key transfers once.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Give so much of a grant to another customer."""
    made = tally.credits.transfer(
        id_, amount, to=to, idempotency_key=idempotency_key, at=moment_or_none(at, "--at")
    )
    _print(made, as_json=as_json)


@credits_.command()
@ends_well
@over_ledger
def show(tally: Tallystick, id_: _Id, as_json: AsJson = False) -> None:
    """Show a grant, and everything that happened to it."""
    found = tally.credits.trace(id_)
    moves = [_move_tree(each) for each in found.moves]
    if as_json:
        say_json({**_tree(found.row), "moves": moves})
        return
    _print(found.row, as_json=False)
    rows = ([str(value or "") for value in each.values()] for each in moves)
    say_table(["at", "what", "how much", "document"], rows, right="how much")


@credits_.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    customer: _Customer,
    spent: Annotated[bool, typer.Option("--spent", help="Also those that are used up.")] = False,
    as_json: AsJson = False,
) -> None:
    """List a customer's grants in the order in which they burn."""
    found = tally.credits.list(customer, spent=spent)
    if as_json:
        say_json([_tree(each) for each in found])
        return
    rows = (
        [
            each.grant.id,
            each.grant.category,
            _text(each.grant, each.grant.size),
            _text(each.grant, each.remaining),
            str(each.grant.priority),
            str(json_value(each.grant.effective_at)),
            str(json_value(each.grant.expires_at) or "never"),
        ]
        for each in found
    )
    columns = ["id", "category", "granted", "left", "priority", "from", "until"]
    say_table(columns, rows, right="granted left priority")


@credits_.command("top-up")
@ends_well
@over_ledger
def top_up(
    tally: Tallystick,
    customer: _Customer,
    below: Annotated[str, typer.Option(help="Whenever a document leaves less: 10.00.")],
    add: Annotated[str, typer.Option(help="So much is added: 50.00.")],
    price: Annotated[
        str | None, typer.Option(help="To be paid for each first; a gift if absent.")
    ] = None,
    at_most: Annotated[int | None, typer.Option(help="So often in a month.")] = None,
    currency: _Currency = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Add to a customer's credits whenever little is left of them; replaces the rule before.

    Example: tallystick credits top-up acme --below 10.00 --add 50.00 --price 45.00 --at-most 3
    """
    made = tally.credits.top_up(
        customer,
        below=_worth(below, currency),
        add=_worth(add, currency),
        price=None if price is None else _worth(price, currency),
        at_most=at_most,
        at=moment_or_none(at, "--at"),
    )
    _print_rules([made], as_json=as_json)


@credits_.command("top-up-rules")
@ends_well
@over_ledger
def top_up_rules(
    tally: Tallystick,
    customer: _Customer,
    end: Annotated[
        str | None, typer.Option(metavar="ID", help="End this one of them first.")
    ] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """List the rules by which a customer is topped up, or end one of them."""
    if end is not None:
        tally.credits.end_top_up(end, at=moment_or_none(at, "--at"))
    _print_rules(tally.credits.top_up_rules(customer), as_json=as_json)


@credits_.command("top-ups")
@ends_well
@over_ledger
def top_ups(tally: Tallystick, customer: _Customer, as_json: AsJson = False) -> None:
    """List a customer's top-ups: open, granted or canceled."""
    found = [_top_up_tree(each) for each in tally.credits.top_ups(customer)]
    if as_json:
        say_json(found)
        return
    columns = ["id", "at", "size", "status", "grant"]
    rows = ([str(each[name] or "") for name in columns] for each in found)
    say_table(columns, rows, right="size")


@credits_.command("top-up-paid")
@ends_well
@over_ledger
def top_up_paid(
    tally: Tallystick,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The id of the top-up.")],
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Nobody pays it: give it up instead.")
    ] = False,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Note that a top-up was paid, and grant it."""
    if not cancel:
        _print(tally.credits.pay_top_up(id_, at=moment_or_none(at, "--at")), as_json=as_json)
        return
    given_up = _top_up_tree(tally.credits.cancel_top_up(id_))
    if as_json:
        say_json(given_up)
    else:
        say(f"{given_up['status']}: {given_up['id']}")


def _print_rules(rules: Iterable[RuleRow], *, as_json: bool) -> None:
    found = [_rule_tree(each) for each in rules]
    if as_json:
        say_json(found)
        return
    columns = ["id", "below", "add", "price", "at_most"]
    rows = ([str(each[name] or "") for name in columns] for each in found)
    say_table(columns, rows, right="below add price at_most")


def _rule_tree(row: RuleRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "customer": row.customer,
        "below": str(row.rule.threshold),
        "add": str(row.rule.amount),
        "price": None if row.price is None else str(row.price),
        "at_most": row.rule.most,
        "ended_at": json_value(row.ended_at),
    }


def _top_up_tree(row: TopUpRow) -> dict[str, Any]:
    from tallystick.core.number import plain

    return {
        "id": row.id,
        "customer": row.customer,
        "rule": row.rule,
        "at": json_value(row.at),
        "month": row.month,
        "number": row.number,
        "size": plain(row.size),
        "status": row.status,
        "grant": row.grant,
    }


def _amount(text: str | None, code: str | None) -> Money | str | None:
    if text is None and code is not None:
        raise Usage("--currency goes with an AMOUNT")
    return None if text is None else _worth(text, code)


def _worth(text: str, code: str | None) -> Money | str:
    from tallystick.core.currency import currency
    from tallystick.core.money import Money

    return text if code is None else Money.parse(text, currency(code))


def _text(grant: CreditGrant, size: Any) -> str:  # noqa: ANN401 - a Decimal, which is not loaded yet
    from tallystick.core.money import Money
    from tallystick.core.number import plain

    worth = grant.worth(size)
    return str(worth) if isinstance(worth, Money) else f"{plain(worth)} {grant.feature}"


def _tree(row: GrantRow) -> dict[str, Any]:
    from tallystick.core.money import Money

    grant = row.grant
    scope = {
        name: sorted(getattr(grant.scope, name))
        for name in ("meters", "prices", "plans")
        if getattr(grant.scope, name)
    }
    tree: dict[str, Any] = {"id": grant.id, "customer": grant.customer}
    if isinstance(grant.amount, Money):
        tree |= {
            "amount": grant.amount.minor,
            "remaining": int(row.remaining),
            "currency": grant.amount.currency.code,
        }
    else:
        tree |= {"units": grant.amount, "remaining": row.remaining, "feature": grant.feature}
    return tree | {
        "category": grant.category,
        "source": grant.source,
        "priority": grant.priority,
        "effective_at": json_value(grant.effective_at),
        "expires_at": json_value(grant.expires_at),
        "scope": scope,
        "reason": row.reason,
    }


def _move_tree(move: CreditMove) -> dict[str, Any]:
    from tallystick.core.number import plain

    return {
        "at": json_value(move.at),
        "kind": move.kind,
        "size": plain(move.size),
        "invoice": move.invoice,
    }


def _print(row: GrantRow, *, as_json: bool) -> None:
    if as_json:
        say_json(_tree(row))
        return
    grant = row.grant
    say(
        f"grant: {grant.id}",
        f"customer: {grant.customer}",
        f"{grant.category}: {_text(grant, grant.size)}, {_text(grant, row.remaining)} left",
        f"from: {json_value(grant.effective_at)}",
        f"until: {json_value(grant.expires_at) or 'never'}",
    )
