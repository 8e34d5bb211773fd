"""What a unit lays aside on the disk of its home while it runs: rows it reads again, files it writes part by part."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from settlement.errors import RetryableError
from settlement.model.stage import Aside, StoredFile
from settlement.store import Home

_TOGETHER: Final = 2**14
"""Rows that are read together."""


@contextmanager
def laying_aside(home: Home, business_date: date, stage: str, unit: str) -> Iterator[Aside]:
    """A place for a unit; behind the block all is gone that was not given to ``store.save_unit``, which links files."""
    final = home.unit_work(business_date, stage, unit)
    folder = final.with_name(f".aside-{final.name}-{os.getpid()}")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield _Folder(path=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A folder, made with the first thing that is laid there."""

    path: Path
    numbers: Iterator[int] = field(default_factory=count)

    def rows(self, rows: pl.DataFrame) -> pl.LazyFrame:
        """Rows in a file. Raises RetryableError where it cannot be written, such as on a full disk."""
        place = self._next("parquet")
        try:
            rows.write_parquet(place, compression="lz4", statistics=False, row_group_size=_TOGETHER)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _not_written(place, error) from None
        return pl.scan_parquet(place, hive_partitioning=False)

    def file(self, write: Callable[[BinaryIO], None]) -> StoredFile:
        """A file with its digest. Raises RetryableError where it cannot be written, such as on a full disk."""
        place = self._next("file")
        try:
            with place.open("xb") as out:
                write(out)
        except OSError as error:
            raise _not_written(place, error) from None
        with place.open("rb") as reader:
            return StoredFile(sha256=hashlib.file_digest(reader, "sha256").hexdigest(), stored=place)

    def _next(self, suffix: str) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        return self.path / f"{next(self.numbers):05d}.{suffix}"


def _not_written(place: Path, error: Exception) -> RetryableError:
    return RetryableError(f"{place} could not be written: {error}.")
