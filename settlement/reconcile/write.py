"""The outputs of a run: summary, matches and breaks, written whole or not at all."""

from __future__ import annotations

import errno
import glob
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow.parquet as pq

from settlement.errors import TerminalError
from settlement.kernels.text_views import spread_out
from settlement.reconcile.ageing import age_totals, ages_of, breaks_with_ages
from settlement.reconcile.breaks import ranked_breaks
from settlement.reconcile.carry import Run
from settlement.reconcile.carryfolder import CARRY_FILES
from settlement.reconcile.engine import Result
from settlement.reconcile.kept import Kept
from settlement.reconcile.language import Rules
from settlement.reconcile.leave import leave, open_rows, originals, still_open, still_taken
from settlement.reconcile.matched import MATCHES, match_rows, numbered
from settlement.reconcile.summary import break_summary, break_totals, require_law, summarise
from settlement.reconcile.takeback import not_taken_back

BREAKS: Final[dict[str, type[pl.DataType]]] = {
    "side": pl.String,
    "id": pl.String,
    "reason": pl.String,
    "nearest": pl.String,
    "note": pl.String,
}
SUMMARY: Final = "summary.json"
_OUTPUTS: Final = frozenset(
    {SUMMARY, *(f"{name}.{kind}" for name in ("matches", "breaks") for kind in ("csv", "parquet")), *CARRY_FILES}
)
_QUOTED: Final = re.compile(r'[",\r\n]|^$')
_TAKEN: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def write_outputs(result: Result, out: Path, run: Run | None = None) -> dict[str, Any]:
    """Write ``summary.json``, ``matches`` and ``breaks`` (CSV and Parquet) to a folder, and return the summary.

    Where the rules carry open rows, the run leaves them there too, for the next one.

    All files are written beside the folder first and moved in one step, so that what stands there is whole.

    Raises
    ------
    TerminalError
        Where the folder holds something else than an earlier run's outputs, or counts or sums do not come out.
    """
    with partial_outputs(out) as partial:
        with ThreadPoolExecutor(max_workers=1) as beside:
            # The matches are written while the breaks are found: neither needs the other.
            plain = _is_plain(result.rules)
            matches = beside.submit(lambda: _write(match_rows(result), partial, "matches", plain=plain))
            breaks = break_rows(result)
            summary = summarise(result) | {"breaks": break_summary(break_totals(breaks))}
            if run is not None:
                summary |= ages_of(result.rules, run, summary, [age_totals(result.rules, breaks)])
                breaks = breaks_with_ages(breaks, result.rules)
            _write(breaks.select(list(BREAKS)), partial, "breaks", plain=plain)
            written = matches.result()
        if run is not None and result.rules.carry is not None:
            _leave(result, run, partial, summary, written, breaks)
        write_summary(summary, partial)
    return summary


def _leave(result: Result, run: Run, folder: Path, summary: dict[str, Any], *tables: pl.DataFrame) -> None:
    rules, still, taken = result.rules, [], []
    matches, breaks = tables
    for side, other in ((result.left, result.right), (result.right, result.left)):
        reason = breaks.filter(pl.col("side") == side.which)["reason"]
        still.append(still_open(rules, run, open_rows(side).with_columns(reason)))
        taken.append(still_taken(rules, run, side.which, not_taken_back(result.taken_back, side)))
        taken.append(originals(rules, run, (side, other), matches, "match_id"))
    leave(rules, run, folder, summary, still=lambda: iter(still), taken=lambda: iter(taken))


