"""An account's price list as a catalogue in the native format, for who comes from Stripe.

Lines have Stripe's price ids, so that `pull` finds each by its id.  A price that names a plan in
its metadata `billing_plan_id` is a line of that plan; any other is a plan of its own.  What we
cannot express is refused by its id and the rest goes on; what is archived or used up is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.dialects import read_catalog
from tallystick.core.number import EXACT, plain
from tallystick.core.period import Cadence, instant_text
from tallystick.errors import InvalidCatalog, InvalidInput
from tallystick.providers.stripe.book import OWN, PLAN
from tallystick.providers.stripe.wire import decimals, from_api_amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tallystick.core.price import Price
    from tallystick.providers.stripe.book import Found

__all__ = ["Imported", "imported", "read_price"]

_NO_LETTER: Final = re.compile(r"[^a-z0-9]+")
_FEE: Final = ":setup_fee"
_PART: Final = re.compile(
    r"coupons\[(?P<coupon>[0-9]+)\]|products\[(?P<product>[0-9]+)\](\.plans\[(?P<plan>[0-9]+)\])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A catalogue as a tree, and what of the account it does not hold: `(id, why)`."""

    tree: dict[str, Any]
    refused: tuple[tuple[str, str], ...]


def imported(held: Iterable[Found]) -> Imported:
    """Make a catalogue of everything that an account sells; without products where that is nothing.

    The tree can be read by `core.dialects.read_catalog`.
    """
    reader = _Reader({each.id: each for each in held})
    reader.read()
    tree: dict[str, Any] = {"dialect": "tallystick", "provider": "stripe"}
    if reader.meters:
        tree["meters"] = [reader.meters[key] for key in sorted(reader.meters)]
    if reader.coupons:
        tree["coupons"] = reader.coupons
    tree["products"] = reader.products
    reader.refused += _taken_out(tree)
    return Imported(tree=tree, refused=tuple(reader.refused))


def read_price(price: Found) -> Price:
    """Read one price by itself, archived or not: what is licensed or paid once, by the piece.

    Raises InvalidInput for what we cannot express.
    """
    terms = price.terms
    unit = decimals(currency(terms["currency"]))
    line = {"id": price.id, **_shape(price, unit)}
    if terms["usage"] == "metered":
        line |= {"meter": "usage", "unit": "unit"}
    else:
        line["type"] = "per_seat"
    every = _cadence(price) if terms["interval"] is not None else {"interval": "month"}
    tree = {
        "dialect": "tallystick",
        "meters": [{"key": "usage"}],
        "products": [
            {
                "id": "product",
                "name": "product",
                "currency": terms["currency"],
                "plans": [{"id": "plan", "name": "plan", **every, "prices": [line]}],
            }
        ],
    }
    try:
        return read_catalog(tree)["plan"].prices[0]
    except InvalidCatalog as refused:
        raise InvalidInput(refused.problems[0].text) from None


