"""The invoices that the tests of documents draw: ordinary ones, and ones that mean harm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tallystick.core.currency import Currency, currency
from tallystick.core.frozen import FrozenDict
from tallystick.core.invoice import Invoice, InvoiceLine, Party
from tallystick.core.money import Money
from tallystick.core.period import Period
from tallystick.core.subscription import Terms
from tallystick.documents.invoice_html import invoice_html
from tallystick.documents.invoice_text import invoice_text

EUR: Final = currency("EUR")
JPY: Final = currency("JPY")
KWD: Final = currency("KWD")
JANUARY: Final = Period(
    datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2027, 1, 31, 23, tzinfo=UTC)
)
BERLIN: Final = "Europe/Berlin"
DAY: Final = 86_400
ATTACK: Final = "<script>alert(1)</script><img src=file:///etc/passwd>{{7*7}}{% raw %}\"'&"

SELLER: Final = Party(
    name="Kerbholz Software GmbH",
    email="billing@kerbholz.example",
    address=FrozenDict(line1="Torstraße 1", postal_code="10119", city="Berlin", country="DE"),
    tax_ids=(("eu_vat", "DE123456789"),),
)
BUYER: Final = Party(
    name="Maple & Sons, Inc.",
    email="ap@maple.example",
    address=FrozenDict(
        line1="500 Main Street",
        line2="Floor 3",
        city="Portland",
        state="OR",
        postal_code="97201",
        country="US",
    ),
    tax_ids=(("us_ein", "12-3456789"),),
    locale="en-US",
)


def line(amount: int, money: Currency = EUR, **more: Any) -> InvoiceLine:
    """Build a line of so many minor units."""
    zero = Money.zero(money)
    parts: dict[str, Any] = {
        "kind": "fee",
        "description": "Pro",
        "price": "pro",
        "window": JANUARY,
        "quantity": Decimal(1),
        "billed": Decimal(1),
        "amount": Money(amount, money),
        **dict.fromkeys(("discount", "credit", "tax"), zero),
    }
    return InvoiceLine(**parts | more)


def invoice(*lines: InvoiceLine, money: Currency = EUR, **more: Any) -> Invoice:
    """Build a document that adds up."""
    sums = {
        name: Money.total((getattr(each, name) for each in lines), money)
        for name in ("amount", "discount", "credit", "tax")
    }
    total = sums["amount"] - sums["discount"] - sums["credit"] + sums["tax"]
    balance = more.pop("balance", Money.zero(money))
    issued = datetime(2027, 2, 1, 0, 30, tzinfo=UTC)
    parts: dict[str, Any] = {
        "id": "inv_1",
        "customer": "cus_1",
        "status": "open",
        "kind": "invoice" if total.minor >= 0 else "credit_note",
        "cause": "boundary/sub_1/2027-01-31T23:00:00Z",
        "currency": money,
        "at": JANUARY.end,
        "finalize_at": issued,
        "watermark": issued,
        "number": "INV-2027-000042",
        "issued_at": issued,
        "due_at": issued + timedelta(days=14),
        "seller": SELLER,
        "buyer": BUYER,
        "lines": lines,
        "subtotal": sums.pop("amount"),
        **sums,
        "total": total,
        "balance": balance,
        "amount_due": max(total - balance, Money.zero(money)),
    }
    return Invoice(**parts | more)


def ordinary(**more: Any) -> Invoice:
    """Build what most invoices are: a fee, an upgrade, usage by group, tax, a balance."""
    rest = Period(JANUARY.end - timedelta(days=16), JANUARY.end)
    return invoice(
        line(14_900, description="Business", quantity=Decimal(5), billed=Decimal(5), unit="seat",
             unit_price=Decimal(2_980), tax=Money(2_831, EUR)),
        line(-1_497, kind="credit", description="Pro", window=rest, share=(16 * DAY, 31 * DAY)),
        line(
            123_456,
            kind="usage",
            description="API calls",
            quantity=Decimal("1244560.5"),
            billed=Decimal("1234560.5"),
            unit="call",
            unit_price=Decimal("0.1"),
            group=(("region", "eu-central"), ("model", None)),
            discount=Money(12_346, EUR),
        ),
        line(5_000, kind="setup", description="Business", window=None),
        balance=Money(2_500, EUR),
        terms=Terms(po_number="PO-4711", memo="Thank you.\nPlease quote the number when you pay."),
        **more,
    )  # fmt: skip


def credit_note() -> Invoice:
    """Build a document that gives money back."""
    note = invoice(line(-1_497, kind="credit", window=None), number="CN-2027-000007", status="paid")
    return replace(note, credits="INV-2027-000042")


def hostile() -> Invoice:
    """Build a document every text of which means harm."""
    turned = "\u202eevil\u2066\x1b[31m\r\n\u2028name\ud800"
    party = Party(
        name=ATTACK + turned,
        email=ATTACK,
        address=FrozenDict(line1=ATTACK, city=ATTACK, state=turned, country=ATTACK),
        tax_ids=((ATTACK, ATTACK),),
        locale="../../etc/passwd",
    )
    return invoice(
        line(100, description=ATTACK + turned, unit=ATTACK, group=((ATTACK, ATTACK),)),
        seller=party,
        buyer=party,
        number=ATTACK,
        terms=Terms(po_number=ATTACK, memo=ATTACK + turned),
        credits=ATTACK,
    )


def crowded() -> Invoice:
    """Build a document of names that fit nowhere: from right to left, wide, and without a blank."""
    names = (
        "اشتراك المؤسسة السنوي مع الدعم الفني ذي الأولوية",
        "מנוי עסקי כולל תמיכה",
        "年間エンタープライズ契約・優先サポート付き" * 5,
        "Donaudampfschifffahrtsgesellschaftskapitän" * 8,
        "many words " * 40,
    )
    lines = [
        line(10**17, description=name, quantity=Decimal("123456789012345678.123456789012"),
             billed=Decimal("123456789012345678.123456789012"), unit="gigabyte-hours of storage",
             unit_price=Decimal("0.000000000123456789"))
        for name in names
    ]  # fmt: skip
    who = replace(BUYER, name=names[0] + " " + names[3], locale="de-AT")
    return invoice(*lines, buyer=who, seller=replace(SELLER, name=names[2]))


def in_yen() -> Invoice:
    """Build a draft in a currency without decimals, with a period by the clock."""
    window = Period(
        datetime(2027, 1, 5, 9, 30, tzinfo=UTC), datetime(2027, 2, 5, 9, 30, 7, tzinfo=UTC)
    )
    bare = dict.fromkeys(("number", "issued_at", "due_at", "seller", "buyer"))
    return invoice(
        line(1_234_567, JPY, window=window, share=(1_000, 2_678_407), unit_price=Decimal("0.25")),
        money=JPY,
        status="draft",
        **bare,
    )


def in_dinars() -> Invoice:
    """Build a voided invoice in a currency of three decimals."""
    return invoice(line(1_234_567, KWD), line(-5, KWD), money=KWD, status="void")


SAMPLES: Final[dict[str, tuple[Invoice, str | None, str | None]]] = {
    "ordinary.en": (ordinary(), None, BERLIN),
    "ordinary.de": (ordinary(status="paid"), "de", BERLIN),
    "ordinary.fr": (ordinary(), "fr-FR", BERLIN),
    "ordinary.es": (ordinary(), "es", BERLIN),
    "ordinary.it": (ordinary(), "it", BERLIN),
    "ordinary.nl": (ordinary(), "nl", BERLIN),
    "credit_note.de": (credit_note(), "de", BERLIN),
    "draft_in_yen.en": (in_yen(), None, None),
    "void_in_dinars.fr": (in_dinars(), "fr", BERLIN),
    "hostile.en": (hostile(), None, BERLIN),
    "crowded.de-AT": (crowded(), None, BERLIN),
}
"""What is kept in tests/golden/invoices, by name: the document, the locale, the time zone."""

GOLDEN: Final = Path(__file__).resolve().parents[1] / "golden" / "invoices"


def draw() -> None:
    """Write the golden files anew: `python -m tests.documents.invoices`; then read what changed."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, (document, locale, zone) in SAMPLES.items():
        text = invoice_text(document, locale=locale, zone=zone)
        page = invoice_html(document, locale=locale, zone=zone)
        (GOLDEN / f"{name}.txt").write_text(text, encoding="utf-8")
        (GOLDEN / f"{name}.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    draw()
