"""A bank of files with pages to pay on: one file for each page, which a crash does not touch."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tallystick.core.checkout_page import OpenedPage, PageState
from tallystick.core.currency import currency
from tallystick.core.intent import Charge
from tallystick.core.money import Money
from tallystick.errors import NotFound
from tests.bank import Bank

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.core.checkout_page import Page

__all__ = ["PageBank"]


class PageBank(Bank):
    """A bank that puts up pages; it is its own pages."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **{"pages": True, "portal": True, **more})
        self.pages = self
        self._pages = folder / "pages"
        self._pages.mkdir(exist_ok=True)

    # --- what is asked --------------------------------------------------------------------------

    def open_page(self, page: Page) -> OpenedPage:
        self._do("open page", page.key, lambda: self._put_up(page))
        name = self._name(page.key)
        payer = self._page(name)["payer"]
        return OpenedPage(
            reference=name, url=f"https://bank.example/{name}", payer=payer, account=self.account
        )

    def look_at_page(self, reference: str) -> PageState:
        self._do("look at page", reference, lambda: None)
        return self._state(reference)

    def close_page(self, reference: str) -> PageState:
        self._do("close page", reference, lambda: self._move(reference, "open", "expired"))
        return self._state(reference)

    def open_portal(self, payer: str, return_url: str) -> str:
        self._do("open portal", payer, lambda: None)
        return f"https://bank.example/portal/{payer}?back={return_url}"

    # --- what is seen of it ---------------------------------------------------------------------

    def put_up(self) -> list[dict[str, Any]]:
        """Give every page there is."""
        return [self._read(path) for path in sorted(self._pages.glob("*.json"))]

    def pay_page(self, reference: str) -> None:
        """Pay, as a customer does on the page."""
        page = self._page(reference)
        assert page["state"] == "open"
        charge = Charge(
            key=f"{reference}/payment",
            invoice="",
            customer=page["customer"],
            amount=Money(page["minor"], currency(page["currency"])),
            label="",
            payer=page["payer"],
        )
        self._new(charge, "paid")
        self._move(reference, "open", "paid")

    # --- how ------------------------------------------------------------------------------------

    def _put_up(self, page: Page) -> None:
        assert sum(line.amount.minor for line in page.lines) == page.amount.minor
        body = {
            "key": page.key,
            "checkout": page.checkout,
            "customer": page.customer.id,
            "payer": page.payer or f"acct_{page.customer.id}",
            "minor": page.amount.minor,
            "currency": page.amount.currency.code,
            "state": "open",
        }
        path = self._file(self._name(page.key))
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(body), "utf-8")
        try:
            os.link(draft, path)  # all of it or nothing, and only the first
        except FileExistsError:
            assert self._read(path)["minor"] == page.amount.minor, "one key, two wishes"
        finally:
            draft.unlink()

    def _state(self, reference: str) -> PageState:
        page = self._page(reference)
        return PageState(
            reference=reference,
            state=page["state"],
            account=self.account,
            amount=Money(page["minor"], currency(page["currency"])),
            payer=page["payer"],
            checkout=page["checkout"],
            payment=f"bank-{reference}/payment" if page["state"] == "paid" else None,
        )

    def _move(self, reference: str, before: str, after: str) -> None:
        page = self._page(reference)
        if page["state"] == before:
            self._file(reference).write_text(json.dumps(page | {"state": after}), "utf-8")

    def _page(self, reference: str) -> dict[str, Any]:
        path = self._file(reference)
        if not path.exists():
            raise NotFound("page", reference)
        return self._read(path)

    def _file(self, reference: str) -> Path:
        return self._pages / f"{reference}.json"

    def _name(self, key: str) -> str:
        return f"page-{key.replace('/', '_')}"
