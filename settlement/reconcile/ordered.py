"""Positions of the rows of a file that does not fit into memory: their places in the declared order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.errors import TerminalError
from settlement.kernels.radix import cores, digest_rows
from settlement.reconcile.batches import read_batches
from settlement.reconcile.language import Side
from settlement.reconcile.read import as_text
from settlement.reconcile.sides import one_id
from settlement.reconcile.spill import Spill

_ROWS: Final = 2**17
"""Rows of a batch, and rows whose positions are kept in one bucket."""
_SAMPLED: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """By row of the file its position; ``moved`` is None where the rows stand in the declared order already."""

    moved: Spill | None
    held: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def of(self, first: int, count: int) -> NDArray[np.int64]:
        """Positions of ``count`` rows from row ``first`` on; to be asked for in the order of the file."""
        if self.moved is None:
            return np.arange(first, first + count, dtype=np.int64)
        wanted = range(first // _ROWS, (first + count - 1) // _ROWS + 1)
        for bucket in [one for one in self.held if one < wanted.start]:
            del self.held[bucket]
        for bucket in wanted:
            if bucket not in self.held:
                rows = self.moved.take(bucket)
                if rows is None:
                    raise TerminalError("The file has changed while it was read: run again when it is at rest.")
                self.held[bucket] = rows.sort("row")["position"].to_numpy()
        whole = np.concatenate([self.held[bucket] for bucket in wanted])
        begin = first - wanted.start * _ROWS
        found: NDArray[np.int64] = whole[begin : begin + count]
        return found


def positions(path: Path, side: Side, work: Path) -> Positions:
    """The positions of the rows of a file, and that no id stands twice in it.

    Parameters
    ----------
    path, side
        The file and what the rules say about it.
    work : Path
        A folder that does not exist yet, for rows on disk.

    Raises
    ------
    TerminalError
        As for files in memory: a column that is missing, an id that stands twice.
    """
    if side.id is None and not side.order:
        return Positions(moved=None)
    columns = list(dict.fromkeys([*side.order, *([side.id] if side.id is not None else [])]))
    sample, ascending, height = _looked_over(path, side, columns)
    if ascending:
        return Positions(moved=None)
    buckets = height // _ROWS + 1
    unique, sorted_by = Spill.at(work / "unique", buckets), Spill.at(work / "sorted", buckets)
    splitters = _splitters(sample, buckets)
    for keys in _keys(path, side, columns):
        sorted_by.add(keys, _ranges(keys, splitters))
        if side.id is not None:
            hashes, _ = digest_rows([as_text(keys["id"])], threads=cores())
            unique.add(keys.select("row", "id"), (hashes % np.uint64(buckets)).astype(np.int64))
    _require_unique(unique, path.name)
    moved = Spill.at(work / "moved", buckets)
    done = 0
    for bucket in range(buckets):
        rows = sorted_by.take(bucket)
        if rows is not None:
            rows = rows.sort(_by(rows), nulls_last=True)
            told = rows.select("row", pl.int_range(done, done + rows.height, dtype=pl.Int64).alias("position"))
            moved.add(told, told["row"].to_numpy() // _ROWS)
            done += rows.height
    return Positions(moved=moved)


def _keys(path: Path, side: Side, columns: list[str]) -> Iterator[pl.DataFrame]:
    """What rows are ordered by, the id last, and the number of each row in the file, from 0."""
    first = 0
    for raw in read_batches(path, side, columns, frozenset(), rows=_ROWS):
        rows = pl.int_range(first, first + raw.height, dtype=pl.Int64, eager=True).alias("row")
        ids = raw[side.id].alias("id") if side.id is not None else rows.alias("id")
        yield pl.DataFrame([*(raw[name].alias(f"by_{at}") for at, name in enumerate(side.order)), ids, rows])
        first += raw.height


def _by(keys: pl.DataFrame) -> list[str]:
    return [name for name in keys.columns if name != "row"]


def _looked_over(path: Path, side: Side, columns: list[str]) -> tuple[pl.DataFrame, bool, int]:
    """Some of the keys, whether all ids ascend and nothing else orders the rows, and the number of rows."""
    some, ascending, last, height = [], not side.order, None, 0
    for keys in _keys(path, side, columns):
        if ascending:
            ids = keys["id"] if last is None else pl.concat([last, keys["id"]])
            ascending = ids.is_sorted() and not (ids == ids.shift()).any()
            last = keys["id"].tail(1)
        some.append(keys.drop("row").gather_every(max(keys.height // _SAMPLED, 1)))
        height += keys.height
    return pl.concat(some), ascending, height


def _splitters(sample: pl.DataFrame, buckets: int) -> pl.DataFrame:
    """Keys that cut the sample into as many parts of one size."""
    ordered = sample.sort(sample.columns, nulls_last=True)
    places = np.unique(np.arange(1, buckets) * ordered.height // buckets)
    return ordered.select(pl.all().gather(places.tolist()))


def _ranges(keys: pl.DataFrame, splitters: pl.DataFrame) -> NDArray[np.int64]:
    """By row the number of splitters before it; rows of one key are in one range."""
    by = splitters.columns
    both = pl.concat(
        [
            keys.select(*by, pl.lit(value=False).alias("splits"), pl.int_range(pl.len()).alias("place")),
            splitters.select(*by, pl.lit(value=True).alias("splits"), pl.lit(-1, pl.Int64).alias("place")),
        ]
    ).sort([*by, "splits"], nulls_last=True)
    told = both.select("place", "splits", pl.col("splits").cast(pl.Int64).cum_sum().alias("range"))
    return told.filter(~pl.col("splits")).sort("place")["range"].to_numpy()


def _require_unique(unique: Spill, place: str) -> None:
    first: tuple[int, int, Any] | None = None
    for bucket in range(unique.buckets):
        rows = unique.take(bucket)
        twice = rows.filter(pl.col("id").is_duplicated()).sort("row") if rows is not None else None
        if twice is not None and twice.height:
            value, row = twice["id"][0], twice["row"][0]
            other = twice.filter((pl.col("id") == value) & (pl.col("row") != row))["row"][0]
            first = min((row, other, value), first or (row, other, value), key=lambda one: one[0])
    if first is not None:
        raise TerminalError(one_id(place, first[2], first[0], first[1]))
