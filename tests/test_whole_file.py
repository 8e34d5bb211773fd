"""A file stands under its name whole or not at all."""

from __future__ import annotations

import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
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
    write_whole(path, b"whole")
    assert sorted(tmp_path.iterdir()) == [beside, path]


def test_what_was_left_and_cannot_be_read_stays_and_keeps_no_file_from_being_written(tmp_path: Path) -> None:
    path, left = tmp_path / "file", tmp_path / ".file.7.arriving"
    left.mkdir()
    write_whole(path, b"whole")
    assert (path.read_bytes(), sorted(tmp_path.iterdir())) == (b"whole", [left, path])


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_of_two_at_once_both_write_and_the_later_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path, begun, other_done = tmp_path / "file", threading.Event(), threading.Event()
    owner: object = os if step == "fsync" else Path
    real = getattr(owner, step)

    def held(*given: object) -> object:
        if threading.current_thread() is not threading.main_thread() and not begun.is_set():
            begun.set()
            assert other_done.wait(30)
        return real(*given)

    monkeypatch.setattr(owner, step, held)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(write_whole, path, b"the slow one's")
        assert begun.wait(30)
        try:
            write_whole(path, b"the quick one's")
            assert path.read_bytes() == b"the quick one's"
            assert len(list(tmp_path.iterdir())) == 2
        finally:
            other_done.set()
        slow.result()
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"the slow one's"]


def test_a_file_that_was_taken_away_before_it_was_held_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "file", fcntl.flock

    def other_begins(handle: object, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        write_whole(path, b"the other's")
        real(handle, how)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", other_begins)
    write_whole(path, b"mine")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"mine"]


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _killed(*_: object) -> None:
    raise KeyboardInterrupt
