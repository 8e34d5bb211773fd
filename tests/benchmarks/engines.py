"""The same match by different engines: exact one to one with repeats, then the best pairs within a tolerance.

Each engine is given the two sides and gives back, for each left row, the right row it is matched with, or -1:

1. Rows of equal exact key pair up; the i-th of a key on the left meets the i-th on the right.
2. What is left pairs up within card and merchant where amounts differ by at most TOLERANCE_MINOR and days by at most
   WINDOW_DAYS: of all candidates the one with the least (amount difference, day difference, left row, right row)
   first, then the least of those whose rows are both free.

Two tasks: on one prehashed integer key, as an expert would write it, and on four columns of whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

from tests.benchmarks import ours
from tests.benchmarks.ours import Partner, Sides
from tests.benchmarks.sides import EXACT_KEY, NEAR_KEY, TOLERANCE_MINOR, WINDOW_DAYS

Rows = NDArray[np.int64]


def _open_rows(partner: Partner, right_rows: int) -> tuple[Rows, Rows]:
    taken = np.zeros(right_rows, dtype=np.bool_)
    taken[partner[partner >= 0]] = True
    return np.flatnonzero(partner < 0), np.flatnonzero(~taken)


def polars_expert(sides: Sides) -> Partner:
    """Polars: one join of the streaming engine on the integer key, repeats repaired, leftovers joined and solved."""
    found = _polars_pairs(sides)
    return _with_near(sides, _repaired(sides, found["l"].to_numpy(), found["r"].to_numpy()))


def duckdb_expert(sides: Sides) -> Partner:
    """DuckDB: one join of its own tables on the integer key, repeats repaired, leftovers joined and solved."""
    found = _duckdb_pairs(sides)
    partner = _repaired(sides, found["l"], found["r"])
    c, d = _leftovers(sides, partner)  # noqa: RUF059 - DuckDB finds frames by their names
    near = sides.db.sql(
        f"""SELECT abs(c.amount - d.amount) AS gap, abs(c.day - d.day) AS days, l, r FROM c JOIN d USING (pair)
            WHERE abs(c.amount - d.amount) <= {TOLERANCE_MINOR} AND abs(c.day - d.day) <= {WINDOW_DAYS}"""
    ).fetchnumpy()
    return _best_first(partner, *(np.asarray(near[name]) for name in ("gap", "days", "l", "r")))


def numpy_sort(sides: Sides) -> Partner:
    """NumPy: both sides sorted by the integer key, the i-th looked up beside the i-th; leftovers joined by Polars."""
    keys = [side["key"].to_numpy() for side in sides.frames]
    order = [np.argsort(key, kind="stable") for key in keys]
    left, right = (key[one] for key, one in zip(keys, order, strict=True))
    run = np.flatnonzero(np.concatenate([[True], left[1:] != left[:-1]]))
    place = np.arange(len(left)) - np.repeat(run, np.diff(run, append=len(left)))
    at = np.searchsorted(right, left) + place
    there = at < len(right)
    there[there] = right[at[there]] == left[there]
    partner = np.full(len(left), -1, dtype=np.int32)
    partner[order[0][there]] = order[1][at[there]]
    return _with_near(sides, partner)


def pandas_merge(sides: Sides) -> Partner:
    """pandas: numbered within the integer key, merged on key and number; leftovers merged and solved."""
    exact = [pd.DataFrame({"key": side["key"].to_numpy()}) for side in sides.frames]
    for frame, name in zip(exact, ("l", "r"), strict=True):
        frame["place"] = frame.groupby("key", sort=False).cumcount()
        frame[name] = np.arange(len(frame))
    met = exact[0].merge(exact[1], on=["key", "place"])
    partner = np.full(sides.left.height, -1, dtype=np.int32)
    partner[met["l"].to_numpy()] = met["r"].to_numpy()
    left, right = (
        pd.DataFrame({name: side[name].to_numpy() for name in side.columns}) for side in _leftovers(sides, partner)
    )
    near = left.merge(right, on="pair", suffixes=("", "_right"))
    near["gap"], near["days"] = (near["amount"] - near["amount_right"]).abs(), (near["day"] - near["day_right"]).abs()
    near = near[(near["gap"] <= TOLERANCE_MINOR) & (near["days"] <= WINDOW_DAYS)]
    return _best_first(partner, *(near[name].to_numpy() for name in ("gap", "days", "l", "r")))


def _polars_pairs(sides: Sides) -> pl.DataFrame:
    a = sides.left.lazy().select("key").with_row_index("l")
    b = sides.right.lazy().select("key").with_row_index("r")
    return a.join(b, on="key").select("l", "r").collect(engine="streaming")


def _duckdb_pairs(sides: Sides) -> dict[str, Rows]:
    found = sides.db.sql("SELECT l, r FROM a_side JOIN b_side USING (key)").fetchnumpy()
    return {name: np.asarray(found[name]) for name in ("l", "r")}


def _leftovers(sides: Sides, partner: Partner) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = _open_rows(partner, sides.right.height)
    return tuple(  # type: ignore[return-value]
        side.select("pair", "amount", "day")[some].with_columns(pl.Series(name, some))
        for side, some, name in zip(sides.frames, rows, ("l", "r"), strict=True)
    )


def _with_near(sides: Sides, partner: Partner) -> Partner:
    left, right = _leftovers(sides, partner)
    near = (
        left.join(right, on="pair")
        .with_columns(
            (pl.col("amount") - pl.col("amount_right")).abs().alias("gap"),
            (pl.col("day") - pl.col("day_right")).abs().alias("days"),
        )
        .filter((pl.col("gap") <= TOLERANCE_MINOR) & (pl.col("days") <= WINDOW_DAYS))
    )
    return _best_first(partner, *(near[name].to_numpy() for name in ("gap", "days", "l", "r")))


def _repaired(sides: Sides, found_left: Rows, found_right: Rows) -> Partner:
    """One partner a row from all pairs of equal key: rows in several pairs are numbered within their key."""
    left_rows, right_rows, keys = sides.left.height, sides.right.height, sides.left["key"].to_numpy()
    partner = np.full(left_rows, -1, dtype=np.int32)
    partner[found_left] = found_right
    many = (np.bincount(found_left, minlength=left_rows)[found_left] > 1) | (
        np.bincount(found_right, minlength=right_rows)[found_right] > 1
    )
    lefts, rights = found_left[many], found_right[many]
    partner[lefts] = -1
    # A row's place within its key, on either side, is the number of distinct rows of the key before it.
    pairs = pl.DataFrame({"key": keys[lefts], "l": lefts, "r": rights})
    place = [
        pairs.select("key", side)
        .unique()
        .sort("key", side)
        .with_columns(pl.col(side).cum_count().over("key").alias("place"))
        for side in ("l", "r")
    ]
    paired = place[0].join(place[1], on=["key", "place"])
    partner[paired["l"].to_numpy()] = paired["r"].to_numpy()
    return partner


def _best_first(partner: Partner, gap: Rows, days: Rows, left: Rows, right: Rows) -> Partner:
    """Take pairs that are the best of both their rows, until none is left: the greedy order, a round at a time."""
    order = np.lexsort((right, left, days, gap))
    lefts, rights = left[order], right[order]
    while len(lefts):
        best = np.zeros(len(lefts), dtype=np.bool_)
        best[np.intersect1d(np.unique(lefts, return_index=True)[1], np.unique(rights, return_index=True)[1])] = True
        partner[lefts[best]] = rights[best]
        free = ~np.isin(lefts, lefts[best]) & ~np.isin(rights, rights[best])
        lefts, rights = lefts[free], rights[free]
    return partner


def polars_columns(sides: Sides) -> Partner:
    """Polars as its users write it: numbered within the key columns, joined on all of them."""
    numbered = [
        side.with_row_index(name).with_columns(pl.col(name).cum_count().over(EXACT_KEY).alias("place"))
        for side, name in ((sides.left, "l"), (sides.right, "r"))
    ]
    on = [*EXACT_KEY, "place"]
    exact = numbered[0].select("l", *on).join(numbered[1].select("r", *on), on=on).select("l", "r")
    open_left = numbered[0].join(exact, on="l", how="anti")
    open_right = numbered[1].join(exact, on="r", how="anti")
    near = (
        open_left.join(open_right, on=NEAR_KEY)
        .select(
            "l",
            "r",
            (pl.col("amount") - pl.col("amount_right")).abs().alias("gap"),
            (pl.col("day") - pl.col("day_right")).abs().alias("days"),
        )
        .filter((pl.col("gap") <= TOLERANCE_MINOR) & (pl.col("days") <= WINDOW_DAYS))
        .sort("gap", "days", "l", "r")
    )
    taken = [exact]
    while near.height:
        best = near.filter(pl.col("l").is_first_distinct() & pl.col("r").is_first_distinct()).select("l", "r")
        taken.append(best)
        near = near.join(best, on="l", how="anti", maintain_order="left").join(
            best, on="r", how="anti", maintain_order="left"
        )
    return _scattered(pl.concat(taken), sides.left.height)


def duckdb_columns(sides: Sides) -> Partner:
    """DuckDB as its users write it: row_number() over the key columns, joined on all of them."""
    db = sides.db
    key = ", ".join(EXACT_KEY)
    for side, name in (("a", "l"), ("b", "r")):
        db.sql(
            f"""CREATE OR REPLACE TEMP TABLE {side}_numbered AS
                SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {name}) AS place FROM {side}_side"""
        )
    db.sql(f"CREATE OR REPLACE TEMP TABLE taken AS SELECT l, r FROM a_numbered JOIN b_numbered USING ({key}, place)")
    db.sql(
        f"""CREATE OR REPLACE TEMP TABLE near AS
            SELECT l, r, abs(x.amount - y.amount) AS gap, abs(x.day - y.day) AS days
            FROM (SELECT * FROM a_numbered ANTI JOIN taken USING (l)) x
            JOIN (SELECT * FROM b_numbered ANTI JOIN taken USING (r)) y USING ({", ".join(NEAR_KEY)})
            WHERE gap <= {TOLERANCE_MINOR} AND days <= {WINDOW_DAYS}"""
    )
    while True:
        db.sql(
            """CREATE OR REPLACE TEMP TABLE best AS SELECT l, r FROM near QUALIFY
               row_number() OVER (PARTITION BY l ORDER BY gap, days, l, r) = 1 AND
               row_number() OVER (PARTITION BY r ORDER BY gap, days, l, r) = 1"""
        )
        if not db.sql("SELECT count(*) FROM best").fetchall()[0][0]:
            break
        db.sql("INSERT INTO taken SELECT l, r FROM best")
        db.sql("DELETE FROM near WHERE l IN (SELECT l FROM best) OR r IN (SELECT r FROM best)")
    return _scattered(db.sql("SELECT l, r FROM taken").pl(), sides.left.height)


def polars_join(sides: Sides) -> Partner:
    """Polars, less work: nothing but the inner join on the integer key."""
    return _scattered(_polars_pairs(sides), sides.left.height)


def duckdb_join(sides: Sides) -> Partner:
    """DuckDB, less work: nothing but the inner join on the integer key."""
    found = _duckdb_pairs(sides)
    partner = np.full(sides.left.height, -1, dtype=np.int32)
    partner[found["l"]] = found["r"]
    return partner


def _scattered(pairs: pl.DataFrame, left_rows: int) -> Partner:
    partner = np.full(left_rows, -1, dtype=np.int32)
    partner[pairs["l"].to_numpy()] = pairs["r"].to_numpy()
    return partner


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What can race, beside which engine its times stand, and whether it takes part in every turn."""

    text: str
    run: Callable[[Sides], Partner]
    beside: str
    same: bool = True
    often: bool = True