def _taken_out(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Take out what no catalogue may hold, plan by plan, and give its id and why."""
    while tree["products"]:
        try:
            read_catalog(tree)
        except InvalidCatalog as error:
            problem = error.problems[0]
            found = _PART.match(problem.path)
            if found is None:
                raise
            several, part = _part_of(tree, found)
            several.remove(part)
            tree["products"] = [each for each in tree["products"] if each["plans"]]
            lines = part.get("prices", ())
            yield ", ".join(line["id"] for line in lines) or part["id"], problem.text
        else:
            return


def _part_of(tree: dict[str, Any], found: re.Match[str]) -> tuple[list[Any], Any]:
    if found["coupon"]:
        return tree["coupons"], tree["coupons"][int(found["coupon"])]
    plans = tree["products"][int(found["product"])]["plans"]
    return plans, plans[int(found["plan"] or 0)]


@dataclass
class _Reader:
    held: dict[str, Found]
    refused: list[tuple[str, str]] = field(default_factory=list)
    meters: dict[str, dict[str, Any]] = field(default_factory=dict)
    products: list[dict[str, Any]] = field(default_factory=list)
    coupons: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def read(self) -> None:
        """Read products with their prices, oldest first, then coupons."""
        for product in self.of("product"):
            prices = [p for p in self.of("price") if p.product == product.id and p.active]
            if prices and product.active:
                self.product(product, prices)
            elif prices:
                self.refuse(product, "is archived, and has prices that are not")
        for coupon in self.of("coupon"):
            self.coupon(coupon)

    def of(self, kind: str) -> list[Found]:
        return [each for each in reversed(self.held.values()) if each.kind == kind]

    def refuse(self, found: Found, why: str) -> None:
        self.refused.append((found.id, why))

    # --- products -------------------------------------------------------------------------------

    def product(self, product: Found, prices: Sequence[Found]) -> None:
        groups: dict[str, list[tuple[Found, dict[str, Any]]]] = {}
        for price in prices:
            line = self.line(price)
            if line is not None:
                groups.setdefault(price.metadata.get(PLAN) or price.id, []).append((price, line))
        name = product.words["name"]
        most = _most_common([price for lines in groups.values() for price, _ in lines])
        found = (self.plan(id_, name, most, lines) for id_, lines in groups.items())
        plans = [plan for plan in found if plan is not None]
        if not plans:
            return
        wanted = product.metadata.get(OWN) or _slug(name) or product.id
        id_ = self.free(wanted, product.id)
        self.names[product.id] = id_
        tree = {"id": id_, "name": name, "currency": most}
        if product.words["description"]:
            tree["description"] = product.words["description"]
        self.products.append({**tree, "plans": plans})

    def plan(
        self, id_: str, product: str, code: str, priced: Sequence[tuple[Found, dict[str, Any]]]
    ) -> dict[str, Any] | None:
        """Make a plan of the lines that name it: those in the product's currency."""
        lines = [each for each in priced if each[0].terms["currency"] == code]
        for price, _ in priced:
            if price.terms["currency"] != code:
                self.refuse(price, f"is not in {code}, as most of its product's prices are")
        fees = [each for each in lines if (each[0].metadata.get(OWN) or "").endswith(_FEE)]
        charged = [each for each in lines if each not in fees]
        charged.sort(key=lambda each: each[0].terms["usage"] == "metered")
        if not charged:
            for price, _ in fees:
                self.refuse(price, f"is a set-up fee of {id_}, of which nothing else is sold")
            return None
        first = charged[0][0]
        wanted = first.metadata.get(PLAN) or _slug(f"{product} {_label(first)}")
        tree: dict[str, Any] = {
            "id": self.free(wanted or first.id, first.id),
            "name": first.words["nickname"] or f"{product} {_label(first)}",
            **_cadence(first),
            "prices": self.kept(charged, first),
        }
        return tree | ({"setup_fee": fees[0][1]["cost"]} if fees else {})

    def kept(
        self, charged: Sequence[tuple[Found, dict[str, Any]]], first: Found
    ) -> list[dict[str, Any]]:
        """Give the lines that go into one plan; of two fees for the period one is by seat."""
        kept = list[dict[str, Any]]()
        for price, line in charged:
            if (price.terms["interval"] is None) != (first.terms["interval"] is None):
                plan = first.metadata.get(PLAN)
                why = f"is paid once, and the plan {plan} again and again: write it as `setup_fee`"
                self.refuse(price, why)
                continue
            if line["type"] == "flat" and any(each["type"] == "flat" for each in kept):
                line["type"] = "per_seat"
            kept.append(line | _own_cadence(price, first))
        return kept

    def free(self, wanted: str, other: str) -> str:
        """Give an id, or the provider's where it is taken."""
        id_ = other if wanted in self.taken else wanted
        self.taken.add(id_)
        return id_

    # --- lines ----------------------------------------------------------------------------------

    def line(self, price: Found) -> dict[str, Any] | None:
        """Write a price as a line; one that we cannot express is refused."""
        try:
            unit = decimals(currency(price.terms["currency"]))
            shape = _shape(price, unit)
        except InvalidInput as refused:
            self.refuse(price, str(refused))
            return None
        tree = {"id": price.id, **shape}
        if price.words["nickname"]:
            tree["name"] = price.words["nickname"]
        if price.terms["usage"] != "metered":
            return tree
        meter = self.held.get(price.terms["meter"] or "")
        if meter is None or meter.terms["formula"] == "count":
            self.refuse(price, "is metered by a meter that does not sum or keep what is reported")
            return None
        key = meter.terms["event_name"]
        self.meters[key] = _meter(meter)
        return {**tree, "meter": key, "unit": "unit"}

    # --- coupons --------------------------------------------------------------------------------

    def coupon(self, coupon: Found) -> None:
        terms = coupon.terms
        lost = [each for each in terms["products"] or () if each not in self.names]
        if coupon.spent:
            self.refuse(coupon, "has ended or is used up")
            return
        if lost:
            self.refuse(coupon, f"is limited to {', '.join(lost)}, which is not sold")
            return
        tree: dict[str, Any] = {
            "id": coupon.id,
            "name": coupon.words["name"],
            "duration": None if terms["duration"] == "once" else terms["duration"],
            "months": terms["months"],
            "products": [self.names[each] for each in terms["products"] or ()] or None,
            "max_redemptions": terms["max_redemptions"],
            "ends_at": _time(terms["ends_at"]),
        }
        if terms["amount_off"] is None:
            tree["percent_off"] = terms["percent_off"]
        else:
            tree["amount_off"] = {
                code: plain(from_api_amount(amount, currency(code)).major)
                for code, amount in terms["amount_off"].items()
            }
        codes = [c for c in self.of("promotion_code") if c.terms["coupon"] == coupon.id]
        tree["codes"] = [self.code(code) for code in codes if self.takes(code)] or None
        self.coupons.append({name: value for name, value in tree.items() if value is not None})

    def takes(self, code: Found) -> bool:
        if not code.active:
            return False
        if code.terms["first_purchase"] or code.terms["minimum"]:
            self.refuse(code, "is limited by itself: with us its coupon is, with all its codes")
            return False
        return True

    def code(self, code: Found) -> Any:  # noqa: ANN401 - a text, or an object
        limits = {
            "max_redemptions": code.terms["max_redemptions"],
            "ends_at": _time(code.terms["ends_at"]),
        }
        said = {name: value for name, value in limits.items() if value is not None}
        return {"code": code.terms["code"], **said} if said else code.terms["code"]


def _shape(price: Found, unit: int) -> dict[str, Any]:
    """Write what a price charges.  Raises InvalidInput for what we have no words for."""
    terms = price.terms
    metered = terms["usage"] == "metered"
    if terms["tiers"] is not None:
        tiers = [_tier(tier, unit) for tier in terms["tiers"]]
        kind = {"type": terms["tiers_mode"]}
        if not metered:
            mode = {} if terms["tiers_mode"] == "graduated" else {"tiers_mode": "volume"}
            kind = {"type": "per_seat", **mode}
        return {**kind, "tiers": tiers}
    cost = {"cost": _major(terms["amount"], unit)}
    if terms["package"] is not None:
        if not metered:
            raise InvalidInput("sells by the package what is not metered")
        size, rounding = terms["package"]
        down = {"round_packages": "down"} if rounding == "down" else {}
        return {"type": "package", **cost, "package_size": size, **down}
    return {"type": "per_unit" if metered else "flat", **cost}


def _tier(tier: dict[str, Any], unit: int) -> dict[str, Any]:
    bound = "unlimited" if tier["up_to"] is None else tier["up_to"]
    flat = {} if tier["flat"] == "0" else {"flat_cost": _major(tier["flat"], unit)}
    return {"up_to": bound, "cost": _major(tier["amount"], unit), **flat}


def _major(amount: str | None, unit: int) -> str:
    if amount is None or not amount.replace(".", "", 1).isdigit():
        raise InvalidInput("has no amount of its own: the customer says it")
    return plain(Decimal(amount).scaleb(-unit, EXACT))


def _meter(meter: Found) -> dict[str, Any]:
    tree = {"key": meter.terms["event_name"], "description": meter.words["display_name"]}
    return tree if meter.terms["formula"] == "sum" else {**tree, "aggregation": "last"}


def _most_common(prices: Sequence[Found]) -> str:
    counts = Counter(price.terms["currency"] for price in prices)
    return "" if not counts else str(counts.most_common(1)[0][0])


def _own_cadence(price: Found, first: Found) -> dict[str, Any]:
    own = _cadence(price)
    return {} if own == _cadence(first) or price.terms["interval"] is None else own


def _cadence(price: Found) -> dict[str, Any]:
    if price.terms["interval"] is None:
        return {"payment_type": "one-time"}
    return {name: price.terms[name] for name in ("interval", "interval_count")}


def _label(price: Found) -> str:
    if price.terms["interval"] is None:
        return "once"
    return Cadence(price.terms["interval"], price.terms["interval_count"]).label


def _time(stamp: int | None) -> str | None:
    return None if stamp is None else instant_text(datetime.fromtimestamp(stamp, UTC))


def _slug(text: str) -> str:
    return _NO_LETTER.sub("-", text.lower()).strip("-")
