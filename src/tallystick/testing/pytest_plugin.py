"""The pytest plugin: a ledger for each test, at a time that the test chooses.

It is loaded wherever Tallystick is installed beside pytest, so what costs time is imported by the
fixtures that need it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from tallystick.core.catalog import Catalog
    from tallystick.testing.ledger import FrozenLedger

__all__ = ["tallystick", "tallystick_catalog", "tallystick_default_plan", "tallystick_start"]


@pytest.fixture(scope="session")
def tallystick_catalog(pytestconfig: pytest.Config) -> Catalog[str, str] | str | None:
    """Give what the ledger sells: override it by a catalogue, a file's path, or None.

    As it is, the file that TALLYSTICK_CATALOG names, else `billing.*` beside pytest's settings.
    Raises CatalogNotFound, InvalidCatalog.
    """
    from tallystick.app.catalog import load_catalog  # noqa: PLC0415 - as the module says
    from tallystick.errors import CatalogNotFound  # noqa: PLC0415 - the same
    from tallystick.files import find_catalog  # noqa: PLC0415 - the same

    try:
        path = find_catalog(None, environ=os.environ, folder=pytestconfig.rootpath)
    except CatalogNotFound as missing:
        raise CatalogNotFound(f"{missing}, or override the fixture tallystick_catalog") from None
    return load_catalog(path)


@pytest.fixture(scope="session")
def tallystick_default_plan() -> str | None:
    """Give the plan of who has no subscription; none, where it is not overridden."""
    return None


@pytest.fixture(scope="session")
def tallystick_start() -> datetime | date | str:
    """Give the time at which each test begins; where it is not overridden, 2026-01-01, UTC."""
    return "2026-01-01"


@pytest.fixture
def tallystick(
    tallystick_catalog: Catalog[str, str] | str | None,
    tallystick_default_plan: str | None,
    tallystick_start: datetime | date | str,
) -> Iterator[FrozenLedger]:
    """Give a ledger in memory, new for each test: `with tallystick.at("2027-03-01"): …`."""
    from tallystick.testing.ledger import FrozenLedger  # noqa: PLC0415 - as the module says

    with FrozenLedger(
        catalog=tallystick_catalog, default_plan=tallystick_default_plan, start=tallystick_start
    ) as ledger:
        yield ledger
