"""The files by which one run hands its open rows to the next: ``carry.json``, ``open.parquet``, ``taken.parquet``.

``carry.json`` tells the run's date, digests of both tables, digests of what the rules declared about the sides, and for
how many runs each pass has taken nothing. It is the edge: what comes from a folder is checked before it is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from settlement.errors import TerminalError
from settlement.model.money import is_currency
from settlement.reconcile.language import Rules, Side
from settlement.reconcile.sides import TEXT, texts_used

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
class Earlier:
    """What an earlier run has left: its date, ``OPEN_ROWS``, ``TAKEN_ROWS``, and how long each pass has been idle.

    ``kept`` names what it declared about the sides; ``left.text.NAME`` among them says that a text was kept.
    """

    as_of: date
    kept: frozenset[str]
    open: pl.DataFrame
    taken: pl.DataFrame
    idle: Mapping[str, Idle]


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
    if found.select("side", "id").is_duplicated().any():
        raise _damaged(folder, _OPEN)
    taken = _table(folder, _TAKEN, note.taken_sha256, TAKEN_ROWS)
    return Earlier(as_of=note.as_of, kept=frozenset(note.declared), open=found, taken=taken, idle=note.idle)


def write_folder(
    folder: Path, rules: Rules, as_of: date, *, still: pl.DataFrame, taken: pl.DataFrame, idle: Mapping[str, Idle]
) -> None:
    """Write the three files: the same bytes for the same run."""
    digests = []
    for name, rows in ((_OPEN, still), (_TAKEN, taken)):
        rows.write_parquet(folder / name, compression="lz4")
        digests.append(_sha256((folder / name).read_bytes()))
    note = Note(
        version=_VERSION,
        as_of=as_of,
        declared=declared(rules),
        open_sha256=digests[0],
        taken_sha256=digests[1],
        idle=dict(idle),
    )
    (folder / _NOTE).write_text(note.model_dump_json(indent=2) + "\n", encoding="utf-8")


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


def _table(folder: Path, name: str, digest: str, types: _Types) -> pl.DataFrame:
    """A table as it was written, with the columns that it must have; texts are all the others."""
    try:
        content = (folder / name).read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise _damaged(folder, name) from None
    if _sha256(content) != digest:
        raise _damaged(folder, name)
    try:
        rows = pl.read_parquet(content)
    except pl.exceptions.PolarsError:
        raise _damaged(folder, name) from None
    wanted: Mapping[str, Any] = types | text_columns(
        column.removeprefix(TEXT) for column in rows.columns if column.startswith(TEXT)
    )
    if dict(rows.schema) != wanted or set(rows["side"].unique()) - {"left", "right"}:
        raise _damaged(folder, name)
    for code in sorted(rows["currency"].unique().to_list(), key=str):
        if code is None or not is_currency(code):
            raise TerminalError(
                f"{name} in {folder} has amounts in {code}, which is no ISO 4217 code: run that night again."
            )
    return rows


def _damaged(folder: Path, name: str) -> TerminalError:
    return TerminalError(f"{name} in {folder} is not as its run has left it: run that night again.")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
