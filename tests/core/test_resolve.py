"""A lock file fills in what the catalogue leaves out, and never overrules it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.dialects import read_catalog
from tallystick.core.lint import lint
from tallystick.core.lock import Lock, LockedPrice
from tallystick.core.resolve import with_lock

if TYPE_CHECKING:
    from tallystick import Catalog


def catalog(**offer: Any) -> Catalog[str, str]:
    """Read a catalogue of one plan with one line."""
    plan = {
        "id": "p",
        "name": "P",
        "interval": "month",
        "prices": [{"id": "line", "type": "flat", "cost": 1}],
        **offer,
    }
    product = {"id": "x", "name": "X", "currency": "USD", "plans": [plan]}
    return read_catalog({"products": [product]})


def lock(**held: Any) -> Lock:
    """Lock that one line."""
    pulled: dict[str, Any] = {"provider_id": "price_9", "interval": "month", "interval_count": 3}
    price = LockedPrice(**(pulled | held))
    return Lock(provider="stripe", environment="test", prices={"line": price})


def test_ids_and_counts_are_filled_in() -> None:
    plan = with_lock(catalog(), lock())["p"]
    assert plan.interval_count == 3
    assert plan.prices[0].provider_id == "price_9"
    assert plan.catalog is not None
    assert lint(plan.catalog) == ()


def test_what_the_catalogue_says_stays() -> None:
    written = catalog(
        interval_count=1,
        prices=[{"id": "line", "type": "flat", "cost": 1, "provider_id": "mine"}],
    )
    plan = with_lock(written, lock())["p"]
    assert (plan.interval_count, plan.prices[0].provider_id) == (1, "mine")


def test_a_count_of_another_interval_is_not_taken() -> None:
    assert with_lock(catalog(), lock(interval="year"))["p"].interval_count is None
    assert (
        with_lock(catalog(), lock(interval=None, interval_count=None))["p"].interval_count is None
    )


def test_a_line_that_is_not_locked_stays_as_it_is() -> None:
    empty = Lock(provider="stripe", environment="test", prices={})
    assert with_lock(catalog(), empty) == catalog()


def test_a_line_has_the_id_of_its_price_in_each_currency() -> None:
    line = {"id": "line", "type": "flat", "cost": 1, "currencies": {"EUR": {"cost": 2}}}
    held = {"line": LockedPrice(provider_id="price_usd")}
    both = {**held, "line:EUR": LockedPrice(provider_id="price_eur")}
    for prices, euro in ((both, "price_eur"), (held, None)):
        lock = Lock(provider="stripe", environment="test", prices=prices)
        plan = with_lock(catalog(prices=[line]), lock)["p"]
        assert plan.in_currency("USD").prices[0].provider_id == "price_usd"
        assert plan.in_currency("EUR").prices[0].provider_id == euro
