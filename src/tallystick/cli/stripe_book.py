"""`tallystick stripe account | plan | apply | pull | drift`: the price list in Stripe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tallystick.cli.arguments import AsJson, Environment, Usage, ends_well, opened
from tallystick.cli.output import say, say_json, warn
from tallystick.errors import InvalidCatalog, SetupError, TallystickError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.app.catalog import Opened
    from tallystick.core.lock import Lock
    from tallystick.core.period import Instant
    from tallystick.errors import Problem
    from tallystick.providers.stripe.book import Step
    from tallystick.providers.stripe.book_client import Book
    from tallystick.providers.stripe.book_run import Comparison
    from tallystick.providers.stripe.provider import Stripe

__all__ = ["COMMANDS", "Live", "environment_named", "open_book", "open_provider"]

_File = Annotated[str | None, typer.Argument(help="The catalogue.", show_default=False)]

Live = Annotated[bool, typer.Option("--live", help="The key is of live mode, where money is real.")]
"""The option without which no live key is used."""


@ends_well
def account(live: Live = False, as_json: AsJson = False) -> None:
    """Say whose the key in TALLYSTICK_STRIPE_KEY is: the account's id, its name and its mode."""
    found, name = open_book(live=live, named=False).account()
    mode = "live" if found.live else "test"
    if as_json:
        say_json({"account": found.id, "name": name, "mode": mode})
        return
    say(f"account  {found.id}", f"name     {name or '(none)'}", f"mode     {mode}")
    say("", f"so that nothing reaches another one: TALLYSTICK_STRIPE_ACCOUNT={found.id}")


@ends_well
def plan(
    file: _File = None, environment: Environment = None, live: Live = False, as_json: AsJson = False
) -> None:
    """Show what `apply` would do, and change nothing.

    `+` is created, `~` changed, `-` archived; `=` is there already and only written into the lock
    file, `x` only taken out of it. Exit status: 0, or 1 where something cannot be settled without
    you.
    """
    comparison = _compared(file, environment, live=live)[0]
    _show(comparison, as_json=as_json)
    if comparison.problems:
        raise typer.Exit(1)


@ends_well
def apply(
    file: _File = None, environment: Environment = None, live: Live = False, as_json: AsJson = False
) -> None:
    """Make the price list in Stripe like the catalogue.

    A changed amount is a new price: the lookup key moves to it, and the old one is archived once no
    live subscription pays it. The lock file is written after each step; after a failure the same
    command goes on. Done twice, it says that there is nothing to do.
    """
    from tallystick.cli.stripe_words import comparison_tree, step_tree, step_words
    from tallystick.files import lock_path, write_lock
    from tallystick.providers.stripe.book_run import applied

    comparison, found, book = _compared(file, environment, live=live)
    _refuse(comparison.problems, found)
    path, done = lock_path(found.path, comparison.lock.environment), list[Any]()

    def tell(step: Step, _lock: Lock) -> None:
        done.append(step_tree(step))
        if not as_json:
            say(*step_words(step))

    try:
        applied(book, comparison, keep=lambda lock: write_lock(path, lock), tell=tell)
    except TallystickError:
        warn(f"{len(done)} of {len(comparison.steps)} steps are done: the same command goes on")
        raise
    finally:
        if as_json:
            left = len(comparison.steps) - len(done)
            say_json(comparison_tree(comparison) | {"steps": done, "left": left})
    if not as_json:
        _say_rest(comparison)
        say("nothing to do" if not done else f"{_count(len(done))} done; see {path.name}")


@ends_well
def pull(
    file: _File = None, environment: Environment = None, live: Live = False, as_json: AsJson = False
) -> None:
    """Write the lock file from what Stripe holds, and change nothing there.

    A price made by hand is found by its id where a line has that id, by its lookup key, or by its
    metadata `billing_plan_id` with its interval and currency. What could be two things is named and
    left out. How many intervals a period has is taken over where the catalogue does not say it.

    Exit status: 0, or 1 where something could not be told apart.
    """
    from tallystick.core.dialects import in_dialect
    from tallystick.files import lock_path, read_lock, write_lock
    from tallystick.providers.stripe.book_run import pulled

    found, book = opened(file, environment, locked=False), open_book(live=live)
    name = environment_named(environment, live=live)
    path = lock_path(found.path, name)
    got = pulled(book, found.catalog, read_lock(path), environment=name, at=_now())
    write_lock(path, got.lock)
    problems = [in_dialect(each, found.catalog.dialect) for each in got.problems]
    prices = {key: price.provider_id for key, price in sorted(got.lock.prices.items())}
    missing = [f"{each.kind.replace('_', ' ')} {each.key}" for each in got.missing]
    if as_json:
        told = [str(each) for each in problems]
        say_json({"lock": path.name, "prices": prices, "missing": missing, "problems": told})
    else:
        say(*(f"{key}: {id_}" for key, id_ in prices.items()))
        say(*(f"not in Stripe: {each}" for each in missing))
        say(f"{len(prices)} price{'' if len(prices) == 1 else 's'} in {path.name}")
    _warn_problems(problems)
    if problems:
        raise typer.Exit(1)


