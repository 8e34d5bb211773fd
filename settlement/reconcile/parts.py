"""Sides on disk, dealt out by keys, and the parts of them that are worked on in memory, with places in the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.reconcile.amounts import LIKELY_CURRENCY, magnitude, require_summable
from settlement.reconcile.batches import read_batches
from settlement.reconcile.carried import AGES, Carried, ages
from settlement.reconcile.carry import Run, carried_rows, require_new_ids
from settlement.reconcile.carryfolder import TAKEN_ROWS
from settlement.reconcile.engine import Held, Result, Told
from settlement.reconcile.found import Outcome, Searched
from settlement.reconcile.language import Rules
from settlement.reconcile.ordered import positions
from settlement.reconcile.read import as_text
from settlement.reconcile.sides import HELD, OPEN, TEXT, Rows, columns_wanted, last_day, prepared, rows_of, takes_sums
from settlement.reconcile.spill import Spill, key_hashes

FLOW: Final[Mapping[str, Any]] = {
    "state": pl.UInt8,
    "clusters": pl.List(pl.Int64),
    "proved": pl.Int32,
    "candidates": pl.Int64,
}
"""What a row takes along from phase to phase: its state, the clusters in which it is held, and the last pass that
proved no sum for it, with the candidates that it had; -1 where none did. A cluster has one number in the whole run, and
what is left of it by the number of passes is the pass that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What must be known of a whole side: its name in the rules, its file, and what all of its rows tell."""

    which: str
    file: str
    count: int
    codes: frozenset[str]
    last_day: int | None
    empty: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides, and one list of codes for them, so that equal codes are equal numbers in every part.

    ``as_of`` is the run's day, in days since 1970, where rows have ages.
    """

    left: Whole
    right: Whole
    codes: pl.Enum
    as_of: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some rows of both sides, with the positions that they have in the whole, and what they take along: ``FLOW``."""

    left: Rows
    right: Rows
    left_at: NDArray[np.int64]
    right_at: NDArray[np.int64]
    left_flow: pl.DataFrame
    right_flow: pl.DataFrame

    def rows(self, which: str) -> Rows:
        """The rows of a side."""
        return self.left if which == "left" else self.right

    def at(self, which: str) -> NDArray[np.int64]:
        """The positions in the whole of a side's rows."""
        return self.left_at if which == "left" else self.right_at

    def flow(self, which: str) -> pl.DataFrame:
        """What a side's rows take along; no columns before the first phase."""
        return self.left_flow if which == "left" else self.right_flow


def dealt(
    rules: Rules, which: str, path: Path, keys: Sequence[str], work: Path, *, buckets: int, batch: int, run: Run | None
) -> tuple[Whole, Spill]:
    """Read a file in batches and deal its rows out by some texts, with those that are carried before them.

    A row without one of the texts goes anywhere.
    """
    rows = Spill.at(work / "rows", buckets)
    count, codes, last, empty = 0, set[str](), None, None
    for frame in _frames(rules, which, path, work, batch=batch, run=run):
        codes |= set(frame["currency"].unique().to_list())
        day = last_day(frame)
        last = day if last is None or (day is not None and day > last) else last
        rows.add(frame, spread(frame, keys, buckets))
        count += frame.height
        empty = frame.clear()
    if empty is None:
        raise ValueError("read_batches gives at least one row.")
    return (
        Whole(which=which, file=path.name, count=count, codes=frozenset(codes), last_day=last, empty=empty),
        rows,
    )


def _frames(rules: Rules, which: str, path: Path, work: Path, *, batch: int, run: Run | None) -> Iterator[pl.DataFrame]:
    """The carried rows of a side and those of its file as they are kept on disk: ``at`` tells their positions."""
    side = rules.left if which == "left" else rules.right
    places = positions(path, side, work / "order")
    count, total, carried = 0, 0, 0 if run is None else run.carried(which)
    for raw in read_batches(path, side, columns_wanted(rules, which), LIKELY_CURRENCY, rows=batch):
        frame, told = prepared(rules, which, raw, path.name, count)
        total += magnitude(frame["amount"])
        if takes_sums(rules):
            require_summable(total, path.name)
        frame, ids = frame.with_columns(pl.col("currency").cast(pl.String)), as_text(told).alias("id")
        at = pl.Series("at", places.of(count, raw.height) + carried)
        if run is None:
            yield pl.DataFrame([*frame, ids, at])
        else:
            if not count:
                yield from _carried(rules, run, which, frame.schema)
            require_new_ids(rules, which, path.name, ids, run)
            yield pl.DataFrame([*frame, *ages(frame, run.day), ids, at])
        count += raw.height


