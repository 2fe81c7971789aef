"""Only regular UTF-8 files of a bounded size are read."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tallystick.errors import CatalogNotFound, InvalidCatalog
from tallystick.files import read_tree
from tallystick.files.regular import MOST_BYTES, read_text


def refusal(path: Path | str) -> str:
    """Give the text of what a catalogue file is refused for."""
    with pytest.raises(InvalidCatalog) as caught:
        read_tree(path)
    assert caught.value.source == str(path)
    return str(caught.value)


def write(path: Path, content: bytes) -> Path:
    """Write a file."""
    path.write_bytes(content)
    return path


def test_a_missing_file_names_the_cure(tmp_path: Path) -> None:
    for path in (tmp_path / "x.json", tmp_path / "x.json" / "y.json", tmp_path / f"{'x' * 999}.py"):
        with pytest.raises(CatalogNotFound, match="tallystick init"):
            read_tree(path)
    with pytest.raises(CatalogNotFound):
        read_tree("x\0.json")


def test_a_folder_a_pipe_and_a_socket_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert "is a folder" in refusal(tmp_path / "a.json")
    os.mkfifo(tmp_path / "b.json")
    assert "is a named pipe" in refusal(tmp_path / "b.json")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path)  # the name of a socket must be short
        try:
            listener.bind("c.json")
        finally:
            os.chdir(here)
        assert "is a socket" in refusal(tmp_path / "c.json")


def test_a_device_is_no_file_even_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("/dev/zero")
    assert "is a device" in refusal(tmp_path / "a.yaml")


def test_a_loop_of_links_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").symlink_to(tmp_path / "b.toml")
    (tmp_path / "b.toml").symlink_to(tmp_path / "a.toml")
    assert "symbolic links" in refusal(tmp_path / "a.toml")


def test_a_file_one_may_not_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    write(tmp_path / "a.json", b"{}")
    monkeypatch.setattr(os, "open", closed)  # root may read everything
    assert "cannot be read: permission denied" in refusal(tmp_path / "a.json")


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml", "toml", "py"])
def test_a_large_file_is_refused_by_its_size_alone(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a.{suffix}"
    with path.open("wb") as stream:
        stream.truncate(100_000_000)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
    assert "100000000 bytes" in refusal(path)


def test_a_file_that_grows_while_it_is_read_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.json", b"[" + b" " * MOST_BYTES + b"]")
    monkeypatch.setattr("tallystick.files.regular._check", lambda *_: None)
    assert f"{MOST_BYTES + 1} bytes or more" in refusal(path)


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", b"[" + b" " * (MOST_BYTES - 2) + b"]")
    assert read_tree(path).tree == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"a": 1}'.encode("utf-16"), "is UTF-16"),
        (b'{"a":\n "\xe9"}', "byte 0xe9 at position 8"),
        (b'{"a":\n "\0"}', "NUL"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "NUL"),
        (b"\x89PNG\r\n", "byte 0x89"),
        (b"\xed\xa0\x80", "not UTF-8"),
    ],
)
def test_what_is_no_utf8_text_is_refused(tmp_path: Path, content: bytes, text: str) -> None:
    for suffix in ("json", "yaml", "toml", "py"):
        assert text in refusal(write(tmp_path / f"a.{suffix}", content))


def test_a_wrong_byte_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalog) as caught:
        read_tree(write(tmp_path / "a.json", b"{\n\n\xff}"))
    assert caught.value.problems[0].line == 3


def test_a_byte_order_mark_is_left_out(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf[]"
    assert read_text(write(tmp_path / "a.json", content)) == "[]"
    assert read_tree(tmp_path / "a.json").tree == []


@pytest.mark.parametrize("name", ["a.txt", "a", ".json", "a.json.bak", "a.xml"])
def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path, name: str) -> None:
    assert ".py, .toml, .yaml, .yml, .json" in refusal(write(tmp_path / name, b"{}"))


def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path) -> None:
    assert read_tree(write(tmp_path / "A.JSON", b"[]")).tree == []
