"""Lives at limits: what one customer does, drawn and written out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from tests.properties.limited import ADDING, EVERYWHERE, METERS, UNPRICED

if TYPE_CHECKING:
    from tests.oracle.limits import Tree

__all__ = ["LONG", "Life", "granted_lives", "lives"]

Life = tuple[datetime, str | None, list[dict[str, Any]]]
"""When it begins, in which zone, and what happens."""

_DAY: Final = 86_400
_SECONDS: Final = st.sampled_from([1, 20, 59, 60, 61, 3_600, 7_200, _DAY, 5 * _DAY, 31 * _DAY])
_HOLDS: Final = st.sampled_from([1, 60, 3_600, 4 * _DAY, 7 * _DAY])
_SIZES: Final = st.integers(1, 4)
_WHICH: Final = st.integers(0, 4)


def _act(do: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    return st.fixed_dictionaries({"do": st.just(do), **more})


_USES: Final = st.one_of(
    _act("use", key=st.sampled_from(METERS), size=_SIZES),
    _act("reserve", key=st.sampled_from(METERS), size=_SIZES, seconds=_HOLDS),
    _act("lease", key=st.sampled_from(ADDING), size=_SIZES, seconds=st.sampled_from([60, 3_600])),
)
_AFTER: Final = st.one_of(
    _act("commit", id=_WHICH, size=st.none() | st.integers(0, 6)),
    _act("release", id=_WHICH),
    _act("stale", id=_WHICH),
    _act("report", id=_WHICH, size=st.integers(0, 4), close=st.booleans()),
    _act("set", key=st.just("projects"), size=st.integers(0, 6)),
    _act("less", key=st.just("projects"), size=_SIZES),
)
_HAVING: Final = st.one_of(
    _act("start", plan=st.sampled_from(["pro", "team"])),
    _act("change", plan=st.sampled_from(["pro", "team"])),
    _act("add", seats=st.integers(1, 3)),
    _act("remove"),
    _act("cancel"),
    _act("agree", key=st.sampled_from(EVERYWHERE), limit=st.sampled_from([None, -1, 0, 3, 9])),
    _act("lift", key=st.sampled_from(EVERYWHERE)),
    _act(
        "grant",
        key=st.sampled_from(UNPRICED),
        size=_SIZES,
        seconds=st.sampled_from([None, 60, 4 * _DAY, 40 * _DAY]),
    ),
)
_RUNS: Final = _act("run")
_BEGINNINGS: Final = st.sampled_from(
    ["2027-01-31T22:59:58", "2027-03-27T12:00:00", "2027-12-31T23:59:30", "2028-02-29T00:00:00"]
)


@st.composite
def lives(draw: st.DrawFn, most: int) -> Life:
    """Draw when a life begins, in which zone, and what happens."""
    begin = datetime.fromisoformat(draw(_BEGINNINGS) + "+00:00")
    zone = draw(st.sampled_from([None, "America/New_York", "Europe/Berlin"]))
    wait = _act("wait", seconds=_SECONDS)
    acts = st.one_of(_USES, _USES, _USES, _AFTER, _AFTER, _AFTER, wait, wait, _HAVING, _RUNS)
    return begin, zone, draw(st.lists(acts, min_size=most // 2, max_size=most))


@st.composite
def granted_lives(draw: st.DrawFn, most: int) -> Life:
    """Draw a life on the plan that grants units, seldom billed when it is due."""
    begin = datetime.fromisoformat(draw(_BEGINNINGS) + "+00:00")
    zone = draw(st.sampled_from([None, "America/New_York", "Europe/Berlin"]))
    days = st.sampled_from([1, 1_800, _DAY, 9 * _DAY, 28 * _DAY, 31 * _DAY, 61 * _DAY])
    lasts = st.sampled_from([None, 20 * _DAY, 90 * _DAY])
    key = st.just("units")
    acts = st.one_of(
        _act("use", key=key, size=st.integers(1, 30)),
        _act("use", key=key, size=st.integers(1, 30)),
        _act("wait", seconds=days),
        _act("wait", seconds=days),
        _act("grant", key=key, size=st.integers(1, 15), seconds=lasts),
        _RUNS,
    )
    return begin, zone, draw(st.lists(acts, min_size=most // 2, max_size=most))


def _told(text: str) -> Tree:
    """Read an act from words: `reserve key=month size=2 seconds=60`."""
    do, *rest = text.split()
    pairs = (each.split("=") for each in rest)
    words: Tree = {"none": None, "yes": True, "no": False}
    facts: Tree = {name: words.get(of, of) for name, of in pairs}
    return {"do": do} | {
        name: int(of) if isinstance(of, str) and of.lstrip("-").isdigit() else of
        for name, of in facts.items()
    }


LONG: Final[Life] = (
    datetime.fromisoformat("2027-01-31T22:59:58+00:00"),
    "Europe/Berlin",
    [
        _told(line.strip())
        for line in """
        use key=month size=4
        reserve key=month size=2 seconds=60
        use key=month size=1
        stale id=0
        commit id=0 size=1
        commit id=0 size=1
        commit id=0 size=2
        use key=month size=1
        reserve key=day size=3 seconds=60
        use key=day size=3
        use key=day size=4
        wait seconds=60
        commit id=0 size=none
        release id=0
        use key=day size=3
        use key=burst size=3
        wait seconds=59
        use key=burst size=1
        wait seconds=1
        use key=burst size=1
        lease key=exports size=5 seconds=60
        use key=exports size=3
        report id=0 size=2 close=no
        use key=exports size=3
        report id=0 size=1 close=yes
        use key=exports size=3
        lease key=minute size=2 seconds=3600
        wait seconds=60
        report id=0 size=1 close=no
        use key=minute size=2
        lease key=burst size=2 seconds=60
        wait seconds=3600
        use key=burst size=3
        reserve key=projects size=1 seconds=604800
        wait seconds=432000
        set key=projects size=1
        commit id=0 size=none
        use key=projects size=1
        less key=projects size=1
        less key=projects size=4
        start plan=pro
        use key=period size=4
        use key=soft size=3
        wait seconds=61
        add seats=2
        use key=month size=4
        use key=month size=4
        agree key=month limit=3
        use key=month size=4
        lift key=month
        grant key=month size=2 seconds=86400
        reserve key=month size=2 seconds=345600
        run
        wait seconds=86400
        release id=0
        use key=month size=2
        agree key=day limit=none
        use key=day size=1
        agree key=day limit=-1
        use key=day size=4
        remove
        change plan=team
        use key=year size=4
        grant key=period size=4 seconds=none
        wait seconds=2678400
        run
        reserve key=week size=4 seconds=60
        reserve key=month size=2 seconds=345600
        use key=month size=4
        wait seconds=86400
        cancel
        commit id=0 size=6
        commit id=0 size=2
        use key=month size=4
        """.strip().splitlines()
    ],
)
"""A life in which everything that may be asked is asked at the edges of limits and windows."""
