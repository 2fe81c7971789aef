"""Faults in what is taken of a provider's events, and in what is made of them."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_WEBHOOKS"]

_EVENTS: Final = "tests/facade/test_provider_events.py::"
_SIGNED: Final = "tests/providers/stripe/test_webhook.py::"
_BACK: Final = "tests/facade/test_money_back.py::"
_RULE: Final = "tests/core/test_inbox.py::"

OF_WEBHOOKS: Final = (
    Mutant(
        "an event from the future",
        "providers/stripe/webhook.py",
        "if abs(timedelta(seconds=int(times[0]) - now)) > TOLERANCE:",
        "if timedelta(seconds=now - int(times[0])) > TOLERANCE:",
        (f"{_SIGNED}test_s5_beyond_it_and_of_no_time_it_is_not",),
    ),
    Mutant(
        "the machine's clock decides",
        "providers/stripe/webhook.py",
        "header, secret, _AGE_FOR_THE_SDK)",
        "header, secret, 300)",
        (f"{_SIGNED}test_s5_our_clock_decides_and_the_machine_s_never",),
    ),
    Mutant(
        "a body that says a thing twice",
        "providers/stripe/webhook.py",
        "if len(found) != len(pairs):",
        "if not found:",
        (f"{_SIGNED}test_s7_s11_what_is_signed_and_no_event_is_refused",),
    ),
    Mutant(
        "an answer is applied without asking how new it is",
        "core/inbox.py",
        "if seen.reach < max(reached, 0 if held is None else held.reach):",
        "if seen.reach < 0:",
        (f"{_RULE}test_what_is_behind_is_never_applied_however_late",),
    ),
    Mutant(
        "what agrees with no event is applied at once",
        "core/inbox.py",
        'return "confirm" if seen.mark in known or None in known else "later"',
        'return "confirm"',
        (f"{_RULE}test_what_does_not_agree_is_asked_for_again",),
    ),
    Mutant(
        "each delivery is another event",
        "storage/inbox.py",
        "return unit.connection.execute(asked).first() is not None",
        "return unit.connection.execute(asked).first() is not asked",
        (f"{_EVENTS}test_s6_a_replay_has_one_effect_also_once_the_event_was_removed",),
    ),
    Mutant(
        "an event of another account",
        "app/inbox.py",
        "if event.account != account.id:",
        "if not account.id:",
        (f"{_EVENTS}test_s8_other_modes_and_accounts_change_nothing",),
    ),
    Mutant(
        "an event of a test where money is real",
        "app/inbox.py",
        "if event.live is not account.live:",
        "if not account.id:",
        (f"{_EVENTS}test_s8_other_modes_and_accounts_change_nothing",),
    ),
    Mutant(
        "a payment is believed that names an intent",
        "app/inbox_payments.py",
        "        if wrong is not None:\n            return Note(",
        "        if wrong == 0:\n            return Note(",
        (f"{_EVENTS}test_s9_a_genuine_payment_that_calls_itself_ours_pays_nothing",),
    ),
    Mutant(
        "who outlives the lease applies an older answer",
        "app/inbox_run.py",
        "return found if found is not None and found.turn == one.turn else None",
        "return found",
        (f"{_EVENTS}test_what_outlives_its_lease_changes_nothing",),
    ),
    Mutant(
        "an event that comes meanwhile is forgotten",
        "app/inbox_run.py",
        "if after.hints != claim.hint.hints:",
        "if after.hints < 0:",
        (f"{_EVENTS}test_an_event_that_comes_while_its_object_is_asked_for_is_read_too",),
    ),
    Mutant(
        "more is given back than came",
        "app/inbox_money_back.py",
        "wrong = _too_much(unit, of, outcome) or mismatch(asked, outcome)",
        "wrong = mismatch(asked, outcome)",
        (f"{_BACK}test_s9_a_refund_that_is_not_of_what_came_is_set_aside",),
    ),
    Mutant(
        "a refund that failed is forgotten",
        "app/inbox_money_back.py",
        'if now is not None and now.state == "succeeded":',
        'if now is not None and now.state == "open":',
        (f"{_BACK}test_a_refund_of_ours_that_fails_later_is_taken_back",),
    ),
    Mutant(
        "what was charged back is taken back again",
        "app/undone.py",
        'known_payment(unit, held, "chargeback", amount, way.key) is not None',
        'known_payment(unit, held, "chargeback", amount, None) is not None',
        (f"{_BACK}test_a_lost_dispute_that_is_told_again_is_booked_once",),
    ),
)
"""Each is a way in which events were believed, lost or counted twice elsewhere."""
