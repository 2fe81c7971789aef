"""Write the golden documents of a release: what happened as JSON, and every document it gave.

    python -m tests.golden.replay.make NAME

A file that is there is never written again: documents of a release stay as they were issued.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tallystick import Tallystick
from tallystick.core.invoice import RECKONING
from tallystick.core.trees import body_of
from tallystick.storage import invoices
from tests.billed import LATE, TREE, play

if TYPE_CHECKING:
    from tallystick.storage.unit import Unit

FOLDER = Path(__file__).parent


def documents(unit: Unit) -> list[dict[str, Any]]:
    """Give the documents that were issued, in the order of their series and numbers."""
    unit.as_all()
    found = [each for each in invoices.list_invoices(unit, 1_000) if each.number is not None]
    found.sort(key=lambda each: (each.series or "", each.number or 0))
    return [
        {
            "number": each.invoice.number,
            "digest": each.digest,
            "chain": each.chain,
            "body": body_of(each.invoice).decode(),
        }
        for each in found
    ]


def main(name: str) -> None:
    """Play what happened, and write what came of it."""
    with Tallystick("sqlite://") as tally:
        tally.migrate()
        play(tally.storage, LATE)
        with tally.storage.look() as unit:
            made = documents(unit)
    tree = {"reckoning": RECKONING, "catalog": TREE, "steps": LATE, "documents": made}
    with (FOLDER / f"{name}.json").open("x", encoding="utf-8") as file:
        json.dump(tree, file, ensure_ascii=False, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
