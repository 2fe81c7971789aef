"""Django's tests run in one project, on each database: see project.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.databases import KINDS, database
from tests.integrations.django import project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.integrations.django.ledger import Ledger

__all__ = ["database"]

project.set_up()


@pytest.fixture(params=KINDS)
def tally(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """The project's ledger on each database, as `manage.py migrate` leaves it."""
    with project.migrated(request.param, tmp_path) as ledger:
        yield ledger


@pytest.fixture(params=["sqlite-file", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """The same where each thread has a connection of its own."""
    with project.migrated(request.param, tmp_path) as ledger:
        yield ledger


@pytest.fixture
def on_postgresql(tmp_path: Path) -> Iterator[Ledger]:
    """The same on PostgreSQL."""
    with project.migrated("postgresql", tmp_path) as ledger:
        yield ledger
