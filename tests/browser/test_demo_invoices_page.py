"""The pages of the demonstration's invoices: legible, narrow, without a script."""

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

    from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

START = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("invoices")
    catalog = load_catalog(ROOT / "examples" / "shapes.yaml")
    with Tallystick(f"sqlite:///{folder / 'demo.db'}", catalog=catalog) as tally:
        tally.migrate()
        tally.publish(author="anna", at=START)
        tally.customers.create("acme", name="Acme")
        tally.subscriptions.start("acme", "cloud-starter", id="s-1", at=START)
        tally.invoices.run(datetime(2026, 11, 2, tzinfo=UTC))
        page = DemoPage(tally, catalog["cloud-monthly"], "acme", Period(START, END))
        with serving(create_app(catalog, demo=page)) as found:
            yield found


def test_from_usage_to_an_invoice_and_why_it_is_so(
    origin: str, visit: Callable[..., Visit]
) -> None:
    page = visit(f"{origin}/usage/acme").page
    page.get_by_role("link", name="Invoices", exact=True).click()
    page.get_by_role("heading", name="Invoices of acme").wait_for()
    row = page.get_by_role("row", name="INV-000001")
    assert "29.00 EUR" in row.inner_text()
    page.get_by_role("link", name="Explain INV-000001").click()
    page.get_by_role("heading", name="INV-000001, explained").wait_for()
    assert (
        "rounded half away from zero: 29.00 EUR = 29.00 EUR"
        in page.locator("ol").first.inner_text()
    )
    page.get_by_role("link", name="The invoice").click()
    page.locator("table.lines").wait_for()
    assert page.url == f"{origin}/invoices/acme/INV-000001"
    assert page.locator("table.lines").get_by_text("€29.00").count() > 0
    page.go_back()
    page.get_by_role("link", name="All invoices").click()
    page.get_by_role("heading", name="Invoices of acme").wait_for()


@pytest.mark.parametrize("path", ["", "/INV-000001", "/INV-000002/explained"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_no_page_scrolls_sideways(
    origin: str, visit: Callable[..., Visit], path: str, width: int
) -> None:
    address = f"{origin}/invoices/acme{path}"
    page = visit(address, viewport={"width": width, "height": 800}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["", "/INV-000001", "/INV-000002/explained"])
def test_they_need_no_script_and_ask_nothing_of_other_hosts(
    origin: str, visit: Callable[..., Visit], path: str
) -> None:
    opened = visit(f"{origin}/invoices/acme{path}", java_script_enabled=False)
    assert opened.page.locator("script").count() == 0
    assert opened.page.get_by_role("heading", level=1).count() == 1
    assert all(url.startswith(origin) for url in opened.requests)
