"""Invoices in a real browser: nothing is fetched, nothing runs over, headings repeat on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.documents.invoice_html import invoice_html
from tests.documents.invoices import GOLDEN, SAMPLES, invoice, line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [320, 900])
def test_an_invoice_fits_the_screen_and_asks_nobody_for_anything(
    visit: Callable[..., Visit], name: str, width: int
) -> None:
    address = (GOLDEN / f"{name}.html").as_uri()
    opened = visit(address, viewport={"width": width, "height": 900})
    assert opened.requests == [address]
    wide = opened.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    assert opened.page.locator("table.lines").get_by_role("columnheader").count() == 4


def test_no_name_runs_as_a_script(visit: Callable[..., Visit]) -> None:
    opened = visit((GOLDEN / "hostile.en.html").as_uri())
    assert opened.page.locator("script, img").count() == 0
    assert opened.page.get_by_text("<script>alert(1)</script>").count() > 0


def test_headings_repeat_and_rows_stay_whole_on_paper(
    visit: Callable[..., Visit], tmp_path: Path
) -> None:
    long = tmp_path / "long.html"
    lines = [line(100 + n, description=f"Line {n}") for n in range(500)]
    long.write_text(invoice_html(invoice(*lines)), encoding="utf-8")
    page = visit(long.as_uri()).page
    page.emulate_media(media="print")
    style = (
        "(element) => [getComputedStyle(element).display, getComputedStyle(element).breakInside]"
    )
    assert page.locator("table.lines thead").evaluate(style) == ["table-header-group", "avoid"]
    assert page.locator("table.lines tbody tr").last.evaluate(style) == ["table-row", "avoid"]
    assert page.pdf(format="A4").count(b"/Type /Page\n") > 10
    assert page.pdf(format="Letter").startswith(b"%PDF")
