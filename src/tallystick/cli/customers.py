"""`tallystick customers`: who is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.arguments import AsJson, Usage, ends_well
from tallystick.cli.customer_parents import parent
from tallystick.cli.ledger import Yes, agreed, json_value, over_ledger
from tallystick.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from tallystick.core.customer import Customer
    from tallystick.wiring import Tallystick

__all__ = ["customers"]

customers = typer.Typer(
    name="customers",
    help="Who is billed: create, find, change, hand over and forget customers.",
    no_args_is_help=True,
)
"""The commands under `tallystick customers`."""

customers.add_typer(parent)

_Id = Annotated[str, typer.Argument(metavar="ID", help="Your id of the customer.")]
_Pairs = list[str] | None
_Provider = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who collects the invoices once they are due.")
]
_ProviderId = Annotated[str | None, typer.Option(help="What the provider calls the customer.")]
_Name = Annotated[str | None, typer.Option(help="The name on documents.")]
_Email = Annotated[str | None, typer.Option(help="Where documents are sent.")]
_Currency = Annotated[str | None, typer.Option(help="An ISO 4217 code such as EUR.")]
_Zone = Annotated[str | None, typer.Option(help="An IANA zone such as Europe/Vienna.")]
_Locale = Annotated[str | None, typer.Option(help="A language tag such as de-AT.")]
_Address = Annotated[
    _Pairs,
    typer.Option(
        metavar="PART=TEXT", help="line1, line2, city, postal_code, state or country; repeat."
    ),
]
_TaxId = Annotated[_Pairs, typer.Option(metavar="TYPE=VALUE", help="As eu_vat=ATU1; repeat.")]
_Exempt = Annotated[
    bool | None, typer.Option("--tax-exempt/--taxed", help="Whether it is charged no tax.")
]
_Metadata = Annotated[_Pairs, typer.Option(metavar="NAME=TEXT", help="Your own texts; repeat.")]


@customers.command()
@ends_well
@over_ledger
def create(
    tally: Tallystick,
    id_: _Id,
    name: _Name = None,
    email: _Email = None,
    currency: _Currency = None,
    time_zone: _Zone = None,
    locale: _Locale = None,
    provider: _Provider = None,
    provider_id: _ProviderId = None,
    address: _Address = None,
    tax_id: _TaxId = None,
    tax_exempt: _Exempt = None,
    metadata: _Metadata = None,
    as_json: AsJson = False,
) -> None:
    """Add a customer.  Exit status 1 where the id is taken."""
    fields = _fields(
        name,
        email,
        currency,
        time_zone,
        locale,
        provider,
        provider_id,
        address,
        tax_id,
        metadata,
        tax_exempt,
    )
    _print(tally.customers.create(id_, **fields), as_json=as_json)


@customers.command()
@ends_well
@over_ledger
def show(
    tally: Tallystick,
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Your id of the customer.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="Ask by e-mail instead.")] = None,
    provider_id: Annotated[str | None, typer.Option(help="Ask by the provider's id.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a customer, by your id, the provider's, or e-mail."""
    from tallystick.errors import NotFound

    asked = [each for each in (id_, email, provider_id) if each is not None]
    if len(asked) != 1:
        raise Usage("ask by ID, --email or --provider-id, one of the three")
    if id_ is not None:
        found: Customer | None = tally.customers.get(id_)
    else:
        found = tally.customers.find(email=email, provider_id=provider_id)
    if found is None:
        raise NotFound("customer", asked[0])
    _print(found, as_json=as_json)


