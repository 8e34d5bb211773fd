"""A run whose steps share no key: phase after phase, what one leaves open is dealt out by the keys of the next.

A row that is matched is done with; it is kept aside, for it may be told as the closest to a row that stays open. Breaks
are told when nothing more is matched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.reconcile.breaks import last_breaks, passing_breaks
from settlement.reconcile.closing import SIDES, Agreeing, Crossing, Question, Together
from settlement.reconcile.engine import reconcile
from settlement.reconcile.kept import Job
from settlement.reconcile.near import looks_at_used
from settlement.reconcile.parts import (
    Part,
    bare_result,
    first_clusters,
    left_over,
    part_of,
    proofs,
    spread,
    taken_out,
)
from settlement.reconcile.phases import Phase
from settlement.reconcile.sides import HELD, MATCHED
from settlement.reconcile.spill import Spill
from settlement.reconcile.summary import added, in_turn, summarise
from settlement.reconcile.takeback import not_taken_back

_MIB: Final = 2**20


def match_in_phases(job: Job) -> dict[str, Any]:
    """Match sides that are dealt out by the keys of their first phases, keep what is found, and summarise it.

    Raises
    ------
    TerminalError
        Where the rows that are left for a pass without a key do not fit into memory.
    """
    rules, phases, buckets = job.rules, job.plan.phases, job.plan.buckets
    agreeing = tuple(Agreeing.all_of(rules, phases, buckets, job.folder))
    crossings = (one for phase in phases for one in Crossing.all_of(rules, phase, buckets, job.folder))
    used = {}
    if any(looks_at_used(rule) for rule in rules.passes):
        used = {which: Spill.at(job.folder / "used" / which, buckets * len(phases)) for which in SIDES}
    run = _Run(
        job=job,
        agreeing=agreeing,
        questions=(Together.at(rules, buckets, job.folder), *agreeing, *crossings),
        used=used,
        waiting=dict(job.rows),
        taken=dict(job.taken),
    )
    summaries = [run.phase(number, phase) for number, phase in enumerate(phases)]
    run.close()
    return in_turn(summaries)


@dataclass(slots=True, kw_only=True)
class _Run:
    """A run between two phases: the rows of each side that wait for its next one, and what is kept for the end.

    ``taken`` are rows of earlier runs that wait for the next nettings which may take them back.
    ``used`` are rows that are matched, and in the end those that are held, where any pass may tell them as the closest;
    ``clusters`` counts the clusters so far.
    """

    job: Job
    agreeing: tuple[Agreeing, ...]
    questions: tuple[Question, ...]
    used: Mapping[str, Spill]
    waiting: dict[str, Spill]
    taken: dict[str, Spill]
    clusters: int = 0

    def phase(self, number: int, phase: Phase) -> dict[str, Any]:
        """Work on the waiting rows of the sides that take part, and let wait what is left."""
        job, buckets = self.job, self.job.plan.buckets
        now = {which: self.waiting.pop(which) for which in SIDES if phase.keys(which) is not None}
        _require_room(job, phase, now)
        then = {which: self._next(number, which) for which in now}
        backs = {which: self.taken.pop(which) for which in now if phase.backs(which) and which in self.taken}
        onward = {which: self._next_back(number, which) for which in backs}
        summaries = []
        for bucket in range(buckets):
            job.progress("match", number * buckets + bucket, len(job.plan.phases) * buckets)
            rows, taken = ({which: spill.take(bucket) for which, spill in some.items()} for some in (now, backs))
            part = part_of(job.rules, job.sides, rows, taken)
            result = reconcile(job.rules, part.left, part.right, phase=phase)
            summaries.append(summarise(result))
            job.kept.add_matches(result, part)
            job.kept.add_breaks(passing_breaks(result), part, passing=True)
            self._keep_used(part, MATCHED, number * buckets + bucket)
            for which, keys in onward.items():
                self._keep_taken(which, keys, not_taken_back(result.taken_back, part.rows(which)))
            firsts, self.clusters = first_clusters(result, self.clusters)
            left = {which: left_over(part, which, result, firsts) for which in now}
            for which, keys in then.items():
                if keys is not None:
                    self.waiting[which].add(left[which], spread(left[which], keys, buckets))
            if None in then.values():
                self._end(left, number * buckets + bucket)
        return reduce(added, summaries)

    def _next(self, number: int, which: str) -> tuple[str, ...] | None:
        """The keys of the next phase that a side takes part in, for which its rows wait now; None after the last."""
        for phase in self.job.plan.phases[number + 1 :]:
            keys = phase.keys(which)
            if keys is not None:
                self.waiting[which] = Spill.at(self.job.folder / f"after-{number}" / which, self.job.plan.buckets)
                return keys
        return None

    def _next_back(self, number: int, which: str) -> tuple[str, ...] | None:
        """The keys of the next nettings that may take back earlier matches; None after the last."""
        for phase in self.job.plan.phases[number + 1 :]:
            if phase.backs(which):
                self.taken[which] = Spill.at(self.job.folder / f"taken-{number}" / which, self.job.plan.buckets)
                return phase.keys(which)
        return None

    def _keep_taken(self, which: str, keys: tuple[str, ...] | None, taken: pl.DataFrame) -> None:
        if keys is None:
            self.job.kept.add_earlier(which, taken)
        elif taken.height:
            self.taken[which].add(taken, spread(taken, keys, self.job.plan.buckets))

    def _end(self, left: Mapping[str, pl.DataFrame], bucket: int) -> None:
        """Tell what is known of rows that are left after the last phase, and deal them out for the questions."""
        job = self.job
        part = part_of(job.rules, job.sides, left)
        job.kept.add_open(part)
        job.kept.add_breaks(last_breaks(bare_result(job.rules, part, told=proofs(job.rules, part))), part)
        for question in self.questions:
            question.deal(part)
        self._keep_used(part, HELD, bucket)

    def _keep_used(self, part: Part, state: int, bucket: int) -> None:
        for which, spill in self.used.items():
            rows = part.rows(which).positions([state])
            spill.add(taken_out(part, which, rows), np.full(len(rows), bucket, dtype=np.int64))

    def close(self) -> None:
        """Ask what looks across parts, and keep what is found."""
        for which, spill in self.used.items():
            for bucket in range(spill.buckets):
                rows = spill.take(bucket)
                if rows is not None:
                    for one in self.agreeing:
                        one.bring(which, rows)
        for question in self.questions:
            for ranked, part in question.answers(self.job.sides):
                self.job.kept.add_breaks(ranked, part)
        buckets = len(self.job.plan.phases) * self.job.plan.buckets
        self.job.progress("match", buckets, buckets)


def _require_room(job: Job, phase: Phase, rows: Mapping[str, Spill]) -> None:
    """TerminalError where rows that must be in memory at once are too many: those of passes without a key."""
    size = sum(spill.size(0) for spill in rows.values())
    if not phase.shared and phase.passes and size > job.plan.room:
        raise TerminalError(
            f"Pass `{job.rules.passes[phase.passes.start].name}` has no key, and the rows that are open before it take "
            f"some {size * job.plan.factor // _MIB} MiB to reconcile at once: give more --memory, or add a key."
        )
