"""From files of cases to cases, with every fault of a file named and placed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from tallystick.core.number import parse_number
from tallystick.errors import InvalidInput
from tallystick.testing.conformance.amounts import number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal
    from importlib.resources.abc import Traversable

__all__ = ["LARGEST_FILE", "Case", "packaged_files", "read_cases"]

LARGEST_FILE: Final = 16 * 1024 * 1024
"""The most bytes a file of cases may have."""

_FIELDS: Final = {"id": str, "kind": str, "input": dict, "expected": dict}
_TOLD: Final = 5
_WORDS: Final = {str: "a text", dict: "an object"}


@dataclass(frozen=True, slots=True)
class Case:
    """One question and the figures that must come out."""

    id: str
    kind: str
    input: dict[str, Any]
    expected: dict[str, Any]


def packaged_files() -> tuple[Traversable, ...]:
    """Give the files of the kit that comes with the package, by name."""
    folder = files("tallystick.testing.conformance") / "cases"
    kit = (each for each in folder.iterdir() if each.name.endswith(".json"))
    return tuple(sorted(kit, key=lambda each: each.name))


def read_cases(source: Path | Traversable | str) -> tuple[Case, ...]:
    """Read the cases of one file.

    Raises InvalidInput naming the file and the place: no such file, larger than 16 MB, not UTF-8,
    not JSON, a duplicate key, a number that is no plain decimal, or not the shape of a case file.
    """
    place = Path(source) if isinstance(source, str) else source
    tree = _parse(_text(place), place.name)
    if not isinstance(tree, dict) or not isinstance(tree.get("cases"), list):
        raise _refusal(place.name, "", 'a case file is an object with a list "cases"')
    faults = {
        path: text
        for index, case in enumerate(tree["cases"])
        for path, text in _faults(case, f"cases[{index}]")
    }
    if faults:
        told = "; ".join(f"{path}: {text}" for path, text in list(faults.items())[:_TOLD])
        more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
        raise InvalidInput(
            f"{place.name}: {told}{more}", {path: [text] for path, text in faults.items()}
        )
    return tuple(
        Case(case["id"], case["kind"], case["input"], case["expected"]) for case in tree["cases"]
    )


def _text(place: Path | Traversable) -> str:
    try:
        if isinstance(place, Path):
            if not place.is_file():
                what = "is no file" if place.exists() else "does not exist"
                raise _refusal(str(place), "", f"{what}; give a JSON file of cases")
            if place.stat().st_size > LARGEST_FILE:
                raise _refusal(str(place), "", f"is larger than {LARGEST_FILE // 2**20} MB")
        return place.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refusal(place.name, f"byte {error.start}", "is not UTF-8") from None
    except (OSError, ValueError) as error:
        raise _refusal(place.name, "", f"cannot be read ({error})") from None


def _parse(text: str, name: str) -> Any:  # noqa: ANN401 - a JSON document has no narrower type
    try:
        return json.loads(
            text,
            parse_int=_whole,
            parse_float=_fraction,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _refusal(name, place, f"is not JSON ({error.msg})") from None
    except RecursionError:
        raise _refusal(name, "", "is nested too deeply") from None
    except InvalidInput as error:
        raise _refusal(name, "", str(error)) from None


def _faults(case: object, path: str) -> Iterable[tuple[str, str]]:
    if not isinstance(case, dict):
        yield path, "a case is an object"
        return
    for name, kind in _FIELDS.items():
        if name not in case:
            yield f"{path}.{name}", "is missing"
        elif not isinstance(case[name], kind) or (kind is str and not case[name]):
            yield f"{path}.{name}", f"is {_WORDS[kind]}, and not empty"


def _refusal(name: str, place: str, text: str) -> InvalidInput:
    where = f"{name}: {place}" if place else name
    return InvalidInput(f"{where}: {text}", {place: [text]})


def _whole(token: str) -> int:
    return int(parse_number(token))


def _fraction(token: str) -> Decimal:
    return number(token)


def _constant(token: str) -> NoReturn:
    raise InvalidInput(f"{token} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in pairs:
        if key in tree:
            raise InvalidInput(f"the key {key[:80]!r} stands twice in one object")
        tree[key] = value
    return tree
