"""The rows of ``matches``: a row a pair, numbered by match, with what is to be said about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels.text_views import number_texts, spread_out, taken
from settlement.match.wording import major_text
from settlement.reconcile.ageing import matches_with_ages
from settlement.reconcile.engine import Result, Taken
from settlement.reconcile.netting import Netted
from settlement.reconcile.sides import Rows
from settlement.reconcile.takeback import TakenBack, taken_back_notes

MATCHES: Final[dict[str, type[pl.DataType]]] = {
    "match_id": pl.String,
    "pass": pl.String,
    "cardinality": pl.String,
    "left_id": pl.String,
    "right_id": pl.String,
    "residual": pl.Int64,
    "note": pl.String,
}
_CARDINALITIES: Final = ("1:1", "1:N", "N:1", "N:M", "net")
_DIGITS: Final = 9
_NOBODY: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """Lines of one step, whole matches at a time.

    ``left`` and ``right`` are positions in the sides, -1 where the line has nobody; ``place`` is what the order of the
    matches goes by, and one for all lines of a match. ``told`` are the lines of which ``notes`` say something.
    """

    name: str
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    cardinality: NDArray[np.int8]
    residual: NDArray[np.int64]
    place: NDArray[np.int64]
    told: NDArray[np.int64]
    notes: pl.Series


def match_rows(result: Result) -> pl.DataFrame:
    """A row a pair, by match: ``MATCHES``.

    Matches are numbered by their first left row, or after all of these by their first right row where a netting has
    none. In a sum the one row stands beside each of the many; of two many sides the shorter one ends with its last row
    repeated. ``residual`` is left minus right in minor units of the currency compared, the same on every row of a
    match.
    """
    place, lines = match_lines(result)
    return numbered(place, lines, 0)[0]


def numbered(place: NDArray[np.int64], lines: pl.DataFrame, before: int) -> tuple[pl.DataFrame, int]:
    """Lines in the order of their places, with ids that go on after ``before`` matches; and the matches so far."""
    number = np.cumsum(np.diff(place, prepend=-1) != 0) + before
    matches = lines.select(_ids_of_matches(number).alias("match_id"), pl.all())
    return matches, int(number[-1]) if len(number) else before


def match_lines(result: Result) -> tuple[NDArray[np.int64], pl.DataFrame]:
    """Lines of ``match_rows`` without their id, and the place of each by which the matches are ordered.

    A place is a left position, or the number of left rows and a right position; lines of one match have one place,
    lines of two matches never.
    """
    steps = [_pairs(result, step) for step in result.taken] + [_netting(result, one) for one in result.netted]
    steps += [_taken_back(result, one) for one in result.taken_back]
    steps = [step for step in steps if len(step.left)]
    if not steps:
        return np.zeros(0, dtype=np.int64), pl.DataFrame(schema=MATCHES).drop("match_id")
    place = np.concatenate([step.place for step in steps])
    order = _in_order(place, result.left.frame.height + result.right.frame.height)
    lengths = [len(step.left) for step in steps]
    lines = pl.DataFrame(
        [
            _picked([step.name for step in steps], np.repeat(np.arange(len(steps)), lengths)[order]).alias("pass"),
            _picked(_CARDINALITIES, _ordered([step.cardinality for step in steps], order)).alias("cardinality"),
            _told(result.left, _ordered([step.left for step in steps], order)).alias("left_id"),
            _told(result.right, _ordered([step.right for step in steps], order)).alias("right_id"),
            pl.Series("residual", _ordered([step.residual for step in steps], order)),
            _notes(steps, order).alias("note"),
        ]
    )
    return place[order], matches_with_ages(lines, result)


def _in_order(place: NDArray[np.int64], places: int) -> NDArray[np.int64]:
    """The order of lines by their places below ``places``; the lines of a match stay in their own order."""
    at = np.full(places, _NOBODY, dtype=np.int32)
    at[place] = np.arange(len(place), dtype=np.int32)
    order = at[at >= 0]
    # Places of their own need no sort.
    return order.astype(np.int64) if len(order) == len(place) else np.argsort(place, kind="stable")


def _ordered(parts: Sequence[NDArray[Any]], order: NDArray[np.int64]) -> NDArray[Any]:
    return np.concatenate(parts)[order]


def _ids_of_matches(number: NDArray[np.int64]) -> pl.Series:
    """``M000000001`` for 1."""
    return number_texts(pl.Series(number), "M", _DIGITS)


def _picked(words: Sequence[str], which: NDArray[Any]) -> pl.Series:
    return taken(pl.Series(words, dtype=pl.String), which)


def _told(side: Rows, rows: NDArray[np.int32]) -> pl.Series:
    """Ids of rows; null where a line has nobody of the side."""
    if not len(rows) or rows.min() >= 0:
        return taken(side.ids, rows)
    return pl.select(pl.lit(side.ids).gather(_or_null(rows))).to_series()


def _or_null(rows: NDArray[np.int32]) -> pl.Series:
    places = pl.Series("place", rows)
    return pl.select(pl.when(places >= 0).then(places)).to_series()


def _notes(steps: Sequence[_Lines], order: NDArray[np.int64]) -> pl.Series:
    """The notes in the order of the lines; few lines have one, so that only these are looked at."""
    starts = np.cumsum([0, *(len(step.left) for step in steps[:-1])])
    told = np.concatenate([step.told + start for step, start in zip(steps, starts, strict=True)])
    if not len(told):
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(order))
    line = np.empty(len(order), dtype=np.int64)
    line[order] = np.arange(len(order))
    rows = line[told]
    return spread_out(pl.concat([step.notes for step in steps]), rows, len(order))


def _pairs(result: Result, step: Taken) -> _Lines:
    count = len(step.residual)
    told = np.flatnonzero((step.residual != 0) | step.unsure)
    if step.rule.one_to_one:
        return _Lines(
            name=step.rule.name,
            left=step.left,
            right=step.right,
            cardinality=np.zeros(count, dtype=np.int8),
            residual=step.residual,
            place=step.left.astype(np.int64),
            told=told,
            notes=_told_of(result, step, told, (step.left[told], step.right[told])),
        )
    match, ours, theirs, cardinality = _spread(step, count)
    first = np.searchsorted(match, np.arange(count))
    notes = _told_of(result, step, told, (ours[first[told]], theirs[first[told]]))
    # What is to be said about a match is said on each of its lines.
    lines = np.flatnonzero(np.isin(match, told))
    return _Lines(
        name=step.rule.name,
        left=ours,
        right=theirs,
        cardinality=cardinality,
        residual=step.residual[match],
        place=ours[first][match].astype(np.int64),
        told=lines,
        notes=notes.gather(np.searchsorted(told, match[lines])),
    )


def _spread(step: Taken, count: int) -> tuple[Any, Any, Any, Any]:
    """The lines of sums: by line its match, its left row, its right row and the cardinality."""
    lefts = np.bincount(step.left_match, minlength=count)
    rights = np.bincount(step.right_match, minlength=count)
    lines = np.maximum(lefts, rights)
    match = np.repeat(np.arange(count), lines)
    at = np.arange(len(match)) - np.repeat(np.cumsum(lines) - lines, lines)
    ours = step.left[(np.cumsum(lefts) - lefts)[match] + np.minimum(at, lefts[match] - 1)]
    theirs = step.right[(np.cumsum(rights) - rights)[match] + np.minimum(at, rights[match] - 1)]
    cardinality = np.where(lefts[match] > 1, 2, 0) + np.where(rights[match] > 1, 1, 0)
    return match, ours, theirs, cardinality.astype(np.int8)


def _told_of(result: Result, step: Taken, told: Any, rows: tuple[Any, Any]) -> pl.Series:
    """Notes of the matches ``told``, of which ``rows`` are first rows of both sides."""
    # A converted amount is in the currency of the side that stays as it is.
    moved_right = step.rule.amount.rule == "converted" and step.rule.amount.convert == "right"
    side, at = (result.left, rows[0]) if moved_right else (result.right, rows[1])
    frame = pl.DataFrame(
        {
            "residual": step.residual[told],
            "unsure": step.unsure[told],
            "currency": side.frame["currency"].gather(at).cast(pl.String),
            "refund": result.left.frame["amount"].gather(rows[0]) < 0,
        }
    )
    return frame.select(_note(step, result.left.name, result.right.name).alias("note"))["note"]


def _note(step: Taken, left: str, right: str) -> pl.Expr:
    """What a residual is, and whether another choice was as good."""
    residual = pl.col("residual")
    side = pl.when((residual > 0) != pl.col("refund")).then(pl.lit(left)).otherwise(pl.lit(right))
    rule = step.rule.amount
    amount = pl.concat_str(major_text(residual.abs(), pl.col("currency")), pl.lit(" "), pl.col("currency"))
    told = pl.concat_str(amount, pl.lit(" more on "), side)
    if rule.rule == "within":
        steps = [bound.step_minor for bound in rule.ways() if bound is not None and bound.step_minor is not None]
        if steps:
            count = residual.abs() // steps[0]
            told = pl.concat_str(told, pl.lit(": "), count.cast(pl.String), pl.lit(" of the allowed steps"))
        else:
            told = pl.concat_str(told, pl.lit(", within tolerance"))
    elif rule.rule == "converted":
        told = pl.concat_str(told, pl.lit(" after conversion"))
    elif rule.rule == "any":
        told = pl.concat_str(told, pl.lit("; the pass compares no amounts"))
    parts = [
        pl.when(residual != 0).then(told),
        pl.when(pl.col("unsure")).then(pl.lit("another choice was as good: taken by order")),
    ]
    return pl.concat_str(parts, separator="; ", ignore_nulls=True)


def _netting(result: Result, one: Netted) -> _Lines:
    """Two lines a netting: the original, and the row that takes it back with the link to it."""
    count, mine = len(one.original), one.side.which == "left"
    rows = np.stack([one.original, one.reversal], axis=1).ravel()
    nobody = np.full(2 * count, _NOBODY, dtype=np.int32)
    ids = one.side.ids
    originals, reversals = ids.gather(one.original), ids.gather(one.reversal)
    doubt = np.zeros(count, dtype=np.bool_)
    doubt[one.unsure] = True
    order = (
        pl.when(pl.Series(doubt)).then(pl.lit("; another original was as near: taken by order")).otherwise(pl.lit(""))
    )
    notes = pl.select(
        back=pl.concat_str(pl.lit(f"taken back by {one.side.name} "), pl.lit(reversals), order),
        takes=pl.concat_str(pl.lit(f"takes back {one.side.name} "), pl.lit(originals), order),
    )
    place = one.original.astype(np.int64)
    return _Lines(
        name=one.rule.name,
        left=rows if mine else nobody,
        right=nobody if mine else rows,
        cardinality=np.full(2 * count, _CARDINALITIES.index("net"), dtype=np.int8),
        residual=np.zeros(2 * count, dtype=np.int64),
        place=np.repeat(place if mine else place + result.left.frame.height, 2),
        told=np.concatenate([np.arange(0, 2 * count, 2), np.arange(1, 2 * count, 2)]),
        notes=pl.concat([notes["back"], notes["takes"]]),
    )


def _taken_back(result: Result, one: TakenBack) -> _Lines:
    """One line a reversal: its original stands in an earlier run's matches."""
    count, mine = len(one.reversal), one.side.which == "left"
    nobody = np.full(count, _NOBODY, dtype=np.int32)
    place = one.reversal.astype(np.int64)
    return _Lines(
        name=one.rule.name,
        left=one.reversal if mine else nobody,
        right=nobody if mine else one.reversal,
        cardinality=np.full(count, _CARDINALITIES.index("net"), dtype=np.int8),
        residual=np.zeros(count, dtype=np.int64),
        place=place if mine else place + result.left.frame.height,
        told=np.arange(count),
        notes=taken_back_notes(one),
    )
