"""Read one file, CSV, Parquet, Excel or Arrow IPC, as the columns that the rules name; amounts are never floats."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from settlement.errors import TerminalError
from settlement.kernels.text_views import number_texts
from settlement.reconcile.delimited import DELIMITERS, head_record, require_text, require_whole, spans_lines, wrong_row
from settlement.reconcile.language import Source
from settlement.reconcile.rules import nearest_word

_FORMATS: Final = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "excel"),
    **dict.fromkeys((".arrow", ".ipc", ".feather", ".arrows"), "arrow"),
}
_MORE_THAN_KEPT: Final = 10**15
_CARD: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


def shown(value: object) -> str:
    """A value for a sentence, short, and without the middle of anything as long as a card number."""
    text = _CARD.sub(_masked, str(value))
    return f"{text[:40]!r}" if len(text) <= 40 else f"{text[:37]!r}..."  # noqa: PLR2004 (what fits into a sentence)


def _masked(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found[0])
    return f"{digits[:6]}******{digits[-4:]}"


def read_columns(path: Path, side: Source, columns: Sequence[str], also: frozenset[str] = frozenset()) -> pl.DataFrame:
    """The named columns of a file, in the order of its rows; text as text, typed columns as they are.

    Parameters
    ----------
    path : Path
        The file; its kind follows from the side's ``format``, otherwise from its ending.
    side : Source
        What the rules say about how the file is written.
    columns : sequence of str
        Columns to read.
    also : set of str
        Names in small letters of columns to read where the file has them.

    Raises
    ------
    TerminalError
        Where the file is missing, unreadable, empty, or lacks a column; the sentence names the nearest one.
    """
    kind = kind_of(path, side)
    with readable(path, kind):
        rows = _READERS[kind](path, side, columns, also)
    if rows.height == 0:
        raise TerminalError(f"{path.name} holds no rows: it needs at least one.")
    return rows


def kind_of(path: Path, side: Source) -> str:
    """``csv``, ``parquet``, ``excel`` or ``arrow``; TerminalError where nothing tells, or where there is no file."""
    if not path.is_file():
        if path.exists() and not path.is_dir():
            raise TerminalError(f"{path} is a pipe or a device, and a file is read more than once: save it first.")
        raise TerminalError(f"{path} is no file: name an existing one.")
    kind = side.format or _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise TerminalError(
            f"{path.name}: its ending does not tell what it is: write format = "
            '"csv", "parquet", "excel" or "arrow" for its side.'
        )
    return kind


@contextmanager
def readable(path: Path, kind: str) -> Iterator[None]:
    """Turn what a library says about a file into one sentence."""
    try:
        yield
    except TerminalError:
        raise
    except BaseException as error:
        # A reader that gives up in the middle raises what is no Exception, under one name in every library.
        panics = type(error).__name__ == "PanicException"
        if not panics and not isinstance(error, (pl.exceptions.PolarsError, ValueError, OSError)):
            raise
        reason = re.split(r"[\n.]", str(error))[0]
        raise TerminalError(f"{path.name} is not readable as {kind}: {shown_reason(reason)}.") from None


def shown_reason(reason: str) -> str:
    """What a reader says about a file, without values as long as a card number."""
    return _CARD.sub("(digits)", reason.strip())


def _csv(path: Path, side: Source, columns: Sequence[str], also: frozenset[str]) -> pl.DataFrame:
    require_text(path)
    source: Path | io.BytesIO = path
    if not is_utf8(side):
        try:
            source = io.BytesIO(path.read_bytes().decode(encoding_of(path, side)).encode())
        except UnicodeDecodeError as error:
            raise wrong_encoding(path, side, error.start) from None
    delimiter = delimiter_of(path, side)
    names = header_of(io.BytesIO(_head(source)), delimiter)
    found = present_columns(path, names, columns, also)
    require_whole(path, encoding_of(path, side), delimiter, len(names))
    rows = parse_csv(path, side, source, found)
    if spans_lines(source, rows.height):
        require_quoted_well(path, side)
    return rows


def is_utf8(side: Source) -> bool:
    """Whether a text file is written in UTF-8."""
    return side.encoding.lower().replace("_", "-") in {"utf-8", "utf8"}


def encoding_of(path: Path, side: Source) -> str:
    """The declared encoding of a text file; TerminalError for one that does not exist."""
    try:
        name = codecs.lookup(side.encoding).name
        "a".encode(name)  # some codecs are no encodings of texts
    except (LookupError, ValueError):
        raise TerminalError(
            f"{path.name}: {side.encoding!r} is no encoding: write one such as utf-8 or cp1252."
        ) from None
    return name


def wrong_encoding(path: Path, side: Source, at: int) -> TerminalError:
    """What to say where a byte does not fit the declared encoding."""
    return TerminalError(
        f"{path.name} is not written in {side.encoding}: byte {at + 1} does not fit; write its `encoding`."
    )


def delimiter_of(path: Path, side: Source) -> str:
    """What stands between the values of a text file."""
    return "\t" if path.suffix.lower() == ".tsv" and side.delimiter == "," else side.delimiter


def header_of(line: io.BytesIO, delimiter: str) -> list[str]:
    """The names in the first line of a text file."""
    try:
        return pl.read_csv(line, separator=delimiter, infer_schema=False, n_rows=0, has_header=True).columns
    except pl.exceptions.NoDataError:
        return []


def parse_csv(path: Path, side: Source, source: Path | io.BytesIO, columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of a text in UTF-8 with a header, all of them as text."""
    try:
        return pl.read_csv(source, separator=delimiter_of(path, side), infer_schema=False, columns=list(columns))
    except pl.exceptions.ComputeError as error:
        if "utf-8" in str(error).lower() or "utf8" in str(error).lower():
            raise TerminalError(
                f'{path.name} is not written in UTF-8: write its `encoding`, such as encoding = "cp1252".'
            ) from None
        wrong = wrong_row(path, encoding_of(path, side), delimiter_of(path, side))
        if wrong is None:
            raise
        raise TerminalError(wrong) from None


