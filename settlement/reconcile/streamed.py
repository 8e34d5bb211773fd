"""Reconcile two files in bounded memory: rows of one key go to one bucket on disk, and bucket after bucket is matched.

Every step of a phase asks for the keys that its rows are dealt by, so rows of two buckets never meet and each bucket
can be worked on as if it were all there is. What a phase leaves open or held is dealt out anew by the keys of the next
one. Only near misses and rows that are held together cross buckets: for these the open rows are dealt out once more, by
what each question asks for. Numbers, order and reasons come out as they do in memory.
"""

from __future__ import annotations

import shutil
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.reconcile.breaks import NEAR_RANK, ranked_breaks
from settlement.reconcile.carry import Run, taken_rows
from settlement.reconcile.closing import SIDES, Crossing
from settlement.reconcile.engine import Progress, reconcile
from settlement.reconcile.kept import Job, Kept
from settlement.reconcile.language import Rules
from settlement.reconcile.parts import Part, Sides, dealt, part_of, spread
from settlement.reconcile.phased import match_in_phases
from settlement.reconcile.plan import Plan
from settlement.reconcile.sides import require_common_currency
from settlement.reconcile.spill import Spill
from settlement.reconcile.summary import added, summarise
from settlement.reconcile.takeback import not_taken_back
from settlement.reconcile.write import write_parts


def match_streamed(
    rules: Rules, files: tuple[Path, Path], plan: Plan, folder: Path, progress: Progress, *, run: Run | None = None
) -> dict[str, Any]:
    """Reconcile two files by buckets, write matches and breaks to a folder, and return the summary.

    Parameters
    ----------
    rules : Rules
        Checked rules.
    files : (Path, Path)
        The left and the right file.
    plan : Plan
        The phases, the buckets, the rows of a batch, and the room for a bucket.
    folder : Path
        An empty folder; what lies there is whole only once this returns.
    progress : callable
        Is told the work, the buckets done, and all buckets.
    run : Run, optional
        The run's date and what an earlier run has left, where rows have ages.

    Raises
    ------
    TerminalError
        Where a file does not serve, or the rows that are left for a pass without a key do not fit into memory.
    """
    work = folder / ".work"
    sides, rows = _sides(rules, files, plan, work, run)
    job = Job(
        rules=rules,
        plan=plan,
        sides=sides,
        rows=rows,
        taken={} if run is None else _taken(rules, run, plan, work),
        kept=Kept.at(rules, sides, work, run),
        folder=work,
        progress=progress,
    )
    summary = _match_at_once(job) if len(plan.phases) == 1 else match_in_phases(job)
    whole = write_parts(rules, summary, job.kept, folder, run)
    shutil.rmtree(work)
    return whole


def _sides(
    rules: Rules, files: tuple[Path, Path], plan: Plan, work: Path, run: Run | None
) -> tuple[Sides, dict[str, Spill]]:
    """Both files dealt out by the keys of the first phase that each takes part in."""
    both, rows = [], {}
    for which, path in zip(SIDES, files, strict=True):
        keys = next(keys for phase in plan.phases if (keys := phase.keys(which)) is not None)
        at = work / which
        whole, rows[which] = dealt(rules, which, path, keys, at, buckets=plan.buckets, batch=plan.batch, run=run)
        both.append(whole)
    left, right = both
    require_common_currency(rules, (left.file, set(left.codes)), (right.file, set(right.codes)))
    as_of = None if run is None else run.day
    return Sides(left=left, right=right, codes=pl.Enum(sorted(left.codes | right.codes)), as_of=as_of), rows


def _taken(rules: Rules, run: Run, plan: Plan, work: Path) -> dict[str, Spill]:
    """By side what earlier runs have matched, dealt out by the keys of the first nettings that may take it back."""
    found = {}
    for which in SIDES:
        keys = next((phase.keys(which) for phase in plan.phases if phase.backs(which)), None)
        if keys is None or not run.taken(which):
            continue
        found[which], count = Spill.at(work / "taken" / which, plan.buckets), 0
        for rows in taken_rows(rules, run, which):
            place = pl.int_range(count, count + rows.height, dtype=pl.Int64, eager=True).alias("place")
            found[which].add(rows.with_columns(place), spread(rows, keys, plan.buckets))
            count += rows.height
    return found


def _match_at_once(job: Job) -> dict[str, Any]:
    """All steps in one phase: what becomes of a row is known with its bucket, but for keys that may differ."""
    (phase,), buckets = job.plan.phases, job.plan.buckets
    crossings = list(Crossing.all_of(job.rules, phase, buckets, job.folder))
    summaries = []
    for bucket in range(buckets):
        job.progress("match", bucket, buckets)
        rows, taken = ({which: spill.take(bucket) for which, spill in some.items()} for some in (job.rows, job.taken))
        part = part_of(job.rules, job.sides, rows, taken)
        result = reconcile(job.rules, part.left, part.right)
        summaries.append(summarise(result))
        job.kept.add_matches(result, part)
        for which in job.taken:
            job.kept.add_earlier(which, not_taken_back(result.taken_back, part.rows(which)))
        job.kept.add_open(part)
        ranked = ranked_breaks(result, phase.shared)
        job.kept.add_breaks(ranked, part)
        asked = {which: _asked(ranked, which, part) for which in SIDES}
        for crossing in crossings:
            crossing.deal(part, asked)
    for crossing in crossings:
        for misses, part in crossing.answers(job.sides):
            job.kept.add_breaks(misses, part)
    job.progress("match", buckets, buckets)
    return reduce(added, summaries)


def _asked(ranked: pl.DataFrame, which: str, part: Part) -> NDArray[np.bool_]:
    """By row whether a near miss would say more than what is known of it."""
    asked = np.zeros(len(part.at(which)), dtype=np.bool_)
    asked[ranked.filter((pl.col("side") == which) & (pl.col("rank") >= NEAR_RANK))["position"].to_numpy()] = True
    return asked
