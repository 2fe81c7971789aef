"""Faults in coupons, credits and refunds."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_CREDITS"]

_ACTS: Final = "tests/app/test_invoice_acts.py::"
_CALLERS: Final = "tests/proof/test_callers.py::"
_COUPONS: Final = "tests/facade/test_coupons.py::"
_CREDITS: Final = "tests/facade/test_credits.py::"
_DISCOUNT: Final = "tests/core/test_discount.py::"
_WAITS: Final = "test_who_releases_while_a_document_is_issued_waits_for_it_and_is_refused"
_FAMILY: Final = "tests/facade/test_family_units.py::"
_VERIFY: Final = "tests/storage/test_verify_credits.py::"

OF_CREDITS: Final = (
    Mutant(
        "a discount comes after the tax",
        "core/reckoning.py",
        "    _discounts,\n    _minimum,\n    _promotions,\n    _tax,\n",
        "    _minimum,\n    _promotions,\n    _tax,\n    _discounts,\n",
        (f"{_VERIFY}test_every_invariant_holds_on_a_ledger_that_was_used[sqlite]",),
    ),
    Mutant(
        "each coupon takes its part of the whole",
        "core/discount.py",
        "        left = [amount - part for amount, part in zip(left, parts, strict=True)]\n",
        "",
        (f"{_DISCOUNT}test_coupons_act_in_turn_on_what_is_left",),
    ),
    Mutant(
        "a coupon takes more than there is",
        "core/discount.py",
        "return max(min(amount, off), Money.zero(amount.currency))",
        "return max(off, Money.zero(amount.currency))",
        (f"{_DISCOUNT}test_a_fixed_discount_takes_no_more_than_there_is",),
    ),
    Mutant(
        "a coupon for one invoice acts on the next",
        "core/redemption.py",
        "return not self.coupon.recurring and self.used > 0",
        "return not self.coupon.recurring and self.used > 1",
        (f"{_COUPONS}test_once_is_the_first_document_that_it_lowers[sqlite-memory]",),
    ),
    Mutant(
        "a coupon that is looked at is counted",
        "app/coupons.py",
        "    return asked.qualification(coupon, found).public\n",
        (
            "    shown = asked.qualification(coupon, found).public\n"
            "    for slot in _slots(customer.id, coupon, found):\n"
            "        redemptions.claim(unit, slot)\n"
            "    return shown\n"
        ),
        (f"{_COUPONS}test_looking_at_a_coupon_takes_no_place[sqlite-memory]",),
    ),
    Mutant(
        "a coupon has no bound",
        "storage/redemptions.py",
        "change = update(table).where(where, *([] if free is None else [free]))",
        "change = update(table).where(where)",
        (f"{_COUPONS}test_a_limit_holds_and_a_place_given_back_is_free_once[sqlite-memory]",),
    ),
    Mutant(
        "a place that is released stays taken",
        "app/coupons.py",
        "        redemptions.give_back(unit, _slots(row.customer, coupon, code))\n",
        "        _slots(row.customer, coupon, code)\n",
        (f"{_COUPONS}test_a_limit_holds_and_a_place_given_back_is_free_once[sqlite-memory]",),
    ),
    Mutant(
        "a place is released twice",
        "storage/redemptions.py",
        "_change(unit, row, c.released_at.is_(None), released_at=at)",
        "_change(unit, row, released_at=at)",
        (f"{_COUPONS}test_a_limit_holds_and_a_place_given_back_is_free_once[sqlite-memory]",),
    ),
    Mutant(
        "a coupon is released while it lowers a document",
        "app/batch_facts.py",
        "redemptions_for(unit, people, lock=lock)",
        "redemptions_for(unit, people)",
        (f"{_CALLERS}{_WAITS}[postgresql]",),
    ),
    Mutant(
        "credits that have ended are spent",
        "core/credit.py",
        "return self.effective_at <= at and (self.expires_at is None or at < self.expires_at)",
        "return self.effective_at <= at and (self.expires_at is None or at <= self.expires_at)",
        (f"{_CREDITS}test_the_one_that_ends_first_burns_first_and_the_end_is_not_in_it",),
    ),
    Mutant(
        "a grant is given again",
        "app/credits.py",
        "    known = None\n    if asked.key is not None:\n",
        (
            "    known, asked = None, AskedGrant(amount=asked.amount)\n"
            "    if asked.key is not None:\n"
        ),
        (f"{_CREDITS}test_a_key_grants_once[sqlite-memory]",),
    ),
    Mutant(
        "credits are transferred again",
        "app/credits.py",
        "        return _transferred(unit, row, known, wanted)\n",
        "        key = None\n",
        (f"{_CREDITS}test_a_key_transfers_once[sqlite-memory]",),
    ),
    Mutant(
        "what grants paid of a void invoice is gone",
        "app/invoice.py",
        "    restore_grants(unit, invoice, at)\n",
        "",
        (f"{_CREDITS}test_a_void_gives_back_what_grants_paid[sqlite-memory]",),
    ),
    Mutant(
        "units of a child are spent and not written down",
        "app/issuing.py",
        "[*self.closed, *(each.invoice for each in self.ready)]",
        "[each.invoice for each in self.ready]",
        (f"{_FAMILY}test_each_child_spends_its_own_units_in_its_section[sqlite-memory]",),
    ),
    Mutant(
        "sections of one document spend the same units",
        "app/batch_facts.py",
        "            self._follow_burns(part.draft)\n",
        "",
        (f"{_FAMILY}test_two_sections_of_a_child_on_one_day_share_a_grant[sqlite-memory]",),
    ),
    Mutant(
        "a void keeps the units of children",
        "app/credit_burning.py",
        "        parts += [(each.customer, each.id) for each in invoice.sections]\n",
        "",
        (f"{_FAMILY}test_a_voided_document_gives_every_child_its_units_back[sqlite-memory]",),
    ),
    Mutant(
        "credits that were bought are earned at once",
        "core/settlement.py",
        '    return _some(Transfer("cash", "credits", amount))',
        '    return _some(Transfer("cash", "revenue", amount))',
        (f"{_VERIFY}test_every_invariant_holds_on_a_ledger_that_was_used[sqlite]",),
    ),
    Mutant(
        "a refund's key is forgotten",
        "app/invoice_credit.py",
        'known_payment(unit, held, "refund", amount, way.key) is not None',
        'known_payment(unit, held, "refund", amount, None) is not None',
        (f"{_ACTS}test_a_refund_is_never_more_than_was_paid[sqlite-memory]",),
    ),
)
"""Faults in coupons, credits and refunds."""
