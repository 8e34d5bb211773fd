"""What breaks of a run in parts need beside their part: open rows are dealt out anew, by what each question asks for.

Three questions look across parts: which rows are held back together, which rows agree with an open one in the keys of a
pass, and which differ in nothing but one key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.reconcile.breaks import held_breaks, keyed_breaks, near_breaks
from settlement.reconcile.carried import AGES
from settlement.reconcile.engine import Held
from settlement.reconcile.language import Rules
from settlement.reconcile.near import looks_at_used, misses_but_for
from settlement.reconcile.parts import Part, Sides, bare_result, part_of, spread, taken_out
from settlement.reconcile.phases import Phase
from settlement.reconcile.sides import HELD, OPEN, TEXT
from settlement.reconcile.spill import Spill, key_hashes

SIDES: Final = ("left", "right")
_SIEVE_BITS: Final = 2**26
"""Bits of all sieves together: 8 MiB."""
_BYTE: Final = 8

Breaks = tuple[pl.DataFrame, Part]
"""Breaks as ``ranked_breaks`` tells them, and the part whose positions they tell."""


class Question(Protocol):
    """Open rows of both sides, dealt out by what is asked of them."""

    def deal(self, part: Part) -> None:
        """Take what is open in a part when nothing more is matched."""

    def answers(self, sides: Sides) -> Iterator[Breaks]:
        """What is found, part by part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Rows dealt out by the clusters in which they are held, to name those among which a person must choose."""

    rules: Rules
    dealt: Mapping[str, Spill]

    @classmethod
    def at(cls, rules: Rules, buckets: int, work: Path) -> Self:
        """An empty one, in a folder below ``work``."""
        return cls(rules=rules, dealt=_spills(work / "together", buckets))

    def deal(self, part: Part) -> None:
        """Take the rows that are held back, once a cluster."""
        for which, spill in self.dealt.items():
            rows = part.rows(which).positions([HELD])
            held = taken_out(part, which, rows)
            held = held.select(
                "id", "at", "state", "amount", "currency", *(name for name in AGES if name in held.columns)
            )
            held = held.with_columns(part.flow(which)["clusters"].gather(rows)).explode("clusters")
            if held.height:
                spill.add(held, (held["clusters"].to_numpy() % spill.buckets).astype(np.int64))

    def answers(self, sides: Sides) -> Iterator[Breaks]:
        """Rows that are held back, with the others of their clusters."""
        for tables in _tables(self.dealt):
            part = part_of(self.rules, sides, tables)
            none = pl.Series("clusters", [], dtype=pl.Int64)
            clusters = {which: part.flow(which).get_column("clusters", default=none).to_numpy() for which in SIDES}
            yield held_breaks(bare_result(self.rules, part, held=tuple(self._steps(clusters)))), part

    def _steps(self, clusters: Mapping[str, NDArray[np.int64]]) -> Iterator[Held]:
        passes = len(self.rules.passes)
        known = np.unique(np.concatenate([clusters[which] for which in SIDES]))
        ours, theirs = (np.searchsorted(known, clusters[which]).astype(np.int32) for which in SIDES)
        for number, rule in enumerate(self.rules.passes):
            left, right = (np.flatnonzero(clusters[which] % passes == number).astype(np.int32) for which in SIDES)
            yield Held(
                number=number,
                rule=rule,
                left=left,
                left_cluster=ours[left],
                right=right,
                right_cluster=theirs[right],
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Open rows dealt out by all that a pass compares but for one key, to find who differs in that alone."""

    rules: Rules
    number: int
    key: int
    dealt: Mapping[str, Spill]

    @classmethod
    def all_of(cls, rules: Rules, phase: Phase, buckets: int, work: Path) -> Iterator[Self]:
        """One for each key that rows of the phase are dealt out by and a pass of equal amounts asks for."""
        for number in phase.passes:
            rule = rules.passes[number]
            for key, pair in enumerate(rule.pairs):
                if pair in phase.shared and rule.one_to_one and rule.amount.rule == "equal":
                    dealt = _spills(work / f"crossing-{number}-{key}", buckets)
                    yield cls(rules=rules, number=number, key=key, dealt=dealt)

    def deal(self, part: Part, asked: Mapping[str, NDArray[np.bool_]] | None = None) -> None:
        """Take the open rows; ``asked`` tells by row whether a near miss would say more than what is known of it."""
        pairs = [pair for at, pair in enumerate(self.rules.passes[self.number].pairs) if at != self.key]
        for which, spill in self.dealt.items():
            rows = part.rows(which).positions([OPEN])
            told = taken_out(part, which, rows).drop("state")
            hashes = key_hashes(
                [*(told[TEXT + getattr(pair, which)] for pair in pairs), told["currency"], told["amount"]]
            )
            flags = np.ones(len(rows), dtype=np.bool_) if asked is None else asked[which][rows]
            told = told.with_columns(pl.Series("asked", flags))
            whole = hashes != 0
            spill.add(told.filter(pl.Series(whole)), (hashes[whole] % np.uint64(spill.buckets)).astype(np.int64))

    def answers(self, sides: Sides) -> Iterator[Breaks]:
        """Near misses that differ in the key."""
        for tables in _tables(self.dealt):
            if any(table is None for table in tables.values()):
                continue
            flags = {
                which: table.sort("at")["asked"].to_numpy() for which, table in tables.items() if table is not None
            }
            bare = {which: table.drop("asked") for which, table in tables.items() if table is not None}
            part = part_of(self.rules, sides, bare)
            for misses in misses_but_for(self.rules, self.number, self.key, part.left, part.right):
                for which, asked in flags.items():
                    mine = misses.filter(pl.col("side") == which)
                    mine = mine.filter(pl.Series(asked[mine["position"].to_numpy()]))
                    yield near_breaks(self.rules, part.left, part.right, mine), part


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreeing:
    """Open rows dealt out by the keys of a phase, to find what is near them and agrees in the keys of its passes.

    Where nothing open is near, a row that is matched or held is told as the closest: of these come the ones that have
    the keys of an open row of the other side, by a sieve of hashes that lets some more through and none too few.
    """

    rules: Rules
    phase: Phase
    dealt: Mapping[str, Spill]
    sieves: Mapping[tuple[str, int], NDArray[np.uint8]]

    @classmethod
    def all_of(cls, rules: Rules, phases: tuple[Phase, ...], buckets: int, work: Path) -> Iterator[Self]:
        """One for each phase that has a pass which can find something near."""
        asked = [(at, phase) for at, phase in enumerate(phases) if any(_finds(rules, n) for n in phase.passes)]
        sieves = sum(len(_using(rules, phase)) for _, phase in asked) * len(SIDES)
        size = 1 << (_SIEVE_BITS // max(sieves, 1)).bit_length() - 1
        for at, phase in asked:
            yield cls(
                rules=rules,
                phase=phase,
                dealt=_spills(work / f"agreeing-{at}", buckets),
                sieves={
                    (which, number): np.zeros(size // _BYTE, dtype=np.uint8)
                    for number in _using(rules, phase)
                    for which in SIDES
                },
            )

    def deal(self, part: Part) -> None:
        """Take the open rows."""
        for which, spill in self.dealt.items():
            told = taken_out(part, which, part.rows(which).positions([OPEN]))
            keys = self.phase.keys(which) or ()
            told = told.drop_nulls([TEXT + key for key in keys]) if keys else told
            spill.add(told, spread(told, keys, spill.buckets))
            for (side, number), sieve in self.sieves.items():
                if side == which:
                    byte, bit = _places(sieve, self._hashes(told, which, number))
                    np.bitwise_or.at(sieve, byte, bit)

    def bring(self, which: str, used: pl.DataFrame) -> None:
        """Take rows that are matched or held, where they have the keys of an open row of the other side."""
        other = "right" if which == "left" else "left"
        met = np.zeros(used.height, dtype=np.bool_)
        for (side, number), sieve in self.sieves.items():
            if side == other:
                hashes = self._hashes(used, which, number)
                byte, bit = _places(sieve, hashes)
                met |= (sieve[byte] & bit != 0) & (hashes != 0)
        if met.any():
            some = used.filter(pl.Series(met))
            self.dealt[which].add(some, spread(some, self.phase.keys(which) or (), self.dealt[which].buckets))

    def answers(self, sides: Sides) -> Iterator[Breaks]:
        """Incomplete sums and near misses of one key."""
        for tables in _tables(self.dealt):
            if any(table is None for table in tables.values()):
                continue
            part = part_of(self.rules, sides, tables)
            yield keyed_breaks(bare_result(self.rules, part), self.phase.shared, self.phase.passes), part

    def _hashes(self, rows: pl.DataFrame, which: str, number: int) -> NDArray[np.uint64]:
        keys = [getattr(pair, which) for pair in self.rules.passes[number].pairs]
        return key_hashes([*(rows[TEXT + key] for key in keys), rows["currency"]])


def _finds(rules: Rules, number: int) -> bool:
    """Whether a pass can find something near: not by amounts and dates alone."""
    rule = rules.passes[number]
    return bool(rule.keys) or (rule.one_to_one and bool(rule.text))


def _using(rules: Rules, phase: Phase) -> list[int]:
    return [number for number in phase.passes if looks_at_used(rules.passes[number])]


def _places(sieve: NDArray[np.uint8], hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Byte and bit of each hash; buckets go by the lower bits of it, so here the upper ones tell."""
    place = (hashes >> np.uint64(32)) % np.uint64(len(sieve) * _BYTE)
    byte = (place // np.uint64(_BYTE)).astype(np.int64)
    return byte, np.left_shift(np.uint8(1), (place % np.uint64(_BYTE)).astype(np.uint8))


def _spills(work: Path, buckets: int) -> dict[str, Spill]:
    return {which: Spill.at(work / which, buckets) for which in SIDES}


def _tables(dealt: Mapping[str, Spill]) -> Iterator[dict[str, pl.DataFrame | None]]:
    """The rows of both sides, bucket by bucket, where there are some."""
    for bucket in range(dealt["left"].buckets):
        tables = {which: spill.take(bucket) for which, spill in dealt.items()}
        if any(table is not None for table in tables.values()):
            yield tables
