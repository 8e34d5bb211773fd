"""The files by which one run hands its open rows to the next: ``carry.json``, ``open.parquet``, ``taken.parquet``.

``carry.json`` tells the run's date, digests of both tables, digests of what the rules declared about the sides, and for
how many runs each pass has taken nothing. It is the edge: what comes from a folder is checked before it is used.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from settlement.errors import TerminalError
from settlement.model.money import is_currency
from settlement.reconcile.language import Rules, Side
from settlement.reconcile.sides import TEXT, texts_used
from settlement.reconcile.spill import key_hashes

_Types = dict[str, type[pl.DataType]]

OPEN_ROWS: Final[_Types] = {
    "side": pl.String,
    "id": pl.String,
    "opened_on": pl.Date,
    "runs": pl.Int32,
    "age_days": pl.Int32,
    "reason": pl.String,
    "amount": pl.Int64,
    "currency": pl.String,
    "date": pl.Date,
}
"""Open rows, by side in their order; texts follow, as the passes compare them, under ``text:NAME``."""

TAKEN_ROWS: Final[_Types] = {
    "side": pl.String,
    "id": pl.String,
    "match_id": pl.String,
    "matched_on": pl.Date,
    "others": pl.String,
    "amount": pl.Int64,
    "currency": pl.String,
    "date": pl.Date,
}
"""Matched rows that a later reversal may take back, by side in their order; the texts of the nettings follow."""

_NOTE: Final = "carry.json"
_OPEN: Final = "open.parquet"
_TAKEN: Final = "taken.parquet"
CARRY_FILES: Final = (_NOTE, _OPEN, _TAKEN)
_VERSION: Final = 1
_ROWS: Final = 2**16
"""Rows that are read and written at once."""

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Idle(BaseModel):
    """For how many runs a pass or a netting, known by a digest of its words, has taken nothing."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    words: _Digest
    runs: Annotated[int, Field(ge=0)]


class Note(BaseModel):
    """``carry.json``."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    version: int
    as_of: Annotated[date, Field(strict=False)]
    declared: dict[str, _Digest]
    open_sha256: _Digest
    taken_sha256: _Digest
    idle: dict[str, Idle]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows that an earlier run has left, read as they are asked for: how many on each side, and their currencies."""

    path: Path
    rows: Mapping[str, int]
    codes: frozenset[str]

    def of(self, which: str) -> Iterator[pl.DataFrame]:
        """The rows of a side in their order, some at a time."""
        for rows in _batches(self.path):
            mine = rows.filter(pl.col("side") == which)
            if mine.height:
                yield mine


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What an earlier run has left: its date, ``OPEN_ROWS``, ``TAKEN_ROWS``, and how long each pass has been idle.

    ``kept`` names what it declared about the sides; ``left.text.NAME`` among them says that a text was kept. ``ids``
    are hashes of the sides and ids of the open rows, ascending.
    """

    as_of: date
    kept: frozenset[str]
    open: Table
    taken: Table
    ids: NDArray[np.uint64]
    idle: Mapping[str, Idle]

    def opened(self, which: str, ids: pl.Series) -> dict[str, Any] | None:
        """The first open row that has the id of one of tonight's rows."""
        hashes = _id_hashes(pl.Series([which]).new_from_index(0, len(ids)), ids)
        places = np.searchsorted(self.ids, hashes)
        met = self.ids[np.minimum(places, len(self.ids) - 1)] == hashes if len(self.ids) else places < 0
        if not met.any():
            return None
        some = ids.filter(pl.Series(met)).implode()
        again = (rows.filter(pl.col("id").is_in(some)) for rows in self.open.of(which))
        return next((rows.row(0, named=True) for rows in again if rows.height), None)


