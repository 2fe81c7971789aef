"""The documents on which fixed coupons may have given for the time of a part of a period before.

Read only where a draft charges such a part and its customer has such a coupon.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tallystick.storage.stored_documents import standing_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tallystick.core.invoice import Invoice
    from tallystick.core.period import Instant
    from tallystick.core.redemption import Redemption
    from tallystick.storage.invoice_rows import Draft
    from tallystick.storage.unit import Unit

__all__ = ["CouponsBefore"]


class CouponsBefore:
    """What was issued for the subscriptions of one batch, as far as their coupons ask for it."""

    def __init__(
        self, unit: Unit, drafts: Sequence[Draft], redeemed: Mapping[str, Sequence[Redemption]]
    ) -> None:
        """Read in one go what was issued before the batch; `redeemed` is by customer."""
        self._since: dict[tuple[str, str], Instant] = {}
        for draft in drafts:
            had = redeemed.get(draft.customer, ())
            if any(each.coupon.shared_by_time for each in had):
                self._ask(draft)
        found = standing_of(unit, self._since) if self._since else {}
        self._found = defaultdict(list, found)

    def _ask(self, draft: Draft) -> None:
        owner = (draft.customer, draft.subscription_id or "")
        for charge in draft.due.charges:
            whole = charge.whole
            if charge.kind == "fee" and whole is not None and charge.window != whole:
                self._since[owner] = min(self._since.get(owner, whole.start), whole.start)

    def earlier(self, draft: Draft) -> tuple[Invoice, ...]:
        """Give the documents that stand before a draft; none where nothing asks for them."""
        return tuple(self._found.get((draft.customer, draft.subscription_id or ""), ()))

    def issued(self, draft: Draft, invoice: Invoice) -> None:
        """Take up a document of this batch."""
        owner = (draft.customer, draft.subscription_id or "")
        if owner in self._since:
            self._found[owner].append(invoice)
