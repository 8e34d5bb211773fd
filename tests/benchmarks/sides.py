"""The table that all engines match: two sides of card transactions with planted repeats, near misses and orphans."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

SEED: Final = 20_101_229
TOLERANCE_MINOR: Final = 50
WINDOW_DAYS: Final = 3
EXACT_KEY: Final = ("arn", "auth_code", "card", "amount")
NEAR_KEY: Final = ("card", "merchant")

_EXACT: Final = 0.955
_REPEATED: Final = 0.010
_NEAR: Final = 0.025


def make_sides(rows: int, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both sides with ``rows`` rows each, made once and kept in ``folder``; the same rows always give the same sides.

    Of the rows 95.5 % have one equal row on the other side, 1 % are exact repeats in unequal numbers, 2.5 % agree on
    card and merchant and are near in amount and day, and 1 % have nobody. ``key`` is a 64-bit digest of the exact
    key and ``pair`` one number for card and merchant, for engines that want one integer to join on.
    """
    paths = [folder / f"{side}-{rows}.parquet" for side in ("left", "right")]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        for path, frame in zip(paths, _sides(rows), strict=True):
            frame.write_parquet(path)
    left, right = (pl.read_parquet(path) for path in paths)
    return left, right


def _sides(rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    random = np.random.default_rng(SEED)
    near, exact = int(rows * _NEAR), int(rows * _EXACT)
    repeated = int(rows * _REPEATED) // 4 * 4
    orphans = rows - near - exact - repeated
    left = _transactions(random, exact + near + orphans)
    _crowd(random, left, exact, near)
    right = {name: column.copy() for name, column in left.items()}
    _spoil(random, right, exact, near)
    strangers = _transactions(random, orphans)
    for name, column in right.items():
        column[exact + near :] = strangers[name]
    # Repeats in equal and unequal numbers: three face one, one faces three, two face two.
    originals = random.choice(exact, repeated, replace=False)
    three, one, two = np.split(originals, [repeated // 4, repeated // 2])
    left = _append(left, np.concatenate([three, three, two]))
    right = _append(right, np.concatenate([one, one, two]))
    return _frame(random, left), _frame(random, right)


def _transactions(random: np.random.Generator, count: int) -> dict[str, NDArray[np.int64]]:
    cards, merchants = max(count // 6, 10), max(count // 200, 10)
    return {
        "arn_number": random.integers(0, 10**17, count),
        "auth": random.integers(0, 900_000, count),
        "card": random.integers(0, cards, count),
        # Some merchants are hot: a square pulls towards the low numbers.
        "merchant": (random.random(count) ** 2 * merchants).astype(np.int64),
        "amount": np.maximum(random.lognormal(8.0, 1.1, count).astype(np.int64), 1),
        "day": random.integers(14_960, 14_990, count),
    }


def _crowd(random: np.random.Generator, side: dict[str, NDArray[np.int64]], start: int, count: int) -> None:
    """Give some rows few cards, one merchant a card and like amounts, so that near pairs compete."""
    rows = slice(start, start + count)
    side["card"][rows] = random.integers(0, max(count // 3, 1), count)
    side["merchant"][rows] = side["card"][rows] % 97
    side["amount"][rows] = 2_000 + random.integers(0, 400, count)


def _spoil(random: np.random.Generator, side: dict[str, NDArray[np.int64]], start: int, count: int) -> None:
    """Give some rows other references and move them a little in amount and day, some of them too far."""
    rows = slice(start, start + count)
    side["arn_number"][rows] = random.integers(0, 10**17, count)
    side["auth"][rows] = random.integers(0, 900_000, count)
    side["amount"][rows] += random.integers(-TOLERANCE_MINOR - 10, TOLERANCE_MINOR + 11, count)
    side["day"][rows] += random.integers(-WINDOW_DAYS - 1, WINDOW_DAYS + 2, count)


def _append(side: dict[str, NDArray[np.int64]], rows: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    return {name: np.concatenate([column, column[rows]]) for name, column in side.items()}


def _frame(random: np.random.Generator, side: dict[str, NDArray[np.int64]]) -> pl.DataFrame:
    order = random.permutation(len(side["card"]))
    numbers = pl.DataFrame({name: column[order] for name, column in side.items()})
    frame = numbers.select(
        pl.format("74{}", pl.col("arn_number").cast(pl.String).str.zfill(21)).alias("arn"),
        pl.col("auth").cast(pl.String).str.zfill(6).alias("auth_code"),
        pl.format("k1:{}", pl.col("card").cast(pl.String).str.zfill(16)).alias("card"),
        pl.format("M{}", pl.col("merchant").cast(pl.String).str.zfill(14)).alias("merchant"),
        "amount",
        pl.col("day").cast(pl.Int32),
        (pl.col("card") * 2**24 + pl.col("merchant")).alias("pair"),
    )
    keys = frame.select(EXACT_KEY).hash_rows(seed=7).reinterpret(signed=True).alias("key")
    return frame.with_columns(keys)