def _carried(rules: Rules, run: Run, which: str, schema: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
    first = 0
    for rows in carried_rows(rules, run, which, schema):
        yield rows.with_columns(pl.int_range(first, first + rows.height, dtype=pl.Int64, eager=True).alias("at"))
        first += rows.height


def spread(rows: pl.DataFrame, keys: Sequence[str], buckets: int) -> NDArray[np.int64]:
    """By row its bucket: equal texts share one, a row without one of them goes anywhere; without keys there is one."""
    if not keys:
        return np.zeros(rows.height, dtype=np.int64)
    hashes = key_hashes([rows[TEXT + key] for key in keys])
    anywhere = np.arange(rows.height, dtype=np.uint64)
    found: NDArray[np.uint64] = np.where(hashes == 0, anywhere, hashes) % np.uint64(buckets)
    return found.astype(np.int64)


def part_of(
    rules: Rules,
    sides: Sides,
    tables: Mapping[str, pl.DataFrame | None],
    taken: Mapping[str, pl.DataFrame | None] = MappingProxyType({}),
) -> Part:
    """Rows of both sides from disk, each side in the declared order; a side without a table has none.

    ``taken`` are rows that earlier runs have matched and a reversal of these may take back; ``place`` orders them.
    """
    rows, at, flows = [], [], []
    for side in (sides.left, sides.right):
        table = tables.get(side.which)
        ordered = (side.empty if table is None else table).sort("at")
        flow = ordered.select(name for name in FLOW if name in ordered.columns)
        aged = ordered.select(name for name in AGES if name in ordered.columns)
        frame = ordered.drop("id", "at", *flow.columns, *aged.columns)
        frame = frame.with_columns(pl.col("currency").cast(sides.codes))
        told = rows_of(rules, side.which, side.file, frame, ordered["id"], last_day=side.last_day)
        if sides.as_of is not None and aged.columns:
            back = taken.get(side.which)
            back = pl.DataFrame(schema=TAKEN_ROWS) if back is None else back.sort("place")
            told = replace(told, carried=Carried.of(rules.carry, sides.as_of, aged, back))
        if "state" in flow.columns:
            told.state[:] = flow["state"].to_numpy()
        rows.append(told)
        at.append(ordered["at"].to_numpy())
        flows.append(flow)
    return Part(left=rows[0], right=rows[1], left_at=at[0], right_at=at[1], left_flow=flows[0], right_flow=flows[1])


def taken_out(part: Part, which: str, rows: NDArray[np.int32]) -> pl.DataFrame:
    """Some rows of a side as they are kept on disk, with their state."""
    side = part.rows(which)
    return side.frame[rows].with_columns(
        pl.col("currency").cast(pl.String),
        *(side.carried.ages(rows) if side.carried is not None else ()),
        side.ids.gather(rows).alias("id"),
        pl.Series("at", part.at(which)[rows]),
        pl.Series("state", side.state[rows]),
    )


def bare_result(rules: Rules, part: Part, *, held: tuple[Held, ...] = (), told: tuple[Told, ...] = ()) -> Result:
    """Rows as a run has left them, without the steps that it took."""
    return Result(
        rules=rules,
        left=part.left,
        right=part.right,
        netted=(),
        taken_back=(),
        taken=(),
        held=held,
        told=told,
        given_up=(),
    )


def left_over(part: Part, which: str, result: Result, clusters: Sequence[int]) -> pl.DataFrame:
    """The rows of a side that a phase leaves open or held, with what they take along.

    ``clusters`` tells by step of ``result.held`` the number from which its clusters are counted in the run.
    """
    side = part.rows(which)
    rows = side.positions([OPEN, HELD])
    proved, candidates = _proved(part, which, result)
    return taken_out(part, which, rows).with_columns(
        _in_clusters(part, which, result, clusters, rows).alias("clusters"),
        pl.Series("proved", proved[rows]),
        pl.Series("candidates", candidates[rows]),
    )


def _proved(part: Part, which: str, result: Result) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """By row the last pass that proved no sum for it, and how many candidates it had."""
    flow, height = part.flow(which), len(part.at(which))
    if "proved" in flow.columns:
        proved, candidates = flow["proved"].to_numpy().copy(), flow["candidates"].to_numpy().copy()
    else:
        proved, candidates = np.full(height, -1, dtype=np.int32), np.zeros(height, dtype=np.int64)
    numbers = {rule.name: number for number, rule in enumerate(result.rules.passes)}
    for told in result.told:
        if told.side == which and told.outcome.status is Searched.PROVED_NONE:
            proved[told.position] = numbers[told.rule.name]
            candidates[told.position] = told.outcome.candidates
    return proved, candidates


def _in_clusters(part: Part, which: str, result: Result, clusters: Sequence[int], rows: NDArray[np.int32]) -> pl.Series:
    """By row the clusters in which it has been held, null where in none."""
    flow, passes = part.flow(which), len(result.rules.passes)
    none = pl.Series([None], dtype=FLOW["clusters"]).new_from_index(0, len(part.at(which)))
    known = (flow["clusters"] if "clusters" in flow.columns else none).gather(rows)
    steps = [
        pl.DataFrame(
            {"row": held.astype(np.int32), "cluster": (cluster.astype(np.int64) + first) * passes + step.number}
        )
        for first, step in zip(clusters, result.held, strict=True)
        for held, cluster in ((step.left, step.left_cluster) if which == "left" else (step.right, step.right_cluster),)
    ]
    if not steps:
        return known
    earlier = pl.DataFrame({"row": rows, "cluster": known}).explode("cluster").drop_nulls()
    both = pl.concat([earlier, *steps]).group_by("row", maintain_order=True).agg("cluster")
    return pl.DataFrame({"row": rows}).join(both, on="row", how="left", maintain_order="left")["cluster"]


def first_clusters(result: Result, first: int) -> tuple[list[int], int]:
    """By step of ``result.held`` the number of its first cluster in the run, and the first number behind them."""
    found = []
    for step in result.held:
        found.append(first)
        first += 1 + max(step.left_cluster.max(initial=-1), step.right_cluster.max(initial=-1))
    return found, int(first)


def proofs(rules: Rules, part: Part) -> tuple[Told, ...]:
    """What searches have told of the rows in all phases."""
    found = []
    for which in ("left", "right"):
        some = part.flow(which).select("proved", "candidates").with_row_index("row").filter(pl.col("proved") >= 0)
        for row, number, candidates in some.iter_rows():
            outcome = Outcome(side=which, place=row, status=Searched.PROVED_NONE, candidates=candidates)
            found.append(Told(rule=rules.passes[number], side=which, position=row, outcome=outcome))
    return tuple(found)
