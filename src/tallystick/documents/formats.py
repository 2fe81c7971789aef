"""How figures and days are written in a locale: by its own rules, as Babel knows them.

How many decimals money has is not the locale's to say but the ledger's (ISO 4217): the two differ
for a dozen currencies.  Nothing is rounded here: a figure that could not be written whole raises.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from decimal import localcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval, format_time
from babel.numbers import NumberPattern, parse_pattern

from tallystick.core.calendar import wall_clock
from tallystick.core.number import EXACT, ZERO
from tallystick.documents.invoice_words import WORDS, Words
from tallystick.errors import InvalidInput

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.core.currency import Currency
    from tallystick.core.money import Money
    from tallystick.core.period import Instant, Period

__all__ = ["Formats", "formats_of"]

_TAG: Final = re.compile(
    r"([A-Za-z]{2,3})(?:[-_][A-Za-z]{4})?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?(?:[-_].*)?", re.ASCII
)
_TOUCHING: Final = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")  # KWD|1.500: set apart
_PLACES: Final = 100
_DAY: Final = timedelta(days=1)
_DAY_SECONDS: Final = 86_400


def formats_of(locale: str | None, zone: str | None = None) -> Formats:
    """Give how things are written for a locale such as `de-AT`, on the clocks of a time zone.

    A language that there are no words for is answered in English, all of it; an unknown country
    in the language alone.  Raises InvalidInput for what is no text, InvalidPeriod for a zone.
    """
    if locale is not None and not isinstance(locale, str):
        raise InvalidInput(f"a locale is a text such as 'de-AT', not {type(locale).__name__}")
    match = _TAG.fullmatch(locale or "en")
    language, country = match.groups() if match is not None else ("en", None)
    if language.lower() not in WORDS:
        language, country = "en", None
    return Formats(_locale(language.lower(), country and country.upper()), zone)


@lru_cache(maxsize=256)
def _locale(language: str, country: str | None) -> Locale:
    try:
        return Locale(language, country)
    except UnknownLocaleError:
        return Locale(language)


@lru_cache(maxsize=1024)
def _money_pattern(locale: Locale, least: int, most: int) -> NumberPattern:
    """Give the locale's pattern for money, with so many decimals."""
    pattern = parse_pattern(locale.currency_formats["standard"].pattern)
    pattern.frac_prec = (least, most)
    return pattern


def _figure(number: Decimal) -> Decimal:
    """Give a number without needless zeros, and zero without a sign; refuse what is none."""
    if not number.is_finite() or (number and abs(number.adjusted()) > _PLACES):
        raise InvalidInput("a figure of a document is finite, with at most 100 digits on each side")
    return (number + ZERO).normalize()


class Formats:
    """How figures and days are written in one locale and one time zone (None is UTC)."""

    def __init__(self, locale: Locale, zone: str | None) -> None:
        """Keep both, and look the words up."""
        self.locale, self.zone = locale, zone
        self.words: Words = WORDS[locale.language]
        wall_clock(datetime.fromisoformat("2027-01-01T00:00:00Z"), zone)  # refuses a bad zone

    @property
    def tag(self) -> str:
        """The language tag, as HTML wants it: `de-AT`."""
        return str(self.locale).replace("_", "-")

    def money(self, amount: Money) -> str:
        """Write an amount with its currency's decimals: `1.234,50 €`."""
        return self.price(amount.major, amount.currency, exactly=True)

    def price(self, major: Decimal, currency: Currency, *, exactly: bool = False) -> str:
        """Write an amount in major units; one that is finer than the currency keeps its decimals.

        Where it is `exactly` money it has the decimals of the currency and no others.
        """
        decimals = currency.decimals
        with localcontext(EXACT):
            figure = _figure(major)
            finer = decimals if exactly else max(decimals, -int(figure.as_tuple().exponent))
            pattern = _money_pattern(self.locale, decimals, finer)
            written = pattern.apply(
                figure, self.locale, currency=currency.code, currency_digits=False
            )
        return _TOUCHING.sub("\N{NO-BREAK SPACE}", str(written))

    def number(self, number: Decimal) -> str:
        """Write a quantity with all of its decimals: `1.234,5`."""
        with localcontext(EXACT):
            pattern = self.locale.decimal_formats[None]
            return str(pattern.apply(_figure(number), self.locale, decimal_quantization=False))

    def date(self, at: Instant) -> str:
        """Write the day on which an instant falls: `31. Januar 2027`."""
        return format_date(wall_clock(at, self.zone), format="long", locale=self.locale)

    def period(self, period: Period) -> str:
        """Write a period: by its first and last day where it is of whole days, else by the clock.

        The end of a period is no part of it, and people read a last day as one that is.
        """
        start, end = wall_clock(period.start, self.zone), wall_clock(period.end, self.zone)
        if not self.in_days(period):
            return f"{self._moment(start)} – {self._moment(end)}"
        last = end - _DAY
        if last.date() <= start.date():
            return format_date(start, format="medium", locale=self.locale)
        return format_interval(start.date(), last.date(), "yMMMd", locale=self.locale)

    def in_days(self, period: Period) -> bool:
        """Whether a period begins and ends at midnight, on different days."""
        start, end = wall_clock(period.start, self.zone), wall_clock(period.end, self.zone)
        return start.time() == end.time() == time() and start < end

    def share(self, part: int, whole: int) -> str:
        """Write a share of a period: in days where both are whole days, else in seconds."""
        days = part % _DAY_SECONDS == whole % _DAY_SECONDS == 0
        size = _DAY_SECONDS if days else 1
        sentence = self.words.days if days else self.words.seconds
        return sentence.format(
            part=self._whole(part // size),
            whole=self._whole(whole // size),
        )

    def country(self, code: str) -> str:
        """Name a country by its two letters; an unknown one is left as it is."""
        return str(self.locale.territories.get(code, code))

    def _whole(self, number: int) -> str:
        return self.number(EXACT.create_decimal(number))

    def _moment(self, wall: datetime) -> str:
        clock = "medium" if wall.second else "short"
        day = format_date(wall, format="medium", locale=self.locale)
        return f"{day}, {format_time(wall, format=clock, locale=self.locale)}"
