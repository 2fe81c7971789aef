"""Faults in the price list at Stripe: what is made, taken over, archived, and made twice."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_BOOK"]

_STRIPE: Final = "providers/stripe/"
_BOOK: Final = "tests/providers/stripe/test_book.py::"
_CLI: Final = "tests/cli/test_stripe.py::"

OF_BOOK: Final = (
    Mutant(
        "price book: a price is archived that somebody pays",
        f"{_STRIPE}book_steps.py",
        "if found.id in self.in_use:",
        "if not found.id:",
        (f"{_BOOK}test_a_price_that_somebody_pays_stays_until_nobody_does",),
    ),
    Mutant(
        "price book: what is still paid is forgotten",
        f"{_STRIPE}book_lock.py",
        "retired=retired - {done.id})",
        "retired=lock.retired)",
        (f"{_BOOK}test_a_price_that_somebody_pays_stays_until_nobody_does",),
    ),
    Mutant(
        "price book: an error that is kept under a key is asked for again and again",
        f"{_STRIPE}book_client.py",
        '"idempotent-replayed"\n    ) == "true"',
        '"idempotent-replayed"\n    ) == "never"',
        (f"{_BOOK}test_a_run_that_a_call_ends_is_gone_on_with",),
    ),
    Mutant(
        "price book: what a run made right before its end is made again",
        f"{_STRIPE}book_steps.py",
        "        again = self.made_before(wanted)\n",
        "        again = None\n",
        (f"{_BOOK}test_a_run_that_ends_before_the_lock_file_is_written_is_gone_on_with",),
    ),
    Mutant(
        "price book: one of two prices is guessed",
        f"{_STRIPE}book_match.py",
        "            if len(found) == 1:\n                self.found[each.kind",
        "            if found:\n                self.found[each.kind",
        (f"{_BOOK}test_two_prices_that_could_be_it_are_named_and_none_is_taken",),
    ),
    Mutant(
        "price book: one price is two lines",
        f"{_STRIPE}book_match.py",
        "counts[found.id] > 1:",
        "counts[found.id] > 9:",
        (f"{_BOOK}test_one_price_that_could_be_two_lines_is_neither",),
    ),
    Mutant(
        "price book: another environment's price is taken",
        f"{_STRIPE}book.py",
        "return self.metadata.get(ENVIRONMENT, environment) == environment",
        "return bool(environment)",
        (f"{_BOOK}test_what_another_environment_made_in_the_account_is_not_taken",),
    ),
    Mutant(
        "price book: the lock file of another account is used",
        f"{_STRIPE}book_lock.py",
        "lock.account or account.id,",
        "account.id,",
        (f"{_BOOK}test_the_lock_file_of_another_account_is_refused",),
    ),
    Mutant(
        "price book: free units are charged",
        f"{_STRIPE}book_price.py",
        "return Tier(price.included), Tier(None, shape.unit)",
        "return Tier(price.included, shape.unit), Tier(None, shape.unit)",
        (
            "tests/providers/stripe/test_book_figures.py::test_a_quantity_costs_the_same_on_both_sides",
        ),
    ),
    Mutant(
        "price book: a quarter is a month",
        f"{_STRIPE}book_found.py",
        '"interval_count": recurring.get("interval_count"),',
        '"interval_count": recurring and 1,',
        (f"{_CLI}test_prices_made_by_hand_are_pulled_and_the_quarter_is_told_without_a_count",),
    ),
    Mutant(
        "price book: a live key needs no word",
        "cli/stripe_book.py",
        "if settings.live and not live:",
        "if settings.live and live is None:",
        (f"{_CLI}test_a_live_key_is_used_only_with_its_word",),
    ),
    Mutant(
        "price book: archived prices are not seen",
        f"{_STRIPE}book_client.py",
        '({"active": False}, {"active": True}),',
        '({"active": True},),',
        (f"{_BOOK}test_an_amount_that_comes_back_takes_its_first_price_again",),
    ),
)
"""Faults in the price list at Stripe."""
