"""A Starlette program with limits: `uvicorn --app-dir examples starlette_app:app`.

Who asks is told by the header `x-org`; a program of yours would read its session.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from tallystick import Tallystick
from tallystick.integrations.asgi import Caller, Quota, RequireFeature, Use

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

tally = Tallystick(
    os.environ.get("DATABASE_URL", "sqlite:///starlette_app.db"),
    catalog=str(Path(__file__).with_name("saas_plans.toml")),
    default_plan="free",
)


def customer(caller: Caller | Request) -> str:
    return caller.headers["x-org"]


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    await tally.aio.migrate()
    await tally.aio.publish(author="starlette")
    yield


async def create_project(_: Request) -> JSONResponse:
    return JSONResponse({"ok": True}, 201)


async def delete_project(request: Request) -> JSONResponse:
    left = await tally.aio.give_back(customer(request), "projects")
    return JSONResponse({"left": left.remaining})


async def answer(_: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


counted = Middleware(Use, tally, "projects", customer=customer)
limited = Middleware(Quota, tally, "apiRequests", customer=customer)
included = Middleware(RequireFeature, tally, "customDomains", customer=customer)

app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/projects", create_project, methods=["POST"], middleware=[counted]),
        Route("/projects", delete_project, methods=["DELETE"]),
        Route("/search", answer, middleware=[limited]),
        Route("/domains", answer, methods=["POST"], middleware=[included]),
    ],
)
