"""Subscriptions: starting one, its moves, what is to come; each with a preview by the same code."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tallystick.app.customer import get_customer
from tallystick.app.drafting import drafts_of
from tallystick.app.offers import Offers, sold_now
from tallystick.core.page import Page, page_size
from tallystick.core.period import to_the_second
from tallystick.core.subscription import LIVE, TERMINAL
from tallystick.core.subscription_moves import KINDS, apply, next_at, start
from tallystick.core.text import id_at
from tallystick.core.trees import bytes_of
from tallystick.errors import Conflict, InvalidInput, NotFound
from tallystick.storage import catalogs, invoices, subscriptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.move import Move, Start
    from tallystick.core.period import Instant
    from tallystick.core.subscription import Planned, Subscription
    from tallystick.core.subscription_moves import Outcome
    from tallystick.storage.unit import Unit

__all__ = [
    "get_subscription",
    "list_subscriptions",
    "make_move",
    "schedule",
    "start_subscription",
]
