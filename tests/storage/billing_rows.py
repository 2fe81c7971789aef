"""Rows of billing that belong to a customer: as many as are asked for, in every table."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from tallystick.core.credit import CreditGrant
from tallystick.core.credit_moves import TopUpRule
from tallystick.core.currency import CODES, currency
from tallystick.core.dunning import Ladder, Rung
from tallystick.core.intent import Intent, ProviderAccount, key_of
from tallystick.core.money import Money
from tallystick.core.move import Keep
from tallystick.core.override import Override
from tallystick.core.parent import Parent
from tallystick.core.period import Period
from tallystick.core.price_migration import PriceMigration, PriceMove
from tallystick.core.provider_act import ProviderAct, ProviderCall, act_key
from tallystick.core.usage_report import UsageReport
from tallystick.storage import (
    balances,
    dunning,
    gates,
    intents,
    invoice_items,
    invoices,
    leases,
    meter_reports,
    moves,
    outbox,
    overrides,
    payments,
    plan_grants,
    price_migrations,
    provider_acts,
    redemptions,
    subscriptions,
    top_ups,
)
from tallystick.storage import credits as credits_
from tallystick.storage.invoice_items import InvoiceItem
from tallystick.storage.journal import Entry, post
from tallystick.storage.parents import add_parent
from tallystick.storage.payments import Payment
from tallystick.storage.sections import add_sections
from tests.storage.billing_values import (
    AT,
    draft,
    eur,
    invoice,
    issued,
    later,
    line,
    move,
    subscription,
)

if TYPE_CHECKING:
    from tallystick.storage.unit import Unit

__all__ = ["fill_billing"]


def fill_billing(unit: Unit, customer: str, count: int) -> None:
    """Give a customer, who is stored already, so many rows in each table of billing."""
    codes = sorted(CODES)[:count]
    for place, code in enumerate(codes):
        id_ = f"{customer}_{place:03}"
        one = subscription(id_, customer, group=f"g{place}")
        subscriptions.insert_subscription(unit, one, later(days=place), AT)
        moves.add_moves(unit, [move(1, id_, customer=customer)])
        moves.hold_trial(unit, [f"customer/{id_}"], customer, id_, AT)
        of = draft(id_, customer, subscription_id=id_)
        invoices.insert_drafts(unit, [of])
        issued(unit, [invoice(of, line())])
        invoice_items.add_item(
            unit,
            InvoiceItem(
                customer=customer,
                id=id_,
                description="Hours",
                quantity=Decimal(1),
                amount=eur(1),
                at=AT,
            ),
        )
        payments.add_payment(
            unit,
            Payment(
                customer=customer, id=id_, invoice=id_, amount=eur(1), at=AT, method="transfer"
            ),
        )
        intents.add_intent(unit, _intent(customer, id_))
        meter_reports.add_reports(unit, [_usage_report(customer, id_)])
        provider_acts.add_act(unit, _act(customer, id_))
        post(
            unit,
            [
                Entry(
                    customer=customer,
                    at=AT,
                    cause=f"invoice/{id_}",
                    debit="receivable",
                    credit="revenue",
                    amount=eur(1),
                )
            ],
        )
        balances.add(unit, [(customer, Money(1, currency(code)))])
        dunning.begin(unit, [_climb(customer, id_)])
        outbox.put_notices(
            unit, [outbox.Notice(customer=customer, kind="payment_failed", cause=id_, at=AT)]
        )
        part = PriceMove(customer=customer, subscription=id_, item=one.items[0])
        price_migrations.add_migration(unit, _migration(id_), [part], one.currency)
        _fill_coupons(unit, customer, id_, place + 1)
        _fill_credits(unit, customer, id_, place + 1)
        since = later(days=place)
        add_parent(unit, Parent(customer=customer, parent=customer, from_at=since, until=since))
        add_sections(unit, [((customer, id_), (customer, id_))])
        _fill_gates(unit, customer, id_)


def _fill_coupons(unit: Unit, customer: str, id_: str, place: int) -> None:
    versions = unit.tables.catalog_versions
    if unit.connection.execute(select(versions.c.number)).first() is None:
        row = {"number": 1, "digest": "d", "author": "anna", "published_at": AT, "tree": "{}"}
        unit.connection.execute(insert(versions).values(row))
    redemptions.claim(unit, redemptions.Slot(f"coupon/{id_}", None, customer))
    redemptions.add_redemption(
        unit,
        redemptions.RedemptionRow(
            customer=customer,
            id=id_,
            coupon=id_,
            source="code",
            place=place,
            catalog_number=1,
            redeemed_at=AT,
            recorded_at=AT,
        ),
    )
    row = {"customer_id": customer, "invoice_id": id_, "redemption_id": id_, "amount": 1}
    unit.connection.execute(insert(unit.tables.invoice_discounts).values(row))


def _fill_credits(unit: Unit, customer: str, id_: str, place: int) -> None:
    grant = CreditGrant(id=id_, customer=customer, amount=eur(2), effective_at=AT, created=place)
    row = credits_.GrantRow(grant=grant, remaining=grant.size, recorded_at=AT)
    credits_.add_grant(unit, row)
    gone = credits_.CreditMove(
        customer=customer, grant=id_, kind="voided", size=Decimal(1), at=AT, cause="void/1"
    )
    credits_.move_grants(unit, [gone])
    source = plan_grants.PlanGrantRow(
        customer=customer,
        grant=id_,
        subscription=id_,
        offer="pro@1",
        credit="monthly",
        starts_at=AT,
    )
    plan_grants.add_plan_grants(unit, [source])
    rule = TopUpRule(threshold=eur(1), amount=eur(2))
    bought = top_ups.RuleRow(customer=customer, id=id_, rule=rule, price=eur(2), recorded_at=AT)
    top_ups.add_rule(unit, bought)
    top_ups.add_top_up(
        unit,
        top_ups.TopUpRow(
            customer=customer,
            id=id_,
            rule=id_,
            month="2026-01",
            number=1,
            size=Decimal(2),
            status="granted",
            at=AT,
            grant=id_,
        ),
    )
    top_ups.end_rule(unit, bought, AT)


def _fill_gates(unit: Unit, customer: str, id_: str) -> None:
    gates.take_turn(unit, customer, id_)
    row = gates.ReservationRow(
        customer=customer,
        id=id_,
        meter=id_,
        feature="projects",
        quantity=Decimal(1),
        token=gates.next_token(unit, customer, id_),
        reserved_at=AT,
        counts_at=AT,
        expires_at=later(days=1),
    )
    gates.add_reservation(unit, row)
    leased = leases.LeaseRow(
        customer=customer,
        id=id_,
        meter=id_,
        feature="calls",
        size=10,
        taken_at=AT,
        expires_at=later(hours=1),
    )
    leases.add_lease(unit, leased)
    overrides.add_override(unit, customer, id_, Override(limit=7), AT)


def _act(customer: str, id_: str) -> ProviderAct:
    return ProviderAct(
        customer=customer,
        id=id_,
        subscription=id_,
        provider="stripe",
        account=ProviderAccount("acct_1", live=True),
        reference=id_,
        move=Keep(),
        call=ProviderCall("update", {"cancel_at_period_end": False}),
        key=act_key(id_),
        created_at=AT,
        next_at=AT,
    )


def _intent(customer: str, id_: str) -> Intent:
    return Intent(
        customer=customer,
        id=id_,
        kind="collect",
        invoice=id_,
        provider="manual",
        account=ProviderAccount("manual", live=True),
        amount=eur(1),
        key=key_of(id_),
        label=id_,
        created_at=AT,
        next_at=AT,
    )


def _migration(id_: str) -> PriceMigration:
    return PriceMigration(id=id_, from_offers=("pro@1",), to_offer="pro@2", at=AT, planned_at=AT)


def _usage_report(customer: str, id_: str) -> UsageReport:
    return UsageReport(
        customer=customer,
        id=id_,
        meter=id_,
        event_name="calls",
        provider="stripe",
        account=ProviderAccount("acct_1", live=False),
        payer="cus_1",
        window=Period(AT, later(days=30)),
        gauge=False,
        number=1,
        value=Decimal(3),
        total=Decimal(3),
        at=AT,
        state="open",
        begun_at=AT,
        next_at=AT,
    )


def _climb(customer: str, invoice_id: str) -> dunning.Climb:
    return dunning.Climb(
        customer=customer,
        invoice=invoice_id,
        subscription=invoice_id,
        ladder=Ladder(steps=(Rung(0),), end="leave", end_days=1),
        attempts=0,
        state="waiting",
        access="full",
        next_at=AT,
    )
