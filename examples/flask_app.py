"""A Flask program with limits: `flask --app examples/flask_app run`.

Who asks is told by the header `x-org`; a program of yours would read its session.
"""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Request, render_template_string, request

from tallystick import Tallystick
from tallystick.integrations.flask import Billing

PAGE = """\
{% if "customDomains" is feature %}Your domain{% else %}Domains come with Pro{% endif %},
{{ feature("projects").remaining }} projects left
"""

tally = Tallystick(
    os.environ.get("DATABASE_URL", "sqlite:///flask_app.db"),
    catalog=str(Path(__file__).with_name("saas_plans.toml")),
    default_plan="free",
)


def customer(asked: Request) -> str:
    return asked.headers["x-org"]


app = Flask(__name__)
billing = Billing(tally, app, customer=customer)


@app.post("/projects")
@billing.use("projects")
def create_project() -> tuple[dict[str, bool], int]:
    return {"ok": True}, 201


@app.delete("/projects")
def delete_project() -> dict[str, object]:
    return {"left": tally.give_back(customer(request), "projects").remaining}


@app.get("/search")
@billing.quota("apiRequests")
def search() -> dict[str, bool]:
    return {"ok": True}


@app.post("/domains")
@billing.require_feature("customDomains")
def add_domain() -> dict[str, bool]:
    return {"ok": True}


@app.get("/")
def page() -> str:
    return render_template_string(PAGE)
