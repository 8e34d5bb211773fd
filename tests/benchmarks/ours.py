"""The match by our kernels: exact one to one with repeats, then pairs within a tolerance, best first or the optimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels import radix
from tests.benchmarks.sides import EXACT_KEY, TOLERANCE_MINOR, WINDOW_DAYS

Partner = NDArray[np.int32]

THREADS: Final = 2
GAP_WEIGHT: Final = 1_000
"""Cost of a minor unit; a day costs 1: the amount decides first, as it does best first."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Both sides, and what each engine may keep from turn to turn: our arena, and DuckDB's own tables."""

    left: pl.DataFrame
    right: pl.DataFrame
    reuse: bool = True

    @property
    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Left and right."""
        return self.left, self.right

    @cached_property
    def arena(self) -> NDArray[np.uint8] | None:
        """Memory that our kernels work in again and again; without it each takes its own."""
        if not self.reuse:
            return None
        return np.empty(radix.kernel_bytes(self.left.height, self.right.height, THREADS), dtype=np.uint8)

    @cached_property
    def db(self) -> duckdb.DuckDBPyConnection:
        """DuckDB with both sides in tables of its own."""
        a, b = self.left.with_row_index("l"), self.right.with_row_index("r")  # noqa: F841 - found by their names
        connection = duckdb.connect(config={"threads": THREADS})
        for table in ("a", "b"):
            connection.sql(f"CREATE TABLE {table}_side AS SELECT * FROM {table}")
        return connection


def best_first(sides: Sides) -> Partner:
    """Given digests of the exact key; the tolerant pairs best first."""
    return _near(sides, _exact(sides, _given(sides)), radix_best)


def optimum(sides: Sides) -> Partner:
    """Given digests of the exact key; of the tolerant pairs the most, then the cheapest."""
    return _near(sides, _exact(sides, _given(sides)), radix_optimum)


def columns(sides: Sides) -> Partner:
    """From the four key columns: digested here; the tolerant pairs best first."""
    digests = [radix.digest_rows([side[name] for name in EXACT_KEY], threads=THREADS) for side in sides.frames]
    return _near(sides, _exact(sides, digests), radix_best)


def exact_only(sides: Sides) -> Partner:
    """The exact pass alone, given digests."""
    return _exact(sides, _given(sides))


def _given(sides: Sides) -> list[tuple[NDArray[np.uint64], NDArray[np.uint32]]]:
    return [(side["key"].to_numpy().view(np.uint64), side["check"].to_numpy()) for side in sides.frames]


def _exact(sides: Sides, digests: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]]) -> Partner:
    partner: Partner = radix.pair_equal(*digests[0], *digests[1], threads=THREADS, arena=sides.arena)
    return partner


def _near(sides: Sides, partner: Partner, pairs: Callable[..., Partner]) -> Partner:
    rows = radix.open_rows(partner, sides.right.height, threads=THREADS)
    taken: list[Any] = []
    for side, some in zip(sides.frames, rows, strict=True):
        taken += radix.digest_rows([side["pair"]], rows=some, threads=THREADS)
        taken += [side["amount"].to_numpy(), side["day"].to_numpy()]
    near = pairs(*taken, threads=THREADS, arena=sides.arena, left_rows=rows[0], right_rows=rows[1])
    found = np.flatnonzero(near >= 0)
    partner[rows[0][found]] = rows[1][near[found]]
    return partner


def radix_best(*taken: Any, **told: Any) -> Partner:
    """Best first within the tolerance."""
    partner: Partner = radix.pair_best(*taken, TOLERANCE_MINOR, 0, WINDOW_DAYS, **told)
    return partner


def radix_optimum(*taken: Any, **told: Any) -> Partner:
    """The optimum within the tolerance."""
    way = radix.Way(minor=TOLERANCE_MINOR)
    rule = {"left_way": way, "right_way": way, "days": (-WINDOW_DAYS, WINDOW_DAYS), "weights": (GAP_WEIGHT, 1)}
    return radix.pair_optimal(*taken, **rule, **told)[0]
