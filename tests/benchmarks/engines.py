"""The same match by different engines: exact one to one with repeats, then the best pairs within a tolerance.

Each engine is given the two sides and gives back, for each left row, the right row it is matched with, or -1:

1. Rows of equal exact key pair up; the i-th of a key on the left meets the i-th on the right.
2. What is left pairs up within card and merchant where amounts differ by at most TOLERANCE_MINOR and days by at most
   WINDOW_DAYS: of all candidates the one with the least (amount difference, day difference, left row, right row)
   first, then the least of those whose rows are both free.

Two tasks: on one prehashed integer key, as an expert would write it, and on the text columns as they come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels import match as kernels
from settlement.kernels import radix
from settlement.match.keys import number
from tests.benchmarks.sides import EXACT_KEY, NEAR_KEY, TOLERANCE_MINOR, WINDOW_DAYS

Partner = NDArray[np.int32]
Engine = Callable[[pl.DataFrame, pl.DataFrame], Partner]
Rows = NDArray[np.int64]

THREADS: Final = 2


def settlement_key(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """Our kernels on the prehashed key."""
    partner = _pair_exact(left["key"], right["key"])
    return _near_by_kernel(left, right, partner, _number_integers(left["pair"], right["pair"], partner))


def settlement_radix(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """Our radix kernels on the prehashed key, on as many threads as the others get."""
    sides = [(side["key"].to_numpy().view(np.uint64), np.zeros(side.height, dtype=np.uint32)) for side in (left, right)]
    partner = radix.pair_equal(*sides[0], *sides[1], threads=THREADS)
    rows = radix.open_rows(partner, right.height, threads=THREADS)
    columns = []
    for side, open_side in zip((left, right), rows, strict=True):
        group = radix.digest_rows([side["pair"]], rows=open_side, threads=THREADS)
        columns += [*group, side["amount"].to_numpy(), side["day"].to_numpy()]
    near = radix.pair_best(
        *columns, TOLERANCE_MINOR, 0, WINDOW_DAYS, threads=THREADS, left_rows=rows[0], right_rows=rows[1]
    )
    found = near >= 0
    partner[rows[0][found]] = rows[1][near[found]]
    return partner


def settlement_columns(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """Our match on text columns: every pair compared by content, no result rests on a hash."""
    left_ids, right_ids, count = number(left.select(EXACT_KEY), right.select(EXACT_KEY))
    partner = kernels.pair_exact(left_ids, right_ids, count)
    open_left, open_right = _open_rows(partner, right.height)
    ids = number(left.select(NEAR_KEY)[open_left], right.select(NEAR_KEY)[open_right])[:2]
    return _near_by_kernel(left, right, partner, ids)


def _pair_exact(left: pl.Series, right: pl.Series) -> Partner:
    ids, first = kernels.number_keys(np.concatenate([left.to_numpy(), right.to_numpy()]))
    return kernels.pair_exact(ids[: len(left)], ids[len(left) :], len(first))


def _number_integers(left: pl.Series, right: pl.Series, partner: Partner) -> tuple[Partner, Partner]:
    open_left, open_right = _open_rows(partner, len(right))
    ids, _ = kernels.number_keys(np.concatenate([left.to_numpy()[open_left], right.to_numpy()[open_right]]))
    return ids[: len(open_left)], ids[len(open_left) :]


def _near_by_kernel(left: pl.DataFrame, right: pl.DataFrame, partner: Partner, ids: tuple[Partner, Partner]) -> Partner:
    rows = _open_rows(partner, right.height)
    sides = [
        (side_ids, frame["amount"].to_numpy()[side_rows], frame["day"].to_numpy()[side_rows])
        for side_ids, frame, side_rows in zip(ids, (left, right), rows, strict=True)
    ]
    near = kernels.pair_tolerant(*sides[0], *sides[1], TOLERANCE_MINOR, WINDOW_DAYS)
    found = near >= 0
    partner[rows[0][found]] = rows[1][near[found]]
    return partner


def _open_rows(partner: Partner, right_rows: int) -> tuple[Rows, Rows]:
    taken = np.zeros(right_rows, dtype=np.bool_)
    taken[partner[partner >= 0]] = True
    return np.flatnonzero(partner < 0), np.flatnonzero(~taken)


def polars_expert(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """Polars: one join on the integer key, repeats repaired afterwards, leftovers joined and solved."""
    a = left.select("key").with_row_index("l")
    b = right.select("key").with_row_index("r")
    found = a.join(b, on="key")
    partner = _repaired(found["l"].to_numpy(), found["r"].to_numpy(), left["key"].to_numpy(), left.height, right.height)
    open_left, open_right = _open_rows(partner, right.height)
    columns = ("pair", "amount", "day")
    near = (
        left.select(columns)[open_left]
        .with_columns(pl.Series("l", open_left))
        .join(right.select(columns)[open_right].with_columns(pl.Series("r", open_right)), on="pair")
        .with_columns(
            (pl.col("amount") - pl.col("amount_right")).abs().alias("gap"),
            (pl.col("day") - pl.col("day_right")).abs().alias("days"),
        )
        .filter((pl.col("gap") <= TOLERANCE_MINOR) & (pl.col("days") <= WINDOW_DAYS))
    )
    return _best_first(partner, *(near[name].to_numpy() for name in ("gap", "days", "l", "r")))


def polars_hashed(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """Polars on text columns in expert form: hashed first, matched on the hash without a look at the content."""
    hashed = [
        side.with_columns(
            side.select(EXACT_KEY).hash_rows(seed=1).reinterpret(signed=True).alias("key"),
            side.select(NEAR_KEY).hash_rows(seed=1).reinterpret(signed=True).alias("pair"),
        )
        for side in (left, right)
    ]
    return polars_expert(*hashed)


def duckdb_expert(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """DuckDB: one join on the integer key, repeats repaired afterwards, leftovers joined and solved."""
    db = _duckdb()
    a = left.select("key").with_row_index("l")  # noqa: F841 - DuckDB finds frames by their names
    b = right.select("key").with_row_index("r")  # noqa: F841
    found = db.sql("SELECT l, r FROM a JOIN b USING (key)").fetchnumpy()
    partner = _repaired(
        np.asarray(found["l"]), np.asarray(found["r"]), left["key"].to_numpy(), left.height, right.height
    )
    open_left, open_right = _open_rows(partner, right.height)
    columns = ("pair", "amount", "day")
    c = left.select(columns)[open_left].with_columns(pl.Series("l", open_left))  # noqa: F841
    d = right.select(columns)[open_right].with_columns(pl.Series("r", open_right))  # noqa: F841
    near = db.sql(
        f"""SELECT abs(c.amount - d.amount) AS gap, abs(c.day - d.day) AS days, l, r FROM c JOIN d USING (pair)
            WHERE abs(c.amount - d.amount) <= {TOLERANCE_MINOR} AND abs(c.day - d.day) <= {WINDOW_DAYS}"""
    ).fetchnumpy()
    return _best_first(partner, *(np.asarray(near[name]) for name in ("gap", "days", "l", "r")))


def _repaired(found_left: Rows, found_right: Rows, keys: Rows, left_rows: int, right_rows: int) -> Partner:
    """One partner a row from all pairs of equal key: rows in several pairs are numbered within their key."""
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


def polars_columns(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """Polars as its users write it: numbered within the key columns, joined on all of them."""
    numbered = [
        side.with_row_index(name).with_columns(pl.col(name).cum_count().over(EXACT_KEY).alias("place"))
        for side, name in ((left, "l"), (right, "r"))
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
    return _scattered(pl.concat(taken), left.height)


def duckdb_columns(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """DuckDB as its users write it: row_number() over the key columns, joined on all of them."""
    db = _duckdb()
    a, b = left.with_row_index("l"), right.with_row_index("r")  # noqa: F841
    key = ", ".join(EXACT_KEY)
    for side, name in (("a", "l"), ("b", "r")):
        db.sql(
            f"""CREATE TEMP TABLE {side}_numbered AS
                SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {name}) AS place FROM {side}"""
        )
    db.sql(f"CREATE TEMP TABLE taken AS SELECT l, r FROM a_numbered JOIN b_numbered USING ({key}, place)")
    db.sql(
        f"""CREATE TEMP TABLE near AS
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
    return _scattered(db.sql("SELECT l, r FROM taken").pl(), left.height)


