"""The first tables: catalogue versions, customers, usage and its roll-ups.

The statements are frozen here as text: what was applied once never changes with the code.
"""

from __future__ import annotations

from typing import Final

from tallystick.storage.revision import apply, undo

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0001"
down_revision = None
branch_labels = ("tallystick",)
depends_on = None

TABLES: Final = (
    "catalog_versions",
    "plan_versions",
    "customers",
    "usage_events",
    "meters",
    "usage_days",
    "usage_values",
    "migration_log",
)

FUNCTIONS: Final = ("refuse_change",)

SQLITE: Final = (
    """
    CREATE TABLE {s}{p}catalog_versions (
        number BIGINT NOT NULL,
        digest TEXT NOT NULL,
        author TEXT NOT NULL,
        published_at BIGINT NOT NULL,
        tree TEXT NOT NULL,
        CONSTRAINT pk_{p}catalog_versions PRIMARY KEY (number),
        CONSTRAINT ck_{p}catalog_versions_number CHECK (number > 0)
    )
    """,
    """
    CREATE TABLE {s}{p}plan_versions (
        plan_id TEXT NOT NULL,
        version BIGINT NOT NULL,
        digest TEXT NOT NULL,
        catalog_number BIGINT NOT NULL,
        tree TEXT NOT NULL,
        sold_at BIGINT,
        CONSTRAINT pk_{p}plan_versions PRIMARY KEY (plan_id, version),
        CONSTRAINT ck_{p}plan_versions_version CHECK (version > 0),
        CONSTRAINT fk_{p}plan_versions_catalog_number
            FOREIGN KEY (catalog_number) REFERENCES {s}{p}catalog_versions (number)
    )
    """,
    """
    CREATE TABLE {s}{p}customers (
        id TEXT NOT NULL,
        provider_id TEXT,
        name TEXT,
        email TEXT,
        currency TEXT,
        time_zone TEXT,
        locale TEXT,
        address TEXT,
        tax_ids TEXT,
        metadata TEXT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        forgotten_at BIGINT,
        CONSTRAINT pk_{p}customers PRIMARY KEY (id),
        CONSTRAINT uq_{p}customers_provider_id UNIQUE (provider_id)
    )
    """,
    "CREATE INDEX ix_{p}customers_email ON {s}{p}customers (email)",
    """
    CREATE TABLE {s}{p}usage_events (
        seq INTEGER NOT NULL,
        customer_id TEXT NOT NULL,
        source TEXT NOT NULL,
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        type TEXT NOT NULL,
        occurred_at BIGINT NOT NULL,
        received_at BIGINT NOT NULL,
        properties TEXT NOT NULL,
        digest TEXT NOT NULL,
        target_source TEXT,
        target_id TEXT,
        CONSTRAINT pk_{p}usage_events PRIMARY KEY (seq),
        CONSTRAINT uq_{p}usage_events_source_id_customer_id UNIQUE (source, id, customer_id),
        CONSTRAINT ck_{p}usage_events_kind CHECK (kind IN ('use', 'void', 'amend')),
        CONSTRAINT ck_{p}usage_events_target CHECK (
            (kind = 'use') = (target_id IS NULL) AND (target_id IS NULL) = (target_source IS NULL)
        )
    )
    """,
    """
    CREATE INDEX ix_{p}usage_events_customer_id_type_occurred_at
        ON {s}{p}usage_events (customer_id, type, occurred_at)
    """,
    """
    CREATE INDEX ix_{p}usage_events_target
        ON {s}{p}usage_events (customer_id, target_source, target_id)
        WHERE target_id IS NOT NULL
    """,
    """
    CREATE UNIQUE INDEX uq_{p}usage_events_voided
        ON {s}{p}usage_events (customer_id, target_source, target_id) WHERE kind = 'void'
    """,
    """
    CREATE TABLE {s}{p}meters (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        "key" TEXT NOT NULL,
        digest TEXT NOT NULL,
        definition TEXT NOT NULL,
        state TEXT NOT NULL,
        CONSTRAINT ck_{p}meters_state CHECK (state IN ('building', 'ready', 'retired')),
        CONSTRAINT uq_{p}meters_digest UNIQUE (digest)
    )
    """,
    'CREATE INDEX ix_{p}meters_key ON {s}{p}meters ("key")',
    """
    CREATE TABLE {s}{p}usage_days (
        meter_id BIGINT NOT NULL,
        customer_id TEXT NOT NULL,
        group_key TEXT NOT NULL,
        day DATE NOT NULL,
        n BIGINT NOT NULL,
        total TEXT,
        least TEXT,
        most TEXT,
        first_at BIGINT,
        last_at BIGINT,
        last_order BIGINT,
        last_value TEXT,
        area TEXT,
        CONSTRAINT pk_{p}usage_days PRIMARY KEY (meter_id, customer_id, group_key, day),
        CONSTRAINT ck_{p}usage_days_n CHECK (n >= 0),
        CONSTRAINT fk_{p}usage_days_meter_id FOREIGN KEY (meter_id) REFERENCES {s}{p}meters (id)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE {s}{p}usage_values (
        meter_id BIGINT NOT NULL,
        customer_id TEXT NOT NULL,
        group_key TEXT NOT NULL,
        day DATE NOT NULL,
        value TEXT NOT NULL,
        n BIGINT NOT NULL,
        CONSTRAINT pk_{p}usage_values PRIMARY KEY (meter_id, customer_id, group_key, day, value),
        CONSTRAINT ck_{p}usage_values_n CHECK (n >= 0),
        CONSTRAINT fk_{p}usage_values_meter_id FOREIGN KEY (meter_id) REFERENCES {s}{p}meters (id)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE {s}{p}migration_log (
        revision TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        applied_at BIGINT NOT NULL,
        CONSTRAINT pk_{p}migration_log PRIMARY KEY (revision)
    )
    """,
    """
    CREATE TRIGGER {p}catalog_versions_unchanged BEFORE UPDATE ON {s}{p}catalog_versions
    BEGIN SELECT RAISE(ABORT, 'a published version is never changed or removed'); END
    """,
    """
    CREATE TRIGGER {p}catalog_versions_kept BEFORE DELETE ON {s}{p}catalog_versions
    BEGIN SELECT RAISE(ABORT, 'a published version is never changed or removed'); END
    """,
    """
    CREATE TRIGGER {p}plan_versions_unchanged
        BEFORE UPDATE OF plan_id, version, digest, catalog_number, tree ON {s}{p}plan_versions
    BEGIN SELECT RAISE(ABORT, 'a published version is never changed or removed'); END
    """,
    """
    CREATE TRIGGER {p}plan_versions_sold BEFORE UPDATE OF sold_at ON {s}{p}plan_versions
        WHEN OLD.sold_at IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a published version is never changed or removed'); END
    """,
    """
    CREATE TRIGGER {p}plan_versions_kept BEFORE DELETE ON {s}{p}plan_versions
    BEGIN SELECT RAISE(ABORT, 'a published version is never changed or removed'); END
    """,
    """
    CREATE TRIGGER {p}usage_events_unchanged BEFORE UPDATE ON {s}{p}usage_events
    BEGIN SELECT RAISE(ABORT, 'a stored event is never changed or removed: correct it'); END
    """,
    """
    CREATE TRIGGER {p}usage_events_kept BEFORE DELETE ON {s}{p}usage_events
    BEGIN SELECT RAISE(ABORT, 'a stored event is never changed or removed: correct it'); END
    """,
)

