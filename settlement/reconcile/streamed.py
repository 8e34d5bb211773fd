"""Reconcile two files in bounded memory: rows of one key go to one bucket on disk, and bucket after bucket is matched.

Every pass and every netting asks for the shared keys, so rows of two buckets never meet and each bucket can be
reconciled as if it were all there is. Only near misses that differ in a shared key cross buckets: open rows are dealt
out anew for these, by all that must be equal. Numbers, order and reasons come out as they do in memory.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels.radix import cores, digest_rows
from settlement.reconcile.amounts import LIKELY_CURRENCY
from settlement.reconcile.batches import read_batches
from settlement.reconcile.breaks import NEAR_RANK, near_breaks, ranked_breaks
from settlement.reconcile.engine import Progress, Result, reconcile
from settlement.reconcile.language import Rules
from settlement.reconcile.matched import match_lines
from settlement.reconcile.near import misses_but_for
from settlement.reconcile.ordered import positions
from settlement.reconcile.plan import Plan
from settlement.reconcile.read import as_text
from settlement.reconcile.sides import (
    OPEN,
    TEXT,
    Rows,
    columns_wanted,
    last_day,
    prepared,
    require_common_currency,
    rows_of,
)
from settlement.reconcile.spill import Spill
from settlement.reconcile.summary import added, summarise
from settlement.reconcile.write import Written, write_parts

_RANGE: Final = 2**16
"""Positions whose matches or breaks are put in order at once."""
_SECRET: Final = token_bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """A side on disk: its rows in buckets, and what must be known of the whole."""

    which: str
    file: str
    rows: Spill
    count: int
    codes: frozenset[str]
    last_day: int | None
    empty: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The rows of both sides in one bucket, with the positions that they have in the whole."""

    left: Rows
    right: Rows
    left_at: NDArray[np.int64]
    right_at: NDArray[np.int64]

    def at(self, side: str) -> NDArray[np.int64]:
        return self.left_at if side == "left" else self.right_at


