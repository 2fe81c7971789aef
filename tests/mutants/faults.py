"""All faults, and those of them that are quick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.mutants.faults_of_book import OF_BOOK
from tests.mutants.faults_of_checkouts import OF_CHECKOUTS
from tests.mutants.faults_of_credits import OF_CREDITS
from tests.mutants.faults_of_documents import OF_DOCUMENTS
from tests.mutants.faults_of_figures import OF_FIGURES
from tests.mutants.faults_of_gates import OF_GATES
from tests.mutants.faults_of_limits import OF_LIMITS
from tests.mutants.faults_of_payments import OF_PAYMENTS
from tests.mutants.faults_of_taxes import OF_TAXES
from tests.mutants.faults_of_time import OF_TIME
from tests.mutants.faults_of_webhooks import OF_WEBHOOKS

if TYPE_CHECKING:
    from tests.mutants.mutant import Mutant

__all__ = ["FAULTS", "QUICK"]

FAULTS: Final[tuple[Mutant, ...]] = (
    *OF_BOOK,
    *OF_TIME,
    *OF_FIGURES,
    *OF_DOCUMENTS,
    *OF_CREDITS,
    *OF_TAXES,
    *OF_LIMITS,
    *OF_GATES,
    *OF_PAYMENTS,
    *OF_CHECKOUTS,
    *OF_WEBHOOKS,
)
"""Each fault that a billing engine is known to have had."""

QUICK: Final = tuple(mutant for mutant in FAULTS if mutant.quick)
"""Those that every `make test` tries."""