POSTGRESQL: Final = (
    """
    CREATE TABLE {s}{p}catalog_versions (
        number BIGINT NOT NULL,
        digest TEXT COLLATE "C" NOT NULL,
        author TEXT NOT NULL,
        published_at TIMESTAMP WITH TIME ZONE NOT NULL,
        tree TEXT NOT NULL,
        CONSTRAINT pk_{p}catalog_versions PRIMARY KEY (number),
        CONSTRAINT ck_{p}catalog_versions_number CHECK (number > 0)
    )
    """,
    """
    CREATE TABLE {s}{p}plan_versions (
        plan_id TEXT COLLATE "C" NOT NULL,
        version BIGINT NOT NULL,
        digest TEXT COLLATE "C" NOT NULL,
        catalog_number BIGINT NOT NULL,
        tree TEXT NOT NULL,
        sold_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_{p}plan_versions PRIMARY KEY (plan_id, version),
        CONSTRAINT ck_{p}plan_versions_version CHECK (version > 0),
        CONSTRAINT fk_{p}plan_versions_catalog_number
            FOREIGN KEY (catalog_number) REFERENCES {s}{p}catalog_versions (number)
    )
    """,
    """
    CREATE TABLE {s}{p}customers (
        id TEXT COLLATE "C" NOT NULL,
        provider_id TEXT COLLATE "C",
        name TEXT,
        email TEXT COLLATE "C",
        currency TEXT,
        time_zone TEXT,
        locale TEXT,
        address JSONB,
        tax_ids JSONB,
        metadata JSONB,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        forgotten_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_{p}customers PRIMARY KEY (id),
        CONSTRAINT uq_{p}customers_provider_id UNIQUE (provider_id)
    )
    """,
    "CREATE INDEX ix_{p}customers_email ON {s}{p}customers (email)",
    """
    CREATE TABLE {s}{p}usage_events (
        seq BIGINT GENERATED ALWAYS AS IDENTITY,
        customer_id TEXT COLLATE "C" NOT NULL,
        source TEXT COLLATE "C" NOT NULL,
        id TEXT COLLATE "C" NOT NULL,
        kind TEXT NOT NULL,
        type TEXT COLLATE "C" NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        properties TEXT NOT NULL,
        digest TEXT NOT NULL,
        target_source TEXT COLLATE "C",
        target_id TEXT COLLATE "C",
        CONSTRAINT pk_{p}usage_events PRIMARY KEY (seq),
        CONSTRAINT uq_{p}usage_events_source_id_customer_id UNIQUE (source, id, customer_id),
        CONSTRAINT ck_{p}usage_events_kind CHECK (kind IN ('use', 'void', 'amend')),
        CONSTRAINT ck_{p}usage_events_target CHECK (
            (kind = 'use') = (target_id IS NULL) AND (target_id IS NULL) = (target_source IS NULL)
        )
    )
    """,
    """
    CREATE INDEX ix_{p}usage_events_customer_id_type_occurred_at
        ON {s}{p}usage_events (customer_id, type, occurred_at)
    """,
    """
    CREATE INDEX ix_{p}usage_events_target
        ON {s}{p}usage_events (customer_id, target_source, target_id)
        WHERE target_id IS NOT NULL
    """,
    """
    CREATE UNIQUE INDEX uq_{p}usage_events_voided
        ON {s}{p}usage_events (customer_id, target_source, target_id) WHERE kind = 'void'
    """,
    """
    CREATE TABLE {s}{p}meters (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        key TEXT COLLATE "C" NOT NULL,
        digest TEXT COLLATE "C" NOT NULL,
        definition JSONB NOT NULL,
        state TEXT NOT NULL,
        CONSTRAINT pk_{p}meters PRIMARY KEY (id),
        CONSTRAINT ck_{p}meters_state CHECK (state IN ('building', 'ready', 'retired')),
        CONSTRAINT uq_{p}meters_digest UNIQUE (digest)
    )
    """,
    "CREATE INDEX ix_{p}meters_key ON {s}{p}meters (key)",
    """
    CREATE TABLE {s}{p}usage_days (
        meter_id BIGINT NOT NULL,
        customer_id TEXT COLLATE "C" NOT NULL,
        group_key TEXT COLLATE "C" NOT NULL,
        day DATE NOT NULL,
        n BIGINT NOT NULL,
        total NUMERIC,
        least NUMERIC,
        most NUMERIC,
        first_at TIMESTAMP WITH TIME ZONE,
        last_at TIMESTAMP WITH TIME ZONE,
        last_order BIGINT,
        last_value NUMERIC,
        area NUMERIC,
        CONSTRAINT pk_{p}usage_days PRIMARY KEY (meter_id, customer_id, group_key, day),
        CONSTRAINT ck_{p}usage_days_n CHECK (n >= 0),
        CONSTRAINT fk_{p}usage_days_meter_id FOREIGN KEY (meter_id) REFERENCES {s}{p}meters (id)
    )
    """,
    """
    CREATE TABLE {s}{p}usage_values (
        meter_id BIGINT NOT NULL,
        customer_id TEXT COLLATE "C" NOT NULL,
        group_key TEXT COLLATE "C" NOT NULL,
        day DATE NOT NULL,
        value TEXT COLLATE "C" NOT NULL,
        n BIGINT NOT NULL,
        CONSTRAINT pk_{p}usage_values PRIMARY KEY (meter_id, customer_id, group_key, day, value),
        CONSTRAINT ck_{p}usage_values_n CHECK (n >= 0),
        CONSTRAINT fk_{p}usage_values_meter_id FOREIGN KEY (meter_id) REFERENCES {s}{p}meters (id)
    )
    """,
    """
    CREATE TABLE {s}{p}migration_log (
        revision TEXT COLLATE "C" NOT NULL,
        sha256 TEXT NOT NULL,
        applied_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_{p}migration_log PRIMARY KEY (revision)
    )
    """,
    """
    CREATE OR REPLACE FUNCTION {s}{p}refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER {p}catalog_versions_kept
        BEFORE UPDATE OR DELETE ON {s}{p}catalog_versions
        FOR EACH ROW
        EXECUTE FUNCTION {s}{p}refuse_change('a published version is never changed or removed')
    """,
    """
    CREATE TRIGGER {p}plan_versions_kept
        BEFORE DELETE OR UPDATE OF plan_id, version, digest, catalog_number, tree
        ON {s}{p}plan_versions
        FOR EACH ROW
        EXECUTE FUNCTION {s}{p}refuse_change('a published version is never changed or removed')
    """,
    """
    CREATE TRIGGER {p}plan_versions_sold BEFORE UPDATE OF sold_at ON {s}{p}plan_versions
        FOR EACH ROW WHEN (OLD.sold_at IS NOT NULL)
        EXECUTE FUNCTION {s}{p}refuse_change('a published version is never changed or removed')
    """,
    """
    CREATE TRIGGER {p}usage_events_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {s}{p}usage_events
        FOR EACH STATEMENT EXECUTE FUNCTION
        {s}{p}refuse_change('a stored event is never changed or removed: correct it')
    """,
)


def upgrade() -> None:
    """Make the tables."""
    apply(revision, __file__, sqlite=SQLITE, postgresql=POSTGRESQL)


def downgrade() -> None:
    """Drop the tables, where they hold nothing."""
    undo(revision, TABLES, FUNCTIONS)
