# The types of `tally.aio`: written by `python -m tests.typing.aio_types`.

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Unpack

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from tallystick.app.backtest import Progress
from tallystick.app.billing import Run, SetAside
from tallystick.app.checkout_run import CheckoutRun
from tallystick.app.credits import CreditTrace
from tallystick.app.dunning import Climb
from tallystick.app.explain import Trace
from tallystick.app.forecast import Forecast
from tallystick.app.foresight import Foreseen, ToCome
from tallystick.app.imports import BadLine, Imported
from tallystick.app.inbox_run import ReadObjects
from tallystick.app.intent_run import Finished
from tallystick.app.meter_report import UsageDifference
from tallystick.app.meter_report_run import UsageRun
from tallystick.app.meters import KeptMeter
from tallystick.app.mirror_import import Reconciled
from tallystick.app.price_migration import MigrationPreview
from tallystick.app.price_migration_run import MigrationRun, MigrationUndone
from tallystick.app.provider_act import ActsDone
from tallystick.app.publish import Publication
from tallystick.app.replay import Replay
from tallystick.app.subscription import Made, MoveMaker
from tallystick.app.usage import Figure, Recorded, Status, Window
from tallystick.app.verify import Report
from tallystick.core.backtest import Backtest
from tallystick.core.catalog import Catalog, Plan
from tallystick.core.checkout import Biller, PlanWish, ResolvedPlan
from tallystick.core.checkout_page import Checkout, CheckoutState
from tallystick.core.credit import Category
from tallystick.core.customer import Customer, CustomerFields
from tallystick.core.entitlement import Access
from tallystick.core.intent import Intent, IntentState
from tallystick.core.invoice import Invoice, InvoiceStatus
from tallystick.core.meter import Meter
from tallystick.core.mirror import Mirrored
from tallystick.core.money import Money
from tallystick.core.move import AddOn, Billing, Move, Phase, Proration
from tallystick.core.override import Override
from tallystick.core.page import Page
from tallystick.core.parent import Parent
from tallystick.core.period import Period
from tallystick.core.price_migration import MoveStatus, PriceMigration, PriceMove
from tallystick.core.provider_event import EventState, ProviderEvent
from tallystick.core.published import CatalogVersion
from tallystick.core.qualification import Qualification
from tallystick.core.quote import Quote
from tallystick.core.rating.usage import Measured
from tallystick.core.redemption import Redemption
from tallystick.core.seller import Seller
from tallystick.core.snapshot import Entitlements
from tallystick.core.subscription import AfterTrial, PauseMode, Subscription
from tallystick.core.tax_rules import TaxRules, TaxRulesVersion
from tallystick.core.usage_report import Metered, ReportState, UsageReport
from tallystick.facade.keys import Key
from tallystick.facade.lease import Lease
from tallystick.facade.questions import Count
from tallystick.facade.reservation import Quantity, Reservation
from tallystick.files.events import EventFile
from tallystick.ports import Bills, Provider
from tallystick.storage.credits import GrantRow
from tallystick.storage.dunning import ClimbState
from tallystick.storage.invoice_items import InvoiceItem
from tallystick.storage.invoice_rows import Document
from tallystick.storage.migrate import Migration
from tallystick.storage.outbox import Notice
from tallystick.storage.payments import Payment
from tallystick.storage.top_ups import RuleRow, TopUpRow
from tallystick.storage.unit import Unit

__all__ = [
    "AsyncCheckouts",
    "AsyncCoupons",
    "AsyncCredits",
    "AsyncCustomers",
    "AsyncDunnings",
    "AsyncInvoices",
    "AsyncMeterReports",
    "AsyncMirrors",
    "AsyncMoves",
    "AsyncOverrides",
    "AsyncPayments",
    "AsyncPriceMigrations",
    "AsyncProviderEvents",
    "AsyncQuotes",
    "AsyncSellers",
    "AsyncSubscriptions",
    "AsyncTallystick",
    "AsyncTaxes",
    "AsyncUsage",
]

