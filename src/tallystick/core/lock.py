"""What a provider calls our price lines in one environment: the lock, and its plain tree.

The lock stands beside the catalogue.  It holds the provider's generated ids and a snapshot of what
the provider charges, so that a catalogue can leave out what lives there.

A price stands under the id of our line.  What is a price at the provider and no line of ours has
a key of its own: `fee_key`, `overage_key`; `line_key` is that of a line in another currency.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from tallystick.core.bad_number import BadNumber
from tallystick.core.catalog import Interval
from tallystick.core.currency import CODES
from tallystick.errors import InvalidCatalog, InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "Lock",
    "LockedPrice",
    "check_environment",
    "fee_key",
    "line_key",
    "lock_from_tree",
    "lock_to_tree",
    "overage_key",
]

_VERSION: Final = 1
_ENVIRONMENT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_INTERVALS: Final = get_args(Interval)
_BOUND: Final = 10**18
_PULL: Final = "pull the lock file from the provider again"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPrice:
    """What the provider holds for one price line.

    `amount` is in the provider's minor units, None for a metered line.  A one-time price has no
    interval.
    """

    provider_id: str
    interval: Interval | None = None
    interval_count: int | None = None
    amount: int | None = None
    currency: str | None = None
    plan_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The price list of one environment at one provider, by our ids.

    `account` is whose it is and `livemode` whether its money is real; None where nobody asked.
    `products`, `meters`, `coupons` and `promotion_codes` (by their `key`) give the provider's ids.
    `retired` are prices whose place another took while somebody still paid them.
    """

    provider: str
    environment: str
    prices: Mapping[str, LockedPrice] = field(default_factory=lambda: MappingProxyType({}))
    account: str | None = None
    livemode: bool | None = None
    products: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    meters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    coupons: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    promotion_codes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    retired: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Freeze the mappings.  Raises InvalidInput for an environment that names no file."""
        check_environment(self.environment)
        for name in ("prices", *_IDS):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "retired", frozenset(self.retired))

    def __hash__(self) -> int:
        """Hash by whose lock it is."""
        return hash((self.provider, self.environment))


def check_environment(environment: str) -> str:
    """Give the name back if it may stand in a file name: letters, digits, - and _, at most 64.

    Raises InvalidInput.
    """
    if _environment_wrong(environment) is not None:
        shown = (
            repr(environment[:40]) if isinstance(environment, str) else type(environment).__name__
        )
        raise InvalidInput(
            f"{shown} is no name for an environment: use letters, digits, - and _ (at most 64)"
        )
    return environment


def line_key(line_id: str, currency: str | None = None) -> str:
    """Give the key of a line's price; `currency` is a code where it is not the plan's own."""
    return line_id if currency is None else f"{line_id}:{currency}"


def fee_key(plan_id: str, currency: str | None = None) -> str:
    """Give the key of the price that is a plan's set-up fee."""
    return line_key(f"{plan_id}:setup_fee", currency)


def overage_key(plan_id: str, feature_key: str, currency: str | None = None) -> str:
    """Give the key of the price that is charged for a feature beyond its limit."""
    return line_key(f"{plan_id}/{feature_key}", currency)


def lock_to_tree(lock: Lock) -> dict[str, object]:
    """Write a lock as a plain tree; a field without a value is left out."""
    prices = {line_id: _price_tree(price) for line_id, price in lock.prices.items()}
    tree: dict[str, object] = {
        "version": _VERSION,
        "provider": lock.provider,
        "environment": lock.environment,
        "account": lock.account,
        "livemode": lock.livemode,
        "prices": prices,
        **{name: dict(getattr(lock, name)) or None for name in _IDS},
        "retired": sorted(lock.retired) or None,
    }
    return {name: value for name, value in tree.items() if value is not None}


def _price_tree(price: LockedPrice) -> dict[str, object]:
    return {name: value for name in _FIELDS if (value := getattr(price, name)) is not None}


def lock_from_tree(
    tree: object, *, lines: Mapping[str, int] | None = None, source: str = "lock file"
) -> Lock:
    """Read a lock from a plain tree, strictly.

    Raises InvalidCatalog with every problem and its place.
    """
    reader = _LockReader(lines or {})
    lock = reader.read(tree)
    if lock is None or reader.problems:
        raise InvalidCatalog(reader.problems, source)
    return lock