def read_folder(folder: Path, rules: Rules, as_of: date) -> Earlier:
    """What an earlier run has left in its output folder.

    Parameters
    ----------
    folder : Path
        Output folder of the earlier run.
    rules : Rules
        Tonight's rules. Their passes may be others; what they declare about the sides may not.
    as_of : date
        Tonight's date, after the earlier run's.

    Raises
    ------
    TerminalError
        With one sentence, where the folder is missing, foreign, damaged, of a later run, or of other sides.
    """
    note = _note(folder)
    if note.as_of >= as_of:
        raise TerminalError(
            f"{folder} was left by the run of {note.as_of}, which is not before {as_of}: carry an earlier run, or "
            "write a later --as-of."
        )
    tonight = declared(rules)
    # A text that only a new pass looks at was not kept: carried rows have none.
    changed = sorted(part for part in tonight if note.declared.get(part, _absent(part, tonight)) != tonight[part])
    if changed:
        raise TerminalError(
            f"{folder} was left by other rules: `[{changed[0]}]` reads another thing there; carry with the rules of "
            "that run, or start anew without --carry."
        )
    found = _table(folder, _OPEN, note.open_sha256, OPEN_ROWS)
    return Earlier(
        as_of=note.as_of,
        kept=frozenset(note.declared),
        open=found,
        taken=_table(folder, _TAKEN, note.taken_sha256, TAKEN_ROWS),
        ids=_unique_ids(found),
        idle=note.idle,
    )


