"""The ledger stands in the project's own transactions: what is rolled back was not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction

from tallystick.errors import QuotaExceeded

if TYPE_CHECKING:
    from tallystick.integrations.django.ledger import Ledger


def used(tally: Ledger, feature: str = "projects") -> object:
    return tally.check("acme", feature).used


def test_migrate_makes_the_tables_and_publishes(tally: Ledger) -> None:
    assert all(each.applied_at is not None for each in tally.migrations())
    assert [each.author for each in tally.catalogs()] == ["manage.py migrate"]
    assert tally.verify().ok


def test_outside_of_atomic_each_call_commits_by_itself(tally: Ledger) -> None:
    tally.use("acme", "projects")
    assert not connection.in_atomic_block
    connection.rollback()
    assert used(tally) == 1


def test_what_is_rolled_back_was_not_used(tally: Ledger) -> None:
    tally.use("acme", "projects")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tally.use("acme", "projects")
        assert used(tally) == 2
        assert 1 / 0
    assert used(tally) == 1
    with transaction.atomic():
        tally.use("acme", "projects")
        with pytest.raises(QuotaExceeded):
            tally.use("acme", "projects")
    assert used(tally) == 2
