"""A person clicks the whole way in `tallystick dev --fake-stripe`, with scripts and without."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.dev import dev, shop_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.browser.conftest import Visit
    from tests.dev import Running

pytestmark = pytest.mark.browser


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    shop_in(tmp_path)
    with dev(tmp_path) as found:
        yield found


def may(page: Page, feature: str) -> bool:
    """Whether the page says that a feature may be used."""
    return page.get_by_role("row", name=feature).locator("td").first.inner_text() == "yes"


def billed(page: Page, number: str, total: str) -> None:
    """Wait until the page says that an invoice was paid, by the card that was kept."""
    page.get_by_role("row", name=re.compile(f"{number}.*paid", re.DOTALL)).wait_for()
    assert total in page.get_by_role("row", name=number).inner_text()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def pay(page: Page, card: str) -> None:
    page.get_by_label("Test card").select_option(card)
    press(page, "Pay")


def buy(page: Page, plan: str) -> None:
    press(page, f"Buy {plan}")
    page.get_by_role("heading", name="Pay").wait_for()
    pay(page, "pm_card_visa")
    page.get_by_text("Paid.").wait_for()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_plan_checkout_paid_unlocked_upgraded_and_the_invoice_explained(
    running: Running, visit: Callable[..., Visit], scripts: bool
) -> None:
    opened = visit(running.address("Buy"), java_script_enabled=scripts)
    page = opened.page
    assert not may(page, "Reports")
    press(page, "Buy pro")
    page.get_by_role("heading", name="Pay").wait_for()
    assert page.url.startswith(f"{running.fake}/pay/")
    assert "2900 USD" in page.inner_text("body")
    pay(page, "pm_card_chargeDeclined")
    page.get_by_role("alert").get_by_text("Your card was declined.").wait_for()
    opened.complaints[:] = [text for text in opened.complaints if "402" not in text]
    pay(page, "pm_card_visa")
    page.get_by_text("Paid.").wait_for()
    assert may(page, "Reports")
    assert not may(page, "Audit log")
    billed(page, "INV-000001", "29.00 USD")
    press(page, "Change to max")
    billed(page, "INV-000002", "70.00 USD")
    assert may(page, "Audit log")
    page.get_by_role("link", name="Explain INV-000002").click()
    page.get_by_role("heading", name="INV-000002, explained").wait_for()
    assert re.search(r"99\.00 USD.* = 99\.00 USD", page.locator("ol.sums").nth(1).inner_text())
    page.get_by_role("link", name="The invoice").click()
    page.locator("table.lines").wait_for()
    assert page.locator("table.lines").get_by_text("$99.00").count() > 0
    ours = (running.address("Buy").removesuffix("/dev"), running.fake, "data:")
    assert all(url.startswith(ours) for url in opened.requests)


def test_who_comes_back_without_paying_has_bought_nothing(
    running: Running, visit: Callable[..., Visit]
) -> None:
    page = visit(running.address("Buy")).page
    press(page, "Buy pro")
    page.get_by_role("link", name="Back").click()
    page.get_by_text("Nothing is bought yet.").wait_for()
    assert page.get_by_text("No plan yet.").count() == 1
    assert not may(page, "Reports")
    page.goto(f"{running.address('Buy')}/back")
    page.get_by_text("The payment has not been confirmed yet").wait_for()
    page.wait_for_url("**/dev/back?n=3")
    assert page.get_by_text("No plan yet.").count() == 1
    page.get_by_role("link", name="Go on to pay").click()
    pay(page, "pm_card_visa")
    page.get_by_text("Paid.").wait_for()
    assert may(page, "Reports")


def test_a_month_later_it_is_billed_again_and_it_can_be_ended_and_kept(
    running: Running, visit: Callable[..., Visit]
) -> None:
    page = visit(running.address("Buy")).page
    buy(page, "pro")
    press(page, "A month later")
    billed(page, "INV-000002", "29.00 USD")
    press(page, "Cancel at the end of the period")
    page.get_by_text("cancels at").wait_for()
    press(page, "Keep it")
    page.get_by_text("renews at").wait_for()
    press(page, "Your page at the provider")
    page.get_by_role("link", name="Back").click()
    page.get_by_role("heading", name="What you have").wait_for()


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_the_page_never_scrolls_sideways(
    running: Running, visit: Callable[..., Visit], width: int
) -> None:
    page = visit(running.address("Buy"), viewport={"width": width, "height": 800}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    buy(page, "team")
    assert page.get_by_text("Paid.").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
