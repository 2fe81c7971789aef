"""Faults at limits: what is let pass, held, leased and granted there."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

__all__ = ["OF_LIMITS"]

_GATE: Final = "tests/facade/test_gate.py::"
_GRANTED: Final = "tests/facade/test_granted_limits.py::"
_LEASE: Final = "tests/facade/test_lease.py::"
_OVERRIDES: Final = "tests/facade/test_overrides.py::"
_ORACLE: Final = "tests/properties/test_limits_against_oracle.py::"
_PLAY: Final = f"{_ORACLE}test_limits_are_what_the_oracle_says[sqlite-memory]"
_ALL: Final = "test_callers_at_once_get_exactly_the_limit"
_NEXT: Final = "test_what_is_held_in_the_next_window_takes_nothing_of_the_one_before"
_FIRST: Final = "test_quotas_of_the_default_plan_start_again_on_the_first_of_the_customers_months"
_AGREED: Final = "test_a_number_takes_the_place_of_the_plans_and_the_rest_is_added"
_DIED: Final = "test_what_a_holder_that_died_never_told_counts_as_used_until_the_quota_starts_again"
_PAID: Final = "test_what_an_invoice_let_a_grant_pay_still_counts_where_use_never_starts_again"
_WAITS: Final = "test_units_of_the_month_before_are_not_there_twice_while_its_invoice_waits"
_ROLLS: Final = "test_what_rolls_over_is_allowance_of_the_next_window_before_any_run"

OF_LIMITS: Final = (
    Mutant(
        "one more than the limit is let pass",
        "core/entitlement.py",
        "return Fraction(after) <= Fraction(self.units) * (100 + grace) / 100",
        "return Fraction(after) <= Fraction(self.units) * (100 + grace) / 100 + 1",
        (f"{_GATE}{_ALL}[sqlite-memory-calls]",),
    ),
    Mutant(
        "the last unit of a limit is not let pass",
        "app/turn.py",
        "return access_to(turn.given, turn.counted, whole_number(turn.wish.quantity), turn.at)",
        "return access_to(turn.given, turn.counted, whole_number(turn.wish.quantity) + 1, turn.at)",
        (f"{_GATE}{_ALL}[sqlite-memory-calls]",),
    ),
    Mutant(
        "grace counts twice",
        "core/entitlement.py",
        "(100 + grace) / 100",
        "(100 + 2 * grace) / 100",
        (f"{_GATE}test_soft_and_grace_go_beyond_the_limit[sqlite-memory]",),
    ),
    Mutant(
        "what others have reserved is not counted",
        "core/entitlement.py",
        "    taken = _plus(used, reserved)\n",
        "    taken = used\n",
        (f"{_GATE}test_what_is_reserved_is_committed_once[sqlite-memory]",),
    ),
    Mutant(
        "what has expired is committed all the same",
        "storage/gates.py",
        "    changed = update(unit.tables.reservations).where(*mine)\n",
        "    changed = update(unit.tables.reservations).where(*mine, c.token < 0)\n",
        (f"{_GATE}test_what_expires_is_given_back_once[sqlite-memory]",),
    ),
    Mutant(
        "a reservation expires a moment too late",
        "storage/gates.py",
        'c.state == "open", c.expires_at <= at)',
        'c.state == "open", c.expires_at < at)',
        (_PLAY,),
    ),
    Mutant(
        "a commit takes its units a second time",
        "app/reservation.py",
        "    reserved = max(ZERO, EXACT.subtract(turn.counted.reserved, row.quantity))\n",
        "    reserved = turn.counted.reserved\n",
        (f"{_GATE}test_more_than_was_reserved_goes_as_far_as_the_limit[sqlite-memory]",),
    ),
    Mutant(
        "the number of a reservation is not asked for",
        "app/reservation.py",
        "    if not compare_digest(str(row.token), str(token)):\n",
        "    if token < 0:\n",
        (f"{_GATE}test_a_token_fences_and_a_customer_has_only_their_own[sqlite-memory]",),
    ),
    Mutant(
        "what is held in the next window counts in the one before",
        "app/entitlement.py",
        "    return window.start <= row.at < window.end\n",
        "    return window.start <= row.at\n",
        (f"{_GATE}{_NEXT}[sqlite-memory]",),
    ),
    Mutant(
        "a sliding window has a moment too much",
        "core/access.py",
        "timedelta(seconds=feature.window_seconds) + _MICRO\n",
        "timedelta(seconds=feature.window_seconds)\n",
        (_PLAY,),
    ),
    Mutant(
        "a quota starts again on the first of London's months",
        "app/entitlement.py",
        "anchor = at_wall_clock(_BEGINNING.replace(tzinfo=None), zone)",
        "anchor = _BEGINNING",
        (f"{_GATE}{_FIRST}[sqlite-memory-America/New_York]",),
    ),
    Mutant(
        "a gauge is committed on what there was",
        "app/turn.py",
        "question_of(one, given, meter, now if is_level(meter) else at, now)",
        "question_of(one, given, meter, at, now)",
        (f"{_GATE}test_a_gauge_is_committed_on_top_of_what_there_is_by_then[sqlite-memory]",),
    ),
    Mutant(
        "the plan goes before what was agreed",
        "core/access.py",
        "each if each.add_on else replace(each, plan=overridden(each.plan, key, override))",
        "each",
        (f"{_OVERRIDES}{_AGREED}[sqlite-memory]",),
    ),
    Mutant(
        "what is left of a lease does not come back",
        "app/lease.py",
        "report_lease(unit, row, used, now if close else None)",
        "report_lease(unit, row, used, None)",
        (f"{_LEASE}test_a_block_is_taken_at_once_and_reported_at_the_end[sqlite-memory]",),
    ),
    Mutant(
        "what a holder never told comes back",
        "app/entitlement.py",
        "    lost = [row for row in mine if row.leased and row.at <= now]\n",
        "    lost = [row for row in mine if row.leased and row.at <= now]\n"
        "    mine = [row for row in mine if row not in lost]\n    lost = []\n",
        (f"{_LEASE}{_DIED}[sqlite-memory]",),
    ),
    Mutant(
        "nobody waits at a gate",
        "storage/gates.py",
        'row = "CAST(:customer AS text), CAST(:meter AS text), 0"',
        'row = "CAST(:customer AS text), CAST(:meter AS text) || random(), 0"',
        (f"{_GATE}{_ALL}[postgresql-calls]",),
    ),
    Mutant(
        "units that an invoice let a grant pay are gone from the limit",
        "core/granted_units.py",
        "            return exact_sum(still, self.burned)\n",
        "            return still\n",
        (f"{_GRANTED}{_PAID}[sqlite-memory]",),
    ),
    Mutant(
        "units that a waiting document will take are there again",
        "app/unit_grants.py",
        "                    self.left[key] = self.left[key].burn(units)\n",
        "",
        (f"{_GRANTED}{_WAITS}[sqlite-memory]",),
    ),
    Mutant(
        "what rolls over is no allowance until a run comes by",
        "app/unit_grants.py",
        "            self._add(grant)\n            self.gone_on[row.source].append(grant.id)\n",
        "            continue\n",
        (f"{_GRANTED}{_ROLLS}[sqlite-memory]",),
    ),
)
"""Each a fault that a limit is known to have had, here or elsewhere."""
