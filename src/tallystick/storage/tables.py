"""The tables: what a ledger keeps, under a prefix and, on PostgreSQL, in a schema of one's own.

Every name follows one convention, so that a later migration can name what it changes.  What the
columns mean stands with the values of `tallystick.core`; here stands what the database enforces.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tallystick.errors import SetupError
from tallystick.storage.billing_tables import make_billing_tables
from tallystick.storage.coupon_tables import make_coupon_tables
from tallystick.storage.credit_rule_tables import make_credit_rule_tables
from tallystick.storage.credit_tables import make_credit_tables
from tallystick.storage.gate_tables import make_gate_tables
from tallystick.storage.inbox_tables import make_inbox_tables
from tallystick.storage.intent_tables import make_intents
from tallystick.storage.lease_tables import make_lease_tables
from tallystick.storage.meter_report_tables import make_meter_reports
from tallystick.storage.parent_tables import make_parent_tables
from tallystick.storage.price_migration_tables import make_price_migration_tables
from tallystick.storage.provider_act_tables import make_provider_acts
from tallystick.storage.types import Exact, JsonText, Key, Moment, Serial

__all__ = ["PREFIX", "Tables", "tables_of"]

PREFIX: Final = "tallystick_"
"""What the names of our tables start with, unless the host chooses another."""

_LONGEST_PREFIX: Final = 13  # the longest name made of it stays within PostgreSQL's 63 bytes
_CONVENTION: Final = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Tables:
    """Our tables under one prefix and schema; `metadata` holds them all, and nothing else."""

    def __init__(self, prefix: str = PREFIX, schema: str | None = None) -> None:
        """Build the tables.

        Raises SetupError for a prefix or schema that is no plain lower-case name.
        """
        _check_names(prefix, schema)
        self.prefix, self.schema = prefix, schema
        self.metadata = MetaData(schema=schema, naming_convention=_CONVENTION)
        self.catalog_versions = _catalog_versions(self.metadata, prefix)
        self.plan_versions = _plan_versions(self.metadata, prefix)
        self.customers = _customers(self.metadata, prefix)
        self.usage_events = _usage_events(self.metadata, prefix)
        self.meters = _meters(self.metadata, prefix)
        self.usage_days = _usage_days(self.metadata, prefix)
        self.usage_values = _usage_values(self.metadata, prefix)
        self.migration_log = _migration_log(self.metadata, prefix)
        billing = make_billing_tables(self.metadata, prefix, self.usage_events)
        self.subscriptions = billing.subscriptions
        self.subscription_moves = billing.subscription_moves
        self.trials = billing.trials
        self.invoices = billing.invoices
        self.invoice_lines = billing.invoice_lines
        self.invoice_items = billing.invoice_items
        self.invoice_series = billing.invoice_series
        self.payments = billing.payments
        self.journal = billing.journal
        self.balances = billing.balances
        self.sellers = billing.sellers
        self.usage_watermark = billing.usage_watermark
        self.tax_rules = _tax_rules(self.metadata, prefix)
        coupons = make_coupon_tables(self.metadata, prefix)
        self.coupon_slots = coupons.coupon_slots
        self.customer_coupon_slots = coupons.customer_coupon_slots
        self.redemptions = coupons.redemptions
        self.invoice_discounts = coupons.invoice_discounts
        credits_ = make_credit_tables(self.metadata, prefix)
        self.credit_grants = credits_.credit_grants
        self.credit_moves = credits_.credit_moves
        by_rule = make_credit_rule_tables(self.metadata, prefix)
        self.plan_grants = by_rule.plan_grants
        self.top_up_rules = by_rule.top_up_rules
        self.top_ups = by_rule.top_ups
        self.dunning = billing.dunning
        self.outbox = billing.outbox
        moved = make_price_migration_tables(self.metadata, prefix)
        self.price_migrations = moved.price_migrations
        self.price_moves = moved.price_moves
        self.customer_parents, self.invoice_sections = make_parent_tables(self.metadata, prefix)
        limits = make_gate_tables(self.metadata, prefix)
        self.gates, self.reservations = limits.gates, limits.reservations
        leased = make_lease_tables(self.metadata, prefix)
        self.leases, self.entitlement_overrides = leased.leases, leased.entitlement_overrides
        self.intents, self.provider_acts, self.meter_reports = (
            make_intents(self.metadata, prefix),
            make_provider_acts(self.metadata, prefix),
            make_meter_reports(self.metadata, prefix),
        )
        self.provider_events, self.provider_objects = make_inbox_tables(self.metadata, prefix)

    @property
    def version_table(self) -> str:
        """The table in which Alembic keeps our revision, unless the host's own Alembic does."""
        return f"{self.prefix}version"

    @cached_property
    def names(self) -> frozenset[str]:
        """Every table that is ours, without its schema; the version table is one of them."""
        return frozenset({self.version_table, *(t.name for t in self.metadata.tables.values())})

    def __repr__(self) -> str:
        """Show where they are."""
        return f"Tables(prefix={self.prefix!r}, schema={self.schema!r})"


