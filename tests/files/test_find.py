"""Where the catalogue is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.errors import CatalogNotFound, SetupError
from tallystick.files import find_catalog

if TYPE_CHECKING:
    from pathlib import Path


def test_the_argument_wins_over_the_environment_and_the_folder(tmp_path: Path) -> None:
    for name in ("a.json", "b.json", "billing.py"):
        (tmp_path / name).touch()
    environ = {"TALLYSTICK_CATALOG": "b.json"}
    assert find_catalog("a.json", environ=environ, folder=tmp_path) == tmp_path / "a.json"
    assert find_catalog(None, environ=environ, folder=tmp_path) == tmp_path / "b.json"
    assert find_catalog(None, environ={}, folder=tmp_path) == tmp_path / "billing.py"


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    named = tmp_path / "a.json"
    named.touch()
    assert find_catalog(str(named), environ={}, folder=tmp_path / "elsewhere") == named


@pytest.mark.parametrize("suffix", ["py", "toml", "yaml", "yml", "json"])
def test_a_folder_with_one_catalog_needs_no_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"billing.{suffix}"
    path.touch()
    (tmp_path / "billing.production.lock.json").touch()
    assert find_catalog(None, environ={"TALLYSTICK_CATALOG": " "}, folder=tmp_path) == path


def test_a_folder_named_like_a_catalog_is_none(tmp_path: Path) -> None:
    (tmp_path / "billing.py").mkdir()
    with pytest.raises(CatalogNotFound):
        find_catalog(None, environ={}, folder=tmp_path)


def test_nothing_found_says_what_was_tried_and_the_cure(tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFound) as caught:
        find_catalog(None, environ={}, folder=tmp_path)
    for word in ("TALLYSTICK_CATALOG", "billing.{py,toml,yaml,yml,json}", "tallystick init"):
        assert word in str(caught.value)


def test_a_missing_named_file_is_told_with_who_named_it(tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFound, match=r"'x\.json'; name"):
        find_catalog("x.json", environ={}, folder=tmp_path)
    with pytest.raises(CatalogNotFound, match="which TALLYSTICK_CATALOG names"):
        find_catalog(None, environ={"TALLYSTICK_CATALOG": "y.json"}, folder=tmp_path)
    with pytest.raises(CatalogNotFound):
        find_catalog("x\0.json", environ={}, folder=tmp_path)


def test_two_catalogs_in_a_folder_are_no_choice_of_ours(tmp_path: Path) -> None:
    (tmp_path / "billing.toml").touch()
    (tmp_path / "billing.json").touch()
    with pytest.raises(SetupError, match=r"billing\.toml and billing\.json") as caught:
        find_catalog(None, environ={}, folder=tmp_path)
    assert "TALLYSTICK_CATALOG" in str(caught.value)
