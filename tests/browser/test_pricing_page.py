"""The pricing page in a real browser."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.catalog import Catalog, Feature, Plan, Product
from tallystick.core.currency import currency
from tallystick.core.price import Flat, Graduated, Package, Price, Tier
from tallystick.http.api import create_app
from tests.browser.conftest import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page
    from starlette.types import Receive, Scope, Send

    from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

USD = currency("USD")
HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'
ENOUGH_CONTRAST = 4.5


def fee(id: str, minor: int) -> Price:  # noqa: A002 - the field's word
    return Price(id=id, currency=USD, basis="flat", shape=Flat(Decimal(minor)))


def offer(id: str, product: str, *prices: Price, **more: Any) -> Plan:  # noqa: A002 - the field's word
    return Plan(id=id, name=id, currency=USD, product_id=product, prices=prices, **more)


def product(id: str, name: str, *plans: Plan, **more: Any) -> Product:  # noqa: A002 - the field's word
    return Product(id=id, name=name, currency=USD, plans=plans, **more)


def make_shop() -> Catalog:
    tiers = (Tier(Decimal(1000)), Tier(None, Decimal("0.2"), Decimal(500)))
    calls = Price(
        id="calls", name="API calls", currency=USD, unit="call", meter="c", shape=Graduated(tiers)
    )
    gigabytes = Price(
        id="gb", currency=USD, unit="GB", meter="gb", shape=Package(Decimal(100), Decimal(150))
    )
    limits = {
        "projects": Feature(key="projects", enabled=True, limit=3, description="Projects"),
        "domains": Feature(key="domains", enabled=False, description="Custom domains"),
        "seats": Feature(key="seats", enabled=True, limit=-1, description="Seats"),
    }
    return Catalog(
        products=(
            product("free", "Hobby", offer("free", "free", features=limits)),
            product(
                "pro",
                "Studio",
                offer("pro-m", "pro", fee("price_m", 2900), calls, gigabytes, trial_days=14),
                offer("pro-q", "pro", fee("price_q", 7990), interval_count=3),
                offer("pro-y", "pro", fee("price_y", 29000), interval="month", interval_count=12),
                features=("Priority support",),
                highlighted=True,
                badge="Most chosen",
            ),
            product(
                "team",
                "Workshop",
                offer("team-y", "team", fee("price_t", 99000), interval="year"),
                offer("team-l", "team", fee("price_l", 199900), interval=None),
            ),
            product(
                "big",
                "Enterprise",
                offer(
                    "talk",
                    "big",
                    custom=True,
                    label="Let's talk",
                    button_label="Write to us",
                    href="mailto:sales@example.com",
                ),
            ),
        )
    )


def make_hostile() -> Catalog:
    bad = offer(
        "bad",
        "bad",
        fee("price_bad", 100),
        display_name=HOSTILE,
        description=HOSTILE,
        button_label=HOSTILE,
        badge=HOSTILE,
        coupons=(HOSTILE,),
        features={HOSTILE: Feature(key=HOSTILE, enabled=True, description=HOSTILE)},
    )
    schemes = ("javascript:window.pwned=3", " JaVaScRiPt:window.pwned=3", "data:text/html,x", "//")
    links = [offer(f"link-{n}", "links", custom=True, href=href) for n, href in enumerate(schemes)]
    fine = [offer("fine", "links", custom=True, href="/contact")]
    return Catalog(
        products=(
            product("bad", HOSTILE, bad, description=HOSTILE, features=(HOSTILE,)),
            product("links", "Links", *links, *fine),
        )
    )


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with serving(create_app(make_shop())) as origin:
        yield origin


def table(page: Page, text: str) -> Any:
    found = page.locator("tallystick-pricing-table").get_by_text(text, exact=True)
    return found.filter(visible=True)


def focused(page: Page) -> str:
    """Name what has the focus, looking into shadow roots."""
    name: str = page.evaluate(
        """() => {
          let it = document.activeElement;
          while (it.shadowRoot?.activeElement) it = it.shadowRoot.activeElement;
          return it.value ? `${it.type}:${it.value}` : (it.ariaLabel ?? it.textContent.trim());
        }"""
    )
    return name


def test_the_page_shows_every_kind_of_plan(visit: Callable[..., Visit], shop: str) -> None:
    page = visit(shop).page
    for text in (
        "Free",
        "$29",
        "per month",
        "14-day free trial",
        "Most chosen",
        "$1,999",
        "once",
        "Let's talk",
        "Priority support",
        "Custom domains",
        "not included",
        "Unlimited",
        "up to 1,000: included",
        "beyond 1,000: $0.002 per call plus $5",
        "$1.50 per 100 GB",
    ):
        assert table(page, text).count() >= 1, text
    assert page.get_by_role("article").count() == 4
    assert page.get_by_role("article", name="Studio").get_attribute("class") == "card highlighted"
    link = page.get_by_role("link", name="Write to us, Enterprise")
    assert link.get_attribute("href") == "mailto:sales@example.com"


def test_the_switch_changes_the_prices(visit: Callable[..., Visit], shop: str) -> None:
    page = visit(shop).page
    radios = page.get_by_role("group", name="Billing interval").get_by_role("radio")
    assert radios.count() == 3
    page.get_by_label("Quarterly", exact=True).check()
    assert table(page, "$79.90").is_visible()
    assert table(page, "every 3 months").is_visible()
    assert table(page, "$29").count() == 0
    page.get_by_label("Yearly", exact=True).check()
    assert table(page, "$290").is_visible()
    assert table(page, "$990").is_visible()
    assert table(page, "Yearly prices are shown").count() == 1


def test_one_cadence_needs_no_switch(visit: Callable[..., Visit]) -> None:
    catalog = Catalog(products=(product("x", "One", offer("a", "x", fee("f", 100))),))
    with serving(create_app(catalog)) as origin:
        page = visit(origin).page
        assert table(page, "$1").is_visible()
        assert page.get_by_role("radio").count() == 0


def test_the_keyboard_alone_is_enough(visit: Callable[..., Visit], shop: str) -> None:
    page = visit(shop).page
    page.evaluate(
        "addEventListener('tallystick-select', (event) => { window.heard = event.detail; })"
    )
    page.keyboard.press("Tab")
    assert focused(page) == "radio:m1"
    page.keyboard.press("ArrowRight")
    assert focused(page) == "radio:m3"
    assert table(page, "$79.90").is_visible()
    page.keyboard.press("ArrowLeft")
    stops = []
    for _ in range(5):
        page.keyboard.press("Tab")
        stops.append(focused(page))
    assert stops == [
        "Start free, Hobby, Monthly",
        "Start 14-day trial, Studio, Monthly",
        "Buy, Workshop, One-time",
        "Write to us, Enterprise",
        "Price list as JSON",
    ]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("window.heard") == {
        "productId": "pro",
        "planId": "pro-m",
        "priceVariantId": "price_m",
        "custom": False,
    }
    assert page.locator("#chosen").inner_text() == "Chosen: pro-m (price_m)"


def test_what_has_the_focus_shows_it(visit: Callable[..., Visit], shop: str) -> None:
    page = visit(shop).page
    for _ in range(7):
        page.keyboard.press("Tab")
        ring = page.evaluate(
            """() => {
              let it = document.activeElement;
              while (it.shadowRoot?.activeElement) it = it.shadowRoot.activeElement;
              const shown = it.type === "radio" ? it.nextElementSibling : it;
              const style = getComputedStyle(shown);
              return [style.outlineStyle, parseFloat(style.outlineWidth)];
            }"""
        )
        assert ring[0] == "solid"
        assert ring[1] >= 2


@pytest.mark.parametrize("path", ["/", "/docs"])
@pytest.mark.parametrize("scripts", [True, False])
def test_320_pixels_are_wide_enough(
    visit: Callable[..., Visit], shop: str, path: str, scripts: bool
) -> None:
    viewport = {"width": 320, "height": 640}
    page = visit(f"{shop}{path}", viewport=viewport, java_script_enabled=scripts).page
    width = page.locator("html").evaluate("(root) => root.scrollWidth")
    assert width <= 320
    if path == "/" and scripts:
        for card in page.get_by_role("article").all():
            box = card.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 320


def test_very_long_words_do_not_widen_the_page(visit: Callable[..., Visit]) -> None:
    long = "Donaudampfschifffahrt" * 20
    catalog = Catalog(
        products=(product("x", long, offer("a", "x", fee("f", 10**15)), features=(long,)),)
    )
    with serving(create_app(catalog)) as origin:
        page = visit(origin, viewport={"width": 320, "height": 640}).page
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


COLOURS = """() => {
  const texts = [];
  const behind = (element) => {
    for (let it = element; it; it = it.parentElement ?? it.getRootNode().host) {
      const colour = getComputedStyle(it).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const look = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) look(element.shadowRoot);
      const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
      if (!own || !element.checkVisibility() || element.closest(".hidden")) continue;
      texts.push([element.textContent.trim(), getComputedStyle(element).color, behind(element)]);
    }
  };
  look(document.body);
  return texts;
}"""


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("path", ["/", "/docs"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_light_and_dark(
    visit: Callable[..., Visit], shop: str, path: str, scheme: str
) -> None:
    page = visit(f"{shop}{path}", color_scheme=scheme).page
    texts = page.evaluate(COLOURS)
    assert len(texts) > 20
    weak = [entry for entry in texts if contrast(entry[1], entry[2]) < ENOUGH_CONTRAST]
    assert weak == []
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (luminance(paper) > 0.5) is (scheme == "light")


def test_without_scripts_a_plain_list_remains(visit: Callable[..., Visit], shop: str) -> None:
    page = visit(shop, java_script_enabled=False).page
    for text in ("29 USD per month plus usage", "79.90 USD every 3 months", "free", "Let's talk"):
        assert page.get_by_text(text, exact=True).is_visible()
    assert page.get_by_role("heading", name="Studio").is_visible()


def test_no_request_leaves_the_origin(visit: Callable[..., Visit], shop: str) -> None:
    for path in ("/", "/docs"):
        opened = visit(f"{shop}{path}")
        assert opened.requests
        assert [url for url in opened.requests if not url.startswith(f"{shop}/")] == []


def host_page(html: str, policy: str = "") -> Any:
    """Another site: one page, whatever is asked for."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        if policy:
            headers.append((b"content-security-policy", policy.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": html.encode()})

    return app


def embed(shop: str, attributes: str = "", inside: str = "", lang: str = "en") -> str:
    return (
        f'<!doctype html><html lang="{lang}"><title>Host</title><link rel="icon" href="data:,">'
        f'<script type="module" src="{shop}/static/tallystick-pricing-table.js"></script>'
        f"<tallystick-pricing-table {attributes}>{inside}</tallystick-pricing-table>"
    )


def test_another_site_embeds_it_under_its_own_strict_policy(
    visit: Callable[..., Visit], shop: str
) -> None:
    policy = f"default-src 'none'; script-src {shop}; connect-src {shop}; img-src data:"
    html = embed(shop, f'src="{shop}/api/v1/plans?view=full"', lang="de")
    with serving(host_page(html, policy)) as origin:
        opened = visit(origin)
        assert table(opened.page, "79,90\u00a0$").count() == 0
        opened.page.get_by_label("Quarterly", exact=True).check()
        assert table(opened.page, "79,90\u00a0$").is_visible()
        background = opened.page.get_by_role("article").first.evaluate(
            "(card) => getComputedStyle(card).backgroundColor"
        )
        assert background == "rgb(255, 254, 251)"


def test_without_a_source_it_asks_the_service_it_came_from(
    visit: Callable[..., Visit], shop: str
) -> None:
    with serving(host_page(embed(shop))) as origin:
        assert table(visit(origin).page, "$29").is_visible()


def test_the_compact_list_is_enough_to_draw(visit: Callable[..., Visit], shop: str) -> None:
    with serving(host_page(embed(shop, f'src="{shop}/api/v1/plans"'))) as origin:
        page = visit(origin).page
        assert table(page, "$29").is_visible()
        assert table(page, "Free").is_visible()
        assert table(page, "Let's talk").is_visible()


def test_a_host_sets_its_own_colours_and_scheme(visit: Callable[..., Visit], shop: str) -> None:
    attributes = 'theme="dark" style="--tallystick-accent: rgb(1, 2, 3)"'
    with serving(host_page(embed(shop, attributes))) as origin:
        page = visit(origin).page
        button = page.get_by_role("button").first
        assert button.evaluate("(it) => getComputedStyle(it).color") == "rgb(1, 2, 3)"
        card = page.get_by_role("article").first
        assert card.evaluate("(it) => getComputedStyle(it).backgroundColor") == "rgb(28, 27, 25)"


def test_a_host_without_dark_pages_gets_a_light_table(
    visit: Callable[..., Visit], shop: str
) -> None:
    with serving(host_page(embed(shop))) as origin:
        card = visit(origin, color_scheme="dark").page.get_by_role("article").first
        colour = card.evaluate("(it) => getComputedStyle(it).backgroundColor")
        assert colour == "rgb(255, 254, 251)"


def test_from_right_to_left_everything_stands_on_its_side(
    visit: Callable[..., Visit], shop: str
) -> None:
    with serving(host_page(embed(shop, 'dir="rtl"'))) as origin:
        page = visit(origin).page
        first, second = (
            page.get_by_role("article", name=name).bounding_box() for name in ("Hobby", "Studio")
        )
        assert first is not None
        assert second is not None
        assert first["x"] > second["x"]
        item = page.get_by_role("listitem").first
        assert item.evaluate("(it) => getComputedStyle(it).paddingRight") != "0px"
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_prices_that_do_not_come_leave_what_was_there_and_can_be_asked_again(
    visit: Callable[..., Visit], shop: str
) -> None:
    html = embed(shop, f'src="{shop}/nowhere"', "<p>Call us for prices</p>")
    with serving(host_page(html)) as origin:
        opened = visit(origin)
        page = opened.page
        assert table(page, "The prices could not be loaded.").is_visible()
        assert page.get_by_text("Call us for prices").is_visible()
        assert opened.complaints
        opened.complaints.clear()  # the browser itself reports the refused request
        page.evaluate(
            "(src) => document.querySelector('tallystick-pricing-table').setAttribute('src', src)",
            f"{shop}/api/v1/plans",
        )
        table(page, "$29").wait_for()
        assert table(page, "The prices could not be loaded.").count() == 0
        assert not page.get_by_text("Call us for prices").is_visible()


def test_the_button_asks_again(visit: Callable[..., Visit], shop: str) -> None:
    opened = visit(shop)
    opened.page.route("**/api/v1/plans*", lambda route: route.fulfill(status=500, body="{}"))
    opened.page.evaluate("document.querySelector('tallystick-pricing-table').reload()")
    again = opened.page.get_by_role("button", name="Try again")
    again.wait_for()
    assert opened.page.get_by_text("29 USD per month plus usage").is_visible()
    opened.page.unroute("**/api/v1/plans*")
    again.click()
    table(opened.page, "$29").wait_for()
    opened.complaints.clear()  # the browser itself reports the 500


def test_a_listener_can_keep_a_link_from_being_followed(visit: Callable[..., Visit]) -> None:
    with serving(create_app(make_hostile())) as origin:
        page = visit(origin).page
        page.evaluate("addEventListener('tallystick-select', (event) => event.preventDefault())")
        page.get_by_role("link", name="Contact us, Links").click()
        assert page.url == f"{origin}/"


def test_hostile_texts_and_links_are_inert(visit: Callable[..., Visit]) -> None:
    with serving(create_app(make_hostile())) as origin:
        opened = visit(origin)
        page = opened.page
        assert table(page, HOSTILE).count() >= 7
        links = page.locator("tallystick-pricing-table").get_by_role("link")
        assert [link.get_attribute("href") for link in links.all()] == [f"{origin}/contact"]
        for button in page.locator("tallystick-pricing-table").get_by_role("button").all():
            button.click()
        assert page.evaluate("window.pwned") is None
        assert page.locator("img").count() == 0
        plain = visit(origin, java_script_enabled=False)
        assert plain.page.get_by_text(HOSTILE).first.is_visible()
        assert plain.page.locator("img").count() == 0


def test_those_who_want_less_motion_get_none(visit: Callable[..., Visit], shop: str) -> None:
    page = visit(shop, reduced_motion="reduce").page
    duration = page.get_by_role("button").first.evaluate(
        "(it) => getComputedStyle(it).transitionDuration"
    )
    assert duration == "0s"