_KEY: Final = "best_first"
_COLUMNS: Final = "columns"

ENGINES: Final[dict[str, Engine]] = {
    "best_first": Engine(text="settlement, best first, one digest", run=ours.best_first, beside=_KEY),
    "optimum": Engine(text="settlement, optimum, one digest", run=ours.optimum, beside=_KEY, same=False),
    "polars_expert": Engine(text="Polars, expert form, one prehashed key", run=polars_expert, beside=_KEY),
    "duckdb_expert": Engine(text="DuckDB, expert form, one prehashed key", run=duckdb_expert, beside=_KEY),
    "numpy": Engine(text="NumPy, sorts, one prehashed key", run=numpy_sort, beside=_KEY, often=False),
    "pandas": Engine(text="pandas, one prehashed key", run=pandas_merge, beside=_KEY, often=False),
    "columns": Engine(text="settlement, best first, four key columns", run=ours.columns, beside=_COLUMNS),
    "polars_columns": Engine(text="Polars, idiom, four key columns", run=polars_columns, beside=_COLUMNS, often=False),
    "duckdb_columns": Engine(text="DuckDB, idiom, four key columns", run=duckdb_columns, beside=_COLUMNS, often=False),
    "exact": Engine(text="settlement, less work: the exact pass", run=ours.exact_only, beside=_KEY, same=False),
    "polars_join": Engine(text="Polars, less work: bare join on the key", run=polars_join, beside=_KEY, same=False),
    "duckdb_join": Engine(text="DuckDB, less work: bare join on the key", run=duckdb_join, beside=_KEY, same=False),
}
"""Every engine gives the same partners as the first, row by row, unless ``same`` is false."""
