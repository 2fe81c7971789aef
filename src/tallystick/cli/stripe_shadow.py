"""`tallystick stripe shadow`: Stripe's invoices beside what our reckoning gives for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tallystick.cli.arguments import AsJson, Environment, Usage, ends_well, opened
from tallystick.cli.output import say, say_json, warn
from tallystick.cli.stripe_book import Live, environment_named, open_book
from tallystick.cli.times import moment_or_none
from tallystick.errors import CatalogNotFound, TallystickError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.core.catalog import Catalog
    from tallystick.core.lock import Lock
    from tallystick.core.money import Money
    from tallystick.core.period import Instant
    from tallystick.providers.stripe.book_client import Book
    from tallystick.providers.stripe.shadow import ComparedInvoice, ComparedLine
    from tallystick.providers.stripe.shadow_price import Tariffs

__all__ = ["COMMANDS"]

_RECENT: Final = 100


@ends_well
def shadow(
    file: Annotated[
        str | None, typer.Argument(help="The catalogue, if there is one.", show_default=False)
    ] = None,
    environment: Environment = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            help="At most so many invoices, the last ones.",
            show_default=f"{_RECENT}, or all --since",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Those made since then: 2027-01-31 (UTC), or a time."
        ),
    ] = None,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Set Stripe's recent invoices beside what our reckoning gives, line by line.

    Before you switch: nothing is changed, here or there. Quantities, times and which coupons act
    are Stripe's; prices and coupons are the catalogue's where the lock file maps them, any other is
    read from Stripe. What differs is shown with our sums, and why where that can be told. What
    cannot be reckoned is named and counted apart. Taxes are left out.

    Exit status: 0 where all is equal, 1 where a line differs or could not be reckoned, 2 where
    nothing could be compared.
    """
    try:
        at = moment_or_none(since, "--since")
        compared, refused = _compared(file, environment, limit, at, live=live)
    except (TallystickError, OSError) as error:
        warn(f"error: {error}")
        raise typer.Exit(2) from None
    if as_json:
        say_json(_tree(compared, refused))
    else:
        _show(compared)
    warn(*(f"not read: {id_}: {why}" for id_, why in refused))
    if refused or any(each.verdict != "equal" for each in compared):
        raise typer.Exit(1)


COMMANDS: Final = (shadow,)
"""The commands of this file."""


def _compared(
    file: str | None,
    environment: str | None,
    limit: int | None,
    since: Instant | None,
    *,
    live: bool,
) -> tuple[Sequence[ComparedInvoice], Sequence[tuple[str, str]]]:
    from tallystick.providers.stripe.shadow_read import billed
    from tallystick.providers.stripe.shadow_reckon import compare

    if limit is not None and limit < 1:
        raise Usage("--limit is a whole number from 1")
    book = open_book(live=live)
    tariffs = _tariffs(book, file, environment)
    most = _RECENT if limit is None and since is None else limit
    found = billed(book.client, limit=most, since=since)
    return compare(found.invoices, tariffs), found.refused


def _tariffs(book: Book, file: str | None, environment: str | None) -> Tariffs:
    from tallystick.providers.stripe.book_lock import lock_of
    from tallystick.providers.stripe.shadow_price import tariffs_of

    catalog, lock = _own(file, environment, live=book.live)
    if lock is not None:
        lock = lock_of(lock, book.account()[0])
    return tariffs_of(book.held(), catalog, lock)


def _own(
    file: str | None, environment: str | None, *, live: bool
) -> tuple[Catalog[Any, Any] | None, Lock | None]:
    """Open the catalogue and its lock file; None where nobody wrote one yet."""
    from tallystick.files import lock_path, read_lock
    from tallystick.files.find import VARIABLE

    name = environment_named(environment, live=live)
    try:
        found = opened(file, environment)
    except CatalogNotFound:
        if file is not None or os.environ.get(VARIABLE, "").strip():
            raise
        warn("no catalogue: every price is read from Stripe itself")
        return None, None
    path = lock_path(found.path, name)
    lock = read_lock(path)
    if lock is None:
        warn(f"no {path.name}: `tallystick stripe pull` says which price is which line")
    return found.ready(), lock


# --- for people -----------------------------------------------------------------------------------


def _show(compared: Sequence[ComparedInvoice]) -> None:
    for each in compared:
        say(*_invoice_words(each))
    verdicts = [each.verdict for each in compared]
    lines = [line for each in compared for line in each.lines]
    left = sum(line.ours is None for line in lines)
    counts = ", ".join(
        f"{verdicts.count(verdict)} {verdict}" for verdict in ("equal", "different", "not reckoned")
    )
    say(f"{_count(len(compared), 'invoice')}: {counts}")
    own = sum(line.ours is not None and line.plan is None for line in lines)
    say(f"{_count(len(lines), 'line')}: {left} not reckoned, {own} by Stripe's own price")


def _invoice_words(compared: ComparedInvoice) -> Iterator[str]:
    invoice = compared.invoice
    day = invoice.at.date().isoformat()
    head = f"{invoice.number}  {invoice.customer}  {day}  Stripe {invoice.net}"
    if compared.left_out.minor or compared.theirs != invoice.net:
        head += f", {compared.theirs} of it reckoned"
    yield f"{head}  ours {compared.ours}  {_gap_words(compared)}"
    if compared.reason:
        yield f"    not all of it: {compared.reason}"
    for line in compared.lines:
        if line.verdict != "equal":
            yield from _line_words(line)


def _gap_words(compared: ComparedInvoice) -> str:
    gap = compared.ours - compared.theirs
    return compared.verdict if not gap.minor else f"difference {_signed(gap)}"


def _line_words(line: ComparedLine) -> Iterator[str]:
    if line.ours is None or line.difference is None:
        yield f"    not reckoned: {line.text}  {line.theirs}: {line.reason}"
        return
    yield (
        f"    {line.text} ({line.key})  Stripe {line.theirs}  ours {line.ours}"
        f"  difference {_signed(line.difference)}"
    )
    for step in line.steps:
        yield f"        {step}"
    if line.reason:
        yield f"        why: {line.reason}"


def _signed(money: Money) -> str:
    return f"+{money}" if money.minor > 0 else str(money)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# --- for machines ---------------------------------------------------------------------------------


def _tree(
    compared: Sequence[ComparedInvoice], refused: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    return {
        "invoices": [_invoice_tree(each) for each in compared],
        "not_read": [{"provider_id": id_, "reason": why} for id_, why in refused],
    }


def _invoice_tree(compared: ComparedInvoice) -> dict[str, Any]:
    invoice = compared.invoice
    return {
        "provider_id": invoice.id,
        "number": invoice.number,
        "customer": invoice.customer,
        "currency": invoice.currency.code,
        "verdict": compared.verdict,
        "stripe": invoice.net.minor,
        "reckoned": compared.theirs.minor,
        "ours": compared.ours.minor,
        "difference": (compared.ours - compared.theirs).minor,
        "not_reckoned": compared.left_out.minor,
        "reason": compared.reason,
        "lines": [_line_tree(line) for line in compared.lines],
    }


def _line_tree(line: ComparedLine) -> dict[str, Any]:
    return {
        "provider_ids": [each.id for each in line.lines],
        "text": line.text,
        "price": line.lines[0].price,
        "id": line.key,
        "plan": line.plan,
        "verdict": line.verdict,
        "stripe": line.theirs.minor,
        "ours": None if line.ours is None else line.ours.minor,
        "difference": None if line.difference is None else line.difference.minor,
        "steps": list(line.steps),
        "reason": line.reason,
    }
