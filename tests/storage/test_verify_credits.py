"""The invariants of coupons, credits, taxes, dunning and notices, each seen to fail."""

from __future__ import annotations

import json
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import delete, insert, select, update

from tallystick.app.verify import verify_ledger
from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.storage.verify_credits import CREDIT_CHECKS
from tallystick.storage.verify_notices import NOTICE_CHECKS
from tallystick.storage.verify_redemptions import REDEMPTION_CHECKS
from tallystick.storage.verify_taxes import TAX_CHECKS
from tests.billed import bared
from tests.databases import new_postgresql
from tests.facade.billing import START, catalog, day, opened, usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tallystick import Tallystick
    from tallystick.storage.unit import Unit

CHECKS: Final = (*CREDIT_CHECKS, *REDEMPTION_CHECKS, *TAX_CHECKS, *NOTICE_CHECKS)
COUPONS: Final[list[dict[str, Any]]] = [
    {"id": "half", "percent_off": "50", "duration": "forever", "codes": ["HALF"]},
    {"id": "once", "amount_off": {"USD": "5.00"}, "codes": ["FIVE"]},
    {"id": "few", "percent_off": "20", "max_redemptions": 3, "codes": ["FEW"]},
]
RULES: Final[dict[str, Any]] = {
    "elsewhere": "untaxed",
    "rates": [{"country": "AT", "name": "USt", "percent": 20}],
}
LADDER: Final[dict[str, Any]] = {
    "steps": [0, {"days": 3, "access": "read_only", "notice": "payment_reminder"}],
    "end": "leave",
    "end_days": 60,
}
NOVEMBER: Final = day("2026-11-02")


def with_coupons(basic: str) -> Any:
    tree: Any = to_tree(catalog(basic))
    return read_catalog({**tree, "coupons": COUPONS})


def fill(tally: Tallystick) -> None:
    """Let a month pass in which everything happens that is checked here."""
    tally.publish(with_coupons("10.00"), author="anna", at=day("2026-01-02"))
    tally.seller.set(name="Us", address={"country": "AT"}, dunning=LADDER, at=START)
    tally.taxes.publish(read_tax_rules(RULES), author="anna", at=START)
    for name in ("tess", "beta", "c0", "c1", "c2"):
        tally.customers.create(name, currency="USD", address={"country": "AT"})
    tally.subscriptions.start("tess", "pro", seats=2, id="t", coupons=["HALF"], at=START)
    tally.subscriptions.start("beta", "basic", id="b", coupons=["FIVE", "FEW"], at=START)
    _grant_some(tally)
    for name in ("c0", "c1", "c2"):
        tally.subscriptions.start(name, "basic", id=f"s-{name}", at=START)
    tally.invoices.run(START)
    _pay_some(tally, START)
    _migrate_prices(tally)
    tally.coupons.release(tally.coupons.redeem("c0", "FEW").id)
    tally.invoices.run(NOVEMBER)


def _grant_some(tally: Tallystick) -> None:
    tally.credits.grant("tess", usd("1.00"), idempotency_key="gift", at=START)
    bought = tally.credits.grant("tess", usd("40.00"), category="paid", at=START).grant.id
    tally.credits.transfer(bought, usd("4.00"), to="beta", at=START)
    tally.credits.void(bought, usd("1.00"), idempotency_key="v", at=START)
    tally.credits.grant("c2", usd("9.00"), plans=["sms"], expires_at=day("2026-10-20"), at=START)


def _pay_some(tally: Tallystick, at: datetime) -> None:
    for each in tally.invoices.list(limit=100):
        if each.status == "open" and each.invoice.customer in {"c0", "c1"}:
            tally.invoices.pay(each.invoice.id, at=at)


def _migrate_prices(tally: Tallystick) -> None:
    at = day("2026-10-05")
    tally.publish(with_coupons("12.00"), author="anna", at=day("2026-10-02"))
    for id_, names in (("m", ["c0", "c1"]), ("n", ["c2"])):
        tally.price_migrations.plan(
            "basic", "basic", id=id_, customers=names, stages=[1], effective_at=NOVEMBER, at=at
        )
        tally.price_migrations.run(id_, at=at)
    tally.price_migrations.stop("m")
    tally.price_migrations.undo("n", at=at)


@contextmanager
def empty(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'ledger.db'}"
        return
    with new_postgresql() as url:
        yield url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def used(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tallystick]:
    """A ledger that was used for a month; what is planted in it is never committed."""
    with (
        empty(request.param, tmp_path_factory.mktemp("ledger")) as url,
        opened(url) as tally,
    ):
        fill(tally)
        yield tally


def test_every_invariant_holds_on_a_ledger_that_was_used(used: Tallystick) -> None:
    report = used.verify()
    assert report.broken == ()
    assert {check.name for check in CHECKS} <= {each.name for each in report.checks}


