"""`tallystick dev`: from a plan to a paid invoice, on this machine and in a browser."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tallystick.cli.arguments import Environment, Usage, ends_well, opened, plan_of
from tallystick.cli.output import say, warn
from tallystick.cli.worker import PARTS
from tallystick.errors import MissingExtra, SetupError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

    from tallystick.core.catalog import Catalog
    from tallystick.http.dev import DevPage
    from tallystick.providers.stripe.settings import StripeSettings
    from tallystick.testing.clock import AheadClock
    from tallystick.testing.fake_stripe import FakeStripe
    from tallystick.wiring import Tallystick

__all__ = ["FILE", "dev"]

FILE: Final = Path(".tallystick") / "dev.db"
"""The database of a run; each begins it anew, as the fake's account ends with the run."""

_HOST: Final = "127.0.0.1"
_EVERY: Final = 0.25  # seconds
_MONTH: Final = timedelta(days=31)
_DAYS: Final = 5  # seconds, for which a payment is on its way that takes days at a bank
_AT_ONCE: Final = 100


@ends_well
def dev(
    file: Annotated[
        str | None, typer.Argument(help="The catalogue that is sold.", show_default=False)
    ] = None,
    fake_stripe: Annotated[
        bool, typer.Option("--fake-stripe", help="Sell through a stand-in for Stripe.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(help="The port; the first free one from 8000 on if absent.")
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="PLAN", help="What a customer has who bought nothing.", show_default=False
        ),
    ] = None,
    environment: Environment = None,
) -> None:
    """Try the whole way in a browser: plan, checkout, paid, feature unlocked, upgrade, invoice.

    With --fake-stripe the service and a stand-in for Stripe run side by side on this machine: no
    account, no key, no network, and no money. Open the address after "Buy"; the cards to pay with
    stand on the page to pay on, those that are declined too.

    Every run begins anew: its ledger is .tallystick/dev.db, its Stripe account is in memory. Ctrl-C
    ends it. `tallystick serve` is what to serve with.
    """
    if not fake_stripe:
        raise Usage(
            "tallystick dev sells through a stand-in for Stripe, on this machine: say"
            " --fake-stripe; to serve a catalogue, `tallystick serve`"
        )
    catalog = opened(file, environment).ready()
    if plan is not None:
        plan_of(catalog, plan)
    try:
        from tallystick.http import server
    except ImportError as error:
        raise MissingExtra("tallystick dev", "server") from error
    with _alone(), server.listen(_HOST, port) as listener:
        _run(catalog, plan, listener)


