"""The rows a reader gives back: candidate tables with all their columns, and rejects by rule.

A reader lists its rules once, in the order in which they decide. The first rule that a row breaks is the reason of
its reject; a row that breaks none is good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.model.clearing import RejectReason
from settlement.model.tables import TABLES
from settlement.parse.cards import mask_text

_LONGEST_PREVIEW: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One way a row can be unusable: the reason, the field as people call it, and the rows it is true for."""

    reason: RejectReason
    field: str
    broken: pl.Expr


def first_broken(frame: pl.DataFrame, rules: Sequence[Rule]) -> pl.Series:
    """The index of the first rule that each row breaks, empty where it breaks none; named ``broken``."""
    broken = pl.Series("broken", [None], dtype=pl.Int32).new_from_index(0, frame.height)
    bad = frame.select(pl.any_horizontal(rule.broken for rule in rules).fill_null(value=False)).to_series()
    if not bad.any():
        return broken
    found = [pl.when(rule.broken).then(pl.lit(index, pl.Int32)) for index, rule in enumerate(rules)]
    # Most rows break none: which one is asked of those alone that break some.
    told = frame.filter(bad).select(pl.coalesce(found)).to_series()
    return broken.scatter(bad.arg_true(), told)


def reject_rows(
    file: str, frame: pl.DataFrame, rules: Sequence[Rule], content: Callable[[str, NDArray[np.int64]], list[str]]
) -> pl.DataFrame:
    """The rows of the table ``reject``.

    Parameters
    ----------
    file
        Delivery folder + ``/`` + file name.
    frame
        ``record``, ``broken`` (see ``first_broken``), ``amount_minor`` and ``currency`` of all rows.
    rules
        The rules, as given to ``first_broken``.
    content
        Called with a field and row numbers (from 0) in ``frame``: what the field holds, to be masked here.
    """
    parts = [TABLES["parsed_reject"].empty()]
    if frame["broken"].null_count() == frame.height:
        return parts[0]
    bad = frame.with_row_index("row").filter(pl.col("broken").is_not_null())
    for index in bad["broken"].unique(maintain_order=True):
        rule = rules[index]
        rows = bad.filter(pl.col("broken") == index)
        previews = [shown(text) for text in content(rule.field, rows["row"].cast(pl.Int64).to_numpy())]
        told = rows.with_columns(
            reason=pl.lit(rule.reason.value), field=pl.lit(rule.field), preview=pl.Series(previews, dtype=pl.String)
        )
        parts.append(candidate("reject", file, told))
    return pl.concat(parts).sort("record")


def shown(text: str) -> str:
    """A preview: card numbers masked, control characters replaced, cut where it grows long."""
    masked = mask_text(text)
    return masked if len(masked) <= _LONGEST_PREVIEW else f"{masked[:_LONGEST_PREVIEW]}\N{HORIZONTAL ELLIPSIS}"


def candidate(name: str, file: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as candidate table ``name``: its columns in order, those it lacks empty, others left out."""
    schema = TABLES[f"parsed_{name}"].schema
    filled = frame.with_columns(pl.lit(file).alias("file"))
    return filled.select(
        (pl.col(column) if column in filled.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in schema.items()
    )


def by_record(table: pl.DataFrame) -> pl.DataFrame:
    """The rows sorted by ``record``, as they mostly are already."""
    return table if table["record"].is_sorted() else table.sort("record")
