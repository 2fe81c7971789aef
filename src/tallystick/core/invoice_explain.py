"""A document as sums that a person can redo with a calculator, line by line.

::

    Pro  1 × 30.00 USD = 30.00 USD
    Pro  from 2027-03-15T12:00:00Z to 2027-03-31T00:00:00Z: 1,339,200 of 2,678,400 seconds
    Pro  30.00 USD × 1,339,200 ÷ 2,678,400 = 15.00 USD

Left of the last `=` stands what to type, right of it what must come out, rounded half away from
zero to the currency's decimals where the sum has more.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tallystick.core.evidence import rated_of
from tallystick.core.explain import explain, money_text, number_text
from tallystick.core.line_tax import taxes_of
from tallystick.core.period import instant_text
from tallystick.core.tax import TaxRate
from tallystick.core.units_billed import granted_units

if TYPE_CHECKING:
    from tallystick.core.currency import Currency
    from tallystick.core.invoice import Invoice, InvoiceLine, InvoiceTax
    from tallystick.core.money import Money

__all__ = ["explain_line", "explain_sums"]


def explain_line(line: InvoiceLine) -> tuple[str, ...]:
    """Give the sums of one line, in the order of the reckoning; the last gives its amount."""
    label = line.description
    return tuple(f"{label}  {text}" for text in (*_period(line), *_reckoned(line)))


def explain_sums(invoice: Invoice) -> tuple[str, ...]:
    """Give the sums below the lines: subtotal, total, and what is left to pay."""
    texts = [_sum("subtotal", [line.amount for line in invoice.lines], invoice.subtotal)]
    texts += _taxes(invoice)
    parts = [invoice.subtotal, -invoice.discount, -invoice.credit, invoice.tax]
    texts.append(_sum("total", [part for part in parts if part.minor] or parts[:1], invoice.total))
    if invoice.balance.minor:
        texts.append(_sum("to pay", [invoice.total, -invoice.balance], invoice.amount_due))
    return tuple(texts)


def _taxes(invoice: Invoice) -> list[str]:
    """Give why the document is taxed so, and the sum of each tax."""
    evidence = invoice.tax_evidence
    texts = [f"tax  {reason}" for reason in evidence.get("reasons", ())]
    if "rules" in evidence:
        texts.append(f"tax  decided by {evidence['engine']}, {evidence['rules']}")
    return texts + [_tax(tax, invoice) for tax in invoice.taxes]


def _tax(tax: InvoiceTax, invoice: Invoice) -> str:
    """Give the sum of a tax: its rate of what is taxable, where it was taken of nothing else.

    A tax that is inside comes out of each line, and one that is given back is a part of what was
    invoiced: those are added up line by line.
    """
    if tax.note:
        return f"tax  {tax.note.replace('_', ' ')}: nothing of {_amount(tax.taxable)}"
    percent = number_text(tax.percent)
    name = f"tax  {tax.name} {percent} %{' inside' if tax.inclusive else ''}"
    new = all(line.amount.minor >= 0 and line.tax.minor >= 0 for line in invoice.lines)
    if new and not tax.inclusive:
        taken = f"{_amount(tax.taxable)} × {percent} ÷ 100 = {_amount(tax.amount)}"
        return f"{name}, rounded half away from zero: {taken}"
    rate = TaxRate(tax.name, tax.percent, inclusive=tax.inclusive)
    lines = (each for line in invoice.lines for each in taxes_of(line))
    parts = [each.amount for each in lines if each.rate == rate]
    return _sum(f"{name} of {_amount(tax.taxable)}, line by line:", parts, tax.amount)


def _sum(name: str, parts: list[Money], result: Money) -> str:
    terms = " + ".join(map(_amount, parts)) or "0"
    gap = " " if name.endswith(":") else "  "
    return f"{name}{gap}{terms.replace('+ -', '- ')} = {_amount(result)}"


def _amount(money: Money) -> str:
    return money_text(Decimal(money.minor), money.currency)


def _period(line: InvoiceLine) -> list[str]:
    if line.window is None:
        return []
    text = f"from {instant_text(line.window.start)} to {instant_text(line.window.end)}"
    if line.share is not None:
        part, whole = (number_text(Decimal(seconds)) for seconds in line.share)
        text += f": {part} of {whole} seconds"
    return [text]


def _reckoned(line: InvoiceLine) -> list[str]:
    match line.kind:
        case "fee" | "credit":
            return _fee(line)
        case "usage" | "late":
            return _usage(line)
        case "minimum":
            return _minimum(line)
        case "setup" | "item":
            return [_product(line)]


def _steps(line: InvoiceLine) -> list[str]:
    """Give the sums of the price itself, without its name in front of each."""
    rated = rated_of(line.evidence, line.amount.currency, price_id=line.price, name="")
    return [text.partition("  ")[2] for text in explain(rated)]


def _usage(line: InvoiceLine) -> list[str]:
    texts = [
        f"{number_text(units)} paid by grant {grant}"
        for grant, units in granted_units(line.evidence)
    ]
    texts += _steps(line)
    currency = line.amount.currency
    billed = Decimal(line.evidence.get("billed", 0))
    total = billed + line.amount.minor
    if "exact" in line.evidence:
        texts = [*texts[:-1], *_shared(line, total)]
    if line.kind == "late":
        texts.append(
            f"late: {money_text(total, currency)} - {money_text(billed, currency)} billed earlier"
            f" = {_amount(line.amount)}"
        )
    return texts


def _shared(line: InvoiceLine, total: Decimal) -> list[str]:
    """Give the share of what a level costs for a whole period, which is rounded only then."""
    currency = line.amount.currency
    earlier = Decimal(line.evidence.get("earlier", 0))
    sum_ = _share(line, money_text(Decimal(line.evidence["exact"]), currency))
    to_date = money_text(total + earlier, currency)
    texts = [f"rounded half away from zero: {sum_} = {to_date}"]
    if earlier:
        less = money_text(earlier, currency)
        texts.append(f"{to_date} - {less} billed earlier = {money_text(total, currency)}")
    return texts


def _share(line: InvoiceLine, whole: str) -> str:
    if line.share is None:
        return whole
    part, seconds = (number_text(Decimal(each)) for each in line.share)
    return f"{whole} × {part} ÷ {seconds}"


def _fee(line: InvoiceLine) -> list[str]:
    """Give the price of a whole period, then its share, then what a credit is bounded by."""
    currency = line.amount.currency
    exact = Decimal(line.evidence["exact"])
    texts = _steps(line)[:-1]  # it is rounded only after the share
    one = _last_step(line)
    if one is not None and one != exact:
        texts.append(
            f"{number_text(line.quantity)} × {money_text(one, currency)}"
            f" = {money_text(exact, currency)}"
        )
    return [*texts, *_given(line, _share(line, money_text(exact, currency)), currency)]


def _last_step(line: InvoiceLine) -> Decimal | None:
    """Give the exact figure of the price for one."""
    rounding = [step for step in line.evidence["steps"] if step[0] == "round"]
    return Decimal(rounding[-1][1][0]) if rounding else None


def _given(line: InvoiceLine, sum_: str, currency: Currency) -> list[str]:
    if line.kind == "fee":
        return [f"rounded half away from zero: {sum_} = {_amount(line.amount)}"]
    texts = []
    bounds = [sum_]
    if "unused" in line.evidence:
        left, whole = line.evidence["unused"]
        exact = money_text(Decimal(line.evidence["exact"]), currency)
        bounds.append(f"{exact} × {left} ÷ {whole}")
        texts.append(f"unused allowance: {left} of {whole}")
    if line.evidence.get("cap") is not None:
        bounds.append(money_text(Decimal(line.evidence["cap"]), currency))
        texts.append(f"was invoiced and is left: {bounds[-1]}")
    for _, price, start, end, minor, _ in line.evidence.get("paid", ()):
        amount = money_text(Decimal(minor), currency)
        texts.append(f"of {price} from {start} to {end}: {amount}")
    if "creditable" in line.evidence:
        bounds.append(money_text(Decimal(line.evidence["creditable"]), currency))
        texts.append(f"documents left of it: {bounds[-1]}")
    least = f"-min({'; '.join(bounds)})" if len(bounds) > 1 else f"-({sum_})"
    return [*texts, f"rounded half away from zero: {least} = {_amount(line.amount)}"]


def _minimum(line: InvoiceLine) -> list[str]:
    """Give what is missing, and where documents made up for it already, the difference."""
    currency = line.amount.currency
    made_up = Decimal(line.evidence.get("earlier", 0))
    gap = line.amount.minor + made_up
    minimum = money_text(Decimal(line.evidence["minimum"]), currency)
    billed = money_text(Decimal(line.evidence["billed"]), currency)
    part, whole = (number_text(Decimal(seconds)) for seconds in line.evidence["share"])
    share = minimum if part == whole else f"round({minimum} × {part} ÷ {whole})"
    counted = billed if gap else f"min({share}; {billed})"
    missing = money_text(gap, currency)
    texts = [f"{share} - {counted} charged = {missing}"]
    if "earlier" in line.evidence:
        earlier = money_text(made_up, currency)
        texts.append(f"{missing} - {earlier} billed earlier = {_amount(line.amount)}")
    return texts


def _product(line: InvoiceLine) -> str:
    unit = line.unit_price
    if unit is None:
        return f"{_amount(line.amount)} = {_amount(line.amount)}"
    price = money_text(unit, line.amount.currency)
    return f"{number_text(line.quantity)} × {price} = {_amount(line.amount)}"
