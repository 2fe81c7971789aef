"""Where the parts meet: settings become adapters, and adapters become Tallystick, the facade.

The one file that knows every room below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from sqlalchemy import Engine

from tallystick.app import publish as publishing
from tallystick.app.backtest import backtest
from tallystick.app.billers import named_lock
from tallystick.app.forecast import foresee, taken_along, wish_of
from tallystick.app.verify import verify_ledger
from tallystick.core.meter import meters_of
from tallystick.core.period import instant
from tallystick.errors import SetupError
from tallystick.facade.aio import awaitable, end_threads
from tallystick.facade.checkout import Checkouts
from tallystick.facade.coupons import Coupons
from tallystick.facade.credits import Credits
from tallystick.facade.customers import Customers
from tallystick.facade.dunning import Dunnings
from tallystick.facade.events import ProviderEvents
from tallystick.facade.gate import Gate
from tallystick.facade.invoices import Invoices
from tallystick.facade.keys import Key
from tallystick.facade.meter_reports import MeterReports
from tallystick.facade.mirrors import Mirrors
from tallystick.facade.offline import open_offline
from tallystick.facade.overrides import Overrides
from tallystick.facade.payments import Payments
from tallystick.facade.price_migrations import PriceMigrations
from tallystick.facade.quotes import Quotes
from tallystick.facade.seller import Sellers
from tallystick.facade.settings import return_origins_of, signing_keys_of
from tallystick.facade.subscriptions import Subscriptions
from tallystick.facade.taxes import Taxes
from tallystick.facade.usage import Usage
from tallystick.providers.known import event_source_of, providers_of
from tallystick.storage.engine import open_engine
from tallystick.storage.migrate import migrate, migrations
from tallystick.storage.role import check_role
from tallystick.storage.scope import ALL
from tallystick.storage.tables import PREFIX, tables_of
from tallystick.storage.unit import Storage
from tallystick.system import SystemClock, SystemIds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy import URL, Connection
    from sqlalchemy.orm import Session

    from tallystick.app.backtest import Progress
    from tallystick.app.forecast import Forecast
    from tallystick.app.publish import Publication
    from tallystick.app.verify import Report
    from tallystick.core.backtest import Backtest
    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.published import CatalogVersion
    from tallystick.facade.aio_types import AsyncTallystick
    from tallystick.facade.offline import Offline
    from tallystick.ports import Clock, EventSource, Ids, Provider
    from tallystick.storage.migrate import Migration
    from tallystick.storage.unit import Unit

__all__ = ["Tallystick"]

R = TypeVar("R")


class Tallystick(Gate[Key]):
    """One ledger: its database, its catalogue, its clock.

    `database` is an address (`sqlite:///app.db`, `sqlite://` in memory, `postgresql://…`) or a
    host's own Engine; `tables` is the prefix of our tables and `schema` where they are on
    PostgreSQL.  `catalog` and `default_plan` (what a customer without a subscription has) may be
    left out where only usage is counted.  Nothing is connected to before the first use.  `aio` has
    the same calls, awaitable.
    """

    def __init__(  # noqa: PLR0913 - each of these is one setting
        self,
        database: str | URL | Engine,
        *,
        catalog: Catalog[Any, Key] | str | None = None,
        default_plan: str | None = None,
        clock: Clock | None = None,
        ids: Ids | None = None,
        tables: str = PREFIX,
        schema: str | None = None,
        role_check: bool = False,
        signing_keys: Iterable[str | bytes] | None = None,
        providers: Iterable[Provider | str] | None = None,
        return_origins: Iterable[str] | None = None,
        event_source: EventSource | None = None,
        offline_units: int | None = None,
        offline_spool: str | Path | None = None,
    ) -> None:
        """Open it.

        With `offline_units` this process lets so many units pass while the database is away, each
        kept in the folder `offline_spool` and counted later: see `tally.offline`.

        `signing_keys` sign quotes: the first signs, each is accepted.  Where they are left out,
        those of TALLYSTICK_SIGNING_KEYS, separated by commas.

        `providers` take the money, each given itself or by the name of its entry point; where they
        are left out, those of TALLYSTICK_PROVIDERS, separated by commas.  `manual` is always there.
        `event_source` verifies what a provider tells; where it is left out, Stripe's events are
        expected if TALLYSTICK_STRIPE_WEBHOOK_SECRETS is set.

        `return_origins` are those that customers may return to from a page to pay on, each as
        `https://app.example`; where they are left out, those of TALLYSTICK_RETURN_ORIGINS,
        separated by commas.  Without any there is no checkout.

        `role_check` connects at once and refuses a PostgreSQL role that may do more than it needs:
        an owner of the tables, a superuser, one with BYPASSRLS (see `tallystick role`).

        Raises SetupError for an address, a name or a role that cannot be used, MissingExtra where
        a driver is not installed, UnknownPlan for a default plan that the catalogue has not.
        """
        self.clock: Clock = SystemClock() if clock is None else clock
        self.ids: Ids = SystemIds(self.clock) if ids is None else ids
        self._owns_engine = not isinstance(database, Engine)
        engine = database if isinstance(database, Engine) else open_engine(database)
        self.storage = Storage(engine, tables_of(tables, schema))
        self.price_book = _opened(catalog)
        self.default_plan = default_plan
        self.signing_keys = signing_keys_of(signing_keys)
        if default_plan is not None:
            if self.price_book is None:
                raise SetupError("a default plan needs a catalogue: pass catalog= as well")
            self.price_book[default_plan]  # UnknownPlan, now rather than at the first customer
        self.providers: Mapping[str, Provider] = providers_of(providers, named_lock)
        self.return_origins = return_origins_of(return_origins)
        self.event_source: EventSource | None = event_source_of(event_source)
        self.customers = Customers(self)
        self.usage = Usage(self)
        self.subscriptions = Subscriptions(self)
        self.invoices = Invoices(self)
        self.coupons = Coupons(self)
        self.credits = Credits(self)
        self.overrides = Overrides(self)
        self.quotes = Quotes(self)
        self.checkouts = Checkouts(self)
        self.dunning = Dunnings(self)
        self.payments = Payments(self)
        self.provider_events = ProviderEvents(self)
        self.meter_reports = MeterReports(self)
        self.mirrors = Mirrors(self)
        self.price_migrations = PriceMigrations(self)
        self.seller = Sellers(self)
        self.taxes = Taxes(self)
        self.aio: AsyncTallystick[Key] = awaitable(self)
        self.offline: Offline | None = None
        if role_check:
            self._check_role()
        self.offline = open_offline(self, offline_units, offline_spool)

    # --- catalogue versions -------------------------------------------------------------------

    def publish(
        self,
        catalog: Catalog[Any, Any] | str | None = None,
        *,
        author: str,
        onto: int | None = None,
        preview: bool = False,
        prepare: bool = True,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Publication:
        """Store a catalogue (or its file's; this ledger's if None) as the next version.

        Each plan that changed becomes the next version of itself, `pro@2`; older ones stay as
        they are.  A catalogue that says what the newest version says changes nothing.  `preview`
        only tells what would happen.  `onto` is the number of the version that its author
        compared with: where another was published since, nothing is stored.

        From then on the roll-ups of its meters are kept, and of no other.  A new meter is filled
        from the events there are before this returns, unless `prepare` is False or the transaction
        is a host's; `usage.prepare()` does it later.  Until then it is read to the same figures,
        more slowly.

        Raises InvalidCatalog, CatalogNotFound, InvalidInput, Conflict, StorageUnavailable (once
        the filling has begun, the catalogue is published).
        """
        wanted = self.price_book if catalog is None else _opened(catalog)
        if wanted is None:
            raise SetupError("there is no catalogue to publish: pass one")
        done = self.act(
            lambda unit, at: (
                publishing.preview(unit, at, wanted, author=author)
                if preview
                else publishing.publish(unit, at, wanted, author=author, onto=onto)
            ),
            connection=connection,
            at=at,
            repeatable=True,
            reading=preview,
        )
        if prepare and not preview and connection is None:
            publishing.prepare_meters(self.storage, meters_of(wanted).values())
        return done

    def catalog(
        self, version: int | None = None, *, connection: Connection | Session | None = None
    ) -> Catalog[str, str]:
        """Give a published catalogue, the newest if no version is named.  Raises NotFound."""
        return self.act(
            lambda unit, _: publishing.published(unit, version),
            connection=connection,
            reading=True,
        )

    def catalogs(
        self, *, connection: Connection | Session | None = None
    ) -> tuple[CatalogVersion, ...]:
        """List the published versions, the newest first."""
        return self.act(
            lambda unit, _: publishing.versions(unit), connection=connection, reading=True
        )

    def plan(self, ref: str, *, connection: Connection | Session | None = None) -> Plan[str]:
        """Give a published plan: `pro@1`, or `pro` for what the newest catalogue sells.

        Raises UnknownPlan.
        """
        return self.act(
            lambda unit, _: publishing.plan_version(unit, ref), connection=connection, reading=True
        )

    # --- what is to come ----------------------------------------------------------------------

    def foresee(
        self,
        customer: str,
        until: datetime | str,
        *,
        changes: Iterable[tuple[str, datetime | str]] = (),
        usage: Iterable[object] | None = None,
        like: int | None = None,
        at: datetime | None = None,
        connection: Connection | Session | None = None,
    ) -> Forecast:
        """Give the documents that fall due for a customer until a time, and change nothing.

        `changes` are plans with the time of each, as `("pro", "2028-01-01T00:00:00Z")`.  What will
        be used is `usage`, events as `usage.record_many` takes them, or what was used in the last
        `like` months, again and again; else nothing.  Every document is taken as paid at once.

        Played by the code that bills, in memory: nothing is written, locked or numbered.  At most
        ten years, 5,000 documents and 100,000 events.

        Raises NotFound, UnknownPlan; InvalidInput, InvalidUsage, InvalidPeriod; Conflict for a
        change that cannot be.
        """
        moment = self.clock.now() if at is None else instant(at)
        wish = wish_of(moment, customer, until, changes, usage, like)
        taken, meters = self.act(
            lambda unit, _: (taken_along(unit, wish), self.usage.meters_in(unit)),
            connection=connection,
            reading=True,
        )
        try:
            return foresee(taken, wish, meters)
        finally:
            taken.close()

    def backtest(
        self,
        catalog: Catalog[Any, Any] | str,
        *,
        since: datetime,
        until: datetime,
        plans: Mapping[str, str] | None = None,
        tell: Callable[[Progress], object] = bool,
        connection: Connection | Session | None = None,
    ) -> Backtest:
        """Give what the documents issued in `[since, until)` would come to by another catalogue.

        It counts as if it had been in force all along: each customer's difference, and by currency
        what they come to.  `plans` names plans that others take the place of: `{"pro": "team"}`, or
        one version of it, `{"pro@1": "team"}`.  What cannot be compared keeps its amounts and is
        named.  `tell` is told how far it is.  Nothing is changed.

        Raises InvalidCatalog, CatalogNotFound, InvalidInput, InvalidPeriod, UnknownPlan.
        """
        wanted = _opened(catalog)
        return self.act(
            lambda unit, _: backtest(
                unit,
                wanted,  # type: ignore[arg-type]  # what is no catalogue is refused there
                since=since,
                until=until,
                plans=plans,
                tell=tell,
            ),
            connection=connection,
            reading=True,
        )

    # --- proof --------------------------------------------------------------------------------

    def verify(self, *, connection: Connection | Session | None = None) -> Report:
        """Check the invariants of everything that is stored; changes nothing."""
        return self.act(lambda unit, _: verify_ledger(unit), connection=connection, reading=True)

    # --- the database -------------------------------------------------------------------------

    def migrate(self) -> tuple[Migration, ...]:
        """Apply our migrations that are not applied yet, and give them.

        Any number of processes may start at once: one applies, the others find it done.

        Raises MigrationRefused, StorageUnavailable.
        """
        return migrate(self.storage.engine, self.storage.tables)

    def migrations(self) -> tuple[Migration, ...]:
        """List our migrations, each with when it was applied; changes nothing.

        Raises MigrationRefused where an applied one was changed since or is not known here.
        """
        return migrations(self.storage.engine, self.storage.tables)

    def _check_role(self) -> None:
        try:
            check_role(self.storage)
        except BaseException:
            self.close()
            raise

    def begin(self, connection: Connection | Session | None = None) -> Unit:
        """Give a transaction: a new one, or the host's, whose end is then the host's too.

        It is for all customers, until its `as_customer` says for which one.
        """
        if connection is None:
            return self.storage.begin(ALL)
        return self.storage.within(connection, scope=ALL)

    def act(
        self,
        use_case: Callable[[Unit, datetime], R],
        *,
        connection: Connection | Session | None = None,
        at: datetime | None = None,
        repeatable: bool = False,
        reading: bool = False,
    ) -> R:
        """Run a use case `(unit, at)`: the clock is asked once, and only where `at` is None.

        It is for all customers, unless the use case says for which one (`unit.as_customer`).

        Without a connection the transaction is our own, committed at the end and tried again where
        that can help (see `Storage.attempt`).  In a host's connection it never is.
        """
        moment = self.clock.now() if at is None else instant(at)
        if connection is not None:
            with self.storage.within(connection, reading=reading, scope=ALL) as unit:
                return use_case(unit, moment)
        return self.storage.attempt(
            lambda unit: use_case(unit, moment),
            repeatable=repeatable,
            reading=reading,
        )

    def close(self) -> None:
        """Close our connections, once `aio` has ended; a host's engine stays as it is."""
        end_threads(self.aio)
        if self.offline is not None:
            self.offline.close()
        if self._owns_engine:
            self.storage.close()

    def __enter__(self) -> Self:
        """Give itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def _opened(catalog: Catalog[Any, Any] | str | None) -> Catalog[str, str] | None:
    if not isinstance(catalog, str):
        return catalog
    from tallystick.app.catalog import load_catalog  # noqa: PLC0415 - reads files, seldom needed

    return load_catalog(catalog)