class AsyncTallystick(Generic[Key]):
    async def backtest(
        self,
        catalog: Catalog[Any, Any] | str,
        *,
        since: datetime,
        until: datetime,
        plans: Mapping[str, str] | None = ...,
        tell: Callable[[Progress], object] = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Backtest: ...
    async def catalog(
        self, version: int | None = ..., *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Catalog[str, str]: ...
    async def catalogs(
        self, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[CatalogVersion, ...]: ...
    async def check(
        self,
        customer: str,
        feature: Key,
        requested: Quantity = ...,
        *,
        at: datetime | str | None = ...,
        used: Count = ...,
        plan: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Access: ...
    async def check_all(
        self,
        customer: str,
        *,
        at: datetime | str | None = ...,
        plan: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> dict[str, Access]: ...
    async def check_many(
        self,
        asked: Iterable[tuple[str, Key] | tuple[str, Key, Quantity]],
        *,
        at: datetime | str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> tuple[Access, ...]: ...
    checkouts: AsyncCheckouts
    async def commit(
        self,
        customer: str,
        id: str,
        token: int,
        *,
        actual: Quantity | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Access: ...
    coupons: AsyncCoupons
    credits: AsyncCredits
    customers: AsyncCustomers
    dunning: AsyncDunnings
    async def entitlements(self, customer: str, *, max_age: float = ...) -> Entitlements: ...
    async def foresee(
        self,
        customer: str,
        until: datetime | str,
        *,
        changes: Iterable[tuple[str, datetime | str]] = ...,
        usage: Iterable[object] | None = ...,
        like: int | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Forecast: ...
    async def give_back(
        self,
        customer: str,
        feature: Key,
        quantity: Quantity = ...,
        *,
        idempotency_key: str | None = ...,
        plan: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Access: ...
    invoices: AsyncInvoices
    async def lease(
        self,
        customer: str,
        feature: Key,
        size: int,
        *,
        expires_in: timedelta | int = ...,
        report_every: float = ...,
        plan: str | None = ...,
        properties: Mapping[str, object] | None = ...,
    ) -> Lease: ...
    meter_reports: AsyncMeterReports
    async def migrate(self) -> tuple[Migration, ...]: ...
    async def migrations(self) -> tuple[Migration, ...]: ...
    mirrors: AsyncMirrors
    overrides: AsyncOverrides
    payments: AsyncPayments
    async def plan(
        self, ref: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Plan[str]: ...
    price_migrations: AsyncPriceMigrations
    provider_events: AsyncProviderEvents
    async def publish(
        self,
        catalog: Catalog[Any, Any] | str | None = ...,
        *,
        author: str,
        onto: int | None = ...,
        preview: bool = ...,
        prepare: bool = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Publication: ...
    quotes: AsyncQuotes
    async def release(
        self,
        customer: str,
        id: str,
        token: int,
        *,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> None: ...
    async def reserve(
        self,
        customer: str,
        feature: Key,
        quantity: Quantity = ...,
        *,
        expires_in: timedelta | int = ...,
        idempotency_key: str | None = ...,
        used: Count = ...,
        plan: str | None = ...,
        properties: Mapping[str, object] | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Reservation: ...
    seller: AsyncSellers
    async def set(
        self,
        customer: str,
        feature: Key,
        value: Quantity,
        *,
        idempotency_key: str | None = ...,
        plan: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Access: ...
    subscriptions: AsyncSubscriptions
    taxes: AsyncTaxes
    usage: AsyncUsage
    async def use(
        self,
        customer: str,
        feature: Key,
        quantity: Quantity = ...,
        *,
        idempotency_key: str | None = ...,
        at: datetime | str | None = ...,
        used: Count = ...,
        plan: str | None = ...,
        properties: Mapping[str, object] | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Access: ...
    async def verify(
        self, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Report: ...

class AsyncUsage:
    async def amend(
        self,
        customer: str,
        id: str,
        *,
        quantity: Decimal | int | str | None = ...,
        properties: Mapping[str, object] | None = ...,
        occurred_at: datetime | str | None = ...,
        source: str = ...,
        correction_id: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Status: ...
    async def import_file(
        self,
        file: EventFile,
        *,
        bad: Callable[[BadLine], None],
        done: Callable[[Imported], None] = ...,
        into: Imported | None = ...,
        preview: bool = ...,
    ) -> Imported: ...
    async def kept(self) -> tuple[KeptMeter, ...]: ...
    async def measured(
        self,
        customer: str,
        plan: Plan[str],
        period: Period,
        *,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> dict[str, Measured]: ...
    async def meters(
        self, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Mapping[str, Meter]: ...
    async def meters_in(self, unit: Unit) -> Mapping[str, Meter]: ...
    async def prepare(self) -> tuple[KeptMeter, ...]: ...
    async def quantity(
        self,
        customer: str,
        meter: Meter | str,
        period: Period,
        *,
        group: Mapping[str, str | None] | None = ...,
        as_of: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Decimal: ...
    async def read(
        self,
        customer: str,
        meter: Meter | str,
        period: Period,
        *,
        group: Mapping[str, str | None] | None = ...,
        group_by: Sequence[str] = ...,
        window: Window | None = ...,
        as_of: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> tuple[Figure, ...]: ...
    async def record(
        self,
        customer: str,
        type: str,
        *,
        id: str,
        quantity: Decimal | int | str | None = ...,
        source: str = ...,
        occurred_at: datetime | str | None = ...,
        properties: Mapping[str, object] | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Status: ...
    async def record_many(
        self, events: Iterable[object], *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Recorded: ...
    async def void(
        self,
        customer: str,
        id: str,
        *,
        source: str = ...,
        correction_id: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Status: ...

class AsyncTaxes:
    async def get(
        self, version: int | None = ..., *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> TaxRules: ...
    async def publish(
        self,
        rules: TaxRules | str | Path,
        *,
        author: str,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> TaxRulesVersion: ...
    async def versions(
        self, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[TaxRulesVersion, ...]: ...

class AsyncSubscriptions:
    async def cancel(
        self,
        id: str,
        *,
        when: datetime | str | None = ...,
        credit: bool = ...,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...
    async def change(
        self,
        id: str,
        *,
        plan: str | None = ...,
        seats: int | None = ...,
        add: Iterable[str | tuple[str, int] | AddOn] | Mapping[str, int] = ...,
        remove: Iterable[str] = ...,
        overrides: Mapping[str, Mapping[str, Any]] | None = ...,
        when: datetime | str | None = ...,
        proration: Proration | None = ...,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...
    async def get(
        self,
        id: str,
        *,
        customer: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Subscription: ...
    async def keep(
        self,
        id: str,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...
    async def lapse(
        self,
        id: str,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...
    async def list(
        self,
        *,
        customer: str | None = ...,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[Subscription]: ...
    async def pause(
        self,
        id: str,
        *,
        mode: PauseMode = ...,
        resumes_at: datetime | str | None = ...,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...
    preview: AsyncMoves
    async def recover(
        self,
        id: str,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...
    async def resume(
        self,
        id: str,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...
    async def schedule(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[ToCome, ...]: ...
    async def start(
        self,
        customer: str,
        plan: str,
        *,
        currency: str | None = ...,
        seats: int = ...,
        add_ons: Iterable[str | tuple[str, int] | AddOn] | Mapping[str, int] = ...,
        trial_days: int | None = ...,
        after_trial: AfterTrial = ...,
        starts_at: datetime | str | None = ...,
        paid_until: datetime | str | None = ...,
        ends_at: datetime | str | None = ...,
        billing: Billing = ...,
        anchor: datetime | str | None = ...,
        phases: Iterable[Phase | Mapping[str, Any]] = ...,
        overrides: Mapping[str, Mapping[str, Any]] | None = ...,
        coupons: Iterable[str] = ...,
        net_days: int | None = ...,
        po_number: str | None = ...,
        memo: str | None = ...,
        identities: Iterable[str] = ...,
        id: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...
    async def unplan(
        self,
        id: str,
        number: int,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...

class AsyncMoves:
    async def cancel(
        self,
        id: str,
        *,
        when: datetime | str | None = ...,
        credit: bool = ...,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Foreseen: ...
    async def change(
        self,
        id: str,
        *,
        plan: str | None = ...,
        seats: int | None = ...,
        add: Iterable[str | tuple[str, int] | AddOn] | Mapping[str, int] = ...,
        remove: Iterable[str] = ...,
        overrides: Mapping[str, Mapping[str, Any]] | None = ...,
        when: datetime | str | None = ...,
        proration: Proration | None = ...,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Foreseen: ...
    async def keep(
        self,
        id: str,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Foreseen: ...
    async def lapse(
        self,
        id: str,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Foreseen: ...
    async def pause(
        self,
        id: str,
        *,
        mode: PauseMode = ...,
        resumes_at: datetime | str | None = ...,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Foreseen: ...
    async def recover(
        self,
        id: str,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Foreseen: ...
    async def resume(
        self,
        id: str,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Foreseen: ...
    async def start(
        self,
        customer: str,
        plan: str,
        *,
        currency: str | None = ...,
        seats: int = ...,
        add_ons: Iterable[str | tuple[str, int] | AddOn] | Mapping[str, int] = ...,
        trial_days: int | None = ...,
        after_trial: AfterTrial = ...,
        starts_at: datetime | str | None = ...,
        paid_until: datetime | str | None = ...,
        ends_at: datetime | str | None = ...,
        billing: Billing = ...,
        anchor: datetime | str | None = ...,
        phases: Iterable[Phase | Mapping[str, Any]] = ...,
        overrides: Mapping[str, Mapping[str, Any]] | None = ...,
        coupons: Iterable[str] = ...,
        net_days: int | None = ...,
        po_number: str | None = ...,
        memo: str | None = ...,
        identities: Iterable[str] = ...,
        id: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Foreseen: ...
    async def unplan(
        self,
        id: str,
        number: int,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Foreseen: ...

class AsyncSellers:
    async def get(self, *, connection: AsyncConnection | AsyncSession | None = ...) -> Seller: ...
    async def set(
        self,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
        **fields: object,
    ) -> Seller: ...

class AsyncQuotes:
    async def accept(
        self,
        quote: str,
        *,
        customer: str | None = ...,
        identities: Iterable[str] = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Made: ...
    async def make(
        self,
        customer: str,
        plan: str,
        *,
        valid_for: timedelta = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
        **said: Any,
    ) -> str: ...
    async def read(self, quote: str, *, at: datetime | None = ...) -> Quote: ...

class AsyncProviderEvents:
    async def get(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> ProviderEvent: ...
    async def list(
        self,
        *,
        state: EventState | None = ...,
        type: str | None = ...,
        object_id: str | None = ...,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[ProviderEvent]: ...
    async def prune(self, days: int = ..., *, at: datetime | None = ...) -> int: ...
    async def receive(
        self,
        body: bytes,
        signature: str | None,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> ProviderEvent: ...
    async def replay(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> ProviderEvent: ...
    async def run(
        self, at: datetime | None = ..., *, limit: int | None = ..., stop: Callable[[], bool] = ...
    ) -> ReadObjects: ...

class AsyncPriceMigrations:
    async def get(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> PriceMigration: ...
    async def list(
        self,
        *,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[PriceMigration]: ...
    async def moves(
        self,
        id: str,
        *,
        status: MoveStatus | None = ...,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[PriceMove]: ...
    async def plan(
        self,
        plan: str | Iterable[str],
        to: str,
        *,
        effective_at: datetime | str | None = ...,
        customers: Iterable[str] | None = ...,
        without: Iterable[str] = ...,
        notice_days: int = ...,
        cap_percent: Decimal | int | str | None = ...,
        stages: Iterable[int] = ...,
        id: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> PriceMigration: ...
    async def preview(
        self,
        plan: str | Iterable[str],
        to: str,
        *,
        effective_at: datetime | str | None = ...,
        customers: Iterable[str] | None = ...,
        without: Iterable[str] = ...,
        notice_days: int = ...,
        cap_percent: Decimal | int | str | None = ...,
        stages: Iterable[int] = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> MigrationPreview: ...
    async def run(
        self,
        id: str,
        *,
        stage: int | None = ...,
        at: datetime | None = ...,
        tell: Callable[[MigrationRun], object] = ...,
    ) -> MigrationRun: ...
    async def stop(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> PriceMigration: ...
    async def undo(
        self, id: str, *, at: datetime | None = ..., tell: Callable[[MigrationUndone], object] = ...
    ) -> MigrationUndone: ...

class AsyncPayments:
    async def cancel(self, id: str, *, at: datetime | None = ...) -> Intent: ...
    async def collect(
        self,
        invoice: str,
        amount: Money | str | None = ...,
        *,
        provider: str,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Intent: ...
    async def confirm(
        self,
        id: str,
        *,
        method: str = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Intent: ...
    async def get(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Intent: ...
    async def list(
        self,
        *,
        customer: str | None = ...,
        invoice: str | None = ...,
        state: IntentState | None = ...,
        set_aside: bool = ...,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[Intent]: ...
    async def refund(
        self,
        id: str,
        amount: Money | str | None = ...,
        *,
        reason: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Intent: ...
    async def retry(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Intent: ...
    async def run(
        self, at: datetime | None = ..., *, limit: int | None = ..., stop: Callable[[], bool] = ...
    ) -> Finished: ...

class AsyncOverrides:
    async def lift(
        self,
        customer: str,
        feature: str,
        *,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> None: ...
    async def of(
        self, customer: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Mapping[str, Override]: ...
    async def set(
        self,
        customer: str,
        feature: str,
        *,
        enabled: bool = ...,
        limit: int | None = ...,
        value: object = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Override: ...

class AsyncMirrors:
    async def ask(
        self,
        id: str,
        move: Move | MoveMaker,
        *,
        customer: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
    ) -> Made: ...
    async def biller(self, provider: str | Provider = ...) -> Bills: ...
    async def fetch(
        self, reference: str, *, provider: str | Provider = ..., at: datetime | None = ...
    ) -> Subscription: ...
    async def import_customers(
        self,
        *,
        provider: str | Provider = ...,
        tell: Callable[[Imported], object] = ...,
        at: datetime | None = ...,
    ) -> Imported: ...
    async def import_subscriptions(
        self,
        *,
        provider: str | Provider = ...,
        tell: Callable[[Imported], object] = ...,
        at: datetime | None = ...,
    ) -> Imported: ...
    async def keep(
        self,
        told: Mirrored,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Subscription: ...
    async def reconcile(
        self, *, provider: str | Provider = ..., apply: bool = ..., at: datetime | None = ...
    ) -> Reconciled: ...
    async def run(
        self,
        at: datetime | None = ...,
        *,
        provider: str | Provider = ...,
        limit: int | None = ...,
        stop: Callable[[], bool] = ...,
    ) -> ActsDone: ...
    async def start(
        self,
        customer: str,
        plan: str,
        *,
        currency: str | None = ...,
        seats: int = ...,
        trial_days: int | None = ...,
        after_trial: AfterTrial = ...,
        provider: str | Provider = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
    ) -> Made: ...

class AsyncMeterReports:
    async def check(
        self,
        metered: Iterable[Metered] | None = ...,
        *,
        provider: str | Provider = ...,
        at: datetime | None = ...,
    ) -> tuple[UsageDifference, ...]: ...
    async def list(
        self,
        *,
        state: ReportState | None = ...,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[UsageReport]: ...
    async def run(
        self,
        metered: Iterable[Metered] | None = ...,
        *,
        provider: str | Provider = ...,
        at: datetime | None = ...,
    ) -> UsageRun: ...

class AsyncInvoices:
    async def add_item(
        self,
        customer: str,
        description: str,
        amount: Money | str,
        *,
        quantity: Decimal | int | str = ...,
        subscription: str | None = ...,
        now: bool = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> InvoiceItem: ...
    async def balance(
        self, customer: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[Money, ...]: ...
    async def credit(
        self,
        id: str,
        amount: Money | str | None = ...,
        *,
        lines: Iterable[tuple[int, Money | str]] | Mapping[int, Money | str] | None = ...,
        reason: str | None = ...,
        refund: bool = ...,
        method: str = ...,
        reference: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Document: ...
    async def creditable(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[Money, ...]: ...
    async def explain(
        self,
        id: str,
        line: int | None = ...,
        *,
        events: int = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Trace: ...
    async def get(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Document: ...
    async def html(
        self,
        id: str,
        *,
        locale: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> str: ...
    async def list(
        self,
        *,
        customer: str | None = ...,
        subscription: str | None = ...,
        status: InvoiceStatus | None = ...,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[Document]: ...
    async def pay(
        self,
        id: str,
        amount: Money | str | None = ...,
        *,
        method: str = ...,
        reference: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Document: ...
    async def payments(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[Payment, ...]: ...
    async def preview(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Invoice: ...
    async def refund(
        self,
        id: str,
        amount: Money | str,
        *,
        reason: str | None = ...,
        method: str = ...,
        reference: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Document: ...
    async def replay(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Replay: ...
    async def retry(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> SetAside: ...
    async def run(
        self,
        at: datetime | None = ...,
        *,
        limit: int | None = ...,
        tell: Callable[[Run], object] = ...,
    ) -> Run: ...
    async def set_aside(
        self, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[SetAside, ...]: ...
    async def text(
        self,
        id: str,
        *,
        locale: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> str: ...
    async def uncollectible(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Document: ...
    async def update_draft(
        self,
        id: str,
        *,
        connection: AsyncConnection | AsyncSession | None = ...,
        **changes: str | None,
    ) -> Document: ...
    async def void(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Document: ...

class AsyncDunnings:
    async def get(
        self, invoice: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Climb: ...
    async def list(
        self,
        *,
        customer: str | None = ...,
        state: ClimbState | None = ...,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[Climb]: ...
    async def notices(
        self,
        *,
        customer: str | None = ...,
        after: int = ...,
        limit: int = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> tuple[Notice, ...]: ...

class AsyncCustomers:
    async def create(
        self,
        id: str | None = ...,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
        **fields: Unpack[CustomerFields],
    ) -> Customer: ...
    async def find(
        self,
        *,
        provider_id: str | None = ...,
        email: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Customer | None: ...
    async def forget(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Customer: ...
    async def get(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Customer: ...
    async def list(
        self,
        *,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[Customer]: ...
    async def parents(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[Parent, ...]: ...
    async def remove_parent(
        self,
        child: str,
        *,
        from_: datetime | str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Parent: ...
    async def set_parent(
        self,
        child: str,
        parent: str,
        *,
        from_: datetime | str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Parent: ...
    async def update(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
        **changes: Unpack[CustomerFields],
    ) -> Customer: ...

class AsyncCredits:
    async def balance(
        self,
        customer: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> tuple[Money, ...]: ...
    async def cancel_top_up(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> TopUpRow: ...
    async def end_top_up(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> RuleRow: ...
    async def get(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> GrantRow: ...
    async def grant(
        self,
        customer: str,
        amount: Money | str | None = ...,
        *,
        units: Decimal | int | str | None = ...,
        feature: str | None = ...,
        category: Category = ...,
        priority: int = ...,
        effective_at: datetime | str | None = ...,
        expires_at: datetime | str | None = ...,
        meters: Iterable[str] = ...,
        prices: Iterable[str] = ...,
        plans: Iterable[str] = ...,
        reason: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> GrantRow: ...
    async def list(
        self,
        customer: str,
        *,
        spent: bool = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> tuple[GrantRow, ...]: ...
    async def pay_top_up(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> GrantRow: ...
    async def top_up(
        self,
        customer: str,
        *,
        below: Money | str,
        add: Money | str,
        price: Money | str | None = ...,
        at_most: int | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> RuleRow: ...
    async def top_up_rules(
        self,
        customer: str,
        *,
        ended: bool = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> tuple[RuleRow, ...]: ...
    async def top_ups(
        self, customer: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[TopUpRow, ...]: ...
    async def trace(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> CreditTrace: ...
    async def transfer(
        self,
        id: str,
        amount: Money | Decimal | str,
        *,
        to: str,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> GrantRow: ...
    async def units(
        self,
        customer: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Mapping[str, Decimal]: ...
    async def void(
        self,
        id: str,
        amount: Money | Decimal | str | None = ...,
        *,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> GrantRow: ...

class AsyncCoupons:
    async def check(
        self,
        code: str,
        *,
        customer: str,
        subscription: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Qualification: ...
    async def end(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Redemption: ...
    async def get(
        self, id: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> Redemption: ...
    async def redeem(
        self,
        customer: str,
        code: str | None = ...,
        *,
        coupon: str | None = ...,
        subscription: str | None = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Redemption: ...
    async def redemptions(
        self, customer: str, *, connection: AsyncConnection | AsyncSession | None = ...
    ) -> tuple[Redemption, ...]: ...
    async def release(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Redemption: ...

class AsyncCheckouts:
    async def expire(self, id: str, *, at: datetime | None = ...) -> Checkout: ...
    async def get(
        self,
        id: str,
        *,
        customer: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Checkout: ...
    async def list(
        self,
        *,
        customer: str | None = ...,
        state: CheckoutState | None = ...,
        set_aside: bool = ...,
        limit: int = ...,
        starting_after: str | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Page[Checkout]: ...
    async def open(
        self,
        customer: str,
        *,
        quote: str | None = ...,
        plan: str | PlanWish | Mapping[str, Any] | None = ...,
        seats: int | None = ...,
        codes: Iterable[str] = ...,
        currency: str | None = ...,
        context: Mapping[str, str] | None = ...,
        success_url: str,
        cancel_url: str,
        provider: str = ...,
        biller: Biller = ...,
        idempotency_key: str | None = ...,
        at: datetime | None = ...,
    ) -> Checkout: ...
    async def portal(self, customer: str, return_url: str, *, provider: str = ...) -> str: ...
    async def refresh(
        self, id: str, *, customer: str | None = ..., at: datetime | None = ...
    ) -> Checkout: ...
    async def resolve(
        self,
        customer: str | None,
        plans: Iterable[str | PlanWish | Mapping[str, Any]],
        *,
        quantities: Mapping[str, int] | None = ...,
        codes: Iterable[str] = ...,
        currency: str | None = ...,
        context: Mapping[str, str] | None = ...,
        stated: Mapping[str, str] | None = ...,
        identities: Iterable[str] = ...,
        biller: Biller = ...,
        valid_for: timedelta = ...,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> tuple[ResolvedPlan, ...]: ...
    async def retry(
        self,
        id: str,
        *,
        at: datetime | None = ...,
        connection: AsyncConnection | AsyncSession | None = ...,
    ) -> Checkout: ...
    async def run(
        self, at: datetime | None = ..., *, limit: int | None = ..., stop: Callable[[], bool] = ...
    ) -> CheckoutRun: ...
