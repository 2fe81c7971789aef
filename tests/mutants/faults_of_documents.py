"""Faults in how documents are issued, paid and given back."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_DOCUMENTS"]

_ACTS: Final = "tests/app/test_invoice_acts.py::"
_LATE: Final = "tests/app/test_late_usage.py::"
_RECKONING: Final = "tests/core/test_reckoning.py::"
_FACADE: Final = "tests/facade/test_subscriptions.py::"
_NOTICED: Final = "tests/mutants/test_noticed.py::"
_INVOICES: Final = "tests/storage/test_invoices.py::"
_SERIES: Final = "tests/storage/test_series.py::"
_STORY: Final = "tests/stories/test_stories.py::test_a_story_comes_out_as_it_is_written"
_SUBSCRIPTIONS: Final = "tests/storage/test_subscriptions.py::"
_VERIFY: Final = "tests/storage/test_verify_billing.py::"

OF_DOCUMENTS: Final = (
    Mutant(
        "an issued document can be edited",
        "storage/migrations/versions/tallystick_0002.py",
        """UPDATE OF {ISSUED}", "OLD.status <> 'draft'"),""",
        """UPDATE OF {ISSUED}", "OLD.status = 'void'"),""",
        (f"{_INVOICES}test_the_database_refuses",),
    ),
    Mutant(
        "a document is issued again by every run",
        "storage/invoices.py",
        '    where = [c.status == "draft", c.set_aside.is_(None), c.finalize_at <= until]',
        '    where = [c.status != "empty", c.set_aside.is_(None), c.finalize_at <= until]',
        (f"{_ACTS}test_a_run_counts_what_it_did_and_a_second_one_does_nothing",),
    ),
    Mutant(
        "numbers are counted without a lock",
        "storage/series.py",
        "rows = unit.connection.execute(query.with_for_update())",
        "rows = unit.connection.execute(query)",
        (f"{_SERIES}test_eight_at_once_with_some_undone_leave_no_gap_and_no_twin",),
    ),
    Mutant(
        "a number that was given is given again",
        "storage/series.py",
        "_put(unit, series, next=first + count)",
        "_put(unit, series, next=first)",
        (f"{_SERIES}test_numbers_begin_with_one_and_go_on",),
    ),
    Mutant(
        "a number is committed before its document",
        "storage/series.py",
        "    _put(unit, series, next=first + count)\n",
        ("    _put(unit, series, next=first + count)\n    unit.connection.commit()\n"),
        (f"{_SERIES}test_what_is_undone_gives_its_numbers_back",),
    ),
    Mutant(
        "two workers claim the same",
        "storage/subscriptions.py",
        "        .with_for_update(skip_locked=True, key_share=True)\n",
        "",
        (f"{_SUBSCRIPTIONS}test_a_claim_passes_over_what_another_has_and_counts_it_as_undone",),
    ),
    Mutant(
        "what others claimed counts as done",
        "app/billing.py",
        "issue_batch(unit, at, before=first, limit=most)",
        "issue_batch(unit, at, before=None, limit=most)",
        (f"{_NOTICED}test_no_document_is_issued_before_what_is_due_earlier",),
    ),
    Mutant(
        "a clock that went back is stored",
        "storage/subscriptions.py",
        '        " AND d.moves <= {moves} AND d.clock <= {clock}"\n',
        "",
        (f"{_SUBSCRIPTIONS}test_what_went_on_meanwhile_is_not_overwritten",),
    ),
    Mutant(
        "more is refunded than was paid",
        "storage/invoice_settlement.py",
        "where = c.refunded + literal(minor) <= c.paid",
        "where = c.paid >= literal(0)",
        (f"{_INVOICES}test_payments_add_up_to_what_is_due_and_no_more",),
    ),
    Mutant(
        "more is given back than was invoiced",
        "storage/invoice_settlement.py",
        " & (c.noted + literal(given) <= c.total)",
        "",
        (f"{_INVOICES}test_credit_notes_lower_what_is_due_and_never_give_more_than_was_invoiced",),
    ),
    Mutant(
        "more is paid than is due",
        "storage/invoice_settlement.py",
        "asked.where(where, settled <= c.amount_due)",
        "asked.where(where)",
        (f"{_INVOICES}test_payments_add_up_to_what_is_due_and_no_more",),
    ),
    Mutant(
        "one that cannot be billed stops all",
        "app/billing.py",
        ("advance(before, at, offers)))\n        except FAULTS as fault:"),
        ("advance(before, at, offers)))\n        except RecursionError as fault:"),
        (f"{_ACTS}test_what_cannot_be_billed_is_set_aside_and_taken_up_again",),
    ),
    Mutant(
        "there is no grace",
        "app/drafting.py",
        "    return due.at + grace if _is_metered(due) else due.at\n",
        "    return due.at\n",
        (f"{_LATE}test_an_event_in_the_grace_is_on_time_and_one_after_it_is_late",),
    ),
    Mutant(
        "a start in the past is billed in the past",
        "app/subscription.py",
        "told = at if isinstance(move, Start) else None",
        "told = None",
        (f"{_STORY}[sqlite-memory-back-dated-start-late]",),
    ),
    Mutant(
        "an item is left behind at the end",
        "app/issuing.py",
        "    draft_left_items(unit, until)\n",
        "",
        (f"{_STORY}[sqlite-memory-item-after-the-end-late]",),
    ),
    Mutant(
        "what arrives while usage is closed is lost",
        "app/recording.py",
        "event.received_at < closed:",
        "event.received_at < event.occurred_at:",
        (f"{_LATE}test_what_was_received_before_it_was_closed_arrives_at_the_closing",),
    ),
    Mutant(
        "a voided invoice keeps the balance",
        "app/invoice.py",
        ("    if invoice.from_balance.minor:\n        balances.add"),
        ("    if not invoice.total.minor:\n        balances.add"),
        (f"{_ACTS}test_an_open_invoice_is_voided_and_the_balance_gets_its_part_back",),
    ),
    Mutant(
        "a trial is given again",
        "app/subscription.py",
        ("    if move.trial_days is not None:\n        names"),
        ("    if move.trial_days is not None and move.ends_at is not None:\n        names"),
        (f"{_FACADE}test_a_trial_is_given_once_to_a_customer_and_to_each_identity",),
    ),
    Mutant(
        "a key is asked after the act",
        "app/subscription.py",
        (
            "    known = None if before is None else before.move\n"
            "    wanted = move(unit, held, known) if callable(move) else move\n"
            "    if before is not None:"
        ),
        (
            "    known = None if before is None else before.move\n"
            "    wanted = move(unit, held, known) if callable(move) else move\n"
            "    if before is not None and before.number < 0:"
        ),
        (f"{_FACADE}test_a_repeat_with_its_key_gives_the_first_answer_whatever_came_between",),
    ),
    Mutant(
        "money is money, whatever its currency",
        "core/given.py",
        "if currency is not None and value.currency != currency:",
        "if currency is not None and value.currency > currency:",
        (f"{_ACTS}test_a_strange_amount_is_refused_and_stores_nothing",),
    ),
    Mutant(
        "a payment's key is forgotten",
        "app/invoice.py",
        (
            '    if known_payment(unit, held, "payment", amount, way.key) is not None:\n'
            "        return held\n"
        ),
        "",
        (f"{_ACTS}test_a_payment_with_a_key_counts_once",),
    ),
    Mutant(
        "an item stands on every document",
        "app/batch_facts.py",
        "self.items[invoice.customer] = [item for item in waiting if item.id not in found]",
        "self.items[invoice.customer] = waiting",
        (f"{_NOTICED}test_an_item_stands_on_one_of_the_documents_of_a_batch",),
    ),
    Mutant(
        "the chain of documents is not chained",
        "storage/invoice_rows.py",
        "(previous + digest).encode()",
        "digest.encode()",
        (f"{_VERIFY}test_every_invariant_holds_on_a_ledger_that_was_used",),
    ),
    Mutant(
        "the balance is spent twice in a batch",
        "app/batch_facts.py",
        ("self.taken[key] = self.taken.get(key, 0) + invoice.from_balance.minor\n        found"),
        ("self.taken[key] = 0\n        found"),
        (f"{_NOTICED}test_the_documents_of_a_batch_share_one_balance",),
    ),
    Mutant(
        "an invoice is paid as it is issued",
        "core/reckoning.py",
        "    settled = draft.amount_due.minor == 0\n",
        "    settled = draft.amount_due.minor >= 0\n",
        (f"{_RECKONING}test_an_issued_document_is_open_until_nothing_is_left_to_pay",),
    ),
)
"""Faults in how documents are issued, paid and given back."""
