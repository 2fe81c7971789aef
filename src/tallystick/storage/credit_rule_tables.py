"""The tables of credits that come by rule: what plans granted, and automatic top-ups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Column, Text, UniqueConstraint

from tallystick.storage.table_parts import OWNER, Names, key, needed
from tallystick.storage.types import Exact, Key, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import MetaData, Table

__all__ = ["CREDIT_RULE_GRANTS", "CreditRuleTables", "make_credit_rule_tables"]

CREDIT_RULE_GRANTS: Final[Mapping[str, frozenset[str]]] = {
    "plan_grants": frozenset({"SELECT", "INSERT", "UPDATE (rolls_at)"}),
    "top_up_rules": frozenset({"SELECT", "INSERT", "UPDATE (ended_at)"}),
    "top_ups": frozenset({"SELECT", "INSERT", "UPDATE (status)", "UPDATE (grant_id)"}),
}
"""What the role of a program may do with each of these tables."""

_MEASURE: Final = "(currency IS NULL) <> (feature IS NULL)"
_SOME: Final = "substr(CAST(size AS TEXT), 1, 1) <> '-' AND CAST(size AS TEXT) <> '0'"


class CreditRuleTables(NamedTuple):
    """The tables of credits that come by rule, by their names without the prefix."""

    plan_grants: Table
    top_up_rules: Table
    top_ups: Table


def make_credit_rule_tables(metadata: MetaData, prefix: str) -> CreditRuleTables:
    """Make the tables."""
    names = Names(metadata, prefix)
    return CreditRuleTables(_plan_grants(names), _top_up_rules(names), _top_ups(names))


def _plan_grants(names: Names) -> Table:
    """Make where grants of plans come from: each stretch of time of a credit once.

    `rolls_at` is when what is left goes on, null where nothing does or it was done; a grant that
    went on has the one it comes from, each of which goes on once.
    """
    return names.table(
        "plan_grants",
        key(OWNER),
        key("grant_id"),
        needed("subscription_id", Key),
        needed("plan_id", Key),
        needed("plan_version", BigInteger),
        needed("credit", Key),
        needed("starts_at", Moment),
        Column("rolls_at", Moment),
        Column("rolled_from", Key),
        UniqueConstraint(OWNER, "rolled_from"),
        names.refers("plan_grants", "grant_id", "credit_grants"),
        names.refers("plan_grants", "subscription_id", "subscriptions"),
        names.refers("plan_grants", "rolled_from", "credit_grants"),
        CheckConstraint("plan_version > 0", name="plan_version"),
        CheckConstraint("rolled_from IS NULL OR rolls_at IS NULL", name="rolls_at"),
        names.where(
            "uq_{p}plan_grants_starts_at",
            OWNER,
            "subscription_id",
            "plan_id",
            "credit",
            "starts_at",
            words="rolled_from IS NULL",
            unique=True,
        ),
        names.where(
            "ix_{p}plan_grants_rolls_at",
            "rolls_at",
            OWNER,
            "grant_id",
            words="rolls_at IS NOT NULL",
        ),
    )


def _top_up_rules(names: Names) -> Table:
    """Make what is bought by itself: one rule at a time for a customer and what it looks at."""
    running = "ended_at IS NULL AND {} IS NOT NULL"
    return names.table(
        "top_up_rules",
        key(OWNER),
        key("id"),
        Column("currency", Text),
        Column("feature", Key),
        needed("threshold", Exact),
        needed("size", Exact),
        Column("price_minor", BigInteger),
        Column("price_currency", Text),
        Column("most", BigInteger),
        needed("recorded_at", Moment),
        Column("ended_at", Moment),
        UniqueConstraint("id"),
        names.of_customer(),
        CheckConstraint(_MEASURE, name="measure"),
        CheckConstraint("substr(CAST(threshold AS TEXT), 1, 1) <> '-'", name="threshold"),
        CheckConstraint(_SOME, name="size"),
        CheckConstraint(
            "(price_minor IS NULL) = (price_currency IS NULL) AND price_minor > 0", name="price"
        ),
        CheckConstraint("most > 0", name="most"),
        names.where(
            "uq_{p}top_up_rules_currency",
            OWNER,
            "currency",
            words=running.format("currency"),
            unique=True,
        ),
        names.where(
            "uq_{p}top_up_rules_feature",
            OWNER,
            "feature",
            words=running.format("feature"),
            unique=True,
        ),
    )


def _top_ups(names: Names) -> Table:
    """Make the purchases: each number of a month once, and one of a rule is open at a time."""
    return names.table(
        "top_ups",
        key(OWNER),
        key("id"),
        needed("rule_id", Key),
        needed("month"),
        needed("number", BigInteger),
        needed("size", Exact),
        needed("status"),
        needed("at", Moment),
        Column("grant_id", Key),
        UniqueConstraint("id"),
        UniqueConstraint(OWNER, "rule_id", "month", "number"),
        names.refers("top_ups", "rule_id", "top_up_rules"),
        names.refers("top_ups", "grant_id", "credit_grants"),
        CheckConstraint("status IN ('open', 'granted', 'canceled')", name="status"),
        CheckConstraint("(status = 'granted') = (grant_id IS NOT NULL)", name="grant_id"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(_SOME, name="size"),
        names.where("uq_{p}top_ups_open", OWNER, "rule_id", words="status = 'open'", unique=True),
    )
