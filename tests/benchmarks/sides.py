"""The table that all engines match: two sides of card transactions with repeats, near misses, splits and orphans."""

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

_REPEATED: Final = 0.010
_NEAR: Final = 0.020
_SPLIT: Final = 0.002
_MISSING: Final = 0.008

Numbers = dict[str, NDArray[np.int64]]


def make_sides(rows: int, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both sides with ``rows`` rows each, made once and kept in ``folder``; the same rows always give the same sides.

    Of the left rows 97 % have an equal row on the other side, 1 % of all being repeats in unequal numbers; 2 % agree
    on card and merchant and are near in amount and day, a few of them too far; 0.2 % face two or three rows of their
    card and merchant that make up their amount; 0.8 % have nobody. All columns are numbers. ``key`` is a 64-bit digest
    of the exact key, ``check`` 32 bits more of it, and ``pair`` one number for card and merchant: for engines that
    want one integer to join on.
    """
    paths = [folder / f"{side}-{rows}.parquet" for side in ("left", "right")]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        for path, frame in zip(paths, _sides(rows), strict=True):
            frame.write_parquet(path, compression="lz4")
    left, right = (pl.read_parquet(path).rechunk() for path in paths)
    return left, right


def _sides(rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    random = np.random.default_rng(SEED)
    near, split, repeated = int(rows * _NEAR), int(rows * _SPLIT), int(rows * _REPEATED) // 4 * 4
    parts = np.minimum(random.integers(2, 4, split), 3)
    missing = int(rows * _MISSING)
    exact = rows - near - split - repeated - missing
    left = _transactions(random, exact + near + split + missing)
    _crowd(random, left, slice(exact, exact + near))
    right = {name: column[: exact + near].copy() for name, column in left.items()}
    _spoil(random, right, slice(exact, exact + near))
    right = _join(right, _parts(random, left, slice(exact + near, exact + near + split), parts))
    # Repeats in equal and unequal numbers: three face one, one faces three, two face two.
    originals = random.choice(exact, repeated, replace=False)
    three, one, two = np.split(originals, [repeated // 4, repeated // 2])
    left = _append(left, np.concatenate([three, three, two]))
    right = _append(right, np.concatenate([one, one, two]))
    right = _join(right, _transactions(random, rows - len(right["card"])))
    return _frame(random, left), _frame(random, right)


def _transactions(random: np.random.Generator, count: int) -> Numbers:
    cards, merchants = max(count // 6, 10), max(count // 200, 10)
    return {
        "arn": random.integers(0, 10**17, count),
        "auth_code": random.integers(0, 900_000, count),
        "card": random.integers(0, cards, count),
        # Some merchants are hot: a square pulls towards the low numbers.
        "merchant": (random.random(count) ** 2 * merchants).astype(np.int64),
        "amount": np.maximum(random.lognormal(8.0, 1.1, count).astype(np.int64), 1),
        "day": random.integers(14_960, 14_990, count),
    }


def _crowd(random: np.random.Generator, side: Numbers, rows: slice) -> None:
    """Give some rows few cards, one merchant a card and like amounts, so that near pairs compete."""
    count = rows.stop - rows.start
    side["card"][rows] = random.integers(0, max(count // 3, 1), count)
    side["merchant"][rows] = side["card"][rows] % 97
    side["amount"][rows] = 2_000 + random.integers(0, 400, count)


def _spoil(random: np.random.Generator, side: Numbers, rows: slice) -> None:
    """Give some rows other references and move them a little in amount and day, some of them too far."""
    count = rows.stop - rows.start
    side["arn"][rows] = random.integers(0, 10**17, count)
    side["auth_code"][rows] = random.integers(0, 900_000, count)
    side["amount"][rows] += random.integers(-TOLERANCE_MINOR - 10, TOLERANCE_MINOR + 11, count)
    side["day"][rows] += random.integers(-WINDOW_DAYS - 1, WINDOW_DAYS + 2, count)


def _parts(random: np.random.Generator, left: Numbers, rows: slice, parts: NDArray[np.int64]) -> Numbers:
    """The rows that together make up each of some rows, under references of their own; every amount grows to fit."""
    left["amount"][rows] += 10
    split = {name: np.repeat(column[rows], parts) for name, column in left.items()}
    split["arn"] = random.integers(0, 10**17, len(split["card"]))
    last = np.cumsum(parts) - 1
    share = np.repeat(left["amount"][rows] // (parts + 1), parts)
    share[last] = left["amount"][rows] - (parts - 1) * (left["amount"][rows] // (parts + 1))
    split["amount"] = share
    return split


def _append(side: Numbers, rows: NDArray[np.int64]) -> Numbers:
    return {name: np.concatenate([column, column[rows]]) for name, column in side.items()}


def _join(one: Numbers, other: Numbers) -> Numbers:
    return {name: np.concatenate([column, other[name]]) for name, column in one.items()}


def _frame(random: np.random.Generator, side: Numbers) -> pl.DataFrame:
    order = random.permutation(len(side["card"]))
    frame = pl.DataFrame({name: column[order] for name, column in side.items()}).with_columns(
        pl.col("day").cast(pl.Int32), (pl.col("card") * 2**24 + pl.col("merchant")).alias("pair")
    )
    exact = frame.select(EXACT_KEY)
    return frame.with_columns(
        exact.hash_rows(seed=7).reinterpret(signed=True).alias("key"),
        (exact.hash_rows(seed=8) & 0xFFFFFFFF).cast(pl.UInt32).alias("check"),
    )