@customers.command()
@ends_well
@over_ledger
def update(
    tally: Tallystick,
    id_: _Id,
    name: _Name = None,
    email: _Email = None,
    currency: _Currency = None,
    time_zone: _Zone = None,
    locale: _Locale = None,
    provider: _Provider = None,
    provider_id: _ProviderId = None,
    address: _Address = None,
    tax_id: _TaxId = None,
    tax_exempt: _Exempt = None,
    metadata: _Metadata = None,
    clear: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="Take a field away; repeat.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change what is named and nothing else.  Address, tax ids and metadata are replaced whole."""
    fields = _fields(
        name,
        email,
        currency,
        time_zone,
        locale,
        provider,
        provider_id,
        address,
        tax_id,
        metadata,
        tax_exempt,
    )
    for field in clear or ():
        key = field.replace("-", "_")
        if key in fields:
            raise Usage(f"--clear {field} takes away what another option gives")
        fields[key] = None
    if not fields:
        raise Usage("say what changes: see --help")
    _print(tally.customers.update(id_, **fields), as_json=as_json)


@customers.command("list")
@ends_well
@over_ledger
def list_(
    tally: Tallystick,
    limit: Annotated[int, typer.Option(help="How many: 1 to 100.")] = 20,
    starting_after: Annotated[
        str | None, typer.Option(metavar="ID", help="The last of the page before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List customers in the order of their ids, page by page."""
    from tallystick.core.customer import customer_tree

    page = tally.customers.list(limit=limit, starting_after=starting_after)
    if as_json:
        say_json({"customers": [customer_tree(each) for each in page], "cursor": page.cursor})
        return
    rows = ([c.id, c.name or "", c.email or "", str(c.currency or "")] for c in page)
    say_table(["id", "name", "email", "currency"], rows)
    if page.cursor is not None:
        say(f"more: --starting-after {page.cursor}")


@customers.command()
@ends_well
@over_ledger
def export(
    tally: Tallystick,
    id_: _Id,
) -> None:
    """Print all that is kept of a customer as JSON Lines, a record a line.

    Example: tallystick customers export acme > acme.jsonl
    """
    for record in tally.customers.export(id_):
        say_json({"kind": record.kind, "record": json_value(record.values)}, line=True)


@customers.command()
@ends_well
@over_ledger
def forget(
    tally: Tallystick,
    id_: _Id,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Clear name, e-mail, locale, address, tax ids and metadata of a customer, for good.

    The id stays, and with it usage and documents.
    """
    found = tally.customers.get(id_)
    question = f"Forget {found.name or 'the customer'} ({id_})? This cannot be taken back."
    if found.forgotten_at is None and not agreed(question, yes=yes, quiet=as_json):
        say("nothing was changed")
        raise typer.Exit(1)
    _print(tally.customers.forget(id_), as_json=as_json)


def _fields(
    name: str | None,
    email: str | None,
    currency: str | None,
    time_zone: str | None,
    locale: str | None,
    provider: str | None,
    provider_id: str | None,
    address: _Pairs,
    tax_id: _Pairs,
    metadata: _Pairs,
    tax_exempt: bool | None,
) -> dict[str, Any]:
    """Put what was given under the names of the library."""
    taxes = [{"type": t, "value": v} for t, v in _pairs(tax_id, "--tax-id")]
    given: dict[str, Any] = {
        "name": name,
        "email": email,
        "currency": currency,
        "time_zone": time_zone,
        "locale": locale,
        "provider": provider,
        "provider_id": provider_id,
        "address": _mapping(address, "--address") or None,
        "tax_ids": taxes or None,
        "metadata": _mapping(metadata, "--metadata") or None,
        "tax_exempt": tax_exempt,
    }
    return {field: value for field, value in given.items() if value is not None}


def _pairs(words: _Pairs, option: str) -> list[tuple[str, str]]:
    pairs = [word.partition("=") for word in words or ()]
    if not all(sign for _, sign, _ in pairs):
        raise Usage(f"{option} takes NAME=TEXT")
    return [(head, tail) for head, _, tail in pairs]


def _mapping(words: _Pairs, option: str) -> dict[str, str]:
    pairs = _pairs(words, option)
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Usage(f"{option} names one thing twice")
    return found


def _print(customer: Customer, *, as_json: bool) -> None:
    from tallystick.core.customer import customer_tree

    tree = customer_tree(customer)
    if as_json:
        say_json(tree)
        return
    for field, value in tree.items():
        if value:
            say(f"{field.replace('_', ' ')}: {_words(value)}")


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {text}" for name, text in value.items())
    if isinstance(value, list):
        return ", ".join(f"{each['type']} {each['value']}" for each in value)
    return "yes" if value is True else str(value)