def write_folder(
    folder: Path,
    rules: Rules,
    as_of: date,
    *,
    still: Iterable[pl.DataFrame],
    taken: Iterable[pl.DataFrame],
    idle: Mapping[str, Idle],
) -> None:
    """Write the three files: the same bytes for the same rows, in however many frames they come."""
    ours, theirs = (texts_used(rules, which) for which in ("left", "right"))
    _write(folder / _OPEN, OPEN_ROWS | text_columns([*ours, *theirs]), still)
    texts = [name for side in (rules.left, rules.right) for net in side.net for name in (*net.keys, *net.originals)]
    _write(folder / _TAKEN, TAKEN_ROWS | text_columns(texts), taken)
    note = Note(
        version=_VERSION,
        as_of=as_of,
        declared=declared(rules),
        open_sha256=_sha256_of(folder / _OPEN),
        taken_sha256=_sha256_of(folder / _TAKEN),
        idle=dict(idle),
    )
    (folder / _NOTE).write_text(note.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _write(path: Path, types: _Types, frames: Iterable[pl.DataFrame]) -> None:
    """Write a table in groups of one size; texts that one side has not are empty there."""
    waiting = pl.DataFrame(schema=types)
    with pq.ParquetWriter(path, waiting.to_arrow().schema, compression="lz4") as table:
        for rows in frames:
            waiting = pl.concat([waiting, pl.concat([waiting.clear(), _known(rows, types)], how="diagonal")])
            while waiting.height >= _ROWS:
                # In one piece, for pages end where pieces do.
                table.write_table(waiting.head(_ROWS).rechunk().to_arrow())
                waiting = waiting.slice(_ROWS)
        table.write_table(waiting.rechunk().to_arrow())


def _known(rows: pl.DataFrame, types: _Types) -> pl.DataFrame:
    return rows.select(name for name in types if name in rows.columns)


def declared(rules: Rules) -> dict[str, str]:
    """By part of the document a digest of what it says about a side; how a file is written does not matter.

    Contents of alias tables are not told: they grow from night to night.
    """
    found: dict[str, str] = {}
    for which, side in (("left", rules.left), ("right", rules.right)):
        amount = side.amount
        found |= {
            which: words_digest([side.name, side.id is not None]),
            f"{which}.amount": words_digest([amount.column, amount.add_back, amount.take_off, amount.negate]),
            f"{which}.date": words_digest(side.date.column if side.date else None),
        }
        found |= {f"{which}.text.{name}": words_digest(_text(side, name)) for name in texts_used(rules, which)}
    return found


def words_digest(words: Any) -> str:
    """A digest of what can be written as JSON."""
    return _sha256(json.dumps(words, sort_keys=True, default=str).encode())


def text_columns(names: Iterable[str]) -> _Types:
    """The columns of texts."""
    return {TEXT + name: pl.String for name in names}


def _text(side: Side, name: str) -> list[Any]:
    told = side.text.get(name)
    return [(told.columns if told else None) or (name,), told.normalise if told else ()]


def _absent(part: str, tonight: Mapping[str, str]) -> str:
    return tonight[part] if ".text." in part else ""


def _note(folder: Path) -> Note:
    if not folder.is_dir():
        raise TerminalError(f"{folder} is no folder: name the outputs of an earlier run.")
    try:
        content = (folder / _NOTE).read_text(encoding="utf-8")
    except IsADirectoryError:
        raise _damaged(folder, _NOTE) from None
    except FileNotFoundError:
        raise TerminalError(
            f"{folder} has no {_NOTE}: name the outputs of a run whose rules have `[carry]`, or leave --carry out in "
            "the first run."
        ) from None
    except UnicodeDecodeError:
        raise _damaged(folder, _NOTE) from None
    try:
        told = json.loads(content)
        if isinstance(told, dict) and told.get("version", _VERSION) != _VERSION:
            raise TerminalError(
                f"{folder} was left by another version of settlement: start anew without --carry, or run that version."
            )
        return Note.model_validate(told)
    except (ValueError, RecursionError):
        raise _damaged(folder, _NOTE) from None


def _table(folder: Path, name: str, digest: str, types: _Types) -> Table:
    """A table as it was written, with the columns that it must have; texts are all the others."""
    path = folder / name
    if not path.is_file() or _sha256_of(path) != digest:
        raise _damaged(folder, name)
    try:
        schema = dict(pl.read_parquet_schema(path))
    except pl.exceptions.PolarsError:
        raise _damaged(folder, name) from None
    texts = text_columns(column.removeprefix(TEXT) for column in schema if column.startswith(TEXT))
    if schema != types | texts:
        raise _damaged(folder, name)
    counts, codes = Counter[str](), set[str]()
    for rows in _batches(path, ["side", "currency"]):
        counts.update(dict(rows["side"].value_counts().iter_rows()))
        codes.update(rows["currency"].unique().to_list())
    if set(counts) - {"left", "right"}:
        raise _damaged(folder, name)
    for code in sorted(codes, key=str):
        if code is None or not is_currency(code):
            raise TerminalError(
                f"{name} in {folder} has amounts in {code}, which is no ISO 4217 code: run that night again."
            )
    return Table(path=path, rows=counts, codes=frozenset(codes))


def _batches(path: Path, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
    try:
        table = pl.scan_parquet(path) if columns is None else pl.scan_parquet(path).select(columns)
        for first in range(0, table.select(pl.len()).collect().item(), _ROWS):
            yield table.slice(first, _ROWS).collect()
    except (pl.exceptions.PolarsError, OSError):
        raise _damaged(path.parent, path.name) from None


def _unique_ids(table: Table) -> NDArray[np.uint64]:
    """Hashes of the sides and ids of all rows, ascending; TerminalError where an id stands twice on a side."""
    parts = [_id_hashes(rows["side"], rows["id"]) for rows in _batches(table.path, ["side", "id"])]
    hashes = np.sort(np.concatenate([np.zeros(0, dtype=np.uint64), *parts]))
    again = hashes[1:][hashes[1:] == hashes[:-1]]
    if len(again):
        # Hashes may agree where ids do not.
        alike = [
            rows.filter(pl.Series(np.isin(_id_hashes(rows["side"], rows["id"]), again)))
            for rows in _batches(table.path)
        ]
        if pl.concat(alike).select("side", "id").is_duplicated().any():
            raise _damaged(table.path.parent, table.path.name)
    return hashes


def _id_hashes(sides: pl.Series, ids: pl.Series) -> NDArray[np.uint64]:
    return key_hashes([sides, ids])


def _damaged(folder: Path, name: str) -> TerminalError:
    return TerminalError(f"{name} in {folder} is not as its run has left it: run that night again.")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
