"""Grants of units: covered and billed add up to what was used, and grants burn in their order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.charge import Charge, Due
from tallystick.core.credit import CreditGrant, CreditScope, burn_order
from tallystick.core.credit_balance import GrantBalance
from tallystick.core.credit_units import covered_usage
from tallystick.core.explain import explain
from tallystick.core.line_tax import NOTHING
from tallystick.core.money import Money
from tallystick.core.period import Period
from tallystick.core.rating import rate, units_asked
from tallystick.core.rating.line import Earlier
from tallystick.core.rating.usage import Priced, Quantity, Transactions
from tallystick.core.reckoned_lines import Late, Used
from tallystick.core.subscription import Item
from tallystick.core.terms import prices_of
from tallystick.core.trees import tree_of, value_of
from tallystick.core.units_billed import UnitsBilled, granted_units
from tests.core.billing import USD, day, offers_of, reckoned, usd

if TYPE_CHECKING:
    from tallystick.core.invoice import Invoice

APRIL = Period(day("2027-04-01"), day("2027-05-01"))
START = day("2027-01-01")
ITEM = Item("plan", "p@1")
CHARGE = Charge(kind="usage", item=ITEM, price="m", window=APRIL, whole=APRIL)
DUE = Due(cause="boundary/s/2027-05-01T00:00:00Z", at=APRIL.end, charges=(CHARGE,))
HOUR = day("2027-05-01T01:00:00")


def offers(**price: Any) -> Any:
    metered = {"id": "m", "name": "Calls", "meter": "calls", "unit": "call"}
    shape = {"type": "per_unit", "cost": "0.01"}
    limits = [{"key": "requests", "meter": "calls"}, {"key": "mails", "limit": 5}]
    return offers_of(
        {
            "id": "p",
            "name": "P",
            "interval": "month",
            "limits": limits,
            "prices": [{**metered, **shape, **price}],
        }
    )


def grant(id_: str, units: object, **more: Any) -> GrantBalance:
    fields: dict[str, Any] = {"feature": "calls", "effective_at": START} | more
    amount = Decimal(str(units))
    return GrantBalance(CreditGrant(id=id_, customer="ada", amount=amount, **fields))


def used(quantity: object, **more: Any) -> dict[int, tuple[Used, ...]]:
    return {0: (Used(measured=Quantity(Decimal(str(quantity))), **more),)}


def burnt(invoice: Invoice) -> dict[str, Decimal]:
    return {each.grant: each.units for each in invoice.burns}


# --- what adds up ---------------------------------------------------------------------------------


@st.composite
def wallets(draw: st.DrawFn) -> list[GrantBalance]:
    """Grants with every fact that they are ordered by, some of which may not pay."""
    ends = st.sampled_from([None, APRIL.end, day("2027-06-01"), day("2027-07-01")])
    starts = st.sampled_from([START, APRIL.end, HOUR])
    found = []
    for number in range(draw(st.integers(0, 6))):
        begins, ended = draw(starts), draw(ends)
        if ended is not None and ended <= begins:
            ended = None
        found.append(
            grant(
                f"g{number}",
                draw(st.decimals("0.01", 400, places=2)),
                priority=draw(st.sampled_from([1, 50])),
                effective_at=begins,
                expires_at=ended,
                category=draw(st.sampled_from(["promotional", "paid"])),
                created=number,
            )
        )
    return found


@given(st.decimals(0, 1_500, places=3), st.integers(0, 500), wallets())
def test_what_was_used_is_included_or_granted_or_billed(
    quantity: Decimal, included: int, wallet: list[GrantBalance]
) -> None:
    of = offers(included=str(included))
    invoice = reckoned(DUE, of, used=used(quantity), grants=wallet)
    free = min(quantity, Decimal(included))
    billed = sum((line.billed for line in invoice.lines), Decimal(0))
    assert free + sum(burnt(invoice).values()) + billed == quantity
    assert invoice.subtotal == rate(prices_of(ITEM, of)["m"], Quantity(free + billed)).amount
    sizes = {each.grant.id: each.grant.size for each in wallet}
    assert all(0 < units <= sizes[name] for name, units in burnt(invoice).items())
    may = sorted((each.grant for each in wallet if each.grant.active_at(APRIL.end)), key=burn_order)
    spent = [burnt(invoice).get(each.id, Decimal(0)) for each in may]
    for (one, units), (_, after) in pairwise(zip(may, spent, strict=True)):
        assert units == one.size or not after, "one burns only after those before it are spent"
    assert not billed or spent == [each.size for each in may]
    again = value_of(type(invoice), tree_of(invoice))
    assert again == invoice


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=6),
    st.integers(0, 400),
    st.integers(0, 900),
)
def test_slices_add_up_to_the_whole_however_they_are_cut(
    parts: list[int], included: int, size: int
) -> None:
    of = offers(included=str(included))
    left, before, billed, to_date = Decimal(size), UnitsBilled(), 0, Decimal(0)
    earlier = None
    for number, part in enumerate(parts, start=1):
        to_date += part
        last = number == len(parts)
        use = used(to_date, earlier=earlier, before=before, last=last)
        wallet = [grant("g", left)] if left else []
        invoice = reckoned(DUE, of, used=use, grants=wallet)
        left -= sum(burnt(invoice).values(), Decimal(0))
        billed += invoice.subtotal.minor
        for line in invoice.lines:
            before = before.plus(line)
        earlier = Earlier(Quantity(to_date), Money(billed, USD), before.granted)
    whole = reckoned(DUE, of, used=used(to_date), grants=[grant("g", size)] if size else [])
    assert billed == whole.subtotal.minor
    assert Decimal(size) - left == sum(burnt(whole).values(), Decimal(0))


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 300), st.integers(0, 300))
def test_what_was_asked_for_is_asked_for_however_much_is_granted_later(
    first: int, more: int, granted: int, later: int
) -> None:
    of = offers()
    wallet = [grant("g", granted)] if granted else []
    on_time = reckoned(DUE, of, used=used(first), grants=wallet)
    before = UnitsBilled()
    for line in on_time.lines:
        before = before.plus(line)
    late = Late(
        charge=CHARGE,
        used=Used(measured=Quantity(Decimal(first + more)), before=before),
        billed=NOTHING.plus(on_time.lines[0]) if on_time.lines else NOTHING,
        part="next",
    )
    next_due = Due(cause="next", at=APRIL.end, charges=())
    wallet = [grant("h", later)] if later else []
    note = reckoned(next_due, of, late=(late,), grants=wallet)
    assert note.subtotal.minor == max(0, more - later)
    assert burnt(note).get("h", Decimal(0)) == min(more, later)


# --- what grants do not pay -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"feature": "mails"},
        {"feature": "none"},
        {"expires_at": APRIL.end},
        {"effective_at": HOUR},
        {"scope": CreditScope(prices=frozenset({"other"}))},
        {"scope": CreditScope(meters=frozenset({"other"}))},
        {"scope": CreditScope(plans=frozenset({"other"}))},
    ],
    ids=str,
)
def test_a_grant_of_something_else_pays_nothing(more: dict[str, Any]) -> None:
    invoice = reckoned(DUE, offers(), used=used(100), grants=[grant("g", 50, **more)])
    assert (invoice.burns, invoice.subtotal) == ((), usd("1.00"))


@pytest.mark.parametrize(
    "more",
    [
        {"feature": "requests"},
        {"scope": CreditScope(prices=frozenset({"m"}))},
        {"scope": CreditScope(meters=frozenset({"calls"}), plans=frozenset({"p"}))},
    ],
    ids=str,
)
def test_a_grant_of_the_meter_by_any_name_pays(more: dict[str, Any]) -> None:
    invoice = reckoned(DUE, offers(), used=used(100), grants=[grant("g", 50, **more)])
    assert (burnt(invoice), invoice.subtotal) == ({"g": 50}, usd("0.50"))


TIERS = [{"up_to": 100, "cost": "1.00"}, {"up_to": "unlimited", "cost": "0.10"}]


@pytest.mark.parametrize(
    ("price", "use", "amount"),
    [
        ({"allow_negative": True}, Used(measured=Quantity(Decimal(-50))), "-0.50"),
        ({}, Used(measured=Quantity(Decimal(50)), gauge=True), "0.50"),
        (
            {"type": "percentage", "cost": None, "percent": "1"},
            Used(measured=Transactions((Decimal(5_000),))),
            "0.50",
        ),
        (
            {"type": "dynamic", "cost": None},
            Used(measured=Priced(Decimal(5), Decimal(50))),
            "0.50",
        ),
        (
            {"type": "volume", "cost": None, "tiers": TIERS},
            Used(measured=Quantity(Decimal(50)), last=False),
            "0.00",
        ),
    ],
    ids=["below zero", "a level", "transactions", "prices of events", "tiers before the end"],
)
def test_what_is_not_counted_in_units_is_not_paid_by_them(
    price: dict[str, Any], use: Used, amount: str
) -> None:
    of = offers_of(
        {
            "id": "p",
            "name": "P",
            "interval": "month",
            "prices": [
                {
                    name: value
                    for name, value in {
                        "id": "m",
                        "name": "Calls",
                        "meter": "calls",
                        "unit": "call",
                        "type": "per_unit",
                        "cost": "0.01",
                        **price,
                    }.items()
                    if value is not None
                }
            ],
        }
    )
    invoice = reckoned(DUE, of, used={0: (use,)}, grants=[grant("g", 1_000)])
    assert (invoice.burns, invoice.subtotal) == ((), usd(amount))


# --- exact figures --------------------------------------------------------------------------------


def test_units_are_those_that_are_billed_cut_to_twelve_decimals() -> None:
    of = offers(convert={"operation": "multiply", "factor": "0.000000000000000003"}, cost="1.00")
    invoice = reckoned(DUE, of, used=used("1234567.000000000001"), grants=[grant("g", 5)])
    assert burnt(invoice) == {"g": Decimal("0.000000000003")}
    [line] = invoice.lines
    assert line.billed == Decimal("0.000000000000703701000000000003")


def test_a_part_of_a_period_has_its_part_of_the_allowance_and_grants_pay_whole() -> None:
    latter = Period(day("2027-04-16"), APRIL.end)
    charge = replace(CHARGE, window=latter, cut=True)
    due = replace(DUE, charges=(charge,))
    invoice = reckoned(due, offers(included="100"), used=used(90), grants=[grant("g", 30)])
    assert (burnt(invoice), invoice.lines[0].billed) == ({"g": 30}, 10)


def test_a_huge_quantity_takes_no_more_than_there_is() -> None:
    invoice = reckoned(DUE, offers(cost="0"), used=used("9" * 29), grants=[grant("g", 7)])
    assert burnt(invoice) == {"g": 7}


def test_what_is_left_to_pay_for_is_told_by_the_price() -> None:
    price = prices_of(ITEM, offers(included="100"))["m"]
    asked = [units_asked(price, Quantity(Decimal(each))) for each in (-5, 0, 100, 101)]
    assert asked == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("granted", "text"),
    [
        ("30", "Calls  100 - 30 paid by grants = 70"),
        ("100", "Calls  100 within 100 paid by grants: 0"),
        ("130.5", "Calls  100 within 130.5 paid by grants: 0"),
    ],
)
def test_what_grants_pay_is_a_sum_to_redo(granted: str, text: str) -> None:
    price = prices_of(ITEM, offers())["m"]
    rated = rate(price, Quantity(Decimal(100)), granted=Decimal(granted))
    assert explain(rated)[0] == text
    assert rated.billed == max(0, 100 - Decimal(granted))


def test_without_grants_of_units_nothing_is_touched() -> None:
    found = used(5)
    assert covered_usage(DUE, offers(), found, (), ()) == (found, ())


def test_the_evidence_of_a_line_names_its_grants() -> None:
    wallet = [grant("a", 30), grant("b", 20, priority=1)]
    [line] = reckoned(DUE, offers(), used=used(45), grants=wallet).lines
    assert granted_units(line.evidence) == (("b", Decimal(20)), ("a", Decimal(25)))
    assert UnitsBilled().plus(line) == UnitsBilled(Decimal(45), Decimal(0))
    later = UnitsBilled(Decimal(45), Decimal(10)).plus(
        replace(line, kind="late", billed=Decimal(3))
    )
    assert later == UnitsBilled(Decimal(90), Decimal(3))
