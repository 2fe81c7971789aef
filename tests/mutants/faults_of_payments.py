"""Faults in what providers are asked for, and in what their answers do."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_PAYMENTS"]

_PAYMENTS: Final = "tests/facade/test_payments.py::"
_PAGES: Final = "tests/facade/test_checkout_pages.py::"
_COLLECTING: Final = "tests/facade/test_collecting.py::"
_STRIPE: Final = "tests/providers/stripe/test_provider.py::"
_MATCH: Final = f"{_PAYMENTS}test_what_is_not_what_was_asked_pays_nothing"

OF_PAYMENTS: Final = (
    Mutant(
        "the key is of the try",
        "core/intent.py",
        "            key=intent.key,\n            invoice=intent.invoice,\n"
        "            customer=intent.customer,\n            amount=intent.amount,\n"
        "            label",
        '            key=f"{intent.key}/{intent.attempts}",\n            invoice=intent.invoice,\n'
        "            customer=intent.customer,\n            amount=intent.amount,\n"
        "            label",
        (f"{_PAYMENTS}test_silence_is_asked_again_with_the_same_key",),
    ),
    Mutant(
        "paid by amount alone, in whatever currency",
        "core/intent.py",
        '("currency", outcome.amount.currency.code, intent.amount.currency.code),',
        '("currency", 0, 0),',
        (_MATCH,),
    ),
    Mutant(
        "paid by a test",
        "core/intent.py",
        '("live", outcome.account.live, intent.account.live),',
        '("live", 0, 0),',
        (_MATCH,),
    ),
    Mutant(
        "paid on another account",
        "core/intent.py",
        '("account", outcome.account.id, intent.account.id),',
        '("account", 0, 0),',
        (_MATCH,),
    ),
    Mutant(
        "one object pays two invoices",
        "app/intent_book.py",
        "if other is None or other.id == intent.id:",
        "if other is None or other:",
        (f"{_PAYMENTS}test_one_object_pays_one_invoice",),
    ),
    Mutant(
        "a late answer is kept",
        "storage/intents.py",
        "asked = update(table).where(*mine, table.c.attempts == tries, _live(unit))",
        "asked = update(table).where(*mine)",
        (f"{_PAYMENTS}test_an_answer_that_comes_after_its_lease_is_dropped",),
    ),
    Mutant(
        "a lease holds nobody off",
        "storage/asked_rows.py",
        "free = or_(c.leased_until.is_(None), c.leased_until <= at)",
        "free = c.id == c.id",
        (f"{_PAYMENTS}test_an_answer_that_comes_after_its_lease_is_dropped",),
    ),
    Mutant(
        "a key is believed for ever",
        "app/asking.py",
        "return at - first_sent_at >= timedelta(hours=hours)",
        "return False",
        (f"{_PAYMENTS}test_a_key_the_provider_may_have_forgotten_is_not_sent_again",),
    ),
    Mutant(
        "what was paid otherwise is collected too",
        "app/intent_run.py",
        "return not owes(document) or document.left < intent.amount.minor",
        "return False",
        (f"{_PAYMENTS}test_what_was_paid_otherwise_is_not_collected_too",),
    ),
    Mutant(
        "a refund is asked for and made by hand",
        "app/invoice_credit.py",
        '    if live is not None:\n        raise Conflict(\n            f"a refund of',
        '    if live is not None and not live:\n        raise Conflict(\n            f"a refund of',
        (f"{_PAYMENTS}test_while_a_refund_is_asked_for_nobody_refunds_by_hand",),
    ),
    Mutant(
        "nothing counts as given back",
        "storage/intents.py",
        'counts = c.state.in_(["open", "waiting", "succeeded"])',
        'counts = c.state.in_(["declined"])',
        (f"{_PAYMENTS}test_a_refund_gives_back_what_was_collected_never_more",),
    ),
    Mutant(
        "a page pays in whatever currency",
        "core/checkout_page.py",
        '("currency", state.amount.currency.code, checkout.amount.currency.code),',
        '("currency", 0, 0),',
        (f"{_PAGES}test_what_was_not_asked_for_sells_nothing",),
    ),
    Mutant(
        "a page pays for whichever checkout it names",
        "core/checkout_page.py",
        '("checkout", state.checkout, checkout.id),',
        '("checkout", 0, 0),',
        (f"{_PAGES}test_what_was_not_asked_for_sells_nothing",),
    ),
    Mutant(
        "a customer returns to anywhere",
        "core/checkout_page.py",
        "    if found not in origins:",
        "    if not origins:",
        (f"{_PAGES}test_a_customer_returns_to_us_alone",),
    ),
    Mutant(
        "a sale takes its number before its turn",
        "app/checkout_finish.py",
        "    if subscriptions.lowest_due(unit, to_the_second(at)) is not None:",
        "    if not at:",
        (f"{_PAGES}test_what_fell_due_in_between_is_billed_first",),
    ),
    Mutant(
        "anybody sees a checkout",
        "storage/checkouts.py",
        "whose = () if customer is None else (c.customer_id == customer,)",
        "whose = ()",
        (f"{_PAGES}test_a_checkout_of_another_is_not_found",),
    ),
    Mutant(
        "tried twice at one step of the ladder",
        "storage/collecting.py",
        "        ~exists().where(tried),\n",
        "",
        (f"{_COLLECTING}test_a_refusal_is_tried_again_at_each_step_by_an_intent_of_its_own",),
    ),
    Mutant(
        "a payment is made anew once its key is forgotten",
        "providers/stripe/payment.py",
        "    made = _found(client, charge)\n    if made is not None and",
        "    made = None\n    if made is not None and",
        (f"{_STRIPE}test_a_day_later_the_key_is_forgotten_and_nothing_is_paid_twice",),
    ),
    Mutant(
        "a meter is told all of it each time",
        "core/usage_report.py",
        "value=total if before.gauge else exact_sum(total, -before.total)",
        "value=total",
        ("tests/core/test_usage_report.py::test_differences_add_up_to_what_was_used",),
    ),
)
"""Each with the tests that notice it."""
