"""Currencies of ISO 4217 and how many decimals each has.

Source: the ISO 4217 list of active codes as of 2026-01-01, pinned by a test against the
`iso4217` package.  Codes without a minor unit (gold, drawing rights, test codes) are left out:
nobody can be asked to pay them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tallystick.core.spelling import nearest
from tallystick.errors import InvalidInput

__all__ = ["CODES", "Currency", "currency"]

_BY_DECIMALS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD"
    " CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS"
    " GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD"
    " LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB"
    " PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP"
    " SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW"
    " ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}


@dataclass(frozen=True, slots=True, order=True)
class Currency:
    """An ISO 4217 code and the number of decimals of its minor unit (JPY 0, USD 2, KWD 3)."""

    code: str
    decimals: int

    def __str__(self) -> str:
        """Give the code."""
        return self.code


CODES: Final[dict[str, Currency]] = {
    code: Currency(code, decimals)
    for decimals, codes in _BY_DECIMALS.items()
    for code in codes.split()
}
"""Each currency by its code."""

_SHOWN: Final = 12  # characters of what was given, in a refusal


def currency(code: str) -> Currency:
    """Look a currency up by its upper-case ISO 4217 code.

    Raises InvalidInput, with the nearest code where one is near.
    """
    found = CODES.get(code) if isinstance(code, str) else None
    if found is None:
        raise InvalidInput(_refusal(code))
    return found


def _refusal(code: object) -> str:
    if not isinstance(code, str):
        return f"a currency is a text such as 'USD', not {type(code).__name__}"
    shown = code if len(code) <= _SHOWN else f"{code[:_SHOWN]}…"
    if code.upper() in CODES:
        return f"{shown!r} is not a currency: codes are upper-case, write {code.upper()!r}"
    near = nearest(code, CODES)
    hint = f"; did you mean {near!r}?" if near else ""
    return f"{shown!r} is not an ISO 4217 currency with a minor unit{hint}"
