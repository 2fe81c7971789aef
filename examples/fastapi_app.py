"""A FastAPI program with limits: `uvicorn --app-dir examples fastapi_app:app`.

Who asks is told by the header `x-org`; a program of yours would read its session.
"""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI, Request

from tallystick import Tallystick
from tallystick.integrations.fastapi import Billing

tally = Tallystick(
    os.environ.get("DATABASE_URL", "sqlite:///fastapi_app.db"),
    catalog=str(Path(__file__).with_name("saas_plans.toml")),
    default_plan="free",
)


def customer(request: Request) -> str:
    return request.headers["x-org"]


billing = Billing(tally, customer=customer)
app = FastAPI(lifespan=billing.lifespan)
app.include_router(billing.router)


@app.post("/projects", dependencies=[billing.use("projects")], status_code=201)
def create_project() -> dict[str, bool]:
    return {"ok": True}


@app.delete("/projects")
async def delete_project(request: Request) -> dict[str, object]:
    left = await tally.aio.give_back(customer(request), "projects")
    return {"left": left.remaining}


@app.get("/search", dependencies=[billing.quota("apiRequests")])
def search() -> dict[str, bool]:
    return {"ok": True}


@app.post("/domains", dependencies=[billing.require_feature("customDomains")])
def add_domain() -> dict[str, bool]:
    return {"ok": True}
