"""Reading what somebody asks a checkout for: plain values, strictly, every problem with its place.

Prices, amounts and discounts come from the catalogue alone, so nothing here has a field for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

from tallystick.core.checkout import Biller, CheckoutRequest, PlanWish
from tallystick.core.coupon import LONGEST_CODE
from tallystick.core.currency import currency as currency_of
from tallystick.core.frozen import FrozenDict
from tallystick.core.property import printable, shown
from tallystick.core.spelling import did_you_mean
from tallystick.core.terms import MOST_SEATS
from tallystick.core.text import id_at, refused_at
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from tallystick.core.currency import Currency

__all__ = ["MOST_CODES", "MOST_PLANS", "biller_at", "check_fields", "read_request", "wishes_of"]

MOST_PLANS: Final = 20
"""How many plans are looked at at once."""
MOST_CODES: Final = 10
"""How many codes are looked at at once."""

_MOST_ADD_ONS: Final = 20
_MOST_ATTRIBUTES: Final = 50
_LONGEST_NAME: Final = 100
_LONGEST_TEXT: Final = 500
_MOST_TOLD: Final = 20
_WISH: Final = ("plan", "quantity", "add_ons")
_ADD_ON: Final = ("plan", "quantity")
_PAIR: Final = len(_ADD_ON)
_PRICED: Final = frozenset(
    {
        *("amount", "amount_due", "cost", "currency", "discount", "discount_total", "price"),
        *("price_id", "subtotal", "tax", "total", "unit_amount", "unit_price"),
    }
)

_Problems: TypeAlias = dict[str, list[str]]


def read_request(tree: Mapping[str, object]) -> CheckoutRequest:
    """Read a request of `plans`, `codes`, `currency`, `context` and `stated`.

    A plan is its id, or an object of `plan`, `quantity` (1 to 1,000,000, 1 where it is not said)
    and `add_ons`, a list of the same without add-ons.  Codes are texts as they were typed; what
    cannot be a code is none, and told as any other that is not known.  `context` and `stated` are
    texts by name.

    Raises InvalidInput with every field that is wrong, at most 20 of them.
    """
    bad: _Problems = {}
    _unknown(tree, tuple(_READERS), "", bad)
    read = {
        name: _taken(reader, tree[name], name, bad)
        for name, reader in _READERS.items()
        if name in tree
    }
    if "plans" not in tree:
        _note(bad, "plans", "is missing: name the plans to look at")
    _refuse(bad)
    return CheckoutRequest(**read)


def check_fields(tree: Mapping[str, object], known: Iterable[str]) -> None:
    """Refuse an object with other fields than those known; amounts and prices by their reason.

    Raises InvalidInput with every field that is wrong, at most 20 of them.
    """
    bad: _Problems = {}
    _unknown(tree, known, "", bad)
    _refuse(bad)


def _refuse(bad: _Problems) -> None:
    if bad:
        told = "; ".join(f"{path} {texts[0]}" for path, texts in list(bad.items())[:3])
        raise InvalidInput(f"a checkout that cannot be read: {told}"[:1000], bad)


def wishes_of(plans: object, quantities: object = None) -> object:
    """Put their `quantities` to the plans that are named by their id alone.

    Raises InvalidInput for a quantity of a plan that is not asked for so.
    """
    if quantities is None:
        return plans
    if not isinstance(quantities, Mapping):
        raise refused_at("quantities", f"is an object of seats by plan, not {shown(quantities)}")
    found = _several(plans, "plans", MOST_PLANS)
    for name in quantities:
        if name not in (each for each in found if isinstance(each, str)):
            raise refused_at(
                f"quantities.{shown(name)[1:-1]}", "is of a plan that is not asked for"
            )
    return [
        {"plan": each, "quantity": quantities[each]}
        if isinstance(each, str) and each in quantities
        else each
        for each in found
    ]


def biller_at(value: object) -> Biller:
    """Read who bills.  Raises InvalidInput."""
    billers: tuple[Biller, ...] = get_args(Biller)
    found = next((each for each in billers if each == value), None)
    if found is None:
        raise refused_at("biller", f"is one of {', '.join(billers)}, not {shown(value)}")
    return found


def _taken(
    reader: Callable[[object, str, _Problems], Any], value: object, path: str, bad: _Problems
) -> Any:  # noqa: ANN401 - what the reader gives
    try:
        return reader(value, path, bad)
    except InvalidInput as refused:
        for place, texts in (refused.fields or {path: [str(refused)]}).items():
            _note(bad, place, *texts)
        return None


def _note(bad: _Problems, path: str, *texts: str) -> None:
    if len(bad) < _MOST_TOLD:
        bad.setdefault(path, []).extend(texts)


def _unknown(given: Mapping[Any, object], known: Iterable[str], path: str, bad: _Problems) -> None:
    names = tuple(known)
    for name in given:
        if name in names:
            continue
        if len(bad) >= _MOST_TOLD:
            return
        word = printable(name) if isinstance(name, str) else shown(name)
        place = f"{path}.{word}" if path else word
        if word in _PRICED:
            text = "is no field here: what is paid stands in the catalogue, and nobody else says it"
        else:
            cure = did_you_mean(word, names) or f"there are {', '.join(names)}"
            text = f"is no field here: {cure}"
        _note(bad, place, text)


def _several(value: object, path: str, most: int) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise refused_at(path, f"is a list, not {shown(value)}")
    found: list[Any] = []
    for each in value:
        if len(found) == most:
            raise refused_at(path, f"has more than {most} entries")
        found.append(each)
    return found


def _plans(value: object, path: str, bad: _Problems) -> tuple[PlanWish, ...]:
    wishes = _several(value, path, MOST_PLANS)
    if not wishes:
        raise refused_at(path, "is empty: name at least one plan")
    return tuple(
        wish
        for place, each in enumerate(wishes)
        if (wish := _taken(_wish, each, f"{path}[{place}]", bad)) is not None
    )


def _wish(value: object, path: str, bad: _Problems) -> PlanWish:
    if isinstance(value, PlanWish):
        value = {"plan": value.plan, "quantity": value.quantity, "add_ons": list(value.add_ons)}
    plan, quantity = _named(value, _WISH, path, bad)
    given = value.get("add_ons") if isinstance(value, Mapping) else None
    add_ons = () if given is None else _add_ons(given, f"{path}.add_ons", bad)
    if any(name == plan for name, _ in add_ons):
        raise refused_at(f"{path}.add_ons", f"names {plan}, which is the plan itself")
    return PlanWish(plan=plan, quantity=quantity, add_ons=add_ons)


def _add_ons(value: object, path: str, bad: _Problems) -> tuple[tuple[str, int], ...]:
    read = []
    for place, each in enumerate(_several(value, path, _MOST_ADD_ONS)):
        where = f"{path}[{place}]"
        pair = _taken(lambda v, p, b: _named(v, _ADD_ON, p, b), each, where, bad)
        if pair is not None:
            read.append(pair)
    names = [name for name, _ in read]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise refused_at(path, f"names {twice} twice: give its quantity instead")
    return tuple(read)


def _named(value: object, known: Iterable[str], path: str, bad: _Problems) -> tuple[str, int]:
    """Read a plan by its id alone, a pair of its id and quantity, or an object of the two."""
    if isinstance(value, str):
        return _plan_id(value, path), 1
    if isinstance(value, tuple) and len(value) == _PAIR:
        value = dict(zip(_ADD_ON, value, strict=True))
    if not isinstance(value, Mapping):
        raise refused_at(path, f"is a plan's id or an object, not {shown(value)}")
    _unknown(value, known, path, bad)
    if "quantity" in value:
        _taken(_quantity, value["quantity"], f"{path}.quantity", bad)
    return _plan_id(value.get("plan"), f"{path}.plan"), value.get("quantity", 1)


def _plan_id(value: object, path: str) -> str:
    name = id_at(value, path)
    if "@" in name:
        raise refused_at(path, f"is a plan's id, not one of its versions as {shown(name)} is")
    return name


def _quantity(value: object, path: str, _: _Problems) -> int:
    """Read a number of seats; no text, no fraction, no truth value, nothing left to guess."""
    if type(value) is not int or not 1 <= value <= MOST_SEATS:  # bool is an int too
        raise refused_at(path, f"is a whole number from 1 to {MOST_SEATS:,}, in digits alone")
    return value


def _codes(value: object, path: str, bad: _Problems) -> tuple[str, ...]:
    codes = _several(value, path, MOST_CODES)
    for place, each in enumerate(codes):
        if not isinstance(each, str):
            _note(bad, f"{path}[{place}]", f"is a text, not {shown(each)}")
        elif len(each) > 4 * LONGEST_CODE:
            _note(bad, f"{path}[{place}]", f"is longer than {LONGEST_CODE} characters")
    return tuple(codes)


def _currency(value: object, path: str, _: _Problems) -> Currency:
    try:
        return currency_of(value)  # type: ignore[arg-type]  # what is no text is refused there
    except InvalidInput as refused:
        raise refused_at(path, str(refused)) from None


def _attributes(value: object, path: str, bad: _Problems) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise refused_at(path, f"is an object of texts by name, not {shown(value)}")
    if len(value) > _MOST_ATTRIBUTES:
        raise refused_at(path, f"has more than {_MOST_ATTRIBUTES} entries")
    for name, text in value.items():
        if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
            _note(bad, path, f"has a name that is no text of 1 to {_LONGEST_NAME} characters")
        elif not isinstance(text, str) or len(text) > _LONGEST_TEXT:
            place = f"{path}.{printable(name)}"
            _note(bad, place, f"is a text of at most {_LONGEST_TEXT} characters, not {shown(text)}")
    return FrozenDict(value)


_READERS: Final[Mapping[str, Callable[[object, str, _Problems], Any]]] = FrozenDict(
    {
        "plans": _plans,
        "codes": _codes,
        "currency": _currency,
        "context": _attributes,
        "stated": _attributes,
    }
)
