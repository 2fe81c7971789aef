"""Stripe's query language: `metadata["plan"]:"pro" AND active:"true"`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tallystick.testing.fake_stripe.page import limit_of
from tallystick.testing.fake_stripe.refusal import Refused

if TYPE_CHECKING:
    from tallystick.testing.fake_stripe.account import Account, Thing
    from tallystick.testing.fake_stripe.route import Answer, Call

__all__ = ["searching"]

_CLAUSE: Final = re.compile(
    r"(?P<no>-?)(?P<field>[a-z_]+)(?:\[(?P<quote>['\"])(?P<key>[^'\"]{1,40})(?P=quote)\])?"
    r"(?P<sign>:|~|>=|<=|>|<)(?:\"(?P<text>(?:[^\"\\]|\\.)*)\"|'(?P<single>[^']*)'"
    r"|(?P<plain>-?[0-9]+|null|true|false))"
)
_JOINT: Final = re.compile(r" +(AND|OR) +| +")
_SMALLEST_PART: Final = 3


def searching(kind: str, *fields: str) -> Answer:
    """Make the answer that searches a kind by metadata, `created` and the fields given."""

    def answer(account: Account, call: Call) -> Thing:
        clauses, every = _read(call.params["query"], {*fields, "metadata", "created"})
        start = _start(call.params.get("page"))
        found = [
            thing
            for thing in reversed(account.of(kind).values())
            if (all if every else any)(_holds(thing, clause) for clause in clauses)
        ]
        cut = found[start : start + limit_of(call.params)]
        more = start + len(cut) < len(found)
        return {
            "object": "search_result",
            "url": call.path,
            "has_more": more,
            "next_page": str(start + len(cut)) if more else None,
            "data": cut,
        }

    return answer


def _start(token: str | None) -> int:
    if token is not None and not (token.isascii() and token.isdigit()):
        raise Refused("Invalid page: give next_page of the answer before", param="page")
    return int(token or 0)


def _read(query: str, fields: set[str]) -> tuple[list[re.Match[str]], bool]:
    clauses, joints, place = [], set(), 0
    while matched := _CLAUSE.match(query, place):
        if matched["field"] not in fields or (matched["field"] == "metadata") != bool(
            matched["key"]
        ):
            raise Refused(
                f"Field `{matched['field']}` is an unsupported search field", param="query"
            )
        clauses.append(matched)
        place = matched.end()
        joint = _JOINT.match(query, place)
        if joint is None:
            break
        joints.add(joint[1] or "AND")
        place = joint.end()
    if not clauses or place != len(query) or len(joints) > 1:
        raise Refused(
            "We were unable to parse your search query: give field:value clauses, joined by AND or"
            " by OR, not by both.",
            param="query",
        )
    return clauses, joints != {"OR"}


def _holds(thing: Thing, clause: re.Match[str]) -> bool:
    value = thing.get(clause["field"])
    if clause["key"]:
        value = (value or {}).get(clause["key"])
    return _meets(value, clause) != bool(clause["no"])


def _meets(value: object, clause: re.Match[str]) -> bool:
    wanted = next(clause[g] for g in ("text", "single", "plain") if clause[g] is not None)
    if clause["plain"] == "null" and clause["sign"] == ":":
        return value is None
    if value is None:
        return False
    has = str(value).lower()
    if clause["sign"] == ":":
        return has == wanted.lower()
    if clause["sign"] == "~":
        if len(wanted) < _SMALLEST_PART:
            raise Refused("A part of a text has at least three characters", param="query")
        return wanted.lower() in has
    if not isinstance(value, int) or not wanted.lstrip("-").isdigit():
        raise Refused(f"Field `{clause['field']}` is no number", param="query")
    bound = int(wanted)
    signs = {">": value > bound, ">=": value >= bound, "<": value < bound, "<=": value <= bound}
    return signs[clause["sign"]]