def polars_join(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """Polars, less work: nothing but the inner join on the integer key."""
    found = left.select("key").with_row_index("l").join(right.select("key").with_row_index("r"), on="key")
    return _scattered(found, left.height)


def duckdb_join(left: pl.DataFrame, right: pl.DataFrame) -> Partner:
    """DuckDB, less work: nothing but the inner join on the integer key."""
    a = left.select("key").with_row_index("l")  # noqa: F841
    b = right.select("key").with_row_index("r")  # noqa: F841
    found = _duckdb().sql("SELECT l, r FROM a JOIN b USING (key)").fetchnumpy()
    partner = np.full(left.height, -1, dtype=np.int32)
    partner[np.asarray(found["l"])] = np.asarray(found["r"])
    return partner


def _scattered(pairs: pl.DataFrame, left_rows: int) -> Partner:
    partner = np.full(left_rows, -1, dtype=np.int32)
    partner[pairs["l"].to_numpy()] = pairs["r"].to_numpy()
    return partner


def _duckdb() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": THREADS})


ENGINES: Final[dict[str, tuple[str, Engine]]] = {
    "settlement_key": ("settlement kernels, one prehashed key", settlement_key),
    "settlement_radix": ("settlement radix kernels, one prehashed key", settlement_radix),
    "polars_expert": ("Polars, expert form, one prehashed key", polars_expert),
    "duckdb_expert": ("DuckDB, expert form, one prehashed key", duckdb_expert),
    "settlement_columns": ("settlement match, text columns, compared by content", settlement_columns),
    "polars_hashed": ("Polars, expert form, text columns, trusting a 64-bit hash", polars_hashed),
    "polars_columns": ("Polars, idiom, text columns", polars_columns),
    "duckdb_columns": ("DuckDB, idiom, text columns", duckdb_columns),
    "polars_join": ("Polars, less work: bare join on the key", polars_join),
    "duckdb_join": ("DuckDB, less work: bare join on the key", duckdb_join),
}
"""What can race: a name, what it is, and the engine. The last two do less work and give another result."""

LESS_WORK: Final = frozenset({"polars_join", "duckdb_join"})
