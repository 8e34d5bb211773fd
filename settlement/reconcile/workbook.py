"""One sheet of a workbook that a person names, and what that must be before a library that trusts it opens it.

The library lays a sheet out as one rectangle, takes memory for every cell of it, used or not, and ends the process
where there is none. So the places of all cells are read first, in a stream and by the same rules: an address in large
or small letters, or none and then the place after the last one, in any part that holds a sheet, wherever it lies.

Other kinds of workbooks (.xls, .xlsb, .ods) are tried in a process of their own with bounded memory: they have too many
ways to ask for it.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.parsers import expat

import fastexcel
import polars as pl

from settlement.errors import TerminalError
from settlement.parse.archive import FIRST_BYTES, UnsoundArchiveError, open_sound, part_chunks
from settlement.reconcile.rules import nearest_word

MOST_AREA: Final = 20_000_000
"""Cells of the rectangle that a sheet spans."""
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384

_SHOWN_DIGITS: Final = 15
_WALKED: Final = frozenset({".xlsx", ".xlsm"})
_COMPOUND: Final = b"\xd0\xcf\x11\xe0"
_PLACE: Final = re.compile(r"([A-Za-z]{1,3})([1-9][0-9]{0,6})")
_ROW: Final = re.compile(r"[1-9][0-9]{0,6}")
_SHEET: Final = b"sheetData"
_VALUES: Final = frozenset({"v", "is"})
_DECLARES: Final = re.compile(b"\0*".join(b"<!DOCTYPE"[at : at + 1] for at in range(9)))
_XML: Final = (".xml", ".rels", ".vml")
_OVERLAP: Final = 32
_TRIAL: Final = """
import resource, sys
for limit, most in ((resource.RLIMIT_DATA, 2**31), (resource.RLIMIT_CPU, 60), (resource.RLIMIT_CORE, 0)):
    resource.setrlimit(limit, (most, most))
import fastexcel
book = fastexcel.read_excel(sys.argv[1])
book.load_sheet(sys.argv[2] if sys.argv[2] in book.sheet_names else 0, schema_sample_rows=None)
"""


class _RefusedError(Exception):
    """Why a workbook is not read."""


def sheet_rows(path: Path, sheet: str | None = None) -> tuple[pl.DataFrame, list[str]]:
    """The rows of a sheet, the first one unless told, and the headings as they are written.

    A number is what the sheet shows of it, which is 15 digits: 51168.78 and not 51168.780000000006.

    Raises
    ------
    TerminalError
        Where the workbook must not be opened, or has no such sheet.
    ValueError
        With what the library says, where it cannot read the workbook.
    """
    require_harmless(path, sheet)
    # It tells of columns without a value as if something was wrong.
    logging.getLogger("fastexcel").addHandler(logging.NullHandler())
    try:
        book = fastexcel.read_excel(path)
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            raise TerminalError(f"{path.name} has no sheet {sheet!r}: {nearest_word(sheet, names)}")
        rows = pl.DataFrame(book.load_sheet(sheet or 0, schema_sample_rows=None).to_polars())
        headings = list(rows.columns)
        if any(f"{name}_1" in headings for name in headings):
            # Of two equal headings the library renames the second one.
            first = pl.DataFrame(book.load_sheet(sheet or 0, header_row=None, n_rows=1, dtypes="string").to_polars())
            headings = [str(name) for name in first.row(0)]
    except fastexcel.FastExcelError as error:
        # Its first line is the cause, and then come the steps that led there.
        raise ValueError(str(error).partition("\n")[0]) from None
    return rows.with_columns(_as_shown(column) for column in rows.iter_columns() if column.dtype.is_float()), headings


def mixed_columns(path: Path, sheet: str | None, columns: Sequence[str]) -> list[str]:
    """Those of the columns that hold numbers beside texts: the library makes texts of all that stands in them."""
    book = fastexcel.read_excel(path)
    found = []
    for column in columns:
        try:
            book.load_sheet(sheet or 0, schema_sample_rows=None, use_columns=[column], dtype_coercion="strict")
        except fastexcel.UnsupportedColumnTypeCombinationError:
            found.append(column)
    return found


def _as_shown(numbers: pl.Series) -> pl.Series:
    digits = numbers.cast(pl.String).str.replace(r"e.*$", "").str.replace_all(r"[-.]", "").str.strip_chars_start("0")
    noisy = (digits.str.len_bytes() > _SHOWN_DIGITS).arg_true()
    return numbers.scatter(noisy, [float(f"{numbers[at]:.{_SHOWN_DIGITS}g}") for at in noisy])


def require_harmless(path: Path, sheet: str | None = None) -> None:
    """TerminalError with one sentence where a workbook may not be given to a library that trusts it."""
    try:
        if path.suffix.lower() in _WALKED:
            _require_modest(path)
        else:
            _require_tried(path, sheet)
    except (_RefusedError, UnsoundArchiveError) as why:
        raise TerminalError(f"{path.name} is not read: {why}; save the rows that are needed as CSV.") from None


def _require_modest(path: Path) -> None:
    with path.open("rb") as content:
        if content.read(len(_COMPOUND)) == _COMPOUND:
            raise _RefusedError("it is locked by a password, or of an older kind than its name says")
        found = 0
        try:
            with open_sound(content, path.stat().st_size) as archive:
                for part in archive.infolist():
                    if _holds_sheet(archive, part):
                        found += 1
                        _Span(name=part.filename).require_modest(archive, part)
        except zipfile.BadZipFile as error:
            known = str(error) if "ends before" in str(error) else "it is no workbook (.xlsx)"
            raise _RefusedError(known) from None
        except (zlib.error, EOFError, ValueError, NotImplementedError) as error:
            raise _RefusedError(f"it cannot be read ({str(error)[:80]})") from None
    if not found:
        raise _RefusedError("it holds no sheet")


def _holds_sheet(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether the bytes of a part may hold a sheet; proves its size, and that an XML part declares no entities."""
    found, before = False, b""
    for chunk in part_chunks(archive, part):
        seen = before + chunk
        found = found or _SHEET in seen
        if part.filename.lower().endswith(_XML) and _DECLARES.search(seen):
            raise _RefusedError("it declares a document type or entities, which no workbook needs")
        before = seen[-_OVERLAP:]
    return found


