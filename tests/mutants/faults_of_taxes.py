"""Faults in what is taxed, and in what is given back of it."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_TAXES"]

_LINES: Final = "tests/core/test_line_tax.py::"
_RULES: Final = "tests/core/test_tax_rules.py::"
_STATUS: Final = "tests/core/test_tax_status.py::"
_NOTICED: Final = "tests/mutants/test_noticed.py::"
_TAXING: Final = "tests/core/test_taxing.py::"
_LEDGER: Final = "tests/app/test_taxes.py::"

OF_TAXES: Final = (
    Mutant(
        "a tax is rounded on each line",
        "core/line_tax.py",
        "    return share(Money(round_quotient(sum(exact, Fraction(0))), like.currency), exact)\n",
        "    return tuple(Money(round_quotient(each), like.currency) for each in exact)\n",
        (f"{_LINES}test_a_rate_is_rounded_once_on_the_lines_it_applies_to",),
    ),
    Mutant(
        "a rate is a float",
        "core/line_tax.py",
        "part = Fraction(rate.percent) / 100",
        "part = Fraction(float(rate.percent)) / 100",
        (f"{_NOTICED}test_half_a_minor_unit_of_tax_is_one",),
    ),
    Mutant(
        "an inclusive tax is added to the line",
        "core/line_tax.py",
        "(each.amount for each in taxes if not each.rate.inclusive)",
        "(each.amount for each in taxes)",
        (f"{_LINES}test_an_inclusive_tax_is_in_the_line_and_not_added_to_it",),
    ),
    Mutant(
        "what is given back is taxed at the rate of the day",
        "core/taxing.py",
        "if place not in backs and _sold(line).minor",
        "if _sold(line).minor",
        (
            f"{_TAXING}test_a_fee_is_given_back_as_it_was_taxed_and_what_is_new_at_the_rate_of_the_day",
        ),
    ),
    Mutant(
        "what was given back of a tax is forgotten",
        "core/line_tax.py",
        "minor=given[i] - (by_now - told)",
        "minor=told - by_now",
        (f"{_LINES}test_parts_that_are_given_back_add_up_to_the_tax_that_was_invoiced",),
    ),
    Mutant(
        "a minor unit that is all tax is given back for ever",
        "app/creditable.py",
        "if asked_for(credit) >= 0 or not",
        "if credit.amount.minor >= 0 or not",
        (f"{_LEDGER}test_a_minor_unit_that_is_all_tax_was_given_back_too",),
    ),
    Mutant(
        "a rate holds on its last day",
        "core/tax_rules.py",
        "on < self.until",
        "on <= self.until",
        (f"{_RULES}test_until_is_the_first_day_without",),
    ),
    Mutant(
        "reverse charge without a checked id",
        "core/tax_status.py",
        "if value in buyer.checked_ids:",
        "if value:",
        (f"{_STATUS}test_reverse_charge_is_for_businesses_of_another_member_state",),
    ),
    Mutant(
        "a tax inside the price is sold",
        "core/settlement.py",
        "    sold = invoice.total - invoice.all_tax\n",
        "    sold = invoice.total - invoice.tax\n",
        (f"{_LEDGER}test_an_inclusive_tax_is_owed_and_not_added",),
    ),
)
"""Faults in what is taxed."""