@lru_cache(maxsize=32)
def tables_of(prefix: str = PREFIX, schema: str | None = None) -> Tables:
    """Give the tables of a prefix and schema, built once: nobody changes them.

    What SQLAlchemy has compiled for them is good for every ledger on an engine.  Raises SetupError.
    """
    return Tables(prefix, schema)


def _check_names(prefix: str, schema: str | None) -> None:
    if re.fullmatch(r"([a-z_][a-z0-9_]*)?", prefix, re.ASCII) is None:
        raise SetupError(f"the prefix {prefix!r} is not made of a-z, 0-9 and _")
    if len(prefix) > _LONGEST_PREFIX:
        raise SetupError(f"the prefix {prefix!r} is longer than {_LONGEST_PREFIX} characters")
    if schema is not None and re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema, re.ASCII) is None:
        raise SetupError(f"the schema {schema!r} is not made of a-z, 0-9 and _")


def _catalog_versions(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}catalog_versions",
        metadata,
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("digest", Key, nullable=False),  # not unique: what was sold before may be again
        Column("author", Text, nullable=False),
        Column("published_at", Moment, nullable=False),
        Column("tree", Text, nullable=False),
        CheckConstraint("number > 0", name="number"),
    )


def _plan_versions(metadata: MetaData, prefix: str) -> Table:
    catalog = f"{prefix}catalog_versions.number"
    if metadata.schema is not None:
        catalog = f"{metadata.schema}.{catalog}"
    return Table(
        f"{prefix}plan_versions",
        metadata,
        Column("plan_id", Key, primary_key=True),
        Column("version", BigInteger, primary_key=True, autoincrement=False),
        Column("digest", Key, nullable=False),
        Column("catalog_number", BigInteger, ForeignKey(catalog), nullable=False),
        Column("tree", Text, nullable=False),
        Column("sold_at", Moment),
        CheckConstraint("version > 0", name="version"),
    )


def _tax_rules(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}tax_rules",
        metadata,
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("digest", Key, nullable=False, index=True),
        Column("author", Text, nullable=False),
        Column("published_at", Moment, nullable=False),
        Column("tree", Text, nullable=False),
        CheckConstraint("number > 0", name="number"),
    )


def _customers(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}customers",
        metadata,
        Column("id", Key, primary_key=True),
        Column("provider_id", Key, unique=True),
        Column("name", Text),
        Column("email", Key, index=True),
        Column("currency", Text),
        Column("time_zone", Text),
        Column("locale", Text),
        Column("address", JsonText),
        Column("tax_ids", JsonText),
        Column("metadata", JsonText),
        Column("created_at", Moment, nullable=False),
        Column("updated_at", Moment, nullable=False),
        Column("forgotten_at", Moment),
        Column("tax_exempt", Boolean),
        Column("provider", Key),
    )


