"""The steps to a price list in Stripe, in words for a person and as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.core.currency import currency
from tallystick.core.number import EXACT, plain
from tallystick.core.period import Cadence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.providers.stripe.book import Step
    from tallystick.providers.stripe.book_run import Comparison

__all__ = ["comparison_tree", "step_tree", "step_words"]

_SIGNS: Final = {"create": "+", "update": "~", "archive": "-", "adopt": "=", "forget": "x"}


def step_words(step: Step) -> list[str]:
    """Give the lines that show a step: what it is of, and what becomes of what."""
    noun = step.kind.replace("_", " ")
    head = f"{_SIGNS[step.verb]} {noun} {step.key}".rstrip()
    if step.found is not None:
        head += f" ({step.found.id})"
    if step.verb == "create" and step.wanted is not None:
        head += f": {_terms_words(step.kind, step.wanted.terms, step.wanted.words)}"
    if step.instead is not None:
        head += f", instead of {step.instead.id}"
    unit = _unit(step)
    changes = [
        f"    {name}: {_value(name, before, unit)} -> {_value(name, after, unit)}"
        for name, before, after in step.changes
    ]
    return [head, *changes]


def step_tree(step: Step) -> dict[str, Any]:
    """Give a step as plain values; `id` is ours, `provider_id` Stripe's."""
    return {
        "do": step.verb,
        "kind": step.kind,
        "id": step.key,
        "provider_id": None if step.found is None else step.found.id,
        "instead_of": None if step.instead is None else step.instead.id,
        "wanted": None if step.wanted is None else dict(step.wanted.terms),
        "changes": [{"field": name, "from": b, "to": a} for name, b, a in step.changes],
    }


def comparison_tree(comparison: Comparison) -> dict[str, Any]:
    """Give what differs as plain values."""
    lock = comparison.lock
    return {
        "account": lock.account,
        "mode": "live" if lock.livemode else "test",
        "environment": lock.environment,
        "steps": [step_tree(step) for step in comparison.steps],
        "skipped": [
            {"path": each.path, "name": each.name, "reason": each.reason}
            for each in comparison.skipped
        ],
        "still_paid": [each.id for each in comparison.kept],
        "problems": [str(each) for each in comparison.problems],
    }


def _terms_words(kind: str, terms: Mapping[str, Any], words: Mapping[str, Any]) -> str:
    if kind == "price":
        return _price_words(terms)
    if kind == "coupon":
        return _coupon_words(terms)
    if kind == "promotion_code":
        return f"{terms['code']} for coupon {terms['coupon']}"
    if kind == "meter":
        return f"{terms['formula']} of events {terms['event_name']}"
    return str(words["name"])


def _price_words(terms: Mapping[str, Any]) -> str:
    code, package = terms["currency"], terms["package"]
    if terms["tiers"] is not None:
        amount = f"{code} {terms['tiers_mode']}, {_tiers_words(terms['tiers'], code)}"
    else:
        amount = f"{code} {_major(terms['amount'], code)}"
    if package is not None:
        amount += f" for {package[0]:,}, rounded {package[1]}"
    if terms["meter"] is not None:
        amount += f" of meter {terms['meter']}"
    return f"{amount}, {_every(terms)}"


def _tiers_words(tiers: list[dict[str, Any]], code: str) -> str:
    told = []
    for tier in tiers:
        bound = "beyond" if tier["up_to"] is None else f"to {tier['up_to']:,}"
        flat = "" if tier["flat"] == "0" else f" + {_major(tier['flat'], code)}"
        told.append(f"{bound} {_major(tier['amount'], code)}{flat}")
    return "; ".join(told)


def _every(terms: Mapping[str, Any]) -> str:
    if terms["interval"] is None:
        return "once"
    return Cadence(terms["interval"], terms["interval_count"] or 1).label.lower()


def _coupon_words(terms: Mapping[str, Any]) -> str:
    amounts = terms["amount_off"]
    off = f"{terms['percent_off']} %" if amounts is None else _amounts_words(amounts)
    return f"{off} off, {terms['duration']}"


def _amounts_words(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {_major(amounts[code], code)}" for code in sorted(amounts))


def _unit(step: Step) -> str | None:
    terms = step.wanted.terms if step.wanted is not None else {}
    return terms.get("currency")


def _value(name: str, value: Any, code: str | None) -> str:  # noqa: ANN401 - a plain value
    if value is None:
        return "none"
    if name == "amount" and code is not None:
        return _major(value, code)
    if name == "amount_off":
        return _amounts_words(value)
    if name == "tiers" and code is not None:
        return _tiers_words(value, code)
    return str(value)


def _major(amount: object, code: str) -> str:
    """Write an amount of Stripe's smallest unit in major units, with the currency's decimals."""
    from tallystick.providers.stripe.wire import decimals

    unit = currency(code)
    text = str(amount)
    if not text.replace(".", "", 1).isdigit():
        return text
    major = Decimal(text).scaleb(-decimals(unit), EXACT)
    shown = plain(major)
    places = len(shown.partition(".")[2])
    return shown if places >= unit.decimals else f"{major:.{unit.decimals}f}"