def require_quoted_well(path: Path, side: Source) -> None:
    """TerminalError where a row that spans lines is several rows and a stray quotation mark."""
    wrong = wrong_row(path, encoding_of(path, side), delimiter_of(path, side), sure=False)
    if wrong is not None:
        raise TerminalError(wrong)


def _head(source: Path | io.BytesIO) -> bytes:
    if isinstance(source, io.BytesIO):
        line = head_record(source)
        source.seek(0)
    else:
        with source.open("rb") as stream:
            line = head_record(stream)
    # A header in another encoding is read as far as it goes: its plain letters are enough to find a column.
    return line.decode("utf-8", errors="replace").encode()


def _parquet(path: Path, _: Source, columns: Sequence[str], also: frozenset[str]) -> pl.DataFrame:
    return pl.read_parquet(path, columns=present_columns(path, list(pl.read_parquet_schema(path)), columns, also))


def _arrow(path: Path, _: Source, columns: Sequence[str], also: frozenset[str]) -> pl.DataFrame:
    with path.open("rb") as stream:
        of_file = stream.read(6) == b"ARROW1"
    with pa.memory_map(str(path)) as source:
        names = (pa.ipc.open_file(source) if of_file else pa.ipc.open_stream(source)).schema.names
    found = present_columns(path, names, columns, also)
    rows = pl.read_ipc(path) if of_file else pl.read_ipc_stream(path)
    return rows.select(found)


