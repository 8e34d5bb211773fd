"""What a unit lays aside: rows come back in their order, files are published by their digest, and nothing is left."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pytest

from settlement import store
from settlement.aside import laying_aside
from settlement.errors import RetryableError
from settlement.model.stage import StageOutput, StoredFile
from settlement.store import Home

NIGHT = date(2010, 12, 31)


def test_what_is_laid_aside_is_read_again_and_a_published_file_stays(tmp_path: Path) -> None:
    home, rows = Home(root=tmp_path), pl.DataFrame({"a": range(40_000)})
    with laying_aside(home, NIGHT, "pay", "C1") as aside:
        assert aside.rows(rows).slice(20_000, 3).collect()["a"].to_list() == [20_000, 20_001, 20_002]
        made = aside.file(lambda out: out.writelines([b"one", b"two"]))
        assert isinstance(made, StoredFile)
        assert made.sha256 == hashlib.sha256(b"onetwo").hexdigest()
        store.save_unit(home, NIGHT, "pay", "C1", StageOutput(tables={}, files={"A/f.csv": made, "A/g.csv": b"three"}))
    files = {path.name: path.read_bytes() for path in home.stage_work(NIGHT, "pay").rglob("*.csv")}
    assert files == {"f.csv": b"onetwo", "g.csv": b"three"}
    assert not list(home.stage_work(NIGHT, "pay").glob(".aside*"))


def test_a_unit_that_fails_leaves_nothing_and_a_full_disk_may_be_tried_again(tmp_path: Path) -> None:
    home = Home(root=tmp_path)

    def full(out: BinaryIO) -> None:
        out.write(b"a part")
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(RetryableError, match=r"file could not be written: .*No space left on device"),
        laying_aside(home, NIGHT, "pay", "C1") as aside,
    ):
        aside.file(full)
    assert not list(tmp_path.rglob("*.file"))
