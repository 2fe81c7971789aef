"""The fields of a catalogue, as tables: what the reader accepts and the JSON Schema publishes.

A name is written here in snake_case; on input the camelCase spelling is the same field.  `needed`
lists the dialects that insist on the field.  Amounts are in major units but where a text says
otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from tallystick.core.coupon import Duration
from tallystick.core.dialects.amounts import Amounts, ByCurrency, Time
from tallystick.core.dialects.credit_fields import CREDIT, MOST_CREDITS, NULLABLE, ROLLOVER
from tallystick.core.dialects.field import EVERY, MONEY, Field
from tallystick.core.dialects.filters import Filter, Property
from tallystick.core.dialects.price_fields import CONVERT, TIER
from tallystick.core.dialects.report import BAD, Record, camel
from tallystick.core.dialects.scalars import (
    Choice,
    Flag,
    Free,
    Identifier,
    Integer,
    Labels,
    Number,
    Text,
    UpTo,
    plain_text,
    printable,
    shown,
)
from tallystick.core.meter import Aggregation, LateRule
from tallystick.core.spelling import nearest

if TYPE_CHECKING:
    from tallystick.core.dialects.report import Report
    from tallystick.core.dialects.scalars import Kind

__all__ = ["MOST_ENTRIES", "TABLES", "Many", "One", "read_record"]

MOST_ENTRIES: Final = 10_000
"""So many entries a list of a catalogue may have."""

MOST_TIERS: Final = 1_000
"""More steps than a person can check."""


@dataclass(frozen=True, slots=True)
class One:
    """One object of another table."""

    table: str

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give its record."""
        return read_record(value, self.table, path, report)

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema, by reference."""
        return {"$ref": f"#/$defs/{self.table}"}


@dataclass(frozen=True, slots=True)
class Short:
    """One object of another table, or a text that stands for its `name` and nothing else."""

    table: str
    name: str

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give its record."""
        tree = {self.name: value} if isinstance(value, str) else value
        return read_record(tree, self.table, path, report)

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema: a text, or by reference."""
        return {"anyOf": [{"type": "string"}, One(self.table).schema()]}


@dataclass(frozen=True, slots=True)
class Many:
    """A list of values of one kind, at least `least` and at most `most` of them."""

    of: Kind
    least: int = 0
    most: int = MOST_ENTRIES

    def read(self, value: object, path: str, report: Report) -> Any:
        """Give the list of those that could be read."""
        if not isinstance(value, (list, tuple)):
            report.problem(path, f"must be a list, not {shown(value)}")
            return BAD
        if len(value) < self.least:
            report.problem(path, "must not be empty")
            return BAD
        if len(value) > self.most:
            report.problem(path, f"has more than {self.most:,} entries")
            return BAD
        read = [self.of.read(entry, f"{path}[{i}]", report) for i, entry in enumerate(value)]
        return [entry for entry in read if entry is not BAD]

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        schema: dict[str, Any] = {"type": "array", "items": self.of.schema()}
        return schema | {"minItems": self.least} if self.least else schema


_OFFER: Final = (
    Field("description", Text(), "A sentence for people."),
    Field("active", Flag(), "False: not offered to new customers; subscribers keep it."),
    Field("custom", Flag(), '"Contact us": shown so, never sold by checkout.'),
    Field("display_name", Text(), "Shown instead of the label of its cadence."),
    Field("interval_count", Integer(1), "How many intervals a period has."),
    Field("trial_days", Integer(1), "Days of trial before the first paid period."),
    Field("setup_fee", Number(), "Paid once, at the start."),
    Field("minimum_commitment", Number(above=True), "A period comes to at least this."),
    Field("invoice_threshold", Number(above=True), "Billed whenever so much usage is reached."),
    Field("credits", Many(One("credit"), most=MOST_CREDITS), "What it grants again and again."),
    Field("provider", Identifier(), "Who takes the money.", nullable=True),
    Field("coupons", Many(Text()), "Texts that tell people of a coupon."),
    Field("coupon_ids", Many(Identifier()), "Its coupons: ids of `coupons`, or the provider's."),
    Field("business_rules", Free(), "Passed through; `eligibility` in it is a predicate tree."),
    Field("label", Text(), "Shown instead of a price on a custom plan."),
    Field("button_label", Text(), "The words on its button."),
    Field("href", Text(), "Where its button leads."),
    Field("badge", Text(), "A short word beside the name, such as Popular."),
    Field("highlighted", Flag(), "Whether a price list should draw the eye to it."),
    Field("metadata", Labels(), "Your own texts by name."),
)

_REDEEMED: Final = (
    Field("max_redemptions", Integer(1), "It can be redeemed so often in all."),
    Field("max_redemptions_per_customer", Integer(1), "And so often by one customer."),
    Field("starts_at", Time(), "From this instant it can be redeemed."),
    Field("ends_at", Time(), "From this instant it can be redeemed no more."),
)

_INTERVAL: Final = Choice(("day", "week", "month", "year"))

_WRITTEN: Final[Mapping[str, tuple[Field, ...]]] = {
    "catalog": (
        Field("dialect", Choice(EVERY), "How the file is written; told from its shape if absent."),
        Field("provider", Identifier(), "Who takes the money for all plans.", nullable=True),
        Field("currency", Identifier(), "The currency of products that name none."),
        Field("meters", Many(One("meter")), "What is counted."),
        Field("coupons", Many(One("coupon")), "What can be taken off, for whom and how long."),
        Field("products", Many(One("product"), 1), "What is sold.", ("products", "tallystick")),
    ),
    "plan_list": (
        Field("dialect", Choice(EVERY), "How the file is written; told from its shape if absent."),
        Field("meters", Many(One("meter")), "What is counted."),
        Field("coupons", Many(One("coupon")), "What can be taken off, for whom and how long."),
        Field("plans", Many(One("listed_plan"), 1), "The plans.", EVERY),
    ),
    "meter": (
        Field("key", Identifier(), "Its name, by which prices and features name it.", EVERY),
        Field("event_type", Identifier(), "The type of the events it takes; its key if absent."),
        Field("aggregation", Choice(get_args(Aggregation)), "How values become one quantity."),
        Field("value", Property(), "The property that is aggregated; quantity if absent."),
        Field("filter", Filter(), "Takes only events whose properties have these texts."),
        Field("group_by", Many(Property()), "The properties its figures can be told apart by."),
        Field("unit", Text(), "What one of it is called."),
        Field("rounding", Integer(0), "Decimals of a quantity; exact if absent.", nullable=True),
        Field("allow_negative", Flag(), "Whether a value may be below zero."),
        Field("late_after", Integer(1), "Days after which an event is late.", nullable=True),
        Field("late", Choice(get_args(LateRule)), "What becomes of a late event."),
        Field("description", Text(), "A sentence for people."),
    ),
    "coupon": (
        Field("id", Identifier(), "Unique among coupons.", EVERY),
        Field("name", Text(), "Shown to people beside the discount."),
        Field("percent_off", Number(above=True, most=100), "Taken off, in percent."),
        Field("amount_off", Amounts(), "Taken off, in each currency in which it can be used."),
        Field("duration", Choice(get_args(Duration)), "How long it acts; once if absent."),
        Field("months", Integer(1), "For so many calendar months, where it is repeating."),
        Field("plans", Many(Identifier()), "Only for these plans."),
        Field("products", Many(Identifier()), "Only for these products."),
        Field("prices", Many(Identifier()), "Only for these prices."),
        Field("meters", Many(Identifier()), "Only for usage of these meters."),
        Field("currencies", Many(Identifier()), "Only in these currencies."),
        Field("first_purchase", Flag(), "Only for who never bought before."),
        Field("minimum_amount", Amounts(), "Only for a purchase of at least this."),
        Field("codes", Many(Short("code", "code")), "By these it is redeemed."),
        Field("automatic", Flag(), "True: comes by itself with whatever it is not limited from."),
        Field("active", Flag(), "False: redeemed no more; who has it keeps it."),
        *_REDEEMED,
        Field("metadata", Labels(), "Your own texts by name."),
    ),
    "code": (
        Field("code", Text(), "As people type it: case and outer blanks do not count.", EVERY),
        *_REDEEMED,
    ),
    "product": (
        Field("id", Identifier(), "Unique among products.", EVERY),
        Field("name", Text(), "Shown to people.", EVERY),
        Field("currency", Identifier(), "ISO 4217, upper-case.", ("products",)),
        Field("description", Text(), "A sentence for people.", ("products",)),
        Field("features", Many(Text()), "Texts for people.", ("products",)),
        Field("group", Identifier(), "A customer has one live subscription in a group."),
        Field("hidden", Flag(), "True: left out of price lists."),
        Field("badge", Text(), "A short word beside the name, such as Popular."),
        Field("highlighted", Flag(), "Whether a price list should draw the eye to it."),
        Field("business_rules", Free(), "Passed through; `eligibility` in it is a predicate tree."),
        Field("plans", Many(One("plan"), 1), "Its offers.", EVERY),
    ),
    "plan": (
        Field("id", Identifier(), "Unique over the catalogue.", EVERY),
        Field("name", Text(), "Its name inside the house.", EVERY),
        Field(
            "payment_type",
            Choice(("recurring", "one-time")),
            "Paid by period or once.",
            ("products",),
        ),
        Field("interval", _INTERVAL, "The unit of its period.", nullable=True),
        Field("prices", Many(One("price")), "What it charges.", also=("line_items",)),
        Field("limits", Many(One("feature")), "What it gives.", also=("features",)),
        Field("currencies", ByCurrency(One("plan_in")), "Its own amounts in other currencies."),
        *_OFFER,
    ),
    "listed_plan": (
        Field("id", Identifier(), "Unique over the catalogue.", EVERY),
        Field("name", Text(), "Shown to people.", EVERY),
        Field(
            "price",
            Integer(0, "prices here are in minor units: write 2900 for 29.00"),
            "In minor units: 2900 is USD 29.00.",
            EVERY,
        ),
        Field("currency", Identifier(), "ISO 4217, upper-case.", EVERY),
        Field("interval", _INTERVAL, "The unit of its period.", EVERY),
        Field("features", Many(One("feature")), "What it gives.", EVERY, also=("limits",)),
        Field("group", Identifier(), "A customer has one live subscription in a group."),
        Field("hidden", Flag(), "True: left out of price lists."),
        *_OFFER,
    ),
    "credit": (
        Field("id", Identifier(), "Unique in its plan.", EVERY),
        *(Field(*each) for each in CREDIT),
        Field(**NULLABLE),
        Field("rollover", One("rollover"), "What of the rest goes on when it expires."),
    ),
    "rollover": tuple(Field(*each) for each in ROLLOVER),
    "feature": (
        Field("feature_key", Identifier(), "Unique in its plan.", EVERY, also=("key",)),
        Field("enabled", Flag(), "Whether the plan has it.", ("plans",)),
        Field(
            "limit",
            Integer(-1, "write -1 for unlimited"),
            "-1 is unlimited; absent is a switch without a number.",
            nullable=True,
        ),
        Field("unit_price", Number(), "For each unit beyond it, in MINOR units.", nullable=True),
        Field("description", Text(), "A text for people."),
        Field(
            "reset",
            Choice(("minute", "hour", "day", "week", "month", "year", "billing_period")),
            "When a quota starts again; absent: the limit counts what exists now.",
            nullable=True,
        ),
        Field("meter", Identifier(), "What counts it; its own key if absent."),
        Field("currencies", ByCurrency(One("feature_in")), "Its unit price in other currencies."),
        Field("window_seconds", Integer(1), "A quota over the last so many seconds, at any time."),
        Field("grace", Number(most=100), "Percent of the limit that are let pass beyond it, free."),
        Field("value", Free(), "A configuration value: any JSON."),
    ),
    "price": (
        Field("id", Identifier(), "Unique over the catalogue; the provider's variant id.", EVERY),
        Field("name", Text(), "Shown to people."),
        Field("description", Text(), "A sentence for people."),
        Field(
            "type",
            Choice(
                (
                    "flat",
                    "per_seat",
                    "metered",
                    "per_unit",
                    "graduated",
                    "volume",
                    "package",
                    "percentage",
                    "dynamic",
                )
            ),
            "The shape of the charge.",
            EVERY,
        ),
        Field("cost", Number(), "The amount, for one unit or package where it is for units."),
        Field("unit", Identifier(), "What one unit is called."),
        Field("meter", Identifier(), "What counts it; the price's own id if absent."),
        Field("tiers", Many(One("tier"), 1, MOST_TIERS), "Steps, the last one unbounded."),
        Field(
            "tiers_mode",
            Choice(("graduated", "volume")),
            "How tiers are read; graduated if absent.",
        ),
        Field("package_size", Number(above=True), "Units in a package."),
        Field("round_packages", Choice(("up", "down")), "Whether a part package counts."),
        Field("percent", Number(), "Of each transaction's amount."),
        Field("fixed", Number(), "For each transaction."),
        Field("free_transactions", Integer(0), "Ends with the free volume, whichever comes first."),
        Field("free_volume", Number(), "Ends with the free transactions, whichever comes first."),
        Field("minimum_per_transaction", Number(), "Includes the fixed fee."),
        Field("maximum_per_transaction", Number(), "Includes the fixed fee."),
        Field("multiplier", Number(above=True), "On the price that came with the event."),
        Field("included", Number(), "Free units of a period."),
        Field("minimum_quantity", Number(), "At least so many units are charged."),
        Field("discount_percent", Number(most=100), "The price's own discount."),
        Field("discount_amount", Number(), "The price's own discount."),
        Field("minimum_spend", Number(), "At least this is charged for a period."),
        Field("maximum_spend", Number(), "At most this is charged for a period."),
        Field("convert", One("convert"), "From what is metered to what is billed."),
        Field("allow_negative", Flag(), "Price a negative quantity as the mirror of a positive."),
        Field("interval", _INTERVAL, "Its own cadence; the plan's if absent.", nullable=True),
        Field("interval_count", Integer(1), "How many intervals its own period has."),
        Field("group_by", Many(Property()), "Properties of its meter: a line for each group."),
        Field("setup_fee", Number(), "Paid once, at the start."),
        Field("currencies", ByCurrency(One("price_in")), "Its amounts in other currencies."),
        Field("provider_id", Identifier(), "The provider's own id of this price.", nullable=True),
    ),
    "tier": TIER,
    "convert": CONVERT,
}

TABLES: Final[Mapping[str, tuple[Field, ...]]] = {
    **_WRITTEN,
    **{
        f"{table}_in": tuple(field for field in _WRITTEN[table] if field.name in names)
        for table, names in MONEY.items()
    },
}
"""The fields of each kind of object, in the order in which a person would write them."""

_SPELLINGS: Final[Mapping[str, Mapping[str, Field]]] = {
    table: {name: field for field in fields for name in field.spellings()}
    for table, fields in TABLES.items()
}


def read_record(tree: object, table: str, path: str, report: Report) -> Any:
    """Read one object by its table: a Record, or BAD where it is no object at all."""
    if not isinstance(tree, Mapping):
        report.problem(path, f"must be an object, not {shown(tree)}")
        return BAD
    record = Record(path, report)
    by_spelling = _SPELLINGS[table]
    for key, value in tree.items():
        field = by_spelling.get(key) if isinstance(key, str) else None
        if field is None:
            _unknown(key, by_spelling, record)
        elif record.has(field.name):
            first = record.written[field.name]
            report.problem(f"{path}.{key}" if path else key, f"is written twice: as {first!r} too")
        else:
            record.written[field.name] = plain_text(key)
            if not (value is None and field.nullable):
                _read_field(field, value, record)
            elif isinstance(field.kind, UpTo):
                record[field.name] = None
    for field in TABLES[table]:
        missing = report.dialect in field.needed and not record.has(field.name)
        if missing and field.name not in record.bad:
            record.problem(field.name, "is missing")
    return record


def _read_field(field: Field, value: object, record: Record) -> None:
    read = field.kind.read(value, record.at(field.name), record.report)
    if read is BAD:
        record.bad.add(field.name)
    else:
        record[field.name] = read


def _unknown(key: object, known: Mapping[str, Field], record: Record) -> None:
    name = printable(key, 80) if isinstance(key, str) else shown(key)
    if name == "$schema" and not record.path:  # editors find the JSON Schema by it
        return
    spelling = str if record.report.dialect == "tallystick" else camel
    near = nearest(name, {spelling(n) for n in known} & known.keys())
    if near:
        record.bad.add(known[near].name)  # meant, so not to be called missing too
    place = f"{record.path}.{name}" if record.path else name
    cure = f"did you mean {near!r}?" if near else ""
    record.report.problem(place, "is not a field of a catalogue here", cure)