class _LockReader:
    def __init__(self, lines: Mapping[str, int]) -> None:
        self.lines = lines
        self.problems: list[Problem] = []

    def read(self, tree: object) -> Lock | None:
        if not isinstance(tree, dict):
            self.report("", "a lock file is an object")
            return None
        self.unknown("", tree, ("version", "provider", "environment", "prices", *_MORE))
        if tree.get("version") != _VERSION or isinstance(tree.get("version"), bool):
            self.report("version", f"must be {_VERSION}: no other form is known")
        provider = self.field("", tree, "provider", _text_wrong, required=True)
        environment = self.field("", tree, "environment", _environment_wrong, required=True)
        prices = tree.get("prices")
        if not isinstance(prices, dict):
            self.report("prices", "must be an object of price lines by their id")
            return None
        locked = {key: self.price(f"prices.{key}", value) for key, value in prices.items()}
        more = {name: self.field("", tree, name, wrong) for name, wrong in _MORE.items()}
        if self.problems:
            return None
        found = {key: price for key, price in locked.items() if price is not None}
        said = cast("dict[str, Any]", {k: v for k, v in more.items() if v is not None})
        return Lock(provider=str(provider), environment=str(environment), prices=found, **said)

    def price(self, path: str, tree: object) -> LockedPrice | None:
        if not isinstance(tree, dict):
            self.report(path, "must be an object")
            return None
        self.unknown(path, tree, tuple(_FIELDS))
        before = len(self.problems)
        values = {
            name: self.field(path, tree, name, wrong, required=name == "provider_id")
            for name, wrong in _FIELDS.items()
        }
        if values["interval_count"] is not None and values["interval"] is None:
            self.report(f"{path}.interval_count", "stands without an interval")
        if values["amount"] is not None and values["currency"] is None:
            self.report(f"{path}.amount", "stands without a currency")
        return (
            LockedPrice(**cast("dict[str, Any]", values)) if before == len(self.problems) else None
        )

    def field(
        self,
        path: str,
        tree: dict[str, object],
        name: str,
        wrong: Callable[[object], str | None],
        *,
        required: bool = False,
    ) -> object:
        value = tree.get(name)
        place = f"{path}.{name}" if path else name
        if value is None:
            if required:
                self.report(place, "is missing")
            return None
        text = wrong(value)
        if text is not None:
            self.report(place, text)
            return None
        return value

    def unknown(self, path: str, tree: dict[str, object], known: tuple[str, ...]) -> None:
        for name in tree:
            if name not in known:
                self.report(f"{path}.{name}" if path else name, "is not a field of a lock file")

    def report(self, path: str, text: str) -> None:
        self.problems.append(Problem(path, text, _PULL, self.lines.get(path)))


def _text_wrong(value: object) -> str | None:
    return None if isinstance(value, str) and value else "must be a text that is not empty"


def _environment_wrong(value: object) -> str | None:
    if isinstance(value, str) and _ENVIRONMENT.fullmatch(value):
        return None
    return "must be a name of letters, digits, - and _"


def _interval_wrong(value: object) -> str | None:
    return None if value in _INTERVALS else f"must be one of {', '.join(_INTERVALS)}"


def _count_wrong(value: object) -> str | None:
    return _whole_wrong(value, least=1)


def _amount_wrong(value: object) -> str | None:
    return _whole_wrong(value, least=0)


def _whole_wrong(value: object, *, least: int) -> str | None:
    if isinstance(value, BadNumber):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return "must be a whole number"
    return None if least <= value < _BOUND else f"must be at least {least} and below 10^18"


def _currency_wrong(value: object) -> str | None:
    if isinstance(value, str) and value in CODES:
        return None
    return "must be an upper-case ISO 4217 code such as USD"


_FIELDS: Final[dict[str, Callable[[object], str | None]]] = {
    "provider_id": _text_wrong,
    "interval": _interval_wrong,
    "interval_count": _count_wrong,
    "amount": _amount_wrong,
    "currency": _currency_wrong,
    "plan_id": _text_wrong,
}
_IDS: Final = ("products", "meters", "coupons", "promotion_codes")


def _flag_wrong(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _ids_wrong(value: object) -> str | None:
    if isinstance(value, dict) and all(_text_wrong(each) is None for each in value.values()):
        return None
    return "must be an object of the provider's ids, by ours"


def _list_wrong(value: object) -> str | None:
    if isinstance(value, list) and all(_text_wrong(each) is None for each in value):
        return None
    return "must be a list of the provider's ids"


_MORE: Final[dict[str, Callable[[object], str | None]]] = {
    "account": _text_wrong,
    "livemode": _flag_wrong,
    **dict.fromkeys(_IDS, _ids_wrong),
    "retired": _list_wrong,
}
