"""A Polars process that matches nothing: what reading and writing alone take.

``python -m tests.benchmarks.polars_bare LEFT RIGHT OUT`` reads both files and writes them again.
``python -m tests.benchmarks.polars_bare LEFT RIGHT OUT LIKE`` reads both files and writes tables of the shape of those
in the folder ``LIKE``, an output of ``settle match``, as the same kinds of files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl


def main() -> None:
    """Read and write."""
    left, right, out, *like = sys.argv[1:]
    folder = Path(out)
    folder.mkdir(parents=True)
    sides = [pl.read_parquet(path) for path in (left, right)]
    if not like:
        for name, side in zip(("left", "right"), sides, strict=True):
            side.write_parquet(folder / f"{name}.parquet", compression="lz4")
        return
    for name in ("matches", "breaks"):
        shape = pl.scan_parquet(Path(like[0]) / f"{name}.parquet")
        height = shape.select(pl.len()).collect().item()
        columns = [_column(name, kind, height) for name, kind in shape.collect_schema().items()]
        rows = pl.select(columns)
        rows.write_csv(folder / f"{name}.csv")
        rows.write_parquet(folder / f"{name}.parquet", compression="lz4")


def _column(name: str, kind: pl.DataType, height: int) -> pl.Expr:
    """A number of the row where the column names a row or a match, and one value elsewhere."""
    number = pl.int_range(1, height + 1)
    if name.endswith("_id") or name == "id":
        return ("M" + number.cast(pl.String).str.zfill(9) if name == "match_id" else number.cast(pl.String)).alias(name)
    return pl.repeat("" if kind == pl.String else 0, height, dtype=kind).alias(name)


if __name__ == "__main__":
    main()