# --- what is planted ----------------------------------------------------------------------------


def put(table: str, where: dict[str, Any], **values: Any) -> Callable[[Unit], None]:
    """Change rows of a table from which everything that would refuse it was taken."""

    def plant(unit: Unit) -> None:
        bared(unit, table)
        found = getattr(unit.tables, table)
        mine = [found.c[name] == value for name, value in where.items()]
        assert unit.connection.execute(update(found).where(*mine).values(values)).rowcount

    return plant


def twice(table: str, where: dict[str, Any], **values: Any) -> Callable[[Unit], None]:
    """Store rows a second time, a little different."""

    def plant(unit: Unit) -> None:
        bared(unit, table)
        found = getattr(unit.tables, table)
        mine = [found.c[name] == value for name, value in where.items()]
        rows = unit.connection.execute(select(found).where(*mine)).mappings().all()
        assert rows
        unit.connection.execute(insert(found), [{**row, **values} for row in rows])

    return plant


def gone(table: str, **where: Any) -> Callable[[Unit], None]:
    def plant(unit: Unit) -> None:
        bared(unit, table)
        found = getattr(unit.tables, table)
        mine = [found.c[name] == value for name, value in where.items()]
        assert unit.connection.execute(delete(found).where(*mine)).rowcount

    return plant


def other_taxes(unit: Unit) -> None:
    """Move a minor unit of tax from one line to another: line and evidence agree, rates do not."""
    bared(unit, "invoice_lines")
    c = unit.tables.invoice_lines.c
    query = select(c.invoice_id, c.position, c.tax, c.evidence).where(
        c.customer_id == "tess", c.price_id.in_(("pro", "seat")), c.tax > 1
    )
    first, second = unit.connection.execute(query.order_by(c.invoice_id, c.position)).all()[:2]
    assert first.invoice_id == second.invoice_id
    for row, more in ((first, 1), (second, -1)):
        tree = json.loads(row.evidence)
        tree["taxes"][0]["amount"] += more
        mine = (c.invoice_id == row.invoice_id, c.position == row.position)
        unit.connection.execute(
            update(unit.tables.invoice_lines)
            .where(*mine)
            .values(tax=row.tax + more, evidence=json.dumps(tree))
        )


def elsewhere(unit: Unit) -> None:
    """Give a coupon of one subscription to another of its customer's."""
    put("redemptions", {"coupon_id": "half"}, subscription_id="none")(unit)


def twice_by_one(unit: Unit) -> None:
    """Let a coupon that acts once lower a second document."""
    bared(unit, "invoice_discounts")
    d, i, r = unit.tables.invoice_discounts, unit.tables.invoices.c, unit.tables.redemptions.c
    known = select(d).join(unit.tables.redemptions, r.id == d.c.redemption_id)
    row = unit.connection.execute(known.where(r.coupon_id == "once")).mappings().one()
    others = select(i.id).where(i.customer_id == "beta", i.id != row["invoice_id"])
    other = unit.connection.execute(others.where(i.number.is_not(None))).scalars().first()
    assert other is not None
    unit.connection.execute(insert(d).values({**row, "invoice_id": other}))


