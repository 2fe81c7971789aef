"""The page of usage as a person meets it: legible, narrow, without a script."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tallystick.app.catalog import load_catalog
from tallystick.core.period import Period
from tallystick.http.api import create_app
from tallystick.http.demo import DemoPage
from tallystick.wiring import Tallystick
from tests.browser.conftest import serving
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

PERIOD = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("usage")
    catalog = load_catalog(ROOT / "examples" / "shapes.yaml")
    with Tallystick(f"sqlite:///{folder / 'demo.db'}", catalog=catalog) as tally:
        tally.migrate()
        tally.usage.record(
            "acme",
            "requests",
            id="r1",
            quantity=1_500_000,
            occurred_at="2026-10-05T00:00:00Z",
        )
        page = DemoPage(tally, catalog["cloud-monthly"], "acme", PERIOD)
        with serving(create_app(catalog, demo=page)) as found:
            yield found


def test_usage_and_rated_lines_are_on_the_page(origin: str, visit: Callable[..., Visit]) -> None:
    page = visit(f"{origin}/usage/acme").page
    assert page.title() == "Usage of acme"
    requests = page.get_by_role("row", name="requests")
    assert "1,500,000" in requests.first.inner_text()
    line = page.get_by_role("row", name="API requests").inner_text()
    assert "500,000" in line
    assert "100.00 EUR" in line
    assert "Total" in page.locator("tfoot").inner_text()


def test_the_pricing_page_leads_there_and_back(origin: str, visit: Callable[..., Visit]) -> None:
    page = visit(origin).page
    page.get_by_role("link", name="Usage").click()
    page.get_by_role("heading", name="Usage of acme").wait_for()
    assert page.url == f"{origin}/usage/acme"
    page.get_by_role("link", name="Plans and prices").click()
    page.get_by_role("heading", name="Plans and prices").wait_for()


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_the_page_never_scrolls_sideways(
    origin: str, visit: Callable[..., Visit], width: int
) -> None:
    page = visit(f"{origin}/usage/acme", viewport={"width": width, "height": 800}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_needs_no_script_and_asks_nothing_of_other_hosts(
    origin: str, visit: Callable[..., Visit]
) -> None:
    opened = visit(f"{origin}/usage/acme", java_script_enabled=False)
    assert "What it costs" in opened.page.content()
    assert all(url.startswith(origin) for url in opened.requests)
