"""The plan ids and feature keys of a catalogue as a Python module of `Literal` types.

A checker that reads the module refuses a misspelt plan or feature; without it every text is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tallystick.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tallystick.core.catalog import Catalog

__all__ = ["check_keys", "module_text"]

_SHOWN: Final = 5

_MODULE: Final = '''\
"""The plan ids and feature keys of one catalogue, for type checkers.

Written by `tallystick types`: do not edit it; write it again when the catalogue changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, {names}, TypeAlias, get_args

from tallystick.core.typed_keys import check_keys

if TYPE_CHECKING:
    from typing import Any

    from tallystick import Catalog

__all__ = ["FeatureKey", "PlanId", "typed"]

{plan_ids}
{feature_keys}


def typed(catalog: Catalog[Any, Any]) -> Catalog[PlanId, FeatureKey]:
    """Give the catalogue with its plan ids and feature keys known to the checker.

    Raises SetupError where the catalogue has other ids or keys than this module.
    """
    check_keys(
        catalog,
        plan_ids=get_args(PlanId),
        feature_keys=get_args(FeatureKey),
        source={source},
    )
    return catalog
'''


def module_text(catalog: Catalog[Any, Any], *, source: str) -> str:
    """Write the module for a catalogue read from `source`: the same text for the same catalogue.

    Ids and keys stand in catalogue order, each quoted as Python quotes it, so that an id is
    never more than a text.  With no plans or no features the type is `Never`: nothing is taken.
    """
    plan_ids, feature_keys = _plan_ids(catalog), _feature_keys(catalog)
    names = [
        *(["Literal"] if plan_ids or feature_keys else []),
        *([] if plan_ids and feature_keys else ["Never"]),
    ]
    return _MODULE.format(
        names=", ".join(names),
        plan_ids=_alias("PlanId", plan_ids),
        feature_keys=_alias("FeatureKey", feature_keys),
        source=_quoted(source),
    )


def check_keys(
    catalog: Catalog[Any, Any],
    *,
    plan_ids: Collection[str],
    feature_keys: Collection[str],
    source: str,
) -> None:
    """Tell whether a catalogue still has exactly these plan ids and feature keys.

    Raises SetupError, which names what is new and what is gone.
    """
    changes = [
        *_changes("plan", written=plan_ids, found=_plan_ids(catalog)),
        *_changes("feature", written=feature_keys, found=_feature_keys(catalog)),
    ]
    if changes:
        raise SetupError(
            f"the catalogue and the types written from {source!r} differ: {'; '.join(changes)}"
            " (write them again: tallystick types)"
        )


def _plan_ids(catalog: Catalog[Any, Any]) -> tuple[str, ...]:
    """List the plan ids in catalogue order."""
    return tuple(dict.fromkeys(plan.id for plan in catalog))


def _feature_keys(catalog: Catalog[Any, Any]) -> tuple[str, ...]:
    """List the feature keys of all plans, each where it is first met."""
    return tuple(dict.fromkeys(key for plan in catalog for key in plan.features))


def _changes(kind: str, *, written: Collection[str], found: Collection[str]) -> Iterable[str]:
    """Say which ids of a kind are new and which are gone."""
    before, after = set(written), set(found)
    new = [each for each in found if each not in before]
    gone = [each for each in written if each not in after]
    for word, ids in (("new", new), ("gone", gone)):
        if ids:
            rest = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            yield f"{word} {kind} {', '.join(map(repr, ids[:_SHOWN]))}{rest}"


def _alias(name: str, texts: tuple[str, ...]) -> str:
    """Write one type alias, a text on each line."""
    if not texts:
        return f"{name}: TypeAlias = Never"
    lines = "".join(f"    {_quoted(text)},\n" for text in texts)
    return f"{name}: TypeAlias = Literal[\n{lines}]"


def _quoted(text: str) -> str:
    """Quote a text as Python source: one line of ASCII, so that no encoding can change it."""
    mark = "'" if text.count('"') > text.count("'") else '"'
    return mark + "".join(f"\\{mark}" if c == mark else _character(c) for c in text) + mark


def _character(character: str) -> str:
    """Write one character between quotation marks."""
    return character if character in "\"'" else ascii(character)[1:-1]
