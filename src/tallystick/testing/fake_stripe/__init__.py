"""A stand-in for Stripe, for tests and for trying out: the official SDK talks to it.

Its figures are written from Stripe's documentation; it uses no reckoning of the engine, so that it
can disagree with it.  What it does not support, it says so (501): it never invents an answer.
Needs the extra `stripe`.
"""

from __future__ import annotations

from tallystick.errors import MissingExtra

try:
    from tallystick.testing.fake_stripe.account import Account
    from tallystick.testing.fake_stripe.app import FakeStripe
    from tallystick.testing.fake_stripe.delivery import Delivery, send
    from tallystick.testing.fake_stripe.faults import Fault, Seen
    from tallystick.testing.fake_stripe.server import running, talking_to
except ImportError as error:
    raise MissingExtra("the fake Stripe", "stripe") from error

__all__ = ["Account", "Delivery", "FakeStripe", "Fault", "Seen", "running", "send", "talking_to"]
