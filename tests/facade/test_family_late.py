"""A family that is billed late has the very documents of one that was billed on time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.facade.billing import opened
from tests.facade.family import bodies, live, whole

if TYPE_CHECKING:
    from tests.databases import Database


def test_a_late_run_makes_the_documents_of_punctual_ones_byte_for_byte(database: Database) -> None:
    with opened("sqlite://") as punctual, opened(database.url) as late:
        live(punctual, daily=True)
        live(late, daily=False)
        expected, found = bodies(punctual), bodies(late)
        assert len(expected) == 12
        assert found == expected
        for ledger in (punctual, late):
            whole(ledger)
