"""Django's tests run in one project, on each database: see project.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.databases import database
from tests.integrations.django import project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.integrations.django.ledger import Ledger
    from tests.databases import Database

__all__ = ["database"]

project.set_up()


@pytest.fixture
def tally(database: Database) -> Iterator[Ledger]:
    """The project's ledger on each database, as `manage.py migrate` leaves it."""
    from django.core.management import call_command  # noqa: PLC0415 - once Django is set up

    from tallystick.integrations.django import tally as ledger  # noqa: PLC0415 - the same

    with project.on(database.url):
        call_command("migrate", verbosity=0)
        yield ledger
