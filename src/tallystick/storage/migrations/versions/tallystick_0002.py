"""Billing: subscriptions with their moves, documents, the journal and balances.

The statements are frozen here as text: what was applied once never changes with the code.  Tables
are the same on both databases but for how a column's type is spelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick.storage.revision import apply, undo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["downgrade", "upgrade"]

revision = "tallystick_0002"
down_revision = "tallystick_0001"
branch_labels = None
depends_on = None

TABLES: Final = (
    "subscriptions",
    "subscription_moves",
    "trials",
    "invoices",
    "invoice_lines",
    "invoice_items",
    "invoice_series",
    "payments",
    "journal",
    "balances",
    "sellers",
    "usage_watermark",
)

FUNCTIONS: Final = ("refuse_line",)

TYPES_ON_SQLITE: Final = {
    "{key}": "TEXT",
    "{moment}": "BIGINT",
    "{exact}": "TEXT",
    "{counted}": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
    "{late}": "received_at - occurred_at >= 60000000",
    "{pk_journal}": "",
}
TYPES_ON_POSTGRESQL: Final = {
    "{key}": 'TEXT COLLATE "C"',
    "{moment}": "TIMESTAMP WITH TIME ZONE",
    "{exact}": "NUMERIC",
    "{counted}": "BIGINT GENERATED ALWAYS AS IDENTITY",
    "{late}": "received_at - occurred_at >= interval '1 minute'",
    "{pk_journal}": "CONSTRAINT pk_{p}journal PRIMARY KEY (id),",
}

MADE: Final = (
    """
    CREATE TABLE {s}{p}subscriptions (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        group_key {key} NOT NULL,
        plan_id {key} NOT NULL,
        plan_version BIGINT NOT NULL,
        state TEXT NOT NULL,
        currency TEXT NOT NULL,
        due_at {moment},
        moves BIGINT NOT NULL,
        clock {moment} NOT NULL,
        snapshot TEXT NOT NULL,
        set_aside TEXT,
        created_at {moment} NOT NULL,
        CONSTRAINT pk_{p}subscriptions PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}subscriptions_id UNIQUE (id),
        CONSTRAINT fk_{p}subscriptions_customer_id
            FOREIGN KEY (customer_id) REFERENCES {s}{p}customers (id),
        CONSTRAINT ck_{p}subscriptions_state CHECK (
            state IN ('scheduled', 'trialing', 'active', 'past_due', 'paused', 'canceled', 'ended')
        ),
        CONSTRAINT ck_{p}subscriptions_currency CHECK (length(currency) = 3),
        CONSTRAINT ck_{p}subscriptions_plan_version CHECK (plan_version > 0),
        CONSTRAINT ck_{p}subscriptions_moves CHECK (moves > 0)
    )
    """,
    """
    CREATE UNIQUE INDEX uq_{p}subscriptions_live ON {s}{p}subscriptions (customer_id, group_key)
        WHERE state IN ('trialing', 'active', 'past_due', 'paused')
    """,
    """
    CREATE INDEX ix_{p}subscriptions_due ON {s}{p}subscriptions (due_at, id)
        WHERE due_at IS NOT NULL AND set_aside IS NULL
    """,
    """
    CREATE TABLE {s}{p}subscription_moves (
        customer_id {key} NOT NULL,
        subscription_id {key} NOT NULL,
        number BIGINT NOT NULL,
        kind TEXT NOT NULL,
        at {moment} NOT NULL,
        recorded_at {moment} NOT NULL,
        idempotency_key {key},
        digest TEXT NOT NULL,
        body TEXT NOT NULL,
        CONSTRAINT pk_{p}subscription_moves PRIMARY KEY (customer_id, subscription_id, number),
        CONSTRAINT uq_{p}subscription_moves_customer_id_idempotency_key
            UNIQUE (customer_id, idempotency_key),
        CONSTRAINT fk_{p}subscription_moves_subscription_id
            FOREIGN KEY (customer_id, subscription_id)
            REFERENCES {s}{p}subscriptions (customer_id, id),
        CONSTRAINT ck_{p}subscription_moves_number CHECK (number > 0),
        CONSTRAINT ck_{p}subscription_moves_kind CHECK (
            kind IN ('start', 'change', 'pause', 'resume', 'cancel', 'keep', 'unplan', 'lapse',
            'recover')
        )
    )
    """,
    """
    CREATE TABLE {s}{p}trials (
        identity {key} NOT NULL,
        customer_id {key} NOT NULL,
        subscription_id {key} NOT NULL,
        at {moment} NOT NULL,
        CONSTRAINT pk_{p}trials PRIMARY KEY (identity),
        CONSTRAINT uq_{p}trials_customer_id_identity UNIQUE (customer_id, identity),
        CONSTRAINT fk_{p}trials_subscription_id FOREIGN KEY (customer_id, subscription_id)
            REFERENCES {s}{p}subscriptions (customer_id, id)
    )
    """,
    """
    CREATE TABLE {s}{p}invoices (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        subscription_id {key},
        kind TEXT NOT NULL,
        status TEXT NOT NULL,
        cause {key} NOT NULL,
        currency TEXT NOT NULL,
        at {moment} NOT NULL,
        finalize_at {moment} NOT NULL,
        watermark {moment} NOT NULL,
        issued_at {moment},
        due_at {moment},
        series {key},
        number BIGINT,
        number_text {key},
        due TEXT NOT NULL,
        body TEXT,
        digest TEXT,
        chain TEXT,
        subtotal BIGINT NOT NULL,
        discount BIGINT NOT NULL,
        credit BIGINT NOT NULL,
        tax BIGINT NOT NULL,
        total BIGINT NOT NULL,
        balance BIGINT NOT NULL,
        amount_due BIGINT NOT NULL,
        paid BIGINT NOT NULL,
        credited BIGINT NOT NULL,
        noted BIGINT NOT NULL,
        refunded BIGINT NOT NULL,
        credits_id {key},
        net_days BIGINT,
        memo TEXT,
        po_number TEXT,
        set_aside TEXT,
        CONSTRAINT pk_{p}invoices PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}invoices_id UNIQUE (id),
        CONSTRAINT uq_{p}invoices_customer_id_cause UNIQUE (customer_id, cause),
        CONSTRAINT uq_{p}invoices_series_number UNIQUE (series, number),
        CONSTRAINT fk_{p}invoices_subscription_id FOREIGN KEY (customer_id, subscription_id)
            REFERENCES {s}{p}subscriptions (customer_id, id),
        CONSTRAINT fk_{p}invoices_credits_id FOREIGN KEY (customer_id, credits_id)
            REFERENCES {s}{p}invoices (customer_id, id),
        CONSTRAINT ck_{p}invoices_kind CHECK (kind IN ('invoice', 'credit_note')),
        CONSTRAINT ck_{p}invoices_status CHECK (
            status IN ('draft', 'open', 'paid', 'void', 'uncollectible', 'empty')
        ),
        CONSTRAINT ck_{p}invoices_currency CHECK (length(currency) = 3),
        CONSTRAINT ck_{p}invoices_finalize_at CHECK (finalize_at >= at),
        CONSTRAINT ck_{p}invoices_issued CHECK (
            (number IS NULL) = (status IN ('draft', 'empty'))
            AND (number IS NULL) = (series IS NULL)
            AND (number IS NULL) = (number_text IS NULL)
            AND (number IS NULL) = (issued_at IS NULL)
            AND (number IS NULL) = (body IS NULL)
            AND (number IS NULL) = (digest IS NULL)
            AND (number IS NULL) = (chain IS NULL)
        ),
        CONSTRAINT ck_{p}invoices_number CHECK (number IS NULL OR number > 0),
        CONSTRAINT ck_{p}invoices_sums CHECK (
            kind = 'credit_note' AND total <= 0
            OR kind = 'invoice' AND balance >= 0 AND amount_due >= 0
            AND amount_due = total - balance
        ),
        CONSTRAINT ck_{p}invoices_since CHECK (
            paid >= 0 AND refunded >= 0 AND refunded <= paid
            AND credited >= 0 AND credited <= noted
        ),
        CONSTRAINT ck_{p}invoices_owed CHECK (
            kind = 'credit_note' AND paid = 0 AND noted = 0
            OR kind = 'invoice' AND paid + credited <= amount_due AND noted <= total
        ),
        CONSTRAINT ck_{p}invoices_open CHECK (
            status NOT IN ('open', 'uncollectible') OR paid + credited < amount_due
        ),
        CONSTRAINT ck_{p}invoices_paid CHECK (
            status <> 'paid' OR kind = 'credit_note' OR paid + credited = amount_due
        )
    )
    """,
    """
    CREATE INDEX ix_{p}invoices_to_issue ON {s}{p}invoices (finalize_at, customer_id, cause)
        WHERE status = 'draft' AND set_aside IS NULL
    """,
    "CREATE INDEX ix_{p}invoices_number_text ON {s}{p}invoices (number_text)",
    """
    CREATE INDEX ix_{p}invoices_subscription_id ON {s}{p}invoices (customer_id, subscription_id)
    """,
    "CREATE INDEX ix_{p}invoices_credits_id ON {s}{p}invoices (customer_id, credits_id)",
    """
    CREATE TABLE {s}{p}invoice_lines (
        customer_id {key} NOT NULL,
        invoice_id {key} NOT NULL,
        position BIGINT NOT NULL,
        subscription_id {key} NOT NULL,
        item {key} NOT NULL,
        price_id {key} NOT NULL,
        offer {key} NOT NULL,
        kind {key} NOT NULL,
        window_start {moment} NOT NULL,
        window_end {moment} NOT NULL,
        group_key {key} NOT NULL,
        part {key} NOT NULL,
        quantity {exact} NOT NULL,
        billed {exact} NOT NULL,
        amount BIGINT NOT NULL,
        discount BIGINT NOT NULL,
        credit BIGINT NOT NULL,
        tax BIGINT NOT NULL,
        evidence TEXT NOT NULL,
        CONSTRAINT pk_{p}invoice_lines PRIMARY KEY (customer_id, invoice_id, position),
        CONSTRAINT fk_{p}invoice_lines_invoice_id FOREIGN KEY (customer_id, invoice_id)
            REFERENCES {s}{p}invoices (customer_id, id),
        CONSTRAINT ck_{p}invoice_lines_position CHECK (position > 0),
        CONSTRAINT ck_{p}invoice_lines_kind CHECK (
            kind IN ('fee', 'usage', 'credit', 'setup', 'minimum', 'item', 'late')
        ),
        CONSTRAINT ck_{p}invoice_lines_window CHECK (window_start <= window_end)
    )
    """,
    """
    CREATE UNIQUE INDEX uq_{p}invoice_lines_once ON {s}{p}invoice_lines (customer_id,
        subscription_id, item, price_id, kind, window_start, window_end, group_key, part)
    """,
    """
    CREATE TABLE {s}{p}invoice_items (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        subscription_id {key},
        description TEXT NOT NULL,
        quantity {exact} NOT NULL,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        at {moment} NOT NULL,
        idempotency_key {key},
        invoice_id {key},
        CONSTRAINT pk_{p}invoice_items PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}invoice_items_id UNIQUE (id),
        CONSTRAINT uq_{p}invoice_items_customer_id_idempotency_key
            UNIQUE (customer_id, idempotency_key),
        CONSTRAINT fk_{p}invoice_items_subscription_id FOREIGN KEY (customer_id, subscription_id)
            REFERENCES {s}{p}subscriptions (customer_id, id),
        CONSTRAINT fk_{p}invoice_items_invoice_id FOREIGN KEY (customer_id, invoice_id)
            REFERENCES {s}{p}invoices (customer_id, id),
        CONSTRAINT ck_{p}invoice_items_currency CHECK (length(currency) = 3)
    )
    """,
    """
    CREATE INDEX ix_{p}invoice_items_waiting ON {s}{p}invoice_items (customer_id, id)
        WHERE invoice_id IS NULL
    """,
    """
    CREATE TABLE {s}{p}invoice_series (
        series {key} NOT NULL,
        next BIGINT NOT NULL,
        chain TEXT NOT NULL,
        CONSTRAINT pk_{p}invoice_series PRIMARY KEY (series),
        CONSTRAINT ck_{p}invoice_series_next CHECK (next > 0)
    )
    """,
    """
    CREATE TABLE {s}{p}payments (
        customer_id {key} NOT NULL,
        id {key} NOT NULL,
        invoice_id {key} NOT NULL,
        kind TEXT NOT NULL,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        at {moment} NOT NULL,
        method TEXT NOT NULL,
        reference TEXT,
        idempotency_key {key},
        CONSTRAINT pk_{p}payments PRIMARY KEY (customer_id, id),
        CONSTRAINT uq_{p}payments_id UNIQUE (id),
        CONSTRAINT uq_{p}payments_customer_id_idempotency_key
            UNIQUE (customer_id, idempotency_key),
        CONSTRAINT fk_{p}payments_invoice_id FOREIGN KEY (customer_id, invoice_id)
            REFERENCES {s}{p}invoices (customer_id, id),
        CONSTRAINT ck_{p}payments_kind CHECK (kind IN ('payment', 'refund')),
        CONSTRAINT ck_{p}payments_amount CHECK (amount > 0),
        CONSTRAINT ck_{p}payments_currency CHECK (length(currency) = 3)
    )
    """,
    "CREATE INDEX ix_{p}payments_invoice_id ON {s}{p}payments (customer_id, invoice_id)",
    """
    CREATE TABLE {s}{p}journal (
        id {counted},
        customer_id {key} NOT NULL,
        at {moment} NOT NULL,
        cause {key} NOT NULL,
        debit {key} NOT NULL,
        credit {key} NOT NULL,
        minor BIGINT NOT NULL,
        currency TEXT NOT NULL,
        {pk_journal}
        CONSTRAINT uq_{p}journal_customer_id_cause_debit_credit
            UNIQUE (customer_id, cause, debit, credit),
        CONSTRAINT ck_{p}journal_accounts CHECK (debit <> credit),
        CONSTRAINT ck_{p}journal_minor CHECK (minor > 0),
        CONSTRAINT ck_{p}journal_currency CHECK (length(currency) = 3)
    )
    """,
    """
    CREATE TABLE {s}{p}balances (
        customer_id {key} NOT NULL,
        currency {key} NOT NULL,
        minor BIGINT NOT NULL,
        CONSTRAINT pk_{p}balances PRIMARY KEY (customer_id, currency),
        CONSTRAINT ck_{p}balances_minor CHECK (minor >= 0),
        CONSTRAINT ck_{p}balances_currency CHECK (length(currency) = 3)
    )
    """,
    """
    CREATE TABLE {s}{p}sellers (
        id {key} NOT NULL,
        facts TEXT NOT NULL,
        updated_at {moment} NOT NULL,
        CONSTRAINT pk_{p}sellers PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE {s}{p}usage_watermark (
        id BIGINT NOT NULL,
        closed_until {moment},
        CONSTRAINT pk_{p}usage_watermark PRIMARY KEY (id),
        CONSTRAINT ck_{p}usage_watermark_id CHECK (id = 1)
    )
    """,
    """
    CREATE INDEX ix_{p}usage_events_late ON {s}{p}usage_events (customer_id, received_at)
        WHERE kind <> 'use' OR {late}
    """,
)

# What is refused: on which table, what is done, in which case, and why.
ADDED_TO: Final = {
    "subscription_moves": "a move is never changed or removed: make another one",
    "trials": "a trial that was given is never changed or removed",
    "invoice_lines": "a line is never changed or removed: write a credit note",
    "payments": "a payment is never changed or removed: record a refund",
    "journal": "a journal entry is never changed or removed: post the reverse",
}
STAYS: Final = "customer_id, id, subscription_id, cause, currency, at, finalize_at, watermark, due"
ISSUED: Final = (
    f"{STAYS}, kind, issued_at, due_at, series, number, number_text, body, digest, chain,"
    " subtotal, discount, credit, tax, total, balance, amount_due, credits_id, net_days, memo,"
    " po_number"
)
ALLOWED: Final = (
    "'draft>open', 'draft>paid', 'draft>empty', 'open>paid', 'open>void', 'open>uncollectible',"
    " 'uncollectible>paid'"
)
CASES: Final = (
    (
        *("invoices", "invoices_issued", f"UPDATE OF {ISSUED}", "OLD.status <> 'draft'"),
        "an issued document is never changed or removed: write a credit note",
    ),
    (
        *("invoices", "invoices_cause", f"UPDATE OF {STAYS}", "OLD.status = 'draft'"),
        "what a draft is made of is never changed",
    ),
    (
        *("invoices", "invoices_status", "UPDATE OF status"),
        f"OLD.status <> NEW.status AND OLD.status || '>' || NEW.status NOT IN ({ALLOWED})",
        "a document never goes from that status to this one",
    ),
    (
        *("invoices", "invoices_begun", "INSERT", "NEW.status <> 'draft'"),
        "a document is never made but as a draft",
    ),
    (
        *("invoice_items", "invoice_items_billed", "UPDATE", "OLD.invoice_id IS NOT NULL"),
        "an item that stands on a document is never changed or removed",
    ),
)
KEPT: Final = {
    "invoices": "a document is never removed: void it",
    "invoice_items": "an item is never removed",
}
LINE: Final = "a line is never added to a document that was issued"
# A line waits here for whoever is about to issue its document.  Documents are looked up by their
# key, whatever the size of the table was when the query was planned.
FUNCTION: Final = """
    CREATE OR REPLACE FUNCTION {s}{p}refuse_line() RETURNS trigger LANGUAGE plpgsql
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM (
                SELECT i.status FROM {s}{p}invoices i WHERE (i.customer_id, i.id) IN (
                    SELECT DISTINCT a.customer_id, a.invoice_id FROM added a
                ) FOR SHARE OF i
            ) found WHERE found.status <> 'draft'
        ) THEN
            RAISE EXCEPTION USING MESSAGE = '{line}', ERRCODE = 'restrict_violation';
        END IF;
        RETURN NULL;
    END $$
