"""The product's own tables.  Each row names its tenant; each query asks for one tenant's rows."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from tallystick.errors import Conflict
from tallystick.storage.engine import open_engine
from tallystick.tenancy import Principal, Tenant

engine = open_engine(os.environ.get("DATABASE_URL", "sqlite:///fastapi_saas.db"))
schema = MetaData()

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7021)"


def of_tenant() -> Column[Any]:
    return Column("tenant", ForeignKey("tenants.id"), primary_key=True)


tenants = Table(
    "tenants",
    schema,
    Column("id", String, primary_key=True),
    Column("slug", String, nullable=False, unique=True),
    Column("status", String, nullable=False),
    Column("facts", JSON, nullable=False),
)
api_keys = Table(
    "api_keys",
    schema,
    Column("digest", String, primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("scopes", JSON, nullable=False),
)
domains = Table(
    "domains",
    schema,
    Column("host", String, primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
)
projects = Table("projects", schema, of_tenant(), Column("name", String, primary_key=True))
files = Table(
    "files",
    schema,
    of_tenant(),
    Column("name", String, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)


def create_tables() -> None:
    """Make what is not there yet; several processes may start at once."""
    alone = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else _ONE_AT_A_TIME
    with engine.begin() as connection:
        connection.exec_driver_sql(alone)
        schema.create_all(connection)


def sign_up(slug: str, plan: str, scopes: list[str]) -> str:
    """Make a tenant, and give its first key: it is shown once, and only its digest is kept."""
    key, id_ = secrets.token_urlsafe(32), f"t_{secrets.token_hex(8)}"
    row = {"id": id_, "slug": slug, "status": "active", "facts": {"plan": plan}}
    try:
        with engine.begin() as connection:
            connection.execute(insert(tenants).values(row))
            held = {"digest": digest(key), "tenant": id_, "scopes": scopes}
            connection.execute(insert(api_keys).values(held))
    except IntegrityError:
        raise Conflict(f"{slug!r} is taken: choose another name") from None
    return key


def load_tenant(name: str) -> Tenant | None:
    """Find a tenant by its id or its slug."""
    named = (tenants.c.id == name) | (tenants.c.slug == name)
    with engine.connect() as connection:
        row = connection.execute(select(tenants).where(named)).one_or_none()
    return None if row is None else Tenant(row.id, row.slug, row.status, row.facts)


def put_on_plan(tenant: str, plan: str) -> None:
    with engine.begin() as connection:
        this = tenants.c.id == tenant
        connection.execute(update(tenants).where(this).values(facts={"plan": plan}))


def principal_of(key: str | None) -> Principal | None:
    """Say who a key speaks for; None for no key, and for one that nobody has."""
    if key is None:
        return None
    this = api_keys.c.digest == digest(key)
    with engine.connect() as connection:
        row = connection.execute(select(api_keys).where(this)).one_or_none()
    return None if row is None else Principal(row.digest[:12], frozenset(row.scopes), row.tenant)


def tenant_of_domain(host: str) -> str | None:
    """Find the tenant whose own domain a host is; those of ours say it themselves."""
    if host == "localhost" or host.endswith(".localhost"):
        return None
    with engine.connect() as connection:
        found = select(domains.c.tenant).where(domains.c.host == host)
        return connection.execute(found).scalar_one_or_none()


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
