"""What a run in parts works on, and its matches and breaks, kept on disk by their places in the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.reconcile.carry import Run
from settlement.reconcile.engine import Progress, Result
from settlement.reconcile.language import Rules
from settlement.reconcile.leaving import Leaving
from settlement.reconcile.matched import match_lines
from settlement.reconcile.parts import Part, Sides
from settlement.reconcile.plan import Plan
from settlement.reconcile.spill import Spill

_RANGE: Final = 2**16
"""Positions whose matches or breaks are put in order at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Matches and breaks in ranges of positions: left rows first, right rows from ``left_ranges`` on.

    ``passing`` are breaks that hold for rows only which have one in ``breaks`` too: those that are open in the end.
    ``leaving`` is what the next run gets, where rows are carried.
    """

    matches: Spill
    breaks: Spill
    passing: Spill
    lefts: int
    left_ranges: int
    leaving: Leaving | None

    @classmethod
    def at(cls, rules: Rules, sides: Sides, work: Path, run: Run | None) -> Self:
        """An empty one, in folders below ``work``."""
        left, right = (side.count // _RANGE + 1 for side in (sides.left, sides.right))
        matches, breaks, passing = (Spill.at(work / name, left + right) for name in ("matches", "breaks", "passing"))
        leaving = None if run is None or rules.carry is None else Leaving.at(rules, run, sides, work, size=_RANGE)
        return cls(
            matches=matches,
            breaks=breaks,
            passing=passing,
            lefts=sides.left.count,
            left_ranges=left,
            leaving=leaving,
        )

    def add_matches(self, result: Result, part: Part) -> None:
        """Keep the matches of a part by their places in the whole."""
        place, lines = match_lines(result)
        height = len(part.left_at)
        ours = place < height
        whole = np.empty(len(place), dtype=np.int64)
        whole[ours] = part.left_at[place[ours]]
        whole[~ours] = part.right_at[place[~ours] - height] + self.lefts
        told = lines.with_columns(pl.Series("place", whole))
        self.matches.add(told, self._ranges(whole))
        if self.leaving is not None:
            self.leaving.add_matched(result, part, told, self._ranges)

    def _ranges(self, place: NDArray[np.int64]) -> NDArray[np.int64]:
        """The ranges of places; nettings of the right side alone stand behind all other matches."""
        behind = self.left_ranges + (place - self.lefts) // _RANGE
        return np.where(place < self.lefts, place // _RANGE, behind)

    def add_breaks(self, ranked: pl.DataFrame, part: Part, *, passing: bool = False) -> None:
        """Keep breaks by the position of their row in the whole, with the row's id and amount."""
        for which, other, before in (("left", "right", 0), ("right", "left", self.left_ranges)):
            mine = ranked.filter(pl.col("side") == which)
            if mine.is_empty():
                continue
            side, here = part.rows(which), mine["position"]
            told = mine.with_columns(
                pl.Series("position", part.at(which)[here.to_numpy()]),
                pl.Series("other", _far(mine["other"], part.at(other))),
                side.ids.gather(here).alias("id"),
                side.frame["amount"].gather(here),
                side.frame["currency"].gather(here).cast(pl.String),
                *(side.carried.ages(here.to_numpy()) if side.carried is not None else ()),
            )
            where = self.passing if passing else self.breaks
            where.add(told, told["position"].to_numpy() // _RANGE + before)

    def add_open(self, part: Part) -> None:
        """Keep for the next run the rows that are open in a part when nothing more is matched."""
        if self.leaving is not None:
            self.leaving.add_open(part)

    def add_earlier(self, which: str, taken: pl.DataFrame) -> None:
        """Keep for the next run what earlier runs have matched and nothing has taken back."""
        if self.leaving is not None and taken.height:
            self.leaving.add_earlier(which, taken)

    def best(self, bucket: int) -> pl.DataFrame | None:
        """Of all that is known of each row in a range what says most; None where all are matched."""
        ranked, passing = self.breaks.take(bucket), self.passing.take(bucket)
        if ranked is None:
            return None
        if passing is not None:
            ranked = pl.concat([ranked, passing.join(ranked, on="position", how="semi")])
        best = ranked.sort("position", "rank", "score", "number", "other", "miss", "nearest", "note")
        return best.unique("position", keep="first", maintain_order=True)

    def tell_reasons(self, bucket: int, breaks: pl.DataFrame) -> None:
        """Tell the next run why the open rows of a range are open."""
        if self.leaving is not None:
            right = bucket >= self.left_ranges
            which, first = ("right", self.left_ranges) if right else ("left", 0)
            self.leaving.tell_reasons(which, bucket - first, breaks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run in parts: the rows of both sides, dealt out by the keys of their first phases, and where all is kept.

    ``taken`` are rows that earlier runs have matched, by the keys of the first nettings that may take them back.
    """

    rules: Rules
    plan: Plan
    sides: Sides
    rows: Mapping[str, Spill]
    taken: Mapping[str, Spill]
    kept: Kept
    folder: Path
    progress: Progress


def _far(other: pl.Series, far: NDArray[np.int64]) -> pl.Series:
    """Positions in the whole of rows of the other side; null where a break has no such row."""
    return pl.Series(far, dtype=pl.Int64).gather(other)
