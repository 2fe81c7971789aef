"""The pages a customer sees: to pay a session or an invoice with a test card, and the portal."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.cards import CARDS
from tallystick.testing.fake_stripe.checkout_payment import complete, pay_invoice
from tallystick.testing.fake_stripe.events import emit
from tallystick.testing.fake_stripe.form import read_form
from tallystick.testing.fake_stripe.refusal import Refused

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing

__all__ = ["Shown", "page_at"]

_OK: Final = 200
_SEE_OTHER: Final = 303
_NOT_FOUND: Final = 404


@dataclass(frozen=True)
class Shown:
    """A page, or the address that comes next."""

    status: int
    html: str
    location: str | None = None


def page_at(account: Account, method: str, path: str, body: bytes) -> Shown | None:
    """Answer a browser; None where the path is none of a page."""
    _, _, rest = path.partition("/")
    kind, _, wanted = rest.partition("/")
    if kind not in _PAGES:
        return None
    noun, show, act = _PAGES[kind]
    thing = account.of(noun).get(wanted)
    if thing is None:
        return Shown(_NOT_FOUND, _page("Not found", "<p>There is no such page.</p>"))
    if method == "GET":
        return Shown(_OK, show(account, thing, ""))
    try:
        form = read_form(body.decode("ascii", "replace"))
        return act(account, thing, {name: str(value) for name, value in form.items()})
    except Refused as refused:
        return Shown(refused.status, show(account, thing, str(refused)))


def _show_session(_account: Account, session: Thing, problem: str) -> str:
    lines = "".join(
        f"<li>{escape(line['description'])}: {line['amount_total']} {_code(session)}</li>"
        for line in session["line_items"]["data"]
    )
    code = '<p><label>Promotion code <input name="code"></label></p>'
    fields = code if session["allow_promotion_codes"] else ""
    back = session["cancel_url"]
    link = f'<p><a href="{escape(back)}">Back</a></p>' if back else ""
    total = f"<p>Due today: <b>{session['amount_total']} {_code(session)}</b> (minor units)</p>"
    form = _form(fields, "Pay") if session["status"] == "open" else f"<p>{session['status']}</p>"
    return _page("Pay", f"{_problem(problem)}<ul>{lines}</ul>{total}{form}{link}")


def _pay_session(account: Account, session: Thing, form: dict[str, str]) -> Shown:
    complete(account, session, form.get("card", ""), form.get("code", ""))
    address = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    return Shown(_SEE_OTHER, "", address)


def _show_invoice(_account: Account, invoice: Thing, problem: str) -> str:
    lines = "".join(
        f"<li>{escape(line['description'] or '')}: {line['amount']} {_code(invoice)}</li>"
        for line in invoice["lines"]["data"]
    )
    due = f"<p>Due: <b>{invoice['amount_remaining']} {_code(invoice)}</b> (minor units)</p>"
    form = _form("", "Pay") if invoice["status"] == "open" else f"<p>{invoice['status']}</p>"
    title = f"Invoice {invoice['number'] or ''}"
    return _page(title, f"{_problem(problem)}<ul>{lines}</ul>{due}{form}")


def _pay_invoice(account: Account, invoice: Thing, form: dict[str, str]) -> Shown:
    pay_invoice(account, invoice, form.get("card", ""))
    return Shown(_SEE_OTHER, "", f"/invoice/{invoice['id']}")


def _show_portal(account: Account, session: Thing, problem: str) -> str:
    rows = "".join(
        f"<li>{escape(subscription['id'])}: {subscription['status']}"
        '<form method="post"><button name="cancel"'
        f' value="{escape(subscription["id"])}">Cancel</button></form></li>'
        for subscription in _own(account, session)
    )
    back = session["return_url"]
    link = f'<p><a href="{escape(back)}">Back</a></p>' if back else ""
    return _page("Your subscriptions", f"{_problem(problem)}<ul>{rows}</ul>{link}")


def _cancel(account: Account, session: Thing, form: dict[str, str]) -> Shown:
    found = [s for s in _own(account, session) if s["id"] == form.get("cancel")]
    if not found:
        raise Refused("This subscription is not yours, or has ended.")
    at = account.now(found[0]["test_clock"])
    found[0] |= {"cancel_at_period_end": True, "canceled_at": at}
    emit(
        account,
        "customer.subscription.updated",
        found[0],
        {"cancel_at_period_end": False},
        at,
    )
    return Shown(_SEE_OTHER, "", f"/portal/{session['id']}")


def _own(account: Account, session: Thing) -> list[Thing]:
    return [
        s
        for s in account.of("subscription").values()
        if s["customer"] == session["customer"] and s["ended_at"] is None
    ]


_PAGES: Final = {
    "pay": ("checkout.session", _show_session, _pay_session),
    "invoice": ("invoice", _show_invoice, _pay_invoice),
    "portal": ("billing_portal.session", _show_portal, _cancel),
}


def _code(thing: Thing) -> str:
    return escape(str(thing["currency"]).upper())


def _problem(text: str) -> str:
    return f'<p role="alert">{escape(text)}</p>' if text else ""


def _form(fields: str, verb: str) -> str:
    options = "".join(
        f'<option value="{card.name}">{card.number} {card.name}</option>' for card in CARDS
    )
    options += '<option value="">none: nothing is due today</option>'
    return (
        f'<form method="post"><p><label>Test card <select name="card">{options}</select></label>'
        f"</p>{fields}<button>{verb}</button></form>"
    )


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'  # or a browser asks for one, and is told it has no key
        f"<h1>{escape(title)}</h1><p>This is a stand-in for Stripe: no money moves.</p>"
        f"{body}</html>"
    )
