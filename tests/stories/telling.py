"""A story as it is written: a catalogue, what happened when, and the documents that must come out.

The shape of a file is told in README.md beside this one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tallystick.core.dialects import read_catalog
from tallystick.core.dialects.tax_rules import read_tax_rules
from tallystick.files.from_yaml import yaml_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.catalog import Catalog
    from tallystick.core.tax_rules import TaxRules

__all__ = ["FOLDER", "MODES", "Step", "Story", "Times", "read_story", "story_files"]

FOLDER: Final = Path(__file__).parent
MODES: Final = ("daily", "late")
"""How a story is billed: every day and after every step, or in one late run."""
VERBS: Final = frozenset(
    [
        "amend",
        "cancel",
        "change",
        "credit",
        "customer_is",
        "end_coupon",
        "grant",
        "item",
        "keep",
        "parent",
        "pause",
        "pay",
        "publish",
        "recover",
        "redeem",
        "refund",
        "resume",
        "start",
        "taxes",
        "uncollectible",
        "unplan",
        "use",
        "void",
        "void_grant",
        "void_usage",
    ]
)
_FIELDS: Final = frozenset(
    [
        "balances",
        "catalog",
        "days",
        "documents",
        "expected_failure",
        "says",
        "seller",
        "states",
        "taxes",
        "times_in",
        "title",
        "until",
    ]
)
_STEP_FIELDS: Final = frozenset(["arrived", "at", "customer", "refused", "subscription"])
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?")


@dataclass(frozen=True)
class Times:
    """How a story writes times: as the wall clock of one zone, midnight left out."""

    zone: ZoneInfo | None

    def read(self, text: object) -> datetime:
        """Read a time of the story."""
        assert isinstance(text, str), f"{text!r} is no time"
        assert _TIME.fullmatch(text), f"{text!r} is no time: write 2027-01-31 or 2027-01-31 12:00"
        wall = datetime.fromisoformat(text)
        return wall.replace(tzinfo=self.zone or UTC).astimezone(UTC)

    def write(self, at: datetime) -> str:
        """Write a time as a story does."""
        wall = at.astimezone(self.zone or UTC)
        if wall.second:
            return f"{wall:%Y-%m-%d %H:%M:%S}"
        return f"{wall:%Y-%m-%d %H:%M}" if wall.hour or wall.minute else f"{wall:%Y-%m-%d}"


@dataclass(frozen=True)
class Step:
    """Something that happened: at a time, a verb with what it is about."""

    at: datetime
    verb: str
    about: Any
    customer: str = "acme"
    subscription: str = "main"
    arrived: datetime | None = None
    refused: str | None = None

    @property
    def when(self) -> datetime:
        """When the ledger is told of it."""
        return self.arrived or self.at


@dataclass(frozen=True)
class Story:
    """A whole story.  `documents`, `balances` and `states` are what must come out."""

    name: str
    title: str
    catalog: Catalog[str, str]
    times: Times
    steps: tuple[Step, ...]
    until: datetime
    documents: str
    seller: Mapping[str, Any] = field(default_factory=dict)
    taxes: TaxRules | None = None
    balances: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    expected_failure: Mapping[str, str] = field(default_factory=dict)


def story_files() -> list[Path]:
    """Give the files of all stories, in the order of their names."""
    return sorted(FOLDER.glob("*.yaml"))


def read_story(path: Path) -> Story:
    """Read a story; what is misspelt in it is an error, never left out."""
    tree: Any
    tree, _ = yaml_tree(path.read_text(encoding="utf-8"))
    unknown = set(tree) - _FIELDS
    assert not unknown, f"{path.name}: there is no {', '.join(sorted(unknown))} in a story"
    times = Times(ZoneInfo(tree["times_in"]) if "times_in" in tree else None)
    steps = [_step(each, times, path.name) for each in tree["days"]]
    return Story(
        name=path.stem,
        title=tree["title"],
        catalog=read_catalog(tree["catalog"]),
        times=times,
        steps=tuple(sorted(steps, key=lambda step: step.when)),
        until=times.read(tree["until"]),
        documents=tree["documents"],
        seller=tree.get("seller", {}),
        taxes=read_tax_rules(tree["taxes"]) if "taxes" in tree else None,
        balances=tree.get("balances", {}),
        states=tree.get("states", {}),
        expected_failure=_by_mode(tree.get("expected_failure", {})),
    )


def _by_mode(expected: Any) -> Mapping[str, str]:
    """Give why a story does not come out, for each way in which it is billed."""
    by_mode = dict.fromkeys(MODES, expected) if isinstance(expected, str) else expected
    assert set(by_mode) <= set(MODES), f"expected_failure is for {' or '.join(MODES)}"
    return by_mode


def _step(tree: dict[str, Any], times: Times, name: str) -> Step:
    verbs = [key for key in tree if key in VERBS]
    unknown = set(tree) - VERBS - _STEP_FIELDS
    assert not unknown, f"{name}: a day has no {', '.join(sorted(unknown))}"
    assert len(verbs) == 1, f"{name}: a day has one of {', '.join(sorted(VERBS))}: {tree}"
    arrived = tree.get("arrived")
    return Step(
        at=times.read(tree["at"]),
        verb=verbs[0],
        about=tree[verbs[0]],
        customer=tree.get("customer", "acme"),
        subscription=tree.get("subscription", "main"),
        arrived=None if arrived is None else times.read(arrived),
        refused=tree.get("refused"),
    )