TESS: Final = {"customer_id": "tess"}
BETA: Final = {"customer_id": "beta"}
HALF: Final = {"coupon_id": "half"}
EXPIRED: Final = {"kind": "expired"}
MOVED: Final = {"migration_id": "m", "status": "moved"}
STEP: Final = {"customer_id": "beta", "kind": "payment_reminder"}
CHANGED: Final = {"kind": "price_change", "customer_id": "c0"}
VIOLATIONS: Final[dict[str, tuple[str, Callable[[Unit], object]]]] = {
    "a count too many": ("coupon-places", put("coupon_slots", {"slot": "coupon/few"}, claimed=2)),
    "a count beyond its bound": ("coupon-places", put("coupon_slots", {"claimed": 1}, most=0)),
    "a customer's count": ("coupon-places", put("customer_coupon_slots", BETA, claimed=0)),
    "a place given back that is held": (
        "coupon-places",
        put("redemptions", HALF, released_at=START),
    ),
    "a count that is lost": ("coupon-counts", gone("coupon_slots", slot="coupon/half")),
    "a customer's count that is lost": ("coupon-counts", gone("customer_coupon_slots", **BETA)),
    "a discount by what was given back": (
        "coupon-uses",
        put("redemptions", HALF, released_at=START),
    ),
    "a discount of another subscription": ("coupon-uses", elsewhere),
    "a discount beyond its line": (
        "coupon-uses",
        put("invoice_lines", {"customer_id": "tess", "price_id": "pro"}, discount=3_001),
    ),
    "an invoice below zero": (
        "coupon-uses",
        put("invoices", {"customer_id": "beta", "kind": "invoice"}, total=-1),
    ),
    "a coupon that acts twice": ("coupon-once", twice_by_one),
    "a discount that is lost": ("discounts-and-burns", gone("invoice_discounts")),
    "a discount of another amount": ("discounts-and-burns", put("invoice_discounts", {}, amount=1)),
    "a burn that is lost": ("discounts-and-burns", gone("credit_moves", kind="burned")),
    "a grant with more left": ("grants", put("credit_grants", TESS, remaining=Decimal(99_999))),
    "a grant below zero": ("grants", put("credit_grants", TESS, remaining=Decimal(-1))),
    "a burn that is not taken off": (
        "grants",
        twice("credit_moves", {"kind": "voided"}, number=99, cause="void/again"),
    ),
    "credits that nobody booked": ("journal-credits", gone("journal", credit="credits")),
    "a burn before its grant began": (
        "grant-times",
        put("credit_grants", TESS, effective_at=day("2027-01-01")),
    ),
    "a burn after its grant ended": (
        "grant-times",
        put("credit_grants", TESS, expires_at=day("2026-01-01")),
    ),
    "a grant expired too early": ("grant-times", put("credit_moves", EXPIRED, at=START)),
    "a transfer that came to nobody": (
        "grant-transfers",
        gone("credit_grants", source="transfer"),
    ),
    "a transfer out of nothing": ("grant-transfers", gone("credit_moves", kind="transferred")),
    "a transfer of another size": (
        "grant-transfers",
        put("credit_moves", {"kind": "transferred"}, size=Decimal(1)),
    ),
    "a tax that no evidence has": ("tax-evidence", put("invoice_lines", TESS, tax=1)),
    "evidence that is none": (
        "tax-evidence",
        put("invoice_lines", TESS, evidence='{"taxes": [{"name": "USt"}]}'),
    ),
    "evidence that is lost": ("tax-evidence", put("invoice_lines", TESS, evidence="{}")),
    "a tax that the rate does not make": ("tax-evidence", other_taxes),
    "rules that nobody published": ("tax-rules", gone("tax_rules")),
    "a step that was not done": ("dunning", put("dunning", BETA, attempts=0)),
    "a step too many": ("dunning", put("dunning", BETA, attempts=9)),
    "access that was taken": ("dunning", put("dunning", BETA, access="none")),
    "another time": ("dunning", put("dunning", BETA, next_at=NOVEMBER)),
    "a ladder that is none": ("dunning", put("dunning", BETA, ladder="{}")),
    "a ladder of no invoice": ("dunning", gone("invoices", **BETA)),
    "another subscription": ("dunning", put("dunning", BETA, subscription_id="t")),
    "recovered and not paid": (
        "dunning",
        put("dunning", BETA, state="recovered", access="full", next_at=None),
    ),
    "a move by no change": ("price-moves", gone("subscription_moves", kind="change")),
    "a move that is no move": ("price-moves", put("price_moves", MOVED, number=1)),
    "a move without a stage": ("price-moves", put("price_moves", MOVED, stage=None)),
    "a stage that never was": ("price-moves", put("price_moves", MOVED, stage=9)),
    "moved before it began": ("price-moves", put("price_migrations", {"id": "m"}, state="planned")),
    "planned after it was stopped": (
        "price-moves",
        put("price_moves", {"customer_id": "c1"}, status="planned"),
    ),
    "a migration that is lost": ("price-moves", gone("price_migrations", id="n")),
    "a step that nobody was told of": ("notices", gone("outbox", **STEP)),
    "a step that was told of twice": ("notices", twice("outbox", STEP, position=1_000)),
    "a step told of at another time": ("notices", put("outbox", STEP, at=NOVEMBER)),
    "a step told of that was not done": ("notices", put("outbox", STEP, cause="dunning/none/1")),
    "told to another": ("notices", put("outbox", STEP, customer_id="zoe")),
    "a price nobody was told of": ("notices", gone("outbox", **CHANGED)),
    "a price told of that stays": (
        "notices",
        put("price_moves", {"customer_id": "c0"}, status="skipped", number=None),
    ),
    "a price that stays, not told of": ("notices", gone("outbox", kind="price_change_undone")),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_violation_is_found_with_its_row(used: Tallystick, violation: str) -> None:
    name, plant = VIOLATIONS[violation]
    with used.begin() as unit:
        unit.as_all()
        plant(unit)
        report = verify_ledger(unit, CHECKS)
    broken = {each.name: each for each in report.broken}
    assert name in broken
    assert broken[name].rows
    assert all(row for row in broken[name].rows)


def test_each_check_is_among_those_seen_to_fail() -> None:
    assert {name for name, _ in VIOLATIONS.values()} == {check.name for check in CHECKS}


def test_what_was_planted_is_gone(used: Tallystick) -> None:
    assert used.verify().ok