def _excel(path: Path, side: Source, columns: Sequence[str], also: frozenset[str]) -> pl.DataFrame:
    from settlement.reconcile.workbook import mixed_columns, sheet_rows  # noqa: PLC0415 - only a workbook needs it

    rows, headings = sheet_rows(path, side.sheet)
    for column in columns:
        if headings.count(column) > 1:
            raise two_columns(path, column)
    found = rows.select(present_columns(path, rows.columns, columns, also))
    long = {values.name: _more_than_kept(values).arg_true() for values in found.iter_columns()}
    texts = [name for name, rows in long.items() if len(rows) and found[name].dtype == pl.String]
    written = set(texts) - set(mixed_columns(path, side.sheet, texts) if texts else ())
    for values in found.iter_columns():
        # What a sheet keeps of a longer number ends in digits that nobody wrote.
        lost = long[values.name]
        if len(lost) and values.name not in written:
            raise TerminalError(
                f"{path.name}, row {lost[0] + 1}, column `{values.name}`: a workbook keeps 15 digits of a number, and "
                "this one has more: write the column as text."
            )
    return found


def _more_than_kept(values: pl.Series) -> pl.Series:
    """By row whether it is, or may be, a number of more digits than a sheet keeps of one."""
    if values.dtype == pl.String:
        return values.str.contains(r"^-?[0-9]{16,}(\.0)?$").fill_null(value=False)
    if values.dtype.is_float():
        return (values.abs() >= _MORE_THAN_KEPT).fill_null(value=False)
    return pl.repeat(value=False, n=len(values), dtype=pl.Boolean, eager=True)


def as_text(values: pl.Series) -> pl.Series:
    """A column as texts; a whole number is written alike, whether it is kept as an integer or not."""
    if values.dtype.is_integer():
        return number_texts(values)
    text = values.cast(pl.String)
    return text.str.replace(r"\.0$", "").str.replace(r"^-0$", "0") if values.dtype.is_float() else text


def require_single_values(path: str, rows: pl.DataFrame, columns: Sequence[str]) -> None:
    """TerminalError for a column whose fields are lists, records or bytes, which are no text and no number."""
    for column in columns:
        kind = rows[column].dtype
        if kind.is_nested() or kind in {pl.Binary, pl.Object}:
            what = "bytes" if kind == pl.Binary else "lists or records"
            raise TerminalError(f"{path}: column `{column}` holds {what}: name a column of single values.")


def present_columns(path: Path, present: Sequence[str], columns: Sequence[str], also: frozenset[str]) -> list[str]:
    """The columns to read: each that is asked for is there, once."""
    if not present:
        raise TerminalError(f"{path.name} is empty: it needs the names of its columns and at least one row.")
    if len(present) == 1:
        told = [mark for mark in DELIMITERS if mark in present[0]]
        if told:
            raise TerminalError(
                f"{path.name} has one column, {shown(present[0])}: write what stands between its values, "
                f"delimiter = {json.dumps(told[0])} for its side."
            )
    if any("\r" in name.replace("\r\n", "") for name in present):
        raise TerminalError(f"{path.name} ends its lines with carriage returns alone: save it with line feeds.")
    if any("\0" in name for name in present):
        raise TerminalError(f'{path.name} is not written in UTF-8: write its `encoding`, such as encoding = "utf-16".')
    for column in columns:
        if column not in present and any("\ufffd" in name for name in present):
            raise TerminalError(
                f'{path.name} is not written in UTF-8: write its `encoding`, such as encoding = "cp1252".'
            )
        if column not in present:
            raise TerminalError(f"{path.name} has no column `{column}`: {nearest_word(column, present)}")
        if f"{column}_duplicated_0" in present or list(present).count(column) > 1:
            raise two_columns(path, column)
    return [*columns, *(name for name in present if name.strip().lower() in also and name not in columns)]


def two_columns(path: Path, column: str) -> TerminalError:
    """What to say of a column that stands twice."""
    return TerminalError(f"{path.name} has two columns `{column}`: give each its own name.")


_READERS: Final = {"csv": _csv, "parquet": _parquet, "excel": _excel, "arrow": _arrow}
