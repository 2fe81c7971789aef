"""A small product that keeps to its plans: projects, files, custom domains and a counted API.

Run it: `uvicorn --app-dir examples fastapi_saas.app:app`; the README beside it goes on from there.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path as File
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Body, FastAPI, Path, Request
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from tallystick import Tallystick, get_feature_limit, load_catalog, map_usage_to_line_items
from tallystick.errors import Conflict, NotFound, PayloadTooLarge
from tallystick.integrations.fastapi import Billing, requires_scopes
from tallystick.tenancy import QuotaMiddleware, TenantLookup, TenantMiddleware, plan_of

from . import store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tallystick.tenancy import Tenant
    from tallystick.tenancy.facts import RequestFacts

SCOPES = ["api.read", "projects.write", "files.write", "domains.write"]
LARGEST_FILE = 10_000_000

Name = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9.-]{0,62}$")]

plans = load_catalog(File(__file__).with_name("plans.toml"))
tally = Tallystick(store.engine, catalog=plans)
tenants = TenantLookup(store.load_tenant, tally.clock)


def tenant_of(request: Request) -> Tenant:
    tenant: Tenant = request.state.tenant
    return tenant


def principal(request: RequestFacts) -> object:
    return store.principal_of(request.header("x-api-key"))


billing = Billing(
    tally,
    customer=lambda request: tenant_of(request).id,
    plan=lambda request: plan_of(tenant_of(request)),
    principal=lambda request: request.state.principal,
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    store.create_tables()
    async with billing.lifespan(app):
        yield


app = FastAPI(lifespan=lifespan)
app.include_router(billing.router)
app.add_middleware(QuotaMiddleware, quota_key="apiRequests", tally=tally)
app.add_middleware(  # added last, so it stands outside: first who asks, then their quota
    TenantMiddleware,
    config={
        "strategy": "shared",
        "resolution": ["subdomain", "custom_domain"],
        "domain": "localhost",
    },
    lookup_tenant=tenants,
    domain_lookup=store.tenant_of_domain,
    principal=principal,
    public=["/signup/*", "/api/v1/plans", "/docs", "/openapi.json"],
)


@app.post("/signup/{slug}", status_code=201)
def sign_up(slug: Name) -> dict[str, Any]:
    key = store.sign_up(slug, "free", SCOPES)
    limits = {each: get_feature_limit(plans["free"], each) for each in ("projects", "apiRequests")}
    return {"host": f"{slug}.localhost", "key": key, "limits": limits}


def change_plan(tenant: Tenant, plan: str) -> None:
    """Put a tenant on a plan: what the webhook of a checkout would call once it is paid."""
    store.put_on_plan(tenant.id, plans[plan].id)
    tenants.forget(tenant.id)


@app.get("/me", dependencies=[requires_scopes("api.read")])
def me(request: Request) -> dict[str, Any]:
    tenant = tenant_of(request)
    plan = plans[plan_of(tenant) or ""]
    limit = get_feature_limit(plan, "apiRequests")
    return {"tenantId": tenant.id, "plan": plan.id, "apiRequestLimit": limit}


@app.get("/usage", dependencies=[requires_scopes("api.read")])
def usage(request: Request) -> list[dict[str, Any]]:
    """What is used, and what it comes to."""
    tenant = tenant_of(request)
    plan = plan_of(tenant) or ""
    access = tally.check_all(tenant.id, plan=plan)
    used = {key: each.used for key, each in access.items() if each.limit is not None}
    return [
        {"feature": line.feature_key, "used": str(line.quantity), "amount": str(line.amount)}
        for line in map_usage_to_line_items(plans[plan], used)
    ]


# --- projects: counted in the transaction that makes them -----------------------------------------


@app.get("/projects", dependencies=[requires_scopes("api.read")])
def list_projects(request: Request) -> list[str]:
    mine = store.projects.c.tenant == tenant_of(request).id
    with store.engine.connect() as connection:
        return list(connection.scalars(select(store.projects.c.name).where(mine)))


@app.post("/projects/{name}", status_code=201, dependencies=[requires_scopes("projects.write")])
def create_project(request: Request, name: Name) -> dict[str, Any]:
    tenant = tenant_of(request)
    with store.engine.begin() as connection:  # the project and its count: both, or neither
        left = tally.use(tenant.id, "projects", plan=plan_of(tenant), connection=connection)
        try:
            connection.execute(insert(store.projects).values(tenant=tenant.id, name=name))
        except IntegrityError:
            raise Conflict(f"there is a project {name!r} already") from None
    return {"name": name, "left": left.remaining}


@app.delete("/projects/{name}", dependencies=[requires_scopes("projects.write")])
def delete_project(request: Request, name: Name) -> dict[str, Any]:
    tenant, table = tenant_of(request), store.projects
    with store.engine.begin() as connection:
        left = tally.give_back(tenant.id, "projects", plan=plan_of(tenant), connection=connection)
        this = (table.c.tenant == tenant.id) & (table.c.name == name)
        if not connection.execute(delete(table).where(this)).rowcount:
            raise NotFound("project", name)
    return {"left": left.remaining}


# --- files: as many bytes as they have ------------------------------------------------------------


@app.post("/files/{name}", status_code=201, dependencies=[requires_scopes("files.write")])
def store_file(
    request: Request,
    name: Name,
    content: Annotated[bytes, Body(media_type="application/octet-stream")],
) -> dict[str, Any]:
    tenant, size = tenant_of(request), len(content)
    if size > LARGEST_FILE:
        raise PayloadTooLarge(f"a file has at most {LARGEST_FILE:,} bytes")
    row = {"tenant": tenant.id, "name": name, "size": size, "content": content}
    with store.engine.begin() as connection:
        left = tally.use(tenant.id, "storage", size, plan=plan_of(tenant), connection=connection)
        try:
            connection.execute(insert(store.files).values(row))
        except IntegrityError:
            raise Conflict(f"there is a file {name!r} already") from None
    return {"name": name, "size": size, "left": left.remaining}


@app.delete("/files/{name}", dependencies=[requires_scopes("files.write")])
def delete_file(request: Request, name: Name) -> dict[str, Any]:
    tenant, table = tenant_of(request), store.files
    this = (table.c.tenant == tenant.id) & (table.c.name == name)
    with store.engine.begin() as connection:
        size = connection.scalar(select(table.c.size).where(this))
        if size is None:
            raise NotFound("file", name)
        left = tally.give_back(
            tenant.id, "storage", size, plan=plan_of(tenant), connection=connection
        )
        if not connection.execute(delete(table).where(this, table.c.size == size)).rowcount:
            raise NotFound("file", name)  # somebody else was quicker
    return {"left": left.remaining}


# --- custom domains: a switch of the plan ---------------------------------------------------------


@app.post(
    "/domains/{host}",
    status_code=201,
    dependencies=[requires_scopes("domains.write"), billing.require_feature("customDomains")],
)
def add_domain(request: Request, host: Name) -> dict[str, Any]:
    try:
        with store.engine.begin() as connection:
            row = {"host": host, "tenant": tenant_of(request).id}
            connection.execute(insert(store.domains).values(row))
    except IntegrityError:
        raise Conflict(f"{host!r} belongs to somebody already") from None
    return {"host": host}