def match_streamed(
    rules: Rules, files: tuple[Path, Path], plan: Plan, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Reconcile two files by buckets, write matches and breaks to a folder, and return the summary.

    Parameters
    ----------
    rules : Rules
        Checked rules whose passes share a key.
    files : (Path, Path)
        The left and the right file.
    plan : Plan
        The shared keys, the buckets, and the rows of a batch.
    folder : Path
        An empty folder; what lies there is whole only once this returns.
    progress : callable
        Is told the work, the buckets done, and all buckets.
    """
    work = folder / ".work"
    sides = tuple(
        _dealt(rules, which, path, plan, work / which) for which, path in zip(("left", "right"), files, strict=True)
    )
    left, right = sides
    require_common_currency(rules, (left.file, set(left.codes)), (right.file, set(right.codes)))
    codes = pl.Enum(sorted(left.codes | right.codes))
    ranges = (left.count // _RANGE + 1, right.count // _RANGE + 1)
    found = Written(
        matches=Spill.at(work / "matches", sum(ranges)),
        breaks=Spill.at(work / "breaks", sum(ranges)),
        left_ranges=ranges[0],
    )
    crossings = list(_crossings(rules, plan, work))
    summary: dict[str, Any] | None = None
    for bucket in range(plan.buckets):
        progress("match", bucket, plan.buckets)
        part = _part(rules, (left, right), (left.rows.take(bucket), right.rows.take(bucket)), codes)
        result = reconcile(rules, part.left, part.right)
        _keep_matches(result, part, left.count, found.matches)
        ranked = ranked_breaks(result, frozenset(plan.shared))
        _keep_breaks(ranked, part, found)
        asked = {side: _asked(ranked, side, part) for side in ("left", "right")}
        for crossing in crossings:
            crossing.deal(part, asked)
        told = summarise(result)
        summary = told if summary is None else added(summary, told)
    for crossing in crossings:
        crossing.meet((left, right), codes, found)
    progress("match", plan.buckets, plan.buckets)
    whole = write_parts(summary or {}, found, folder)
    shutil.rmtree(work)
    return whole


def _dealt(rules: Rules, which: str, path: Path, plan: Plan, work: Path) -> _Side:
    """Read a file in batches and deal its rows out by their shared keys; a row without one goes anywhere."""
    side = rules.left if which == "left" else rules.right
    places = positions(path, side, work / "order")
    rows = Spill.at(work / "rows", plan.buckets)
    count, codes, last, empty = 0, set[str](), None, None
    for raw in read_batches(path, side, columns_wanted(rules, which), LIKELY_CURRENCY, rows=plan.batch):
        frame, ids = prepared(rules, which, raw, path.name, count)
        at = places.of(count, raw.height)
        hashes, _ = digest_rows(
            [frame[TEXT + getattr(pair, which)] for pair in plan.shared], secret=_SECRET, threads=cores()
        )
        spread = np.where(hashes == 0, at.astype(np.uint64), hashes) % np.uint64(plan.buckets)
        codes |= set(frame["currency"].unique().to_list())
        day = last_day(frame)
        last = day if last is None or (day is not None and day > last) else last
        frame = frame.with_columns(pl.col("currency").cast(pl.String), as_text(ids).alias("id"), pl.Series("at", at))
        rows.add(frame, spread.astype(np.int64))
        count += raw.height
        empty = frame.clear()
    if empty is None:
        raise ValueError("read_batches gives at least one row.")
    return _Side(
        which=which, file=path.name, rows=rows, count=count, codes=frozenset(codes), last_day=last, empty=empty
    )


def _part(
    rules: Rules, sides: tuple[_Side, _Side], tables: tuple[pl.DataFrame | None, pl.DataFrame | None], codes: pl.Enum
) -> _Part:
    rows, at = [], []
    for side, table in zip(sides, tables, strict=True):
        ordered = (side.empty if table is None else table).sort("at")
        frame = ordered.drop("id", "at").with_columns(pl.col("currency").cast(codes))
        rows.append(rows_of(rules, side.which, side.file, frame, ordered["id"], last_day=side.last_day))
        at.append(ordered["at"].to_numpy())
    return _Part(left=rows[0], right=rows[1], left_at=at[0], right_at=at[1])


def _keep_matches(result: Result, part: _Part, lefts: int, matches: Spill) -> None:
    place, lines = match_lines(result)
    height = len(part.left_at)
    ours = place < height
    whole = np.empty(len(place), dtype=np.int64)
    whole[ours] = part.left_at[place[ours]]
    whole[~ours] = part.right_at[place[~ours] - height] + lefts
    # Nettings of the right side alone stand behind all other matches.
    behind = lefts // _RANGE + 1 + (whole - lefts) // _RANGE
    matches.add(lines.with_columns(pl.Series("place", whole)), np.where(ours, whole // _RANGE, behind))


def _keep_breaks(ranked: pl.DataFrame, part: _Part, found: Written) -> None:
    """Keep breaks by the position of their row in the whole, with the row's id and amount."""
    for side, at, far, before in (
        (part.left, part.left_at, part.right_at, 0),
        (part.right, part.right_at, part.left_at, found.left_ranges),
    ):
        mine = ranked.filter(pl.col("side") == side.which)
        if mine.is_empty():
            continue
        here = mine["position"]
        told = mine.with_columns(
            pl.Series("position", at[here.to_numpy()]),
            pl.Series("other", _far(mine["other"], far)),
            side.ids.gather(here).alias("id"),
            side.frame["amount"].gather(here),
            side.frame["currency"].gather(here).cast(pl.String),
        )
        found.breaks.add(told, told["position"].to_numpy() // _RANGE + before)


def _far(other: pl.Series, far: NDArray[np.int64]) -> pl.Series:
    """Positions in the whole of rows of the other side; null where a break has no such row."""
    return pl.Series(far, dtype=pl.Int64).gather(other)


def _asked(ranked: pl.DataFrame, side: str, part: _Part) -> NDArray[np.bool_]:
    """By row whether a near miss would say more than what is known of it."""
    asked = np.zeros(len(part.at(side)), dtype=np.bool_)
    asked[ranked.filter((pl.col("side") == side) & (pl.col("rank") >= NEAR_RANK))["position"].to_numpy()] = True
    return asked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crossing:
    """Open rows dealt out by all that a pass compares but for one shared key, to find who differs in that alone."""

    rules: Rules
    number: int
    key: int
    left: Spill
    right: Spill

    def deal(self, part: _Part, asked: dict[str, NDArray[np.bool_]]) -> None:
        """Take the open rows of a bucket."""
        for side, spill in ((part.left, self.left), (part.right, self.right)):
            rows = side.positions([OPEN])
            pairs = [pair for at, pair in enumerate(self.rules.passes[self.number].pairs) if at != self.key]
            frame = side.frame[rows].with_columns(pl.col("currency").cast(pl.String))
            by = [frame[TEXT + getattr(pair, side.which)] for pair in pairs]
            hashes, _ = digest_rows([*by, frame["currency"], frame["amount"]], secret=_SECRET, threads=1)
            told = frame.with_columns(
                side.ids.gather(rows).alias("id"),
                pl.Series("at", part.at(side.which)[rows]),
                pl.Series("asked", asked[side.which][rows]),
            )
            whole = hashes != 0
            spill.add(told.filter(pl.Series(whole)), (hashes[whole] % np.uint64(spill.buckets)).astype(np.int64))

    def meet(self, sides: tuple[_Side, _Side], codes: pl.Enum, found: Written) -> None:
        """Find the near misses and keep them as breaks."""
        for bucket in range(self.left.buckets):
            ours, theirs = self.left.take(bucket), self.right.take(bucket)
            if ours is None or theirs is None:
                continue
            flags = {side: table.sort("at")["asked"].to_numpy() for side, table in (("left", ours), ("right", theirs))}
            part = _part(self.rules, sides, (ours.drop("asked"), theirs.drop("asked")), codes)
            for misses in misses_but_for(self.rules, self.number, self.key, part.left, part.right):
                for side, asked in flags.items():
                    mine = misses.filter(pl.col("side") == side)
                    mine = mine.filter(pl.Series(asked[mine["position"].to_numpy()]))
                    _keep_breaks(near_breaks(self.rules, part.left, part.right, mine), part, found)


def _crossings(rules: Rules, plan: Plan, work: Path) -> Iterator[_Crossing]:
    for number, rule in enumerate(rules.passes):
        for key, pair in enumerate(rule.pairs):
            if pair in plan.shared and rule.one_to_one and rule.amount.rule == "equal":
                where = work / f"crossing-{number}-{key}"
                yield _Crossing(
                    rules=rules,
                    number=number,
                    key=key,
                    left=Spill.at(where / "left", plan.buckets),
                    right=Spill.at(where / "right", plan.buckets),
                )