@dataclass(slots=True, kw_only=True)
class _Span:
    """How far the cells of one part reach, by row and column, counted as the library counts them."""

    name: str
    row: int = 1
    column: int = 0
    at: tuple[int, int] = (0, 0)
    last: tuple[int, int] = (0, 0)

    def require_modest(self, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
        """Read the part; raise where its cells span more than a sheet may."""
        # The library reads bytes as they stand, whatever encoding is declared.
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._declares
        try:
            for chunk in part_chunks(archive, part):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise _RefusedError(f"its part {self.name[:60]!r} cannot be read ({error})") from None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "row":
            told = attributes.get("r")
            self.row = self.row if told is None else self._row(told)
        elif name == "c":
            told = attributes.get("r")
            self.at = (self.row, self.column + 1) if told is None else self._place(told)
            self.column = self.at[1]
            if self.at[0] > MOST_ROWS or self.column > MOST_COLUMNS:
                raise self._nowhere("row {} column {}".format(*self.at))
        elif name in _VALUES:
            self._fill()

    def _end(self, tag: str) -> None:
        # The library goes on where a row ends, not where the next one begins: rows within rows count, too.
        if tag.rpartition(":")[2] == "row":
            self.row, self.column = self.row + 1, 0

    def _fill(self) -> None:
        """Count the cell at hand: one that holds nothing, for it is only coloured, takes no room."""
        last_row, last_column = max(self.at[0], self.last[0]), max(self.at[1], self.last[1])
        if last_row * last_column > MOST_AREA:
            raise _RefusedError(f"a sheet spans {last_row} rows and {last_column} columns, more cells than {MOST_AREA}")
        self.last = (last_row, last_column)

    def _row(self, told: str) -> int:
        if _ROW.fullmatch(told) is None:
            raise self._nowhere(told)
        return int(told)

    def _place(self, told: str) -> tuple[int, int]:
        found = _PLACE.fullmatch(told)
        if found is None:
            raise self._nowhere(told)
        column = 0
        for letter in found[1].upper():
            column = column * 26 + ord(letter) - ord("A") + 1
        return int(found[2]), column

    def _nowhere(self, told: str) -> _RefusedError:
        return _RefusedError(f"a cell in its part {self.name[:60]!r} ({told[:20]}) has no place in a sheet")

    def _declares(self, *_: object) -> None:
        raise _RefusedError("it declares a document type or entities, which no workbook needs")


def _require_tried(path: Path, sheet: str | None) -> None:
    with path.open("rb") as content:
        if content.read(len(FIRST_BYTES)) == FIRST_BYTES:
            try:
                with open_sound(content, path.stat().st_size) as archive:
                    for part in archive.infolist():
                        for _ in part_chunks(archive, part):
                            pass
            except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
                raise _RefusedError(f"it cannot be read ({str(error)[:80]})") from None
    # The words of the command are its own; the path is one of them, whatever it holds.
    command = (sys.executable, "-I", "-c", _TRIAL, str(path), sheet or "")
    ended = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    if ended.returncode:
        raise _RefusedError("it is no workbook, or needs more memory than 2 GiB")
