"""Customers at Stripe: one for each of ours, and how it pays without being there."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tallystick.core.period import instant_text
from tallystick.errors import NotFound
from tallystick.providers.stripe.client import our_errors
from tallystick.providers.stripe.labels import CUSTOMER, KEY
from tallystick.providers.stripe.once import make_once

if TYPE_CHECKING:
    import stripe

    from tallystick.core.customer import Customer

__all__ = ["customer_key", "name_payer", "payment_method_of"]


def customer_key(customer: Customer) -> str:
    """Give the key of a customer's object: made of our row, whatever its id is written with."""
    born = f"{customer.id}\n{instant_text(customer.created_at)}"
    return f"tallystick/customer/{sha256(born.encode()).hexdigest()[:40]}"


def name_payer(client: stripe.StripeClient, customer: Customer) -> str:
    """Give what Stripe calls one of our customers, made if it is not there; name and e-mail too.

    Raises OutcomeUnknown; Conflict where Stripe refuses.
    """
    key = customer_key(customer)

    def find() -> stripe.Customer | None:
        with our_errors("customer of Stripe"):
            query = f'metadata["{KEY}"]:"{key}"'
            return next(iter(client.v1.customers.search({"query": query, "limit": 1}).data), None)

    def make(key_now: str) -> stripe.Customer:
        # What may change meanwhile is no part of it: a key is for one and the same question.
        labels = {KEY: key, CUSTOMER: customer.id}
        return client.v1.customers.create({"metadata": labels}, {"idempotency_key": key_now})

    made = find() or make_once(key, find, make, "customer of Stripe")
    told: Any = {"name": customer.name, "email": customer.email}
    known = {name: text for name, text in told.items() if text is not None}
    if known:
        with our_errors("customer of Stripe", made.id):
            client.v1.customers.update(made.id, known)  # type: ignore[arg-type]  # of its names
    return made.id


def payment_method_of(client: stripe.StripeClient, payer: str) -> str | None:
    """Give how a customer of Stripe pays without being there: by its default, else its newest.

    None where it has left nothing to pay with.  Raises OutcomeUnknown, NotFound, Conflict.
    """
    with our_errors("customer of Stripe", payer):
        found = client.v1.customers.retrieve(payer)
        if getattr(found, "deleted", False):
            raise NotFound("customer of Stripe", payer)
        settings = found.invoice_settings
        default = None if settings is None else settings.default_payment_method
        if default is not None:
            return default if isinstance(default, str) else default.id
        kept = client.v1.customers.payment_methods.list(payer, {"limit": 1}).data
    return kept[0].id if kept else None
