"""An invoice as a page: complete, escaped, from nowhere else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.documents.invoice_html import invoice_html
from tallystick.documents.invoice_view import view_of
from tests.documents.invoices import ATTACK, GOLDEN, SAMPLES, hostile, invoice, line, ordinary

TAGS = (
    "html head meta title style body main header h1 h2 p bdi dl div dt dd section address strong"
    " span table caption thead tbody tr th td"
)
ATTRIBUTES = "lang charset name content http-equiv class scope dir colspan"


class Read(HTMLParser):
    """What a reader of HTML finds: the elements, their attributes, the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_is_the_one_that_is_kept(name: str) -> None:
    document, locale, zone = SAMPLES[name]
    kept = (GOLDEN / f"{name}.html").read_text(encoding="utf-8")
    assert invoice_html(document, locale=locale, zone=zone) == kept


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_is_made_of_known_elements_that_are_all_closed(name: str) -> None:
    document, locale, zone = SAMPLES[name]
    read = Read(invoice_html(document, locale=locale, zone=zone))
    assert set(read.tags) <= {*TAGS.split()}
    assert {name for name, _ in read.attributes} <= {*ATTRIBUTES.split()}
    assert read.open == []


@pytest.mark.parametrize("name", SAMPLES)
def test_everything_that_the_text_says_stands_on_the_page(name: str) -> None:
    document, locale, zone = SAMPLES[name]
    view = view_of(document, locale, zone)
    text = Read(invoice_html(document, locale=locale, zone=zone)).text
    said = [
        view.title,
        view.number,
        view.mark.value if view.mark else "",
        *(word for fact in (*view.facts, *view.totals) for word in (fact.label, fact.value)),
        *view.seller,
        *view.buyer,
        *view.memo,
        *view.remarks,
    ]
    for row in view.rows:
        said += [row.description, *row.details, row.quantity, row.unit_price, row.amount]
    assert [word for word in said if word not in text] == []


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    page = invoice_html(hostile())
    read = Read(page)
    assert not {"script", "img", "link", "a", "iframe"} & set(read.tags)
    assert ATTACK in read.text
    assert "49" not in read.text
    assert page.count("<script") == 0


@settings(max_examples=100)
@given(text=st.text(min_size=1, max_size=40))
def test_no_name_makes_an_element(text: str) -> None:
    plain = Read(invoice_html(invoice(line(100, description="a", unit="b", group=(("c", "d"),)))))
    named = Read(
        invoice_html(invoice(line(100, description=text, unit=text, group=((text, text),))))
    )
    assert named.tags == plain.tags
    assert named.attributes == plain.attributes


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_asks_nobody_for_anything(name: str) -> None:
    page = (GOLDEN / f"{name}.html").read_text(encoding="utf-8")
    assert re.search(r"url\(|@import|\b(?:src|href|action)\s*=\s*\"|https?:", page) is None
    assert "default-src 'none'" in page


def test_the_language_of_the_page_is_that_of_its_words() -> None:
    assert '<html lang="de-AT">' in invoice_html(ordinary(), locale="de-AT")
    assert '<html lang="en">' in invoice_html(ordinary(), locale="ja")


def test_headings_say_what_they_are_headings_of() -> None:
    read = Read(invoice_html(ordinary()))
    scopes = [value for name, value in read.attributes if name == "scope"]
    assert scopes.count("col") == 4
    assert scopes.count("row") == len(ordinary().lines) + 6
    assert read.tags.count("caption") == read.tags.count("table") == 2


def test_a_document_has_one_class_for_how_it_stands() -> None:
    marks = {status: invoice_html(ordinary(status=status)) for status in ("draft", "paid", "void")}
    assert all(f'<main class="is-{status}">' in page for status, page in marks.items())
    assert "<main>" in invoice_html(ordinary())
