"""The rows of accepted files, passed on part by part as they were read.

A part holds what one file told. It is looked at by its keys alone, so that a night's records are never in memory whole,
and one that may pass as it is need not be written once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import polars as pl

from settlement.model.stage import Part
from settlement.model.table import Table

_SMALL: Final = 1 << 16
"""Rows under which a part is put together with its neighbours: thousands of small files make few parts."""
_AT_ONCE: Final = 1 << 20
"""Rows that are looked at in one go."""

Place = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """The rows of accepted files in one part, in the order of the key: its first and last key, and how many."""

    first: Place
    last: Place
    height: int
    part: Part


def passed_on(table: Table, parts: Sequence[Part], accepted: pl.Series) -> tuple[Part, ...]:
    """The rows of a table whose ``file`` is accepted, in parts that ascend by the table's key.

    A large part of accepted files in the right order is given back as it came; small ones are put together.
    """
    pieces = sorted(
        (piece for part in parts if (piece := _piece(table, part, accepted))), key=lambda piece: piece.first
    )
    if any(before.last >= after.first for before, after in pairwise(pieces)):
        rows = pl.concat([piece.part.rows for piece in pieces])
        return (Part(rows=rows.sort(table.key)),)
    return tuple(_together(pieces))


def _piece(table: Table, part: Part, accepted: pl.Series) -> _Piece | None:
    keys = part.rows.select(table.key).collect()
    ours = keys["file"].is_in(accepted.implode())
    if not ours.any():
        return None
    if ours.all() and table.ascends(keys):
        kept = part
    else:
        kept = Part(rows=part.rows.filter(pl.col("file").is_in(accepted.implode())).sort(table.key))
        keys = keys.filter(ours).sort(table.key)
    return _Piece(first=keys.row(0), last=keys.row(-1), height=keys.height, part=kept)


def _together(pieces: Sequence[_Piece]) -> Iterator[Part]:
    small: list[Part] = []
    held = 0
    for piece in pieces:
        if piece.height >= _SMALL:
            yield from _joined(small)
            yield piece.part
            small, held = [], 0
            continue
        small.append(piece.part)
        held += piece.height
        if held >= _SMALL:
            yield from _joined(small)
            small, held = [], 0
    yield from _joined(small)


def _joined(parts: Sequence[Part]) -> Iterator[Part]:
    if len(parts) == 1:
        yield parts[0]
    elif parts:
        yield Part(rows=pl.concat([part.rows for part in parts]))


def blocks(parts: Sequence[Part], *columns: str) -> Iterator[pl.DataFrame]:
    """Some columns of all rows, about a million rows at a time."""
    for part in parts:
        height = part.rows.select(pl.len()).collect().item()
        for start in range(0, height, _AT_ONCE):
            yield part.rows.select(columns).slice(start, _AT_ONCE).collect()


def whole(table: Table, parts: Sequence[Part], *columns: str) -> pl.DataFrame:
    """Some columns of all rows of a table that is never large."""
    return pl.concat([table.empty().select(columns), *blocks(parts, *columns)])
