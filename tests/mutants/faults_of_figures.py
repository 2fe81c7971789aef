"""Faults in what things cost."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_FIGURES"]

_ACTS: Final = "tests/app/test_invoice_acts.py::"
_GRADUATED: Final = "tests/core/rating/test_graduated.py::"
_PER_UNIT: Final = "tests/core/rating/test_per_unit.py::"
_RATE: Final = "tests/core/rating/test_rate.py::"
_UNITS: Final = "tests/core/test_credit_units.py::"
_GRANTED: Final = "tests/facade/test_unit_grants.py::"
_VOLUME: Final = "tests/core/rating/test_volume.py::"
_LINES: Final = "tests/core/test_line_item.py::"
_MONEY: Final = "tests/core/test_money.py::"
_NUMBER: Final = "tests/core/test_number.py::"
_PRORATION: Final = "tests/core/test_proration.py::"
_RECKONING: Final = "tests/core/test_reckoning.py::"
_FLOW: Final = "tests/core/test_subscription_flow.py::"
_NOTICED: Final = "tests/mutants/test_noticed.py::"
_STORIES: Final = "tests/stories/test_stories.py::"
_STORY: Final = "tests/stories/test_stories.py::test_a_story_comes_out_as_it_is_written"

OF_FIGURES: Final = (
    Mutant(
        "a half goes to the even",
        "core/number.py",
        "exact.to_integral_value(ROUND_HALF_UP)",
        'exact.to_integral_value("ROUND_HALF_EVEN")',
        (f"{_NUMBER}test_half_goes_away_from_zero",),
        quick=True,
    ),
    Mutant(
        "a share's half goes to the even",
        "core/number.py",
        "    size = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)\n",
        "    size = round(abs(exact))\n",
        (f"{_PRORATION}test_half_a_minor_unit_goes_away_from_zero",),
    ),
    Mutant(
        "a share is cut",
        "core/number.py",
        "    size = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)\n",
        "    size = abs(exact.numerator) // exact.denominator\n",
        (f"{_PRORATION}test_half_a_minor_unit_goes_away_from_zero",),
    ),
    Mutant(
        "each unit is rounded",
        "core/rating/line.py",
        "EXACT.multiply(quantity, unit))",
        "EXACT.multiply(quantity, unit.to_integral_value()))",
        (f"{_PER_UNIT}test_the_line_is_rounded_once_half_away_from_zero",),
    ),
    Mutant(
        "a fee is rounded before its share and after",
        "core/reckoned_lines.py",
        "return Money(round_quotient(Fraction(exact) * time.fraction), price.currency)",
        "exact = Fraction(round_quotient(Fraction(exact)))\n"
        "    return Money(round_quotient(exact * time.fraction), price.currency)",
        (f"{_NOTICED}test_a_share_of_a_fraction_of_a_minor_unit_is_rounded_once",),
    ),
    Mutant(
        "lines are rounded, and their sum",
        "core/reckoning.py",
        "    total = subtotal - discount - credit + tax\n",
        "    total = Money(5 * round((subtotal - discount - credit + tax).minor / 5), unit)\n",
        (f"{_RECKONING}test_lines_are_rounded_and_then_summed",),
    ),
    Mutant(
        "every currency has two decimals",
        "core/currency.py",
        "code: Currency(code, decimals)",
        "code: Currency(code, 2)",
        (f"{_LINES}test_a_currency_without_decimals_rounds_to_whole_units",),
    ),
    Mutant(
        "what is left of a split is dropped",
        "core/money.py",
        ("        for i in order[: size - sum(parts)]:\n            parts[i] += 1\n"),
        "        order.clear()\n",
        (f"{_MONEY}test_a_split_loses_nothing_and_gives_each_its_share",),
    ),
    Mutant(
        "a bound of volume tiers is off by one",
        "core/rating/volume.py",
        "if tier.up_to is None or full <= tier.up_to:",
        "if tier.up_to is None or full < tier.up_to:",
        (f"{_VOLUME}test_it_is_right_at_every_bound_and_a_unit_and_a_hair_beside_it",),
        quick=True,
    ),
    Mutant(
        "a bound reaches the next tier's fee",
        "core/rating/graduated.py",
        "        if upper == quantity:\n",
        "        if upper == quantity and upper != tier.up_to:\n",
        (f"{_GRADUATED}test_tiers_fill_from_below_and_each_one_reached_adds_its_fee",),
    ),
    Mutant(
        "volume is reckoned as graduated",
        "core/rating/__init__.py",
        "            return volume(shape, usage)",
        "            return graduated(Graduated(shape.tiers), usage)",
        (
            f"{_RATE}test_volume_tiers_are_settled_at_the_end_of_the_period",
            f"{_STORIES}test_a_story_comes_out_as_it_is_written[sqlite-memory-tiers-volume-late]",
        ),
    ),
    Mutant(
        "a minimum commitment is ignored",
        "core/reckoning.py",
        "            lines += [] if line is None else [line]\n",
        "            lines += []\n",
        (f"{_RECKONING}test_a_minimum_asks_for_what_is_missing",),
        quick=True,
    ),
    Mutant(
        "a minimum is asked whole for a part",
        "core/minimum.py",
        "    asked = share(minimum, time)\n",
        "    asked = minimum\n",
        (f"{_RECKONING}test_a_minimum_of_a_part_of_a_period_is_a_part_of_it",),
    ),
    Mutant(
        "a minimum forgets what was billed before",
        "core/minimum.py",
        "    billed = Money(before + asked_for_minimum(",
        "    billed = Money(asked_for_minimum(",
        (
            f"{_STORIES}test_a_story_comes_out_as_it_is_written[sqlite-memory-minimum-commitment-late]",
        ),
    ),
    Mutant(
        "a part of a period has the whole allowance",
        "core/reckoned_lines.py",
        "else scaled_allowance(price, time.part, time.whole)\n",
        "else price\n",
        (f"{_RECKONING}test_what_is_counted_has_its_allowance_by_time",),
    ),
    Mutant(
        "a credit has no cap",
        "core/reckoned_lines.py",
        "minor = whole.minor if charge.cap is None else min(whole.minor, charge.cap)",
        "minor = whole.minor",
        (f"{_RECKONING}test_a_credit_is_never_more_than_was_invoiced",),
    ),
    Mutant(
        "a credit by value gives what was used",
        "core/reckoned_lines.py",
        "        minor = min(minor, round_quotient(Fraction(exact) * unused))\n",
        "",
        (
            f"{_STORIES}test_a_story_comes_out_as_it_is_written[sqlite-memory-bought-low-upgraded-late-late]",
        ),
    ),
    Mutant(
        "a credit is charged without its cap",
        "core/span.py",
        "        cap=sum(each.invoiced for each in paid) if span.paid else span.invoiced,\n",
        "        cap=None,\n",
        (f"{_NOTICED}test_who_paid_for_less_and_has_more_is_given_back_what_was_paid",),
    ),
    Mutant(
        "a free upgrade gives back all that was paid before it",
        "core/subscription_spans.py",
        "replace(paid, start=max(at, paid.start), invoiced=left)",
        "replace(paid, start=max(at, paid.start))",
        (f"{_STORY}[sqlite-memory-credit-after-a-free-upgrade-late]",),
    ),
    Mutant(
        "late usage leaves its commitment as it was",
        "core/reckoning.py",
        "        line = settled_line(each, facts.offers, bill.lines)\n",
        "        line = None\n",
        (f"{_STORY}[sqlite-memory-late-usage-and-commitment-late]",),
    ),
    Mutant(
        "a void slice counts as billed",
        "app/billed_slices.py",
        ' and line.status != "void":',
        ":",
        (f"{_STORY}[sqlite-memory-void-is-not-billed-late]",),
    ),
    Mutant(
        "late usage is billed whole",
        "core/reckoned_lines.py",
        "Money(rated.amount.minor - late.billed.amount, rated.currency)",
        "Money(rated.amount.minor, rated.currency)",
        (f"{_RECKONING}test_late_usage_is_the_difference_to_what_was_billed",),
        quick=True,
    ),
    Mutant(
        "a balance pays more than there is to pay",
        "core/reckoning.py",
        "rest = max(0, min(facts.balance, total - paid))",
        "rest = max(0, facts.balance)",
        (f"{_RECKONING}test_a_balance_pays_as_far_as_it_goes",),
    ),
    Mutant(
        "a void is booked twice instead of back",
        "core/settlement.py",
        "Transfer(each.credit, each.debit, each.amount)",
        "Transfer(each.debit, each.credit, each.amount)",
        (f"{_ACTS}test_an_open_invoice_is_voided_and_the_balance_gets_its_part_back",),
    ),
    Mutant(
        "a later grant pays what was asked for",
        "core/credit_units.py",
        "max(used.before.asked, price.minimum_quantity)",
        "price.minimum_quantity",
        (f"{_UNITS}test_what_was_asked_for_is_asked_for_however_much_is_granted_later",),
    ),
    Mutant(
        "a slice forgets what grants paid before",
        "core/credit_units.py",
        "units_asked(price, used.measured), used.before.granted)",
        "units_asked(price, used.measured), ZERO)",
        (f"{_UNITS}test_slices_add_up_to_the_whole_however_they_are_cut",),
    ),
    Mutant(
        "usage that grants pay whole has no document",
        "app/issuing.py",
        "if invoice.burns or any(",
        "if any(",
        (f"{_GRANTED}test_a_document_of_paid_usage_alone_is_issued[sqlite-memory]",),
    ),
    Mutant(
        "an upgrade waits for the end",
        "core/change.py",
        '"upgrade": Policy("now",',
        '"upgrade": Policy("period_end",',
        (f"{_FLOW}test_an_upgrade_is_now_and_waits_for_the_next_invoice",),
    ),
)
"""Faults in what things cost."""
