"""A file stands under its name whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from settlement.whole_file import write_whole


def test_what_stands_is_the_old_file_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out" / "file.xml"
    write_whole(path, b"old", mode=0o440)
    assert path.stat().st_mode & 0o777 == 0o440
    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os if step == "fsync" else Path, step, _full)
            with pytest.raises(OSError, match="No space"):
                write_whole(path, b"new")
        assert [one.read_bytes() for one in path.parent.iterdir()] == [b"old"], step
    write_whole(path, b"new")
    assert [one.read_bytes() for one in path.parent.iterdir()] == [b"new"]


def test_what_a_killed_writer_has_left_is_taken_away_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, beside = tmp_path / "file", tmp_path / ".file2.7.arriving"
    beside.write_bytes(b"another's")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _killed)
        with pytest.raises(KeyboardInterrupt):
            write_whole(path, b"half")
    assert len(list(tmp_path.iterdir())) == 2
    assert not path.exists()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        write_whole(path, b"whole")
    assert sorted(tmp_path.iterdir()) == [beside, path]


def test_of_two_at_once_one_is_refused_and_no_part_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = tmp_path / "file", os.fsync

    def other_begins(handle: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        monkeypatch.setattr(os, "getpid", lambda: 1)
        write_whole(path, b"the other's")
        real(handle)

    monkeypatch.setattr(os, "fsync", other_begins)
    with pytest.raises(FileNotFoundError):
        write_whole(path, b"mine")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"the other's"]


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _killed(*_: object) -> None:
    raise KeyboardInterrupt
