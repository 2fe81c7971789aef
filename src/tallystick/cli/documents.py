"""Documents and subscriptions on a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.cli.lines import quantity_text
from tallystick.cli.output import say, say_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tallystick.app.foresight import Foreseen, ToCome
    from tallystick.core.credit import Category
    from tallystick.core.invoice import Invoice, InvoiceTax
    from tallystick.core.money import Money
    from tallystick.core.move import Change
    from tallystick.core.subscription import Item, Subscription
    from tallystick.storage.invoice_rows import Document
    from tallystick.storage.payments import Payment

__all__ = [
    "change_words",
    "document_tree",
    "foreseen_tree",
    "invoice_tree",
    "payment_tree",
    "print_document",
    "print_foreseen",
    "print_invoice",
    "print_subscription",
    "subscription_tree",
    "to_come_tree",
]


def _text(at: Any) -> str:  # noqa: ANN401 - an instant or None
    from tallystick.core.period import instant_text

    return "" if at is None else instant_text(at)


# --- JSON -----------------------------------------------------------------------------------------


def invoice_tree(invoice: Invoice) -> dict[str, Any]:
    """Give a document as plain JSON values: amounts in minor units, quantities as texts."""
    from tallystick.core.trees import tree_of

    return tree_of(invoice)


def document_tree(document: Document) -> dict[str, Any]:
    """Give a document and what happened to it since."""
    return {
        **invoice_tree(document.invoice),
        "status": document.status,
        "paid": document.paid,
        "credited": document.credited,
        "noted": document.noted,
        "refunded": document.refunded,
        "left": document.left,
        "set_aside": document.set_aside,
    }


def payment_tree(payment: Payment) -> dict[str, Any]:
    """Give a payment or a refund as plain JSON values."""
    return {
        "id": payment.id,
        "kind": payment.kind,
        "invoice": payment.invoice,
        "customer": payment.customer,
        "amount": payment.amount.minor,
        "currency": payment.amount.currency.code,
        "at": _text(payment.at),
        "method": payment.method,
        "reference": payment.reference,
    }


def subscription_tree(subscription: Subscription) -> dict[str, Any]:
    """Give a subscription as plain JSON values."""
    from tallystick.core.trees import tree_of

    who = {"state": subscription.state, "biller": subscription.biller}
    return {**who, **tree_of(subscription)}


def to_come_tree(entry: ToCome) -> dict[str, Any]:
    """Give what is to come as plain JSON values."""
    from tallystick.core.trees import tree_of

    change = None if entry.change is None else tree_of(entry.change)
    return {"at": _text(entry.at), "kind": entry.kind, "number": entry.number, "change": change}


def foreseen_tree(found: Foreseen) -> dict[str, Any]:
    """Give what an act would make as plain JSON values."""
    return {
        "preview": True,
        "subscription": subscription_tree(found.subscription),
        "documents": [invoice_tree(each) for each in found.documents],
        "upcoming": None if found.upcoming is None else invoice_tree(found.upcoming),
    }


# --- for people -----------------------------------------------------------------------------------


def print_subscription(subscription: Subscription) -> None:
    """Print a subscription, a fact a line; what there is not is left out."""
    period, origin = subscription.period, subscription.origin
    billed = "" if origin is None else f"{origin.provider} ({origin.reference})"
    facts = [
        ("subscription", subscription.id),
        ("customer", subscription.customer),
        ("billed by", billed),
        ("state", subscription.state),
        ("plan", _item(subscription.items[0])),
        *(("add-on", _item(item)) for item in subscription.items[1:]),
        ("group", subscription.group if subscription.group != "default" else ""),
        ("currency", str(subscription.currency)),
        ("time zone", subscription.zone or ""),
        ("begins", _text(subscription.begins_at)),
        ("period", "" if period is None else f"{_text(period.start)} to {_text(period.end)}"),
        ("trial ends", _text(subscription.trial_end)),
        ("paused since", _text(subscription.paused_at)),
        ("resumes", _text(subscription.resumes_at)),
        ("cancels", _text(subscription.cancel_at)),
        ("ends", _text(subscription.ends_at)),
        ("ended", _text(subscription.ended_at)),
    ]
    say(*(f"{label}: {value}" for label, value in facts if value))
    if subscription.planned:
        say(f"planned: {len(subscription.planned)}, see `tallystick subscriptions schedule`")


def _item(item: Item) -> str:
    seats = f", {item.seats} seats" if item.seats != 1 else ""
    own = f", prices of its own: {', '.join(sorted(item.overrides))}" if item.overrides else ""
    return f"{item.offer}{seats}{own}"


def change_words(change: Change | None) -> str:
    """Say in words what a change changes."""
    if change is None:
        return ""
    parts = [
        *([f"plan {change.offer}"] if change.offer else []),
        *([f"{change.seats} seats"] if change.seats is not None else []),
        *(f"add {each.offer} × {each.seats}" for each in change.add),
        *(f"remove {each}" for each in change.remove),
    ]
    if change.overrides is not None:
        own = ", ".join(sorted(change.overrides))
        parts.append(f"prices of its own: {own}" if own else "the list's prices")
    return ", ".join(parts)


def print_foreseen(found: Foreseen) -> None:
    """Print what an act would make: documents at once, and the next one."""
    say(f"would be {found.subscription.state} on {_item(found.subscription.items[0])}")
    for document in found.documents:
        say("", f"{_kind(document)} that falls due on {_text(document.at)}")
        _print_lines(document)
    if not found.documents:
        say("no document falls due at once")
    if found.upcoming is not None:
        say("", f"next {_kind(found.upcoming)}, on {_text(found.upcoming.at)}, as it stands now")
        _print_lines(found.upcoming)
    say("", "preview: nothing was changed")


def print_invoice(invoice: Invoice) -> None:
    """Print a document that is not issued: why, when, its lines and sums."""
    say(f"{_kind(invoice)} for {invoice.customer}: {invoice.cause}")
    say(f"falls due {_text(invoice.at)}, is issued from {_text(invoice.finalize_at)}")
    _print_lines(invoice)


def print_document(document: Document, payments: Sequence[Payment] = ()) -> None:
    """Print a document that is issued, what was paid and what is left."""
    from tallystick.core.money import Money

    invoice = document.invoice
    unit = invoice.currency
    say(f"{_kind(invoice)} {invoice.number or invoice.id}: {document.status}")
    say(f"customer {invoice.customer}, {invoice.cause}")
    if invoice.issued_at is not None:
        due = f", due {_text(invoice.due_at)}" if invoice.kind == "invoice" else ""
        say(f"issued {_text(invoice.issued_at)}{due}")
    _print_lines(invoice)
    for label, minor in (
        ("paid", document.paid),
        ("credited", document.credited),
        ("to the balance", document.noted - document.credited),
        ("refunded", document.refunded),
    ):
        if minor:
            say(f"{label}  {Money(minor, unit)}")
    if document.left:
        say(f"left to pay  {Money(document.left, unit)}")
    for each in payments:
        named = f" ({each.reference})" if each.reference else ""
        say(f"{each.kind} {each.id}  {each.amount}  {_text(each.at)} by {each.method}{named}")


def _tax(tax: InvoiceTax) -> str:
    """Name a tax with its rate, what it is taken of, and the note of why it is nothing."""
    from tallystick.core.number import plain

    if tax.note:
        return f"{tax.note.replace('_', ' ')}  {tax.amount} of {tax.taxable}"
    inside = ", in the lines" if tax.inclusive else ""
    return f"{tax.name} {plain(tax.percent)} %  {tax.amount} of {tax.taxable}{inside}"


def _kind(invoice: Invoice) -> str:
    return invoice.kind.replace("_", " ")


def _print_lines(invoice: Invoice) -> None:
    rows = [
        [
            str(place),
            line.kind,
            line.description,
            "" if line.window is None else f"{_text(line.window.start)} – {_text(line.window.end)}",
            f"{quantity_text(line.quantity)} {line.unit}".strip(),
            str(line.amount),
        ]
        for place, line in enumerate(invoice.lines, start=1)
    ]
    for place, heading in reversed(_headings(invoice)):
        rows.insert(place, heading)
    columns = ["line", "kind", "description", "for", "quantity", "amount"]
    if rows:
        say_table(columns, rows, right="line quantity amount")
    _print_sums(invoice)


def _headings(invoice: Invoice) -> list[tuple[int, list[str]]]:
    """Give the rows that begin sections: how many lines stand before it, whose it is, its sum."""
    found, place = [], 0
    for section, lines in invoice.by_section():
        subtotal = invoice.subtotal.total((line.amount for line in lines), invoice.currency)
        if lines:
            found.append((place, ["", "section", section.heading, "", "", str(subtotal)]))
        place += len(lines)
    return found


def _print_sums(invoice: Invoice) -> None:
    """Print what stands between the lines and what is asked for, each with its name."""
    for each in invoice.discounts:
        say(f"coupon {each.name or each.coupon}  {-each.amount}")
    _print_given_back("discounts", invoice.discount, (each.amount for each in invoice.discounts))
    _print_burns(invoice, "promotional")
    burnt = (each.amount for each in invoice.burns if each.category == "promotional")
    _print_given_back("promotional credits", invoice.credit, burnt)
    for tax in invoice.taxes:
        say(_tax(tax))
    say(f"total  {invoice.total}")
    _print_burns(invoice, "paid")
    if invoice.from_balance.minor:
        say(f"from the balance  {-invoice.from_balance}")
    if invoice.balance.minor:
        say(f"amount due  {invoice.amount_due}")


def _print_given_back(name: str, whole: Money, told: Iterable[Money]) -> None:
    """Print what a credited line had off: it is in the sum, and in no coupon's or grant's."""
    left = whole - whole.total(told, whole.currency)
    if left.minor:
        say(f"{name} of what is credited  {-left}")


def _print_burns(invoice: Invoice, category: Category) -> None:
    """Print what each grant of a category paid, in the order in which they burnt."""
    from tallystick.core.money import Money

    paid: dict[str, int] = {}
    for each in invoice.burns:
        if each.category == category:
            paid[each.grant] = paid.get(each.grant, 0) + each.amount.minor
    for grant, minor in paid.items():
        say(f"{category} credit {grant}  {Money(-minor, invoice.currency)}")
