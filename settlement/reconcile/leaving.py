"""What a run in parts leaves to the next one, kept on disk until reasons and matches are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.reconcile.carry import Run
from settlement.reconcile.engine import Result
from settlement.reconcile.language import Rules
from settlement.reconcile.leave import open_rows, originals, still_open, still_taken
from settlement.reconcile.parts import Part, Sides
from settlement.reconcile.spill import Spill

_SIDES: Final = ("left", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Rows in ranges of their positions, those of a side in buckets of its own.

    ``opened`` are open rows, ``known`` the same with their reasons as the next run gets them. ``matched`` are rows that
    were matched tonight by the place of their match, ``fresh`` the same with its id; ``earlier`` are rows that earlier
    runs have matched and nothing has taken back.
    """

    rules: Rules
    run: Run
    size: int
    opened: Mapping[str, Spill]
    known: Mapping[str, Spill]
    matched: Mapping[str, Spill]
    fresh: Mapping[str, Spill]
    earlier: Mapping[str, Spill]

    @classmethod
    def at(cls, rules: Rules, run: Run, sides: Sides, work: Path, *, size: int) -> Self:
        """An empty one, in folders below ``work``, with ranges of so many rows."""
        counts = {side.which: side.count // size + 1 for side in (sides.left, sides.right)}
        taken = {which: run.taken(which) // size + 1 for which in _SIDES}
        both = dict.fromkeys(_SIDES, sum(counts.values()))

        def spills(name: str, buckets: Mapping[str, int]) -> dict[str, Spill]:
            return {which: Spill.at(work / name / which, buckets[which]) for which in _SIDES}

        return cls(
            rules=rules,
            run=run,
            size=size,
            opened=spills("opened", counts),
            known=spills("known", counts),
            matched=spills("matched", both),
            fresh=spills("fresh", counts),
            earlier=spills("earlier", taken),
        )

    def add_open(self, part: Part) -> None:
        """Take the rows that are open in a part when nothing more is matched."""
        for which, spill in self.opened.items():
            rows = open_rows(part.rows(which))
            at = part.at(which)[rows["position"].to_numpy()]
            spill.add(rows.with_columns(pl.Series("position", at)), at // self.size)

    def add_matched(self, result: Result, part: Part, lines: pl.DataFrame, ranges: _Ranges) -> None:
        """Take the rows that a part has matched; ``lines`` tell the places of their matches, and these their ranges."""
        sides = (result.left, result.right)
        for which, both in zip(_SIDES, (sides, sides[::-1]), strict=True):
            rows = originals(self.rules, self.run, both, lines, "place")
            if rows.height:
                at = part.at(which)[rows["position"].to_numpy()]
                rows = rows.with_columns(pl.Series("position", at))
                self.matched[which].add(rows, ranges(rows["place"].to_numpy()))

    def add_earlier(self, which: str, taken: pl.DataFrame) -> None:
        """Take rows that earlier runs have matched; ``place`` tells their order."""
        self.earlier[which].add(taken, taken["place"].to_numpy() // self.size)

    def number_matches(self, bucket: int, matches: pl.DataFrame) -> None:
        """Tell the ids of the matches of a range: ``place`` and ``match_id``, of each line one."""
        ids = matches.unique("place")
        for which, spill in self.matched.items():
            rows = spill.take(bucket)
            if rows is not None:
                told = rows.join(ids, on="place", how="left", maintain_order="left")
                self.fresh[which].add(told, told["position"].to_numpy() // self.size)

    def tell_reasons(self, which: str, bucket: int, breaks: pl.DataFrame) -> None:
        """Tell the breaks of a range of a side."""
        rows = self.opened[which].take(bucket)
        if rows is not None:
            reasons = breaks.select("position", "reason")
            told = rows.sort("position").join(reasons, on="position", how="left", maintain_order="left")
            kept = still_open(self.rules, self.run, told)
            self.known[which].add(kept, np.full(kept.height, bucket, dtype=np.int64))

    def still(self) -> Iterator[pl.DataFrame]:
        """The open rows that go on."""
        for spill in self.known.values():
            for bucket in range(spill.buckets):
                rows = spill.look(bucket)
                if rows is not None:
                    yield rows

    def taken(self) -> Iterator[pl.DataFrame]:
        """The matched rows that a reversal may take back."""
        for which in _SIDES:
            for bucket in range(self.earlier[which].buckets):
                rows = self.earlier[which].look(bucket)
                if rows is not None:
                    yield still_taken(self.rules, self.run, which, rows.sort("place"))
            for bucket in range(self.fresh[which].buckets):
                rows = self.fresh[which].look(bucket)
                if rows is not None:
                    yield rows.sort("position")


_Ranges = Callable[[NDArray[Any]], NDArray[np.int64]]
