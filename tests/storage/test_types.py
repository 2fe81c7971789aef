"""What goes in comes out, the same on every database; what has no place in it is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, func, insert, select
from sqlalchemy.exc import StatementError

from tallystick.storage.types import Exact, JsonText, Key, Moment, Serial, micros, moment_of

if TYPE_CHECKING:
    from tallystick.storage.unit import Storage

KEPT = Table(
    "kept",
    MetaData(),
    Column("id", Serial, primary_key=True),
    Column("name", Key),
    Column("at", Moment),
    Column("figure", Exact),
    Column("tree", JsonText),
)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
FIGURES = st.decimals(allow_nan=False, allow_infinity=False, places=12)
MOMENTS = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - bounds are given without a zone
    datetime(2900, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
# The table is emptied before every example.
many = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def kept(storage: Storage, **values: Any) -> Any:
    """Store one row and read it back."""
    with storage.begin() as unit:
        KEPT.create(unit.connection, checkfirst=True)
        unit.connection.execute(insert(KEPT), [values])
        row = unit.connection.execute(select(KEPT).order_by(KEPT.c.id.desc())).first()
        assert row is not None
        return row


@many
@given(at=MOMENTS)
def test_a_time_comes_back_in_utc_to_the_microsecond(storage: Storage, at: datetime) -> None:
    found = kept(storage, at=at).at
    assert found == at
    assert found.tzinfo is UTC


@many
@given(figure=FIGURES)
def test_a_figure_comes_back_exactly_and_without_trailing_zeros(
    storage: Storage, figure: Decimal
) -> None:
    found = kept(storage, figure=figure).figure
    assert found == figure
    _, digits, exponent = found.as_tuple()
    assert exponent >= 0 or digits[-1] != 0


@many
@given(tree=TREES)
def test_a_tree_comes_back_as_it_was(storage: Storage, tree: object) -> None:
    assert kept(storage, tree=tree).tree == tree


def test_no_tree_is_no_value_on_both(storage: Storage) -> None:
    with storage.begin() as unit:
        KEPT.create(unit.connection)
        unit.connection.execute(insert(KEPT), [{"tree": None, "figure": None, "at": None}])
        absent = select(func.count()).where(KEPT.c.tree.is_(None), KEPT.c.figure.is_(None))
        assert unit.connection.execute(absent).scalar() == 1
        row = unit.connection.execute(select(KEPT)).one()
    assert (row.tree, row.figure, row.at) == (None, None, None)


def test_decimals_in_a_tree_are_written_as_texts(storage: Storage) -> None:
    tree = {"cost": Decimal("0.10"), "tiers": [Decimal(5), (1, True)]}
    assert kept(storage, tree=tree).tree == {"cost": "0.1", "tiers": ["5", [1, True]]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"tree": 0.1},
        {"tree": {"a": [0.5]}},
        pytest.param({"tree": object()}, id="an object"),
        {"figure": Decimal("NaN")},
        {"figure": Decimal("Infinity")},
        {"figure": 1},
        {"figure": 0.5},
        {"figure": "1"},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001 - a time without a zone is what is refused
    ],
    ids=str,
)
def test_what_has_no_place_is_refused(storage: Storage, wrong: dict[str, object]) -> None:
    with pytest.raises(StatementError, match=r"zone|figure|JSON"):
        kept(storage, **wrong)


def test_keys_sort_byte_by_byte_on_both(storage: Storage) -> None:
    names = ["b", "B", "a", "_", "é", "z", "Z", "10", "9", "𝄞", "~"]
    with storage.begin() as unit:
        KEPT.create(unit.connection)
        unit.connection.execute(insert(KEPT), [{"name": name} for name in names])
        found = unit.connection.execute(select(KEPT.c.name).order_by(KEPT.c.name)).scalars().all()
    assert found == sorted(names, key=str.encode)


def test_times_sort_and_compare_on_both(storage: Storage) -> None:
    start = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    times = [start + timedelta(microseconds=count) for count in (2, 0, 1)]
    with storage.begin() as unit:
        KEPT.create(unit.connection)
        unit.connection.execute(insert(KEPT), [{"at": at} for at in times])
        found = unit.connection.execute(
            select(KEPT.c.at).where(KEPT.c.at > start).order_by(KEPT.c.at)
        )
        assert found.scalars().all() == [times[2], times[0]]


@given(MOMENTS)
def test_microseconds_count_there_and_back(at: datetime) -> None:
    assert moment_of(micros(at)) == at
