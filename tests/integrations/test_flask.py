"""Limits in a Flask program, driven through the program itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, abort, render_template_string, request

from tallystick.errors import SetupError, StorageUnavailable
from tallystick.integrations.flask import Billing, require_feature, requires_scopes

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tallystick import Tallystick

ACME = {"x-org": "acme"}
PAGE = '{{ "yes" if "customDomains" is feature else "no" }} {{ feature("projects").remaining }}'


def by_header(asked: Any) -> str:
    return str(asked.headers["x-org"])


def signed_in(asked: Any) -> SimpleNamespace:
    return SimpleNamespace(scopes=frozenset(asked.headers["x-scopes"].split()))


def error_of(answer: Any) -> dict[str, Any]:
    error: dict[str, Any] = answer.json["error"]
    return error


def data_of(answer: Any) -> dict[str, Any]:
    data: dict[str, Any] = answer.json["data"]
    return data


def program(tally: Tallystick) -> Flask:
    app = Flask("shop")
    billing = Billing(tally, customer=by_header, principal=signed_in)

    @app.post("/projects")
    @billing.use("projects")
    def create_project() -> Any:
        status = request.args.get("status", 200, type=int)
        if status == 500:
            raise RuntimeError("the view failed")
        if status == 404:
            abort(404)
        return {"held": str(tally.check("acme", "projects").reserved)}, status

    @app.get("/search")
    @billing.quota("apiRequests", lambda asked: asked.args["n"])
    async def search() -> str:
        return "found"

    @app.get("/domains")
    @require_feature("customDomains")
    def domains() -> str:
        return "yours"

    @app.delete("/projects")
    @requires_scopes("projects.write")
    def delete_project() -> str:
        return "gone"

    @app.get("/page")
    def page() -> str:
        return render_template_string(PAGE)

    billing.init_app(app)
    return app


@pytest.fixture
def client(tally: Tallystick) -> FlaskClient:
    return program(tally).test_client()


def test_a_unit_is_held_while_the_view_runs_and_counts_after_it(
    client: FlaskClient, tally: Tallystick
) -> None:
    answer = client.post("/projects", headers=ACME)
    assert (answer.status_code, answer.json) == (200, {"held": "1"})
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (1, 0)


@pytest.mark.parametrize(("status", "used"), [(201, 1), (303, 1), (400, 0), (404, 0), (500, 0)])
def test_only_what_succeeded_is_used(
    client: FlaskClient, tally: Tallystick, status: int, used: int
) -> None:
    assert client.post(f"/projects?status={status}", headers=ACME).status_code == status
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (used, 0)


def test_at_the_limit_the_answer_is_429_in_the_envelope(
    client: FlaskClient, tally: Tallystick
) -> None:
    answers = [client.post("/projects", headers=ACME) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert error_of(answers[2])["code"] == "QUOTA_EXCEEDED"
    assert error_of(answers[2])["details"]["upgrade_to"] == "pro"
    assert tally.check("acme", "projects").used == 2


def test_a_quota_says_when_it_starts_again(client: FlaskClient) -> None:
    assert client.get("/search?n=3", headers=ACME).data == b"found"
    answer = client.get("/search?n=1", headers=ACME)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 86_400


def test_who_is_nobody_is_answered_401(client: FlaskClient) -> None:
    for path in ("/projects", "/projects?status=500"):
        answer = client.post(path)
        assert (answer.status_code, error_of(answer)["code"]) == (401, "UNAUTHORIZED")
    assert client.get("/domains").status_code == 401
    assert client.delete("/projects").status_code == 401


def test_features_and_scopes_are_asked_for(client: FlaskClient, tally: Tallystick) -> None:
    assert client.get("/domains", headers=ACME).status_code == 403
    assert client.get("/page", headers=ACME).text == "no 2"
    tally.customers.create("acme", name="Acme", currency="USD")
    tally.subscriptions.start("acme", "pro")
    assert client.get("/domains", headers=ACME).status_code == 200
    assert client.get("/page", headers=ACME).text == "yes 50"
    assert client.get("/page").status_code == 401
    assert client.delete("/projects", headers={"x-scopes": "projects"}).status_code == 403
    assert client.delete("/projects", headers={"x-scopes": "projects.write"}).data == b"gone"


def test_the_price_list_is_answered(client: FlaskClient) -> None:
    answer = client.get("/api/v1/plans")
    assert [each["id"] for each in data_of(answer)["products"]] == ["free", "pro"]
    etag = answer.headers["etag"]
    assert client.get("/api/v1/plans", headers={"if-none-match": etag}).status_code == 304
    full = data_of(client.get("/api/v1/plans?view=full&currency=USD"))
    assert "prices" in full["products"][1]["plans"][0]
    for query in ("view=other", "view=full&view=full", "currency=nothing"):
        bad = client.get(f"/api/v1/plans?{query}")
        assert (bad.status_code, error_of(bad)["code"]) == (422, "VALIDATION_ERROR")


def test_what_could_not_be_committed_is_not_answered_as_done(
    client: FlaskClient, tally: Tallystick, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("the database does not answer")

    monkeypatch.setattr(type(tally), "commit", away)
    assert client.post("/projects", headers=ACME).status_code == 503
    access = tally.check("acme", "projects")
    assert (access.used, access.reserved) == (0, 0)


def test_what_cannot_work_is_refused_when_the_program_starts(tally: Tallystick) -> None:
    billing = Billing(tally, customer=by_header)
    for wrong in ("project", "customDomains"):
        with pytest.raises(SetupError):
            billing.use(wrong)
    with pytest.raises(SetupError, match="never starts again"):
        billing.quota("projects")
    with pytest.raises(SetupError, match="no plan"):
        billing.require_feature("nothing")
    app = Flask("shop")
    app.testing = True
    app.add_url_rule("/", "domains", billing.require_feature("customDomains")(Response))
    with pytest.raises(SetupError, match="init_app"):
        app.test_client().get("/", headers=ACME)
    with pytest.raises(SetupError, match="another Billing"):
        Billing(tally, program(tally), customer=by_header)


def test_the_plan_may_be_kept_by_the_host(tally: Tallystick) -> None:
    app = Flask("shop")
    billing = Billing(tally, customer=by_header, plan=lambda asked: asked.headers.get("x-plan"))

    @app.post("/projects")
    @billing.use("projects", 3)
    def create() -> str:
        return "made"

    @app.get("/domains")
    @billing.require_feature("customDomains")
    def domains() -> str:
        return render_template_string(PAGE)

    billing.init_app(app)
    client = app.test_client()

    def answers(method: str, path: str, **more: str) -> int:
        return int(client.open(path, method=method, headers=ACME | more).status_code)

    assert answers("POST", "/projects") == 429, "the default plan"
    assert answers("GET", "/domains") == 403
    assert answers("POST", "/projects", **{"x-plan": "pro"}) == 200
    assert client.get("/domains", headers=ACME | {"x-plan": "pro"}).text.startswith("yes ")
    assert answers("GET", "/domains", **{"x-plan": "gold"}) == 403
    assert answers("POST", "/projects", **{"x-plan": "gold"}) == 403
    assert tally.check("acme", "projects", plan="pro").used == 3
