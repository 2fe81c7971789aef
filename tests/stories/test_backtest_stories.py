"""Every story, looked back on: the same prices in other words, and prices three times as high."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from tallystick.core.canonical import to_tree
from tallystick.core.dialects import read_catalog
from tests.databases import migrated
from tests.stories.player import Player
from tests.stories.telling import read_story, story_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tallystick import Tallystick
    from tallystick.core.catalog import Catalog
    from tests.stories.telling import Story

SINCE, UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)
AMOUNTS_BY_HAND: Final = frozenset({"credit", "refund"})
"""Acts with amounts of their own, which other prices may refuse: these stories have one part."""
TAKEN_BACK: Final = "void"
"""What is void is one document: prices have to leave it the usage that it had."""


def stories() -> list[Any]:
    """Give the stories that one catalogue was in force in."""
    found = [(path, {step.verb for step in read_story(path).steps}) for path in story_files()]
    one = [path for path, verbs in found if not verbs & {"publish", "parent"}]
    assert len(one) > len(found) / 2
    return [pytest.param(path, id=path.stem) for path in one]


def rolls_over(catalog: Catalog[str, str]) -> bool:
    """Whether credits go on: what does keeps the size that it had, whatever documents burn now."""
    return any(credit.rollover is not None for plan in catalog for credit in plan.credits)


def prices_changed(
    catalog: Catalog[str, str], change: Callable[[dict[str, Any]], None]
) -> Catalog[str, str]:
    tree: Any = to_tree(catalog)
    for product in tree["products"]:
        for plan in product["plans"]:
            for price in (*plan.get("prices", ()), *plan.get("limits", ())):
                change(price)
    return read_catalog(tree)


def in_other_words(price: dict[str, Any]) -> None:
    if "feature_key" in price or price["type"] == "percentage":
        return
    if price["type"] != "flat":
        for there in (price, *price.get("currencies", {}).values()):
            there.setdefault("maximum_spend", "99999999")
    elif "discount_amount" not in price:
        price.setdefault("discount_percent", "0")


def three_times(price: dict[str, Any]) -> None:
    for there in (price, *price.get("currencies", {}).values()):
        for costs in (there, *there.get("tiers", ())):
            for name in ("cost", "flat_cost", "unit_price"):
                if name in costs:
                    costs[name] = str(Decimal(str(costs[name])) * 3)


def with_thresholds(catalog: Catalog[str, str]) -> Catalog[str, str]:
    """Give it with thresholds three times as high, so that documents are cut where they were."""
    tree: Any = to_tree(catalog)
    for product in tree["products"]:
        for plan in product["plans"]:
            if "invoice_threshold" in plan:
                plan["invoice_threshold"] = str(Decimal(str(plan["invoice_threshold"])) * 3)
    return read_catalog(tree)


@contextmanager
def played(story: Story, folder: Path) -> Iterator[Tallystick]:
    """Play a story."""
    folder.mkdir()
    with migrated("sqlite-memory", folder) as storage:
        player = Player(storage, story, daily=False)
        player.play()
        yield player.tally


def issued(tally: Tallystick) -> dict[tuple[str, str], int]:
    """Give what was issued by customer and currency, minor units."""
    found: Counter[tuple[str, str]] = Counter()
    for each in tally.invoices.list(limit=100):
        if each.number is not None and each.status != "void":
            found[each.invoice.customer, each.invoice.currency.code] += each.invoice.total.minor
    return dict(found)


def looked_back(tally: Tallystick, catalog: Catalog[str, str]) -> dict[tuple[str, str], int]:
    """Give what it comes to by a catalogue; who was asked for nothing at all is left out."""
    found = tally.backtest(catalog, since=SINCE, until=UNTIL)
    assert (found.not_compared, found.added) == ((), ())
    billed = issued(tally)
    return {
        (each.customer, each.currency.code): each.repriced.minor
        for each in found.customers
        if each.repriced.minor or (each.customer, each.currency.code) in billed
    }


@pytest.mark.parametrize("path", stories())
def test_a_story_comes_to_what_was_issued_and_by_other_prices_to_what_would_have_been(
    path: Path, tmp_path: Path
) -> None:
    story = read_story(path)
    verbs = {step.verb for step in story.steps}
    with played(story, tmp_path / "one") as tally:
        was = issued(tally)
        assert looked_back(tally, story.catalog) == was
        assert looked_back(tally, prices_changed(story.catalog, in_other_words)) == was
        if verbs & AMOUNTS_BY_HAND or rolls_over(story.catalog):
            return
        catalog = prices_changed(story.catalog, three_times)
        if TAKEN_BACK in verbs:
            catalog = with_thresholds(catalog)
        with played(replace(story, catalog=catalog), tmp_path / "two") as other:
            assert looked_back(tally, catalog) == issued(other)
