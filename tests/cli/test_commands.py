"""Each command as a person types it: what it prints, how it ends, and that it never tracebacks."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tallystick.app.catalog import load_catalog
from tallystick.cli import main
from tallystick.core.diff import diff
from tallystick.core.price_list import price_list_body
from tests.cli.typed import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PLANS = str(EXAMPLES / "plans.toml")
PRODUCTS = str(EXAMPLES / "products.yaml")
SHAPES = str(EXAMPLES / "shapes.yaml")
AS_POSTED = str(EXAMPLES / "products-as-posted.json")
COMMANDS = [
    "init",
    "lint",
    "plans",
    "check",
    "bill",
    "diff",
    "schema",
    "types",
    "conformance",
    "serve",
]
USAGE = str(EXAMPLES / "usage-2026-10.jsonl")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALLYSTICK_CATALOG", raising=False)
    monkeypatch.delenv("TALLYSTICK_ENVIRONMENT", raising=False)


def test_help_teaches_every_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert command in result.stdout
        told = run(command, "--help")
        assert told.exit_code == 0
        assert "Usage" in told.stdout


@pytest.mark.parametrize(
    ("sample", "name"), [("plans", "billing.toml"), ("products", "billing.yaml")]
)
def test_init_writes_a_clean_catalogue_and_never_overwrites(sample: str, name: str) -> None:
    assert run("init", "--sample", sample).exit_code == 0
    before = Path(name).read_bytes()
    assert run("lint").exit_code == 0
    assert run("plans").exit_code == 0
    again = run("init")
    assert again.exit_code == 2
    assert "already" in again.stderr
    assert Path(name).read_bytes() == before


def test_the_sample_of_plans_is_the_example_with_its_requests_as_a_quota() -> None:
    samples = EXAMPLES.parent / "src" / "tallystick" / "cli" / "samples"
    changes = diff(load_catalog(EXAMPLES / "plans.toml"), load_catalog(samples / "plans.toml"))
    assert {change.subject.feature for change in changes} == {"apiRequests"}
    same = (samples / "products.yaml").read_bytes()
    assert same == (EXAMPLES / "products.yaml").read_bytes()


def test_init_in_a_folder_that_is_not_there_is_told() -> None:
    result = run("init", "--folder", "nowhere")
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


def test_lint_says_hints_and_exits_with_0() -> None:
    result = run("lint", PLANS)
    assert result.exit_code == 0
    assert "custom: false" in result.stdout
    assert result.stdout.splitlines()[-1] == "plans.toml: 3 plans, no problem, 1 hint"


def test_lint_says_the_same_of_python_and_toml() -> None:
    python = run("lint", str(EXAMPLES / "plans.py")).stdout.replace("plans.py", "plans.toml")
    assert python == run("lint", PLANS).stdout


def test_lint_knows_the_time_and_names_a_coupon_that_has_ended(tmp_path: Path) -> None:
    products = json.loads(Path(AS_POSTED).read_text("utf-8"))["products"][:1]
    products[0]["plans"] = products[0]["plans"][:1]
    told = {}
    for end in ("2020-01-01T00:00:00Z", "2199-01-01T00:00:00Z"):
        code = {"code": "LATE", "endsAt": end}
        coupon = {"id": "sale", "percentOff": 10, "codes": ["SALE", code]}
        path = tmp_path / "billing.json"
        path.write_text(json.dumps({"coupons": [coupon], "products": products}), "utf-8")
        told[end] = run("lint", str(path))
    ended, going = told.values()
    place = "hint: coupons[0].codes[1].endsAt"
    assert place in ended.stdout
    assert "ended on 2020-01-01T00:00:00Z: it can be redeemed no more" in ended.stdout
    assert ended.exit_code == 0
    assert "ended" not in going.stdout


def test_the_sample_as_posted_fails_lint_with_both_cures_and_is_never_shown() -> None:
    result = run("lint", AS_POSTED)
    assert result.exit_code == 1
    assert "intervalCount" in result.stdout
    assert "stripe pull" in result.stdout
    for command in ("plans", "serve"):
        refused = run(command, AS_POSTED)
        assert refused.exit_code == 1
        assert refused.stdout == ""
        assert "intervalCount" in refused.stderr


def test_a_lock_file_with_the_counts_cures_it(tmp_path: Path) -> None:
    shutil.copy(AS_POSTED, tmp_path / "billing.json")
    lock = {
        "version": 1,
        "provider": "stripe",
        "environment": "test",
        "prices": {
            "price_stripe_monthly": {
                "provider_id": "price_1",
                "interval": "month",
                "interval_count": 1,
            },
            "price_stripe_quarterly": {
                "provider_id": "price_3",
                "interval": "month",
                "interval_count": 3,
            },
        },
    }
    (tmp_path / "billing.test.lock.json").write_text(json.dumps(lock))
    assert run("lint").exit_code == 0
    plans = json.loads(run("plans").stdout)["data"]["products"][0]["plans"]
    assert [(p["intervalCount"], p["priceVariantId"]) for p in plans] == [
        (1, "price_1"),
        (3, "price_3"),
    ]
    assert run("lint", "--environment", "live").exit_code == 1


def test_lint_gives_json_to_machines() -> None:
    tree = json.loads(run("lint", AS_POSTED, "--json").stdout)
    assert tree["ok"] is False
    assert tree["problems"][0]["path"] == "products[0].plans[1].intervalCount"
    assert json.loads(run("lint", PLANS, "--json").stdout)["ok"] is True


@pytest.mark.parametrize("view", ["compact", "full"])
def test_plans_prints_the_body_byte_for_byte(view: Any) -> None:
    result = run("plans", PRODUCTS, "--view", view)
    assert result.stdout_bytes == price_list_body(load_catalog(PRODUCTS), view)
    assert not result.stdout_bytes.endswith(b"\n")


def test_check_denies_with_a_way_out() -> None:
    result = run("check", PLANS, "free", "projects", "--used", "3")
    assert result.exit_code == 1
    assert "upgrade to: pro" in result.stdout
    tree = json.loads(run("check", PLANS, "free", "projects", "--used", "3", "--json").stdout)
    assert (tree["allowed"], tree["reason"], tree["upgrade_to"]) == (False, "limit_reached", "pro")


def test_check_allows() -> None:
    assert run("check", PLANS, "free", "projects", "--used", "2").exit_code == 0
    assert run("check", PLANS, "free", "projects", "--used", "0", "--requested", "3").exit_code == 0
    assert run("check", PLANS, "enterprise", "projects", "--used", "9999").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("check", "a"),
        ("check", PLANS, "free", "projects", "more"),
        ("check", PLANS, "nosuch", "projects"),
        ("bill", PLANS, "nosuch", "--usage", USAGE),
        ("bill", PLANS, "free"),
        ("lint", "missing.yaml"),
        ("lint",),
        ("plans", PLANS, "--view", "wide"),
        ("nosuch",),
        ("serve", PLANS, "--port", "70000"),
    ],
)
def test_wrong_usage_ends_with_2(words: tuple[str, ...], tmp_path: Path) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", ["-1", "1e3", "NaN", "abc", "9" * 5000, "١"])
def test_a_number_that_is_none_is_told(number: str) -> None:
    result = run("check", PLANS, "free", "projects", f"--used={number}")
    assert result.exit_code == 2  # 1 is "denied"
    assert "--used" in result.stderr


def test_the_catalogue_is_found_in_the_environment_and_the_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TALLYSTICK_CATALOG", PLANS)
    assert run("lint").exit_code == 0
    monkeypatch.delenv("TALLYSTICK_CATALOG")
    shutil.copy(PRODUCTS, "billing.yaml")
    assert "products" in run("plans").stdout


def test_bill_prints_lines_that_add_up() -> None:
    tree = json.loads(run("bill", SHAPES, "cloud-monthly", "--usage", USAGE, "--json").stdout)
    assert tree["total"] == sum(line["amount"] for line in tree["lines"])
    assert {line["key"] for line in tree["lines"]} >= {"requests", "seats", "projects"}
    based = json.loads(
        run("bill", SHAPES, "cloud-monthly", "--usage", USAGE, "--json", "--base").stdout
    )
    assert based["total"] == tree["total"] + 9900
    table = run("bill", SHAPES, "cloud-monthly", "--usage", USAGE).stdout
    assert table.splitlines()[-1] == "total  683.71 EUR"


def test_bill_explains_each_sum() -> None:
    result = run("bill", SHAPES, "cloud-monthly", "--usage", USAGE, "--explain")
    assert "1,927,908 - 1,000,000 included = 927,908" in result.stdout


def test_bill_reads_json_csv_and_standard_input() -> None:
    Path("u.json").write_text('{"apiRequests": 8500, "storage": "12000000000"}')
    with Path("u.csv").open("w", newline="") as file:
        table = [["key", "quantity"], ["apiRequests", "8500"], ["storage", "12000000000"]]
        csv.writer(file).writerows(table)
    Path("u.jsonl").write_text(
        '{"key": "apiRequests", "quantity": 8500}\n{"key": "storage", "quantity": 12000000000}\n'
    )
    answers = {
        run("bill", PLANS, "free", "--usage", f"u.{kind}").stdout
        for kind in ("json", "csv", "jsonl")
    }
    answers.add(
        run("bill", PLANS, "free", "--usage", "-", stdin=Path("u.jsonl").read_text()).stdout
    )
    assert len(answers) == 1
    assert "over the limit, no price" in answers.pop()


def test_bill_refuses_usage_of_two_customers_and_names_every_bad_key() -> None:
    Path("two.jsonl").write_text(
        "".join(
            json.dumps(
                {
                    "id": str(n),
                    "source": "s",
                    "customer": f"c{n}",
                    "type": "projects",
                    "occurred_at": "2026-10-01T00:00:00Z",
                    "properties": {},
                }
            )
            + "\n"
            for n in range(2)
        )
    )
    result = run("bill", PLANS, "free", "--usage", "two.jsonl")
    assert result.exit_code == 2
    assert "several customers" in result.stderr
    Path("bad.json").write_text('{"nosuch": 1, "support": 2, "projects": -1}')
    refused = run("bill", PLANS, "free", "--usage", "bad.json")
    assert refused.exit_code == 1
    Path("bad.json").write_text('{"nosuch": 1, "support": 2}')
    refused = run("bill", PLANS, "free", "--usage", "bad.json")
    assert all(key in refused.stderr for key in ("nosuch", "support"))


def test_diff_speaks_and_can_fail() -> None:
    same = run("diff", PRODUCTS, str(EXAMPLES / "products.json"), "--exit-code")
    assert (same.exit_code, same.stdout) == (0, "nothing changed\n")
    changed = run("diff", PRODUCTS, AS_POSTED, "--exit-code")
    assert changed.exit_code == 1
    assert "every 3 months" in changed.stdout
    assert json.loads(run("diff", PRODUCTS, AS_POSTED, "--json").stdout)


def test_schema_and_types_print_what_they_say() -> None:
    assert json.loads(run("schema").stdout)["$schema"].endswith("2020-12/schema")
    text = run("types", PLANS).stdout
    assert '"customDomains"' in text
    compile(text, "keys", "exec")


def test_conformance_closes_with_the_counts(tmp_path: Path) -> None:
    result = run("conformance")
    assert result.exit_code == 0
    assert "0 failed" in result.stdout.splitlines()[-1]
    case = {
        "id": "wrong",
        "kind": "round_amount",
        "input": {"amount": "10.275", "currency": "EUR"},
        "expected": {"rounded": "10.27"},
    }
    full = {
        "source": "s",
        "provenance": "p",
        "verified": "v",
        "policy": None,
        "stripe_user_expects": None,
    }
    text = {"description": "d", "notes": ""}
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"topic": "t", "count": 1, "cases": [{**case, **full, **text}]}))
    failed = run("conformance", str(file))
    assert failed.exit_code == 1
    assert failed.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 not applicable"
    assert json.loads(run("conformance", str(file), "--json").stdout)["got"]


def test_the_version_is_told() -> None:
    assert run("--version").stdout.startswith("tallystick 0.")


def test_ctrl_c_while_the_commands_are_loaded_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tallystick.cli.output.never_fail", interrupt)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
