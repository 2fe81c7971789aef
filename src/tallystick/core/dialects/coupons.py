"""From the record of a coupon to its value, and the checks that look at more than one field."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.coupon import MOST_MONTHS, Code, Coupon, code_key
from tallystick.core.currency import currency
from tallystick.core.dialects.fields import read_record
from tallystick.core.dialects.report import BAD, Report, TooMany
from tallystick.core.price import PercentOff
from tallystick.core.spelling import did_you_mean
from tallystick.errors import InvalidCatalog, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tallystick.core.currency import Currency
    from tallystick.core.dialects.report import Record

__all__ = ["Coupons", "read_coupon"]

_SCOPES: Final = {"plans": "plan", "products": "product", "prices": "price", "meters": "meter"}
_LIMITS: Final = ("max_redemptions", "max_redemptions_per_customer", "starts_at", "ends_at")
_PLAIN: Final = ("name", "first_purchase", "automatic", "active", "metadata")


def read_coupon(tree: object) -> Coupon:
    """Read one coupon by itself, as `coupon_to_tree` writes it.

    What it is limited to need not exist any more: a redemption outlives the catalogue it came from.
    Raises InvalidCatalog with every problem.
    """
    report = Report("tallystick")
    built: tuple[Coupon, ...] = ()
    with suppress(TooMany):
        record = read_record(tree, "coupon", "", report)
        built = () if record is BAD else Coupons().build([record], {})
    if report.problems or not built:
        raise InvalidCatalog(report.problems, "coupon")
    return built[0]


class Coupons:
    """Builds the coupons of one catalogue, keeping what must be unique over all of them."""

    def __init__(self) -> None:
        """Start without any."""
        self._ids: dict[str, str] = {}
        self._codes: dict[str, str] = {}

    def build(
        self, records: list[Record], known: Mapping[str, Collection[str]]
    ) -> tuple[Coupon, ...]:
        """Give the coupons, noting every problem; one with a problem is left out.

        `known` are the ids that a coupon may be limited to, by field; a field that is not in it is
        not checked.
        """
        built = [self._coupon(record, known) for record in records]
        return tuple(coupon for coupon in built if coupon is not None)

    def _coupon(self, record: Record, known: Mapping[str, Collection[str]]) -> Coupon | None:
        _once(record, "id", record.get("id"), self._ids)
        _check_off(record)
        _check_duration(record)
        _check_window(record)
        for name in _SCOPES:
            if name in known:
                _check_known(record, name, known[name])
        currencies = _currencies(record)
        codes = [self._code(code) for code in record.get("codes", ())]
        if record.bad or None in codes:
            return None
        percent = record.get("percent_off")
        return Coupon(
            id=record["id"],
            off=record["amount_off"] if percent is None else PercentOff(percent),
            duration=record.get("duration", "once"),
            months=record.get("months"),
            currencies=frozenset(currencies),
            minimum=record.get("minimum_amount", ()),
            codes=tuple(code for code in codes if code is not None),
            **_scopes(record),
            **record.shared(*_PLAIN, *_LIMITS),
        )

    def _code(self, record: Record) -> Code | None:
        _check_window(record)
        try:
            key = code_key(record["code"]) if "code" in record else None
        except InvalidInput as refused:
            record.problem("code", str(refused))
            return None
        _once(record, "code", key, self._codes)
        return None if record.bad else Code(code=record["code"], **record.shared(*_LIMITS))


def _scopes(record: Record) -> dict[str, Any]:
    return {name: frozenset(record.get(name, ())) for name in _SCOPES}


def _once(record: Record, name: str, key: str | None, taken: dict[str, str]) -> None:
    if key is None:
        return
    if key in taken:
        cure = "codes that differ in case or blanks alone are one" if name == "code" else ""
        record.problem(name, f"{record[name]!r} is taken by {taken[key]}", cure)
    else:
        taken[key] = record.at(name)


def _check_off(record: Record) -> None:
    written = [name for name in ("percent_off", "amount_off") if record.has(name)]
    if not written:
        record.problem("percent_off", "is missing: say what is taken off", "or write an amount_off")
    elif len(written) > 1:
        record.problem("amount_off", "goes without percent_off: a coupon has one of them")
    elif written == ["amount_off"] and record.has("currencies"):
        record.problem("currencies", "means nothing beside an amount_off, which says them already")


def _check_duration(record: Record) -> None:
    repeats = record.get("duration") == "repeating"
    if repeats and not record.has("months"):
        record.problem("months", "is missing: for how many calendar months does it repeat?")
    elif record.has("months") and not repeats and "duration" not in record.bad:
        record.problem("months", "means nothing on a coupon that is not repeating")
    if record.get("months", 0) > MOST_MONTHS:
        record.problem("months", f"is more than {MOST_MONTHS:,}", "write duration: forever")


def _check_window(record: Record) -> None:
    if "starts_at" in record and "ends_at" in record and record["starts_at"] >= record["ends_at"]:
        record.problem("ends_at", "must be after starts_at: it could never be redeemed")


def _check_known(record: Record, name: str, known: Collection[str]) -> None:
    for key in record.get(name, ()):
        if key not in known:
            record.problem(name, f"there is no {_SCOPES[name]} {key!r}", did_you_mean(key, known))


def _currencies(record: Record) -> list[Currency]:
    found = []
    for code in record.get("currencies", ()):
        try:
            found.append(currency(code))
        except InvalidInput as refused:
            record.problem("currencies", str(refused))
    return found
