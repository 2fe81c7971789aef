"""The example's invoices: three months of a plan, with an upgrade, a coupon, credits and a tax.

Every act has its own time in those months, so that whoever runs it, and when, gets these figures.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from tallystick.cli.documents import print_document
from tallystick.cli.foresee import print_months
from tallystick.cli.invoice_explain import explain
from tallystick.cli.output import say, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tallystick.core.catalog import Catalog, Plan
    from tallystick.core.period import Period
    from tallystick.http.demo_invoices import DemoInvoices
    from tallystick.wiring import Tallystick

__all__ = ["bill_demo", "plan_before", "show_invoices", "show_year"]

MONTHS: Final = 3
_DAY: Final = timedelta(days=1)
_TAXES: Final = "taxes.yaml"
"""Beside the file of usage: the rates by which the example is taxed, if they are there."""

_CREDITS: Final = 2500
"""Minor units granted on the way: for an outage, so the reason says."""


def bill_demo(
    tally: Tallystick,
    catalog: Catalog[str, str],
    plan: Plan[str],
    customer: str,
    month: Period,
    folder: Path,
) -> None:
    """Sell to a customer for three months up to the end of a month, and bill what fell due.

    The second time nothing is left to do.  A plan that is not sold by the period bills nothing.
    `folder` may hold the tax rules.  Raises InvalidTaxRules.
    """
    if plan.custom or plan.one_time or not plan.active:
        return
    if tally.seller.get().party.name is None:
        tally.seller.set(
            name="Cloud Example Ltd",
            email="billing@cloud.example",
            address={"line1": "1 Example Quay", "city": "Dublin", "country": "IE"},
            net_days=14,
        )
    if (folder / _TAXES).is_file():
        tally.taxes.publish(folder / _TAXES, author="demo")
    subscription = f"example-{customer}"[:200]
    if not _is_sold(tally, customer, subscription):
        before = plan_before(catalog, plan)
        _sell(tally, customer, subscription, before, plan, month, _codes(catalog))
    tally.invoices.run(month.end + _DAY)
    _pay_first(tally, subscription)


def plan_before(catalog: Catalog[str, str], plan: Plan[str]) -> Plan[str] | None:
    """Give the plan below: the dearest of the cheaper ones that bill as often, in its group."""
    group = catalog.product_of(plan).group
    cheaper = [
        each
        for each in catalog
        if catalog.product_of(each).group == group
        and (each.currency, each.interval, each.count) == (plan.currency, plan.interval, plan.count)
        and each.active
        and not each.custom
        and _fee(each) < _fee(plan)
    ]
    return max(cheaper, key=_fee, default=None)


def _fee(plan: Plan[str]) -> int:
    from tallystick.core.line_item import bill
    from tallystick.core.money import Money

    lines = bill(plan, {}, base=True)
    return Money.total((line.amount for line in lines), plan.currency).minor


def _is_sold(tally: Tallystick, customer: str, subscription: str) -> bool:
    from tallystick.errors import NotFound

    try:
        tally.customers.get(customer)
    except NotFound:
        tally.customers.create(
            customer,
            name=customer.capitalize(),
            locale="en",
            address={"line1": "2 Sample Street", "city": "Cork", "country": "IE"},
        )
    try:
        tally.subscriptions.get(subscription)
    except NotFound:
        return False
    return True


def _sell(
    tally: Tallystick,
    customer: str,
    subscription: str,
    before: Plan[str] | None,
    plan: Plan[str],
    month: Period,
    codes: Sequence[str],
) -> None:
    """Start with a coupon on the plan below, upgrade in mid-month, get credits: all, or none."""
    from tallystick.core.calendar import boundary
    from tallystick.core.money import Money
    from tallystick.core.period import Cadence

    start = boundary(month.end, Cadence("month"), -MONTHS)
    middle = month.start + (month.end - month.start) // 2 // _DAY * _DAY
    seats = _seats(tally, customer, plan, month)
    with tally.storage.engine.begin() as connection:
        tally.subscriptions.start(
            customer,
            (before or plan).id,
            id=subscription,
            seats=1 if before else seats,
            coupons=codes,
            at=start,
            connection=connection,
        )
        if before is not None:
            tally.subscriptions.change(
                subscription, plan=plan.id, seats=seats, at=middle, connection=connection
            )
        tally.credits.grant(
            customer,
            Money(_CREDITS, plan.currency),
            reason="an outage on that day",
            at=middle,
            connection=connection,
        )


def _codes(catalog: Catalog[str, str]) -> list[str]:
    """Give a code of the first coupon that has one, if there is one."""
    codes = (code.code for coupon in catalog.coupons for code in coupon.codes)
    return list(islice(codes, 1))


def _seats(tally: Tallystick, customer: str, plan: Plan[str], month: Period) -> int:
    """Give as many seats as were in use, where the usage tells."""
    meters = tally.usage.meters()
    names = [each.meter for each in plan.prices if each.basis == "seats" and each.meter]
    used = [tally.usage.quantity(customer, meters[name], month) for name in names if name in meters]
    return max([1, *map(int, used)])


def _pay_first(tally: Tallystick, subscription: str) -> None:
    """Record that the first invoice was paid, nine days after it was issued."""
    for document in tally.invoices.list(subscription=subscription, limit=100):
        issued = document.invoice.issued_at
        if document.number == 1 and document.left and issued is not None:
            tally.invoices.pay(
                document.invoice.id,
                method="bank",
                reference="example transfer",
                idempotency_key=f"{subscription}-first",
                at=issued + 9 * _DAY,
            )


def show_invoices(tally: Tallystick, pages: DemoInvoices, database: str) -> None:
    """Print the invoices as a table, the last one whole, and the explanation of a line."""
    documents = pages.documents()
    say("", f"Invoices of {pages.customer}")
    rows = (
        [each.number, each.issued, f"{each.start} – {each.end}", str(each.total), each.status]
        for each in documents
    )
    say_table(["number", "issued", "period", "total", "status"], rows, right="total")
    last = documents[-1].number
    say("", f"$ tallystick invoice show {last} --database {database}")
    print_document(tally.invoices.get(last))
    found = pages.worth_a_look()
    if found is not None:
        number, line = found
        say("", f"$ tallystick invoice explain {number} {line} --database {database}")
        explain(tally, number, line)


def show_year(tally: Tallystick, customer: str, month: Period, database: str) -> None:
    """Print what the customer will be asked for in the year to come, used as in that month."""
    from tallystick.core.calendar import boundary
    from tallystick.core.period import Cadence

    now = month.end + _DAY
    until = boundary(month.end, Cadence("year"), 1) + _DAY
    words = f"--at {now:%Y-%m-%d} --until {until:%Y-%m-%d} --like last-1-month"
    say("", f"$ tallystick foresee {customer} {words} --database {database}")
    print_months(tally.foresee(customer, until, like=1, at=now))
