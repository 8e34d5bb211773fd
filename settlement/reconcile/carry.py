"""Open rows of an earlier run come before tonight's, with their ages, and with what that run has matched.

A carried row is an ordinary row that stands before tonight's. What tells it apart are its age, which a pass may limit,
and its id: a row that goes by its number in the file is told with the date of its run, ``2024-03-01/5``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from settlement.errors import TerminalError
from settlement.reconcile.carried import AGES, Carried, ages
from settlement.reconcile.carryfolder import OPEN_ROWS, TAKEN_ROWS, Earlier, Table, read_folder, text_columns
from settlement.reconcile.language import Rules
from settlement.reconcile.read import shown
from settlement.reconcile.sides import Rows, business_days, last_day, texts_used

_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The date of tonight's run, and what an earlier run has left for it."""

    as_of: date
    earlier: Earlier | None

    @property
    def day(self) -> int:
        """The run's date, in days since 1970."""
        return (self.as_of - _EPOCH).days

    def carried(self, which: str) -> int:
        """How many rows of a side are carried into the run."""
        return 0 if self.earlier is None else self.earlier.open.rows.get(which, 0)

    def taken(self, which: str) -> int:
        """How many rows of a side earlier runs have matched that a reversal may take back."""
        return 0 if self.earlier is None else self.earlier.taken.rows.get(which, 0)

    @property
    def codes(self) -> frozenset[str]:
        """The currencies of the carried rows."""
        return frozenset() if self.earlier is None else self.earlier.open.codes


def begin(rules: Rules, place: str, *, carry: Path | None, as_of: date | None, out: Path) -> Run | None:
    """The run's date and what is carried into it; None where rows have no ages.

    Raises
    ------
    TerminalError
        Where the date is missing or nothing looks at it, a folder is carried by rules that carry nothing, or the folder
        does not serve.
    """
    if carry is not None and rules.carry is None:
        raise TerminalError(f"{place} carries nothing: add `[carry]`, or leave --carry out.")
    if carry is not None and carry.resolve() == out.resolve():
        raise TerminalError(
            f"--carry and --out name one folder, {out}: write to another, so that this run can be done again."
        )
    if not rules.ages:
        if as_of is not None:
            raise TerminalError(
                f"{place} has neither `[carry]` nor `[ageing]`, which alone look at the run's date: add one, or leave "
                "--as-of out."
            )
        return None
    if as_of is None:
        word = "carry" if rules.carry is not None else "ageing"
        raise TerminalError(f"{place} has `[{word}]`: say the date of the run, --as-of YYYY-MM-DD.")
    return Run(as_of=as_of, earlier=None if carry is None else read_folder(carry, rules, as_of))


def taken_in(rules: Rules, sides: tuple[Rows, Rows], run: Run | None) -> tuple[Rows, Rows]:
    """Both sides with their carried rows before tonight's, and with the ages of all.

    Raises
    ------
    TerminalError
        Where a row of tonight has the id of a carried one.
    """
    if run is None:
        return sides
    codes = run.codes.union(*(side.frame["currency"].unique().to_list() for side in sides))
    # Still one list of codes for both sides, so that equal codes are equal numbers.
    listed = pl.Enum(sorted(codes))
    left, right = (
        _with_earlier(rules, replace(side, frame=side.frame.with_columns(pl.col("currency").cast(listed))), run)
        for side in sides
    )
    return left, right


def _with_earlier(rules: Rules, side: Rows, run: Run) -> Rows:
    require_new_ids(rules, side.which, side.file, side.ids, run)
    schema = dict(side.frame.schema)
    before = pl.concat(
        [pl.DataFrame(schema={**schema, **AGES, "id": pl.String}), *carried_rows(rules, run, side.which, schema)]
    )
    frame = pl.concat([before.select(list(schema)), side.frame], rechunk=True) if before.height else side.frame
    told = pl.concat([before.select(list(AGES)), ages(side.frame, run.day)])
    return replace(
        side,
        ids=pl.concat([before["id"], side.ids], rechunk=True),
        frame=frame,
        state=np.zeros(frame.height, dtype=np.uint8),
        last_day=last_day(frame),
        carried=Carried.of(rules.carry, run.day, told, _stacked(taken_rows(rules, run, side.which))),
    )


def carried_rows(rules: Rules, run: Run, which: str, schema: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
    """The open rows that an earlier run has left of a side: the columns of tonight's, ``AGES`` and ``id``."""
    for rows in _earlier(rules, which, OPEN_ROWS, None if run.earlier is None else run.earlier.open):
        day = rows["date"].to_physical().cast(pl.Int32).alias("day")
        dated = rows.with_columns(day, business_days(day, rules.calendar))
        columns = dated.select(pl.col(name).cast(kind) for name, kind in schema.items())
        opened_on = rows["opened_on"].to_physical().cast(pl.Int32)
        yield pl.concat([columns, ages(columns, run.day, opened_on, rows["runs"]), rows.select("id")], how="horizontal")


def taken_rows(rules: Rules, run: Run, which: str) -> Iterator[pl.DataFrame]:
    """The matched rows of a side that a reversal may take back: ``TAKEN_ROWS`` and all texts of tonight's rules."""
    return _earlier(rules, which, TAKEN_ROWS, None if run.earlier is None else run.earlier.taken)


def _earlier(rules: Rules, which: str, types: Mapping[str, Any], table: Table | None) -> Iterator[pl.DataFrame]:
    texts = text_columns(texts_used(rules, which))
    for rows in table.of(which) if table is not None else ():
        absent = [pl.lit(None, pl.String).alias(name) for name in texts if name not in rows.columns]
        yield rows.with_columns(absent).select(*types, *texts)


def _stacked(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    found = list(frames)
    return pl.concat(found) if found else pl.DataFrame(schema=TAKEN_ROWS)


def require_new_ids(rules: Rules, which: str, file: str, ids: pl.Series, run: Run) -> None:
    """TerminalError where a row of tonight has the id of a carried one; rows that go by their number have others."""
    side = rules.left if which == "left" else rules.right
    if run.earlier is None or side.id is None:
        return
    again = run.earlier.opened(which, ids)
    if again is not None:
        raise TerminalError(
            f"{file}: id {shown(again['id'])} stands open since {again['opened_on']} and comes again: the file was "
            "matched before, or ids are used twice; name a column as `id` that is unique across runs."
        )


def texts_not_kept(rules: Rules, run: Run) -> list[str]:
    """Texts that tonight's passes look at and the earlier run did not keep: carried rows are empty there."""
    if run.earlier is None:
        return []
    return [
        f"{which}.{name}"
        for which in ("left", "right")
        if run.carried(which)
        for name in texts_used(rules, which)
        if f"{which}.text.{name}" not in run.earlier.kept
    ]