@contextmanager
def partial_outputs(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to write to; it takes the place of ``out`` in one step, or vanishes where that fails.

    Of several runs into one folder at once each replaces it whole, and what the last one has written stays.
    """
    # A link is followed, so that what it leads to is replaced and not the link.
    out = out.resolve()
    _tidy(out)
    with suppress(FileNotFoundError):  # Another run moves it away as it is looked at.
        _require_replaceable(out)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        _move(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_summary(summary: dict[str, Any], folder: Path) -> None:
    """Write the summary; TerminalError where it does not come out."""
    require_law(summary)
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_parts(rules: Rules, summary: dict[str, Any], found: Kept, folder: Path, run: Run | None) -> dict[str, Any]:
    """Put matches and breaks of parts of a run in order and write them; return the whole summary."""
    with _growing(folder, "matches", MATCHES) as write:
        before = 0
        for bucket in range(found.matches.buckets):
            lines = found.matches.take(bucket)
            if lines is not None:
                ordered = lines.sort("place", maintain_order=True)
                told, before = numbered(ordered["place"].to_numpy(), ordered.drop("place"), before)
                write(told)
                if found.leaving is not None:
                    found.leaving.number_matches(bucket, pl.DataFrame([ordered["place"], told["match_id"]]))
    totals, ages = [], []
    with _growing(folder, "breaks", BREAKS) as write:
        for bucket in range(found.breaks.buckets):
            best = found.best(bucket)
            if best is None:
                continue
            found.tell_reasons(bucket, best)
            totals.append(break_totals(best))
            if run is not None:
                ages.append(age_totals(rules, best))
            write((best if run is None else breaks_with_ages(best, rules)).select(list(BREAKS)))
    whole = summary | {"breaks": break_summary(pl.concat(totals)) if totals else []}
    if run is not None:
        whole |= ages_of(rules, run, whole, ages)
        if found.leaving is not None:
            leave(rules, run, folder, whole, still=found.leaving.still, taken=found.leaving.taken)
    write_summary(whole, folder)
    return whole


@contextmanager
def _growing(folder: Path, name: str, schema: dict[str, type[pl.DataType]]) -> Iterator[Callable[[pl.DataFrame], None]]:
    """A table written part by part, as CSV and as Parquet."""
    empty = pl.DataFrame(schema=schema)
    with (
        (folder / f"{name}.csv").open("wb") as text,
        pq.ParquetWriter(folder / f"{name}.parquet", empty.to_arrow().schema, compression="lz4") as table,
    ):
        empty.write_csv(text)

        def write(rows: pl.DataFrame) -> None:
            rows.write_csv(text, include_header=False)
            table.write_table(rows.to_arrow())

        yield write


def _write(rows: pl.DataFrame, folder: Path, name: str, *, plain: bool) -> pl.DataFrame:
    if plain:
        # The library need not look at each field for what has to stand in quotes: only notes have it.
        rows.with_columns(_quoted(rows["note"])).write_csv(folder / f"{name}.csv", quote_style="never")
    else:
        rows.write_csv(folder / f"{name}.csv")
    rows.write_parquet(folder / f"{name}.parquet", compression="lz4")
    return rows


def _is_plain(rules: Rules) -> bool:
    """Whether no field of matches and breaks but the note can hold what CSV puts in quotes: ids are row numbers."""
    return rules.left.id is None and rules.right.id is None and rules.carry is None


def _quoted(texts: pl.Series) -> pl.Series:
    """Texts as CSV writes them (RFC 4180), an empty one apart from none."""
    some = texts.drop_nulls()
    inside = pl.concat_str(pl.lit('"'), some.str.replace_all('"', '""', literal=True), pl.lit('"'))
    quoted = pl.select(pl.when(some.str.contains(_QUOTED.pattern)).then(inside).otherwise(some)).to_series()
    # Few of many rows have a note, and the rest need not be looked at.
    return spread_out(quoted.alias(texts.name), texts.is_not_null().arg_true().to_numpy(), len(texts))


def _require_replaceable(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise TerminalError(f"{out} is a file: name a folder for the outputs.")
    if not out.is_dir():
        return
    found = sorted(path.name for path in out.iterdir())
    if found and SUMMARY not in found:
        raise TerminalError(f"{out} holds other files than the outputs of an earlier run: name another folder.")
    strange = [name for name in found if name not in _OUTPUTS]
    if strange:
        raise TerminalError(f"{out} holds {strange[0]}, which no run has written: move it, or name another folder.")


def _tidy(out: Path) -> None:
    """Remove what killed runs have left beside a folder; outputs that one was about to replace come back."""
    for left in sorted(out.parent.glob(f".{glob.escape(out.name)}.*")):
        found = re.fullmatch(r"([0-9]+)\.(partial|earlier)", left.name.removeprefix(f".{out.name}."))
        if found is None or _runs(int(found[1])):
            continue
        if found[2] == "earlier" and not out.exists() and _renamed(left, out, {*_TAKEN, errno.ENOENT}):
            continue
        # Another run may be tidying it up as well.
        shutil.rmtree(left, ignore_errors=True)


def _renamed(folder: Path, out: Path, met: Collection[int]) -> bool:
    """Move a folder to where nothing stands; False where another run has come first, as one of some errors says."""
    try:
        folder.rename(out)
    except OSError as error:
        if error.errno not in met:
            raise
        return False
    return True


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _move(partial: Path, out: Path) -> None:
    """Put new outputs in the place of earlier ones, as often as another run gets in between."""
    earlier = out.with_name(f".{out.name}.{os.getpid()}.earlier")
    placed = False
    while not placed:
        if out.exists():
            shutil.rmtree(earlier, ignore_errors=True)
            _renamed(out, earlier, {errno.ENOENT})
        placed = _renamed(partial, out, _TAKEN)
    shutil.rmtree(earlier, ignore_errors=True)


def break_rows(result: Result) -> pl.DataFrame:
    """A row for each row that no match holds, left first, each side in its order: ``BREAKS``, amount and ages."""
    found = ranked_breaks(result)
    parts = []
    for side in (result.left, result.right):
        rows = found.filter(pl.col("side") == side.which)
        at = rows["position"]
        told = [
            *side.frame.select("amount", "currency")[at],
            *(side.carried.ages(at.to_numpy()) if side.carried else ()),
        ]
        parts.append(rows.with_columns(side.ids.gather(at).alias("id"), *told))
    return pl.concat(parts)
