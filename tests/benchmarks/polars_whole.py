"""The Polars process beside ``settle match``: two Parquet files in, matches and breaks out, in expert form.

``python -m tests.benchmarks.polars_whole LEFT RIGHT OUT [.parquet] [.csv]``. It trusts a 64-bit hash of the key and
tells no reasons, nearest rows or notes: the columns are there, and empty.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from tests.benchmarks.engines import polars_expert
from tests.benchmarks.ours import Partner, Sides
from tests.benchmarks.sides import EXACT_KEY, NEAR_KEY

_COLUMNS: Final = (*EXACT_KEY, "merchant", "date")


def main() -> None:
    """Match and write."""
    left_path, right_path, out, *kinds = sys.argv[1:]
    sides = Sides(left=_side(left_path), right=_side(right_path))
    partner = polars_expert(sides)
    folder = Path(out)
    folder.mkdir(parents=True)
    for name, rows in (("matches", _matches(sides, partner)), ("breaks", _breaks(sides, partner))):
        if ".parquet" in kinds:
            rows.write_parquet(folder / f"{name}.parquet", compression="lz4")
        if ".csv" in kinds:
            rows.write_csv(folder / f"{name}.csv")


def _side(path: str) -> pl.DataFrame:
    """What the match needs, with the two keys hashed."""
    told = pl.read_parquet(path, columns=list(_COLUMNS))
    return told.select(
        "amount",
        pl.col("date").to_physical().alias("day"),
        told.select(EXACT_KEY).hash_rows(seed=1).reinterpret(signed=True).alias("key"),
        told.select(NEAR_KEY).hash_rows(seed=1).reinterpret(signed=True).alias("pair"),
    )


def _matches(sides: Sides, partner: Partner) -> pl.DataFrame:
    met = np.flatnonzero(partner >= 0)
    residual = sides.left["amount"].gather(met) - sides.right["amount"].gather(partner[met])
    number = pl.int_range(1, len(met) + 1, eager=True).cast(pl.String).str.zfill(9)
    return pl.DataFrame({"left_id": met + 1, "right_id": partner[met] + 1, "residual": residual}).select(
        ("M" + number).alias("match_id"),
        pl.lit("pairs").alias("pass"),
        pl.lit("1:1").alias("cardinality"),
        pl.col("left_id").cast(pl.String),
        pl.col("right_id").cast(pl.String),
        "residual",
        pl.lit("").alias("note"),
    )


def _breaks(sides: Sides, partner: Partner) -> pl.DataFrame:
    taken = np.zeros(sides.right.height, dtype=np.bool_)
    taken[partner[partner >= 0]] = True
    parts = [
        pl.DataFrame({"id": rows + 1}).select(
            pl.lit(side).alias("side"), pl.col("id").cast(pl.String), *(pl.lit("").alias(name) for name in _EMPTY)
        )
        for side, rows in (("left", np.flatnonzero(partner < 0)), ("right", np.flatnonzero(~taken)))
    ]
    return pl.concat(parts)


_EMPTY: Final = ("reason", "nearest", "note")

if __name__ == "__main__":
    main()
