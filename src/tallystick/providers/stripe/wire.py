"""What Stripe makes of an amount and of an interval.

Stripe's API takes an amount as an integer in "the smallest unit", and its units are not always
those of ISO 4217.  Here they are, so that what we keep in minor units arrives as the same money.

Sources: docs.stripe.com/currencies (zero-decimal and three-decimal currencies, special cases),
support.stripe.com "Deprecation of fractional ISK charges and refunds", and the API reference of
prices (`recurring.interval_count`).
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from tallystick.core.money import Money
from tallystick.core.number import EXACT, round_half_away
from tallystick.core.period import longer_than_three_years
from tallystick.errors import InvalidInput, OutOfBounds

if TYPE_CHECKING:
    from tallystick.core.currency import Currency
    from tallystick.core.period import Cadence

__all__ = [
    "allowed_api_amounts",
    "api_amount",
    "check_api_amount",
    "decimals",
    "from_api_amount",
    "nearest_api_amount",
    "recurring",
]

# fmt: off
_ZERO_DECIMAL: Final = frozenset(
    (
        "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA",
        "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
    )
)
# fmt: on
_THREE_DECIMAL: Final = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
# No fractions in fact, yet sent with two decimals, as before they lost them.
_TWO_BUT_WHOLE: Final = frozenset(("ISK", "UGX"))
# Charged with two decimals, paid out whole.
_WHOLE_PAYOUT: Final = frozenset(("HUF", "TWD"))
# Twelve digits is what Stripe takes of the currency with the largest figures (IDR); of most others
# it takes fewer, and says so itself.
_DIGITS: Final = 12
_MOST_HAVE: Final = 2


def decimals(currency: Currency) -> int:
    """Give the number of decimals that an API amount of a currency has.

    MGA has none (ISO has two), ISK and UGX have two (ISO has none).

    Raises InvalidInput for a currency whose number of decimals at Stripe is not known, which is so
    for those that Stripe does not take: IQD, LYD, CLF, UYW, UYI.
    """
    if currency.code in _ZERO_DECIMAL:
        return 0
    if currency.code in _THREE_DECIMAL:
        return 3
    if currency.code in _TWO_BUT_WHOLE or currency.decimals == _MOST_HAVE:
        return _MOST_HAVE
    raise InvalidInput(f"Stripe does not take {currency}; charge in a currency that it takes")


def api_amount(amount: Money, *, payout: bool = False) -> int:
    """Give the integer that says an amount to Stripe: JPY 500 is 500, ISK 5 is 500, MGA 5 is 5.

    Raises InvalidInput where Stripe cannot take the amount as it is; `nearest_api_amount` gives one
    that it can take.
    """
    exact = _shifted(Decimal(amount.minor), amount.currency)
    if exact != exact.to_integral_value():
        raise InvalidInput(f"Stripe takes {amount.currency} in whole units only, not {amount}")
    return check_api_amount(int(exact), amount.currency, payout=payout)


def from_api_amount(amount: int, currency: Currency) -> Money:
    """Read an integer from Stripe back as money.

    Raises InvalidInput for a fraction that the currency does not have (ISK 4010 would be 40.10).
    """
    _check_int(amount)
    minor = Decimal(amount).scaleb(currency.decimals - decimals(currency), EXACT)
    if minor != minor.to_integral_value():
        raise InvalidInput(f"an amount of {amount} in {currency} is no whole number of units")
    return Money(int(minor), currency)


def check_api_amount(amount: int, currency: Currency, *, payout: bool = False) -> int:
    """Check an integer as Stripe would, and give it back.

    ISK and UGX end in 00, three-decimal currencies end in 0; HUF and TWD end in 00 in a payout.

    Raises InvalidInput with what would be taken, OutOfBounds from thirteen digits on.
    """
    _check_int(amount)
    step = _step(currency, payout=payout)
    if abs(amount) >= 10**_DIGITS:
        raise OutOfBounds(f"Stripe takes no amount of more than {_DIGITS} digits")
    if amount % step:
        below = amount // step * step
        raise InvalidInput(
            f"Stripe takes amounts in {currency}{' payouts' if payout else ''} in steps of {step}:"
            f" {below} or {below + step}, not {amount}"
        )
    return amount


def allowed_api_amounts(minor: Decimal, currency: Currency) -> tuple[int, ...]:
    """Give what Stripe takes next to an exact amount in minor units: the one below, the one above.

    One figure where it is taken as it is.  KWD 5.124 gives 5120 and 5130.
    """
    step = _step(currency)
    units = _steps(minor, currency)
    bounds = {int(units.to_integral_value(mode)) * step for mode in (ROUND_FLOOR, ROUND_CEILING)}
    return tuple(check_api_amount(each, currency) for each in sorted(bounds))


def nearest_api_amount(minor: Decimal, currency: Currency) -> int:
    """Give the amount Stripe takes that is nearest to an exact one in minor units.

    Rounded once, half away from zero: KWD 5.124 gives 5120, 5.125 gives 5130, -5.125 gives -5130.
    """
    step = _step(currency)
    return check_api_amount(round_half_away(_steps(minor, currency)) * step, currency)


def recurring(cadence: Cadence) -> dict[str, str | int]:
    """Give the `recurring` of a price: quarterly is month and 3.

    Raises InvalidInput for more than three years (36 months, 156 weeks, 1,095 days).
    """
    if longer_than_three_years(cadence):
        raise InvalidInput(
            f"Stripe bills at most three years at a time, not every {cadence.count}"
            f" {cadence.interval}s; shorten the interval"
        )
    return {"interval": cadence.interval, "interval_count": cadence.count}


def _step(currency: Currency, *, payout: bool = False) -> int:
    if currency.code in _TWO_BUT_WHOLE or (payout and currency.code in _WHOLE_PAYOUT):
        return 100
    # Of three decimals the last one must be 0.
    return 10 if decimals(currency) > _MOST_HAVE else 1


def _shifted(minor: Decimal, currency: Currency) -> Decimal:
    return minor.scaleb(decimals(currency) - currency.decimals, EXACT)


def _steps(minor: Decimal, currency: Currency) -> Decimal:
    if not minor.is_finite() or minor.adjusted() > _DIGITS + 3:
        raise OutOfBounds("an amount is a finite number of at most twelve digits")
    # A step is a power of ten, so this division is a shift and stays exact.
    return _shifted(minor, currency).scaleb(1 - len(str(_step(currency))), EXACT)


def _check_int(amount: int) -> None:
    if type(amount) is not int:
        raise InvalidInput(f"an API amount is an int, not {type(amount).__name__}")
