"""A backtest as one HTML file: the sums, the distribution as a drawing, who would win and lose.

No script, and nothing from anywhere else.  Every text is escaped by the template's own rule.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from tallystick.core.backtest_words import bar_lengths, bin_words, change_words, signed
from tallystick.core.period import instant_text

if TYPE_CHECKING:
    from tallystick.core.backtest import Backtest, CustomerDifference, Summary

__all__ = ["backtest_html"]

_LONGEST: Final = 560
_ROW: Final = 22
_NAMED: Final = 20


def backtest_html(found: Backtest, *, title: str = "Backtest") -> str:
    """Write a backtest as a self-contained page for the screen and for paper."""
    view = {
        "title": title,
        "since": instant_text(found.since),
        "until": instant_text(found.until),
        "documents": f"{found.documents:,}",
        "sums": [_sum(found, each) for each in found.summaries()],
        "not_compared": found.not_compared,
        "added": found.added,
    }
    return _template().render(view=view).strip() + "\n"


def _sum(found: Backtest, summary: Summary) -> dict[str, Any]:
    return {
        "code": summary.currency.code,
        "summary": summary,
        "change": change_words(summary),
        "quantiles": [(percent, signed(amount)) for percent, amount in summary.quantiles],
        "bars": _bars(summary),
        "height": len(summary.bins) * _ROW,
        "winners": _rows(found.winners(_NAMED), summary),
        "losers": _rows(found.losers(_NAMED), summary),
    }


def _bars(summary: Summary) -> list[dict[str, Any]]:
    lengths = bar_lengths(summary, _LONGEST)
    return [
        {
            "words": bin_words(each, summary),
            "customers": f"{each.customers:,}",
            "length": length,
            "y": place * _ROW,
            "less": each.high is not None and each.high <= 0,
        }
        for place, (each, length) in enumerate(zip(summary.bins, lengths, strict=True))
    ]


def _rows(customers: tuple[CustomerDifference, ...], summary: Summary) -> list[dict[str, str]]:
    return [
        {
            "customer": each.customer,
            "issued": str(each.issued),
            "repriced": str(each.repriced),
            "difference": signed(each.difference),
        }
        for each in customers
        if each.currency == summary.currency
    ]


@cache
def _template() -> Template:
    pages = Environment(
        loader=PackageLoader("tallystick.documents"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return pages.get_template("backtest.html")
