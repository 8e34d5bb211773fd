"""Rows on disk in buckets, for sides that are larger than memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels.radix import PROCESS_SECRET, cores, digest_rows

_LENGTH: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Spill:
    """Rows in buckets on disk; a bucket gives its rows back in the order in which they were added."""

    folder: Path
    buckets: int

    @classmethod
    def at(cls, folder: Path, buckets: int) -> Self:
        """An empty one, in a folder of its own that nobody else may read."""
        folder.mkdir(mode=0o700, parents=True)
        return cls(folder=folder, buckets=max(buckets, 1))

    def add(self, rows: pl.DataFrame, bucket: Any) -> None:
        """Add rows, each to its bucket: whole numbers from 0 below ``buckets``."""
        order = np.argsort(bucket, kind="stable")
        counts = np.bincount(bucket, minlength=self.buckets)
        ordered = rows[order]
        first = 0
        for at in np.flatnonzero(counts).tolist():
            chunk = io.BytesIO()
            # The oldest layout holds the texts of these rows and of no others.
            ordered.slice(first, counts[at]).write_ipc_stream(chunk, compat_level=pl.CompatLevel.oldest())
            first += int(counts[at])
            with self._file(at).open("ab") as stream:
                stream.write(chunk.tell().to_bytes(_LENGTH, "little"))
                stream.write(chunk.getbuffer())

    def size(self, bucket: int) -> int:
        """Bytes of a bucket."""
        return self._file(bucket).stat().st_size if self._file(bucket).exists() else 0

    def take(self, bucket: int) -> pl.DataFrame | None:
        """The rows of a bucket, once; None where it has none."""
        rows = self.look(bucket)
        self._file(bucket).unlink(missing_ok=True)
        return rows

    def look(self, bucket: int) -> pl.DataFrame | None:
        """The rows of a bucket, which stay there; None where it has none."""
        if not self._file(bucket).exists():
            return None
        chunks = []
        with self._file(bucket).open("rb") as stream:
            while length := stream.read(_LENGTH):
                chunk = stream.read(int.from_bytes(length, "little"))
                chunks.append(pl.read_ipc_stream(io.BytesIO(chunk)))
        return pl.concat(chunks, rechunk=True)

    def _file(self, bucket: int) -> Path:
        return self.folder / f"{bucket}"


def key_hashes(columns: Sequence[pl.Series]) -> NDArray[np.uint64]:
    """A hash of some columns by row; 0 where one of them is null."""
    hashes: NDArray[np.uint64] = digest_rows(columns, secret=PROCESS_SECRET, threads=cores())[0]
    return hashes