@ends_well
def drift(
    file: _File = None, environment: Environment = None, live: Live = False, as_json: AsJson = False
) -> None:
    """Say what differs between the catalogue, the lock file and Stripe: for a nightly job.

    Exit status: 0 where nothing does, 1 where something does, 2 where it could not be told.
    """
    try:
        comparison = _compared(file, environment, live=live)[0]
    except (TallystickError, OSError) as error:
        warn(f"error: {error}")
        raise typer.Exit(2) from None
    _show(comparison, as_json=as_json)
    if comparison.steps or comparison.problems:
        raise typer.Exit(1)


COMMANDS: Final = (account, plan, apply, pull, drift)
"""The commands of this file."""


def open_provider(*, live: bool) -> Stripe:
    """Open the account that the environment's settings name, with the lock that they name.

    Raises SetupError as `open_book` does, and for a lock that is of another account.
    """
    from tallystick.app.billers import named_lock
    from tallystick.providers.stripe.provider import Stripe
    from tallystick.providers.stripe.settings import settings_from

    open_book(live=live)  # the mode that was said, and the account that was named
    return Stripe(settings_from(), named_lock())


def open_book(*, live: bool, named: bool = True) -> Book:
    """Open the price list of the account that the environment's settings name.

    With `named` false TALLYSTICK_STRIPE_ACCOUNT is not held against the key.  Raises SetupError
    for a live key without `live`, for `live` with a test key, and for the key of another account.
    """
    from tallystick.providers.stripe.book_client import Book
    from tallystick.providers.stripe.client import open_client
    from tallystick.providers.stripe.settings import settings_from

    settings = settings_from()
    if settings.live and not live:
        raise SetupError("TALLYSTICK_STRIPE_KEY is of live mode, where money is real: add --live")
    if live and not settings.live:
        raise SetupError(
            "--live needs a key of live mode, and TALLYSTICK_STRIPE_KEY is of test mode"
        )
    book = Book(open_client(settings), live=settings.live)
    if named and settings.account is not None:
        found, _ = book.account()
        if found.id != settings.account:
            raise SetupError(
                f"TALLYSTICK_STRIPE_ACCOUNT is {settings.account}, and the key is of {found.id}"
            )
    return book


def environment_named(environment: str | None, *, live: bool) -> str:
    """Give the environment whose lock file counts.  Raises Usage for live mode without a name."""
    from tallystick.app.catalog import DEFAULT_ENVIRONMENT

    if live and environment is None:
        raise Usage("name the environment of live mode, as --environment production")
    return environment or DEFAULT_ENVIRONMENT


def _compared(
    file: str | None, environment: str | None, *, live: bool
) -> tuple[Comparison, Opened, Book]:
    from tallystick.files import lock_path, read_lock
    from tallystick.providers.stripe.book_run import compared

    found = opened(file, environment)
    catalog, book = found.ready(), open_book(live=live)
    name = environment_named(environment, live=live)
    lock = read_lock(lock_path(found.path, name))
    try:
        return compared(book, catalog, lock, environment=name, at=_now()), found, book
    except InvalidCatalog as refused:
        _refuse(refused.problems, found)
        raise


def _refuse(problems: Iterable[Problem], found: Opened) -> None:
    from tallystick.core.dialects import in_dialect

    told = [in_dialect(each, found.catalog.dialect) for each in problems]
    if told:
        raise InvalidCatalog(told, found.path.name) from None


def _show(comparison: Comparison, *, as_json: bool) -> None:
    from tallystick.cli.stripe_words import comparison_tree, step_words

    if as_json:
        say_json(comparison_tree(comparison))
        return
    for step in comparison.steps:
        say(*step_words(step))
    _say_rest(comparison)
    _warn_problems(comparison.problems)
    say(f"{_count(len(comparison.steps))} to do" if comparison.steps else "nothing to do")


def _say_rest(comparison: Comparison) -> None:
    say(*(f"skipped: {each.name}: {each.reason}" for each in comparison.skipped))
    say(*(f"stays active: {each.id}: a live subscription pays it" for each in comparison.kept))


def _warn_problems(problems: Iterable[Problem]) -> None:
    warn(*(f"problem: {each}" for each in problems))


def _count(steps: int) -> str:
    return f"{steps} step{'' if steps == 1 else 's'}"


def _now() -> Instant:
    from tallystick.system import SystemClock

    return SystemClock().now()