"""


def _triggers_on_sqlite() -> Iterator[str]:
    refused = "BEGIN SELECT RAISE(ABORT, '{}'); END"
    for table, why in ADDED_TO.items():
        end = refused.format(why)
        yield f"CREATE TRIGGER {{p}}{table}_unchanged BEFORE UPDATE ON {{p}}{table} {end}"
        yield f"CREATE TRIGGER {{p}}{table}_kept BEFORE DELETE ON {{p}}{table} {end}"
    for table, name, what, case, why in CASES:
        end = refused.format(why)
        yield f"CREATE TRIGGER {{p}}{name} BEFORE {what} ON {{p}}{table} WHEN {case} {end}"
    for table, why in KEPT.items():
        end = refused.format(why)
        yield f"CREATE TRIGGER {{p}}{table}_kept BEFORE DELETE ON {{p}}{table} {end}"
    draft = (
        "(SELECT status FROM {p}invoices"
        " WHERE customer_id = NEW.customer_id AND id = NEW.invoice_id) <> 'draft'"
    )
    yield (
        "CREATE TRIGGER {p}invoice_lines_added BEFORE INSERT ON {p}invoice_lines"
        f" WHEN {draft} {refused.format(LINE)}"
    )


def _triggers_on_postgresql() -> Iterator[str]:
    refused = "EXECUTE FUNCTION {{s}}{{p}}refuse_change('{}')"
    for table, why in ADDED_TO.items():
        yield (
            f"CREATE TRIGGER {{p}}{table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE"
            f" ON {{s}}{{p}}{table} FOR EACH STATEMENT {refused.format(why)}"
        )
    for table, name, what, case, why in CASES:
        yield (
            f"CREATE TRIGGER {{p}}{name} BEFORE {what} ON {{s}}{{p}}{table}"
            f" FOR EACH ROW WHEN ({case}) {refused.format(why)}"
        )
    for table, why in KEPT.items():
        yield (
            f"CREATE TRIGGER {{p}}{table}_kept BEFORE DELETE OR TRUNCATE"
            f" ON {{s}}{{p}}{table} FOR EACH STATEMENT {refused.format(why)}"
        )
    yield FUNCTION.replace("{line}", LINE)
    yield (
        "CREATE TRIGGER {p}invoice_lines_added AFTER INSERT ON {s}{p}invoice_lines"
        " REFERENCING NEW TABLE AS added FOR EACH STATEMENT"
        " EXECUTE FUNCTION {s}{p}refuse_line()"
    )


def _spelled(types: Mapping[str, str]) -> Sequence[str]:
    made = []
    for statement in MADE:
        for name, words in types.items():
            statement = statement.replace(name, words)  # noqa: PLW2901 - one after the other
        made.append("\n".join(line for line in statement.splitlines() if line.strip()))
    return made


def upgrade() -> None:
    """Make the tables."""
    apply(
        revision,
        __file__,
        sqlite=(*_spelled(TYPES_ON_SQLITE), *_triggers_on_sqlite()),
        postgresql=(*_spelled(TYPES_ON_POSTGRESQL), *_triggers_on_postgresql()),
    )


def downgrade() -> None:
    """Drop the tables, where they hold nothing."""
    undo(revision, TABLES, FUNCTIONS, ("DROP INDEX {s}ix_{p}usage_events_late",))