def _usage_events(metadata: MetaData, prefix: str) -> Table:
    """Make the events.  Usage of a customer whom nobody has registered yet is kept all the same."""
    return Table(
        f"{prefix}usage_events",
        metadata,
        Column("seq", Serial, Identity(always=True), primary_key=True),
        Column("customer_id", Key, nullable=False),
        Column("source", Key, nullable=False),
        Column("id", Key, nullable=False),
        Column("kind", Text, nullable=False),
        Column("type", Key, nullable=False),
        Column("occurred_at", Moment, nullable=False),
        Column("received_at", Moment, nullable=False),
        Column("properties", Text, nullable=False),  # numbers stay numbers, as they were sent
        Column("digest", Text, nullable=False),
        Column("target_source", Key),
        Column("target_id", Key),
        # The id comes early: ids follow time, so new ones are written side by side.
        UniqueConstraint("source", "id", "customer_id"),
        Index(None, "customer_id", "type", "occurred_at"),
        Index(
            f"ix_{prefix}usage_events_target",
            "customer_id",
            "target_source",
            "target_id",
            postgresql_where=text("target_id IS NOT NULL"),
            sqlite_where=text("target_id IS NOT NULL"),
        ),
        Index(
            f"uq_{prefix}usage_events_voided",
            "customer_id",
            "target_source",
            "target_id",
            unique=True,
            postgresql_where=text("kind = 'void'"),
            sqlite_where=text("kind = 'void'"),
        ),
        CheckConstraint("kind IN ('use', 'void', 'amend')", name="kind"),
        CheckConstraint(
            "(kind = 'use') = (target_id IS NULL)"
            " AND (target_id IS NULL) = (target_source IS NULL)",
            name="target",
        ),
    )


def _meters(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}meters",
        metadata,
        Column("id", Serial, Identity(always=True), primary_key=True),
        Column("key", Key, nullable=False, index=True),
        Column("digest", Key, nullable=False, unique=True),
        Column("definition", JsonText, nullable=False),
        Column("state", Text, nullable=False),
        CheckConstraint("state IN ('building', 'ready', 'retired')", name="state"),
        sqlite_autoincrement=True,
    )


def _place(metadata: MetaData, prefix: str) -> list[Column[object]]:
    """Make the columns that say of which meter, customer, group and UTC day a figure is."""
    meter = f"{prefix}meters.id"
    if metadata.schema is not None:
        meter = f"{metadata.schema}.{meter}"
    return [
        Column("meter_id", BigInteger, ForeignKey(meter), primary_key=True, autoincrement=False),
        Column("customer_id", Key, primary_key=True),
        Column("group_key", Key, primary_key=True),
        Column("day", Date, primary_key=True),
    ]


def _usage_days(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}usage_days",
        metadata,
        *_place(metadata, prefix),
        Column("n", BigInteger, nullable=False),
        Column("total", Exact),
        Column("least", Exact),
        Column("most", Exact),
        Column("first_at", Moment),
        Column("last_at", Moment),
        Column("last_order", BigInteger),
        Column("last_value", Exact),
        Column("area", Exact),
        CheckConstraint("n >= 0", name="n"),
        sqlite_with_rowid=False,  # one tree instead of two: a roll-up is found by its key alone
    )


def _usage_values(metadata: MetaData, prefix: str) -> Table:
    """Make the distinct values of a day, each with how many events carry it."""
    return Table(
        f"{prefix}usage_values",
        metadata,
        *_place(metadata, prefix),
        Column("value", Key, primary_key=True),
        Column("n", BigInteger, nullable=False),
        CheckConstraint("n >= 0", name="n"),
        sqlite_with_rowid=False,
    )


def _migration_log(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}migration_log",
        metadata,
        Column("revision", Key, primary_key=True),
        Column("sha256", Text, nullable=False),
        Column("applied_at", Moment, nullable=False),
    )