def _run(catalog: Catalog[str, str], plan: str | None, listener: socket.socket) -> None:
    from tallystick.http.server import origin_of, serve_on
    from tallystick.system import SystemClock
    from tallystick.testing.clock import AheadClock
    from tallystick.testing.fake_stripe import FakeStripe, running

    clock = AheadClock(SystemClock())
    fake = FakeStripe(clock, api_key=f"sk_test_{secrets.token_hex(16)}")
    origin = origin_of(_HOST, listener.getsockname()[1])
    with running(fake) as address:
        settings = _settings(fake, address, origin)
        made = _make_price_list(catalog, settings, clock)
        with _ledger(catalog, plan, settings, clock, origin) as tally:
            app, page = _service(tally, catalog, settings, origin, lambda: clock.skip(_MONTH))
            with _again_and_again(lambda: _work(tally), lambda: _deliver(fake)):
                shown = page.addresses() | {"Pricing page": "/"}
                say(f"Ledger        sqlite:///{FILE}  (of this run only)")
                say(f"Fake Stripe   {address}  (its account ends with this run; {made})")
                serve_on(listener, app, _HOST, announce=say, shown=shown)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Be the one run of this folder, with no ledger yet.  Raises SetupError."""
    from tallystick.files.alone import lock_file, unlock_file

    try:
        FILE.parent.mkdir(mode=0o700, exist_ok=True)
        lock = lock_file(FILE.with_suffix(".lock"))
        if lock is None:
            raise SetupError(
                f"another `tallystick dev` runs in this folder and has {FILE}: end it first"
            )
        for suffix in ("", "-journal", "-wal", "-shm"):
            FILE.with_name(FILE.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise SetupError(f"cannot begin {FILE} anew: {error.strerror or error}") from None
    try:
        yield
    finally:
        unlock_file(lock)
        os.close(lock)


def _settings(fake: FakeStripe, address: str, origin: str) -> StripeSettings:
    """Have the fake tell us what happens, and give how its account is reached."""
    from dataclasses import replace

    from tallystick.http.dev_shop import PATH
    from tallystick.http.webhooks import STRIPE
    from tallystick.providers.stripe.client import open_client
    from tallystick.providers.stripe.settings import StripeSettings

    account = fake.account
    settings = StripeSettings(
        key=account.api_key, account=account.id, address=address, return_url=origin + PATH
    )
    endpoint = open_client(settings).v1.webhook_endpoints.create(
        {"url": origin + STRIPE, "enabled_events": ["*"]}
    )
    return replace(settings, secrets=(str(endpoint.secret),))


def _make_price_list(
    catalog: Catalog[str, str], settings: StripeSettings, clock: AheadClock
) -> str:
    """Make the price list at the fake, as `tallystick stripe apply` does; say what came of it."""
    from tallystick.errors import InvalidCatalog
    from tallystick.providers.stripe.book_client import Book
    from tallystick.providers.stripe.book_run import applied, compared
    from tallystick.providers.stripe.client import open_client

    book = Book(open_client(settings))
    try:
        found = compared(book, catalog, None, environment="dev", at=clock.now())
        applied(book, found, keep=bool, tell=lambda *_: None)
    except InvalidCatalog as refused:
        warn(*(f"not in the price list there: {problem}" for problem in refused.problems))
        return "without your price list, which checkouts do not need"
    return "with your price list"


def _ledger(
    catalog: Catalog[str, str],
    plan: str | None,
    settings: StripeSettings,
    clock: AheadClock,
    origin: str,
) -> Tallystick:
    from tallystick.http.dev_shop import YOU
    from tallystick.providers.stripe.events import StripeEvents
    from tallystick.providers.stripe.provider import Stripe
    from tallystick.wiring import Tallystick

    tally = Tallystick(
        f"sqlite:///{FILE}",
        catalog=catalog,
        default_plan=plan,
        clock=clock,
        signing_keys=(secrets.token_hex(32),),
        providers=(Stripe(settings),),
        event_source=StripeEvents(settings),
        return_origins=(origin,),
    )
    tally.migrate()
    tally.publish(author="dev")
    tally.customers.create(YOU, name="You", email="you@example.com", provider="stripe")
    return tally


def _service(
    tally: Tallystick,
    catalog: Catalog[str, str],
    settings: StripeSettings,
    origin: str,
    later: Callable[[], object],
) -> tuple[ASGIApp, DevPage]:
    from tallystick.http.api import create_app
    from tallystick.http.dev import DevPage
    from tallystick.http.dev_shop import DevShop

    shop = DevShop(tally, catalog, origin, later)
    page = DevPage(shop, pays_at=settings.address or origin)
    return create_app(catalog, tally=tally, dev=page), page


# --- what goes on beside the service --------------------------------------------------------------


def _work(tally: Tallystick) -> None:
    """Do what `tallystick worker` does, once."""
    for part in PARTS:
        getattr(tally, part).run(limit=_AT_ONCE)


def _deliver(fake: FakeStripe) -> None:
    """Let the fake's time pass, and have it tell what happened; what is not taken waits."""
    fake.catch_up()
    for intent in tuple(fake.account.of("payment_intent").values()):
        if intent["status"] == "processing" and intent["created"] + _DAYS <= fake.account.now():
            fake.settle(intent["id"])
    fake.deliver()


@contextlib.contextmanager
def _again_and_again(*rounds: Callable[[], object]) -> Iterator[None]:
    """Run each in a thread of its own, every part of a second, until the block ends."""
    over = threading.Event()
    threads = [
        threading.Thread(target=_repeat, args=(each, over), name="tallystick-dev", daemon=True)
        for each in rounds
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _repeat(act: Callable[[], object], over: threading.Event) -> None:
    """Run it until it is over; what fails is told once, and tried again."""
    told = ""
    while not over.wait(_EVERY):
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next round goes on
            if str(error) != told:
                warn(f"tried again: {error}")
            told = str(error)
