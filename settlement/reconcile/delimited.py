"""What a delimited text may be that a reader of such texts would take wrongly, or tell of in its own words only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, Final

from settlement.errors import TerminalError

DELIMITERS: Final = (";", ",", "\t", "|")

_OTHERS: Final = {
    b"\x1f\x8b": "compressed",
    b"BZh": "compressed",
    b"\xfd7zXZ": "compressed",
    b"\x28\xb5\x2f\xfd": "compressed",
    b"PK\x03\x04": "a zip archive or a workbook",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"%PDF": "a PDF document",
}
_MOST_OF_A_HEAD: Final = 2**20
_TAIL: Final = 2**16
_PIECE: Final = 8 * 2**20
_LONGEST: Final = 2**31 - 1


def require_text(path: Path) -> None:
    """TerminalError where the first bytes of a file tell that it is no text."""
    with path.open("rb") as content:
        first = content.read(max(map(len, _OTHERS)))
    for mark, what in _OTHERS.items():
        if first.startswith(mark):
            raise TerminalError(f"{path.name} is {what} and no text: unpack or export it, or write its `format`.")


def head_record(content: BinaryIO) -> bytes:
    """The first record of a text, which is more than one line where a heading in quotes is."""
    head = first = content.readline(_MOST_OF_A_HEAD)
    while head.count(b'"') % 2:
        line = content.readline(_MOST_OF_A_HEAD)
        if not line or len(head) > _MOST_OF_A_HEAD:
            return first
        head += line
    return head


def require_whole(path: Path, encoding: str, delimiter: str, columns: int) -> None:
    """TerminalError where the last line has neither all columns nor an end: half an amount looks like an amount."""
    with path.open("rb") as content:
        size = content.seek(0, 2)
        content.seek(max(size - _TAIL, 0) // 4 * 4)
        tail = content.read().decode(encoding, errors="replace")
    last = tail.rpartition("\n")[2]
    if not last or '"' in last or len(last) == len(tail):
        return
    values = last.count(delimiter) + 1
    if values < columns:
        raise TerminalError(
            f"{path.name} seems to be cut off: its last line has {values} of {columns} columns and no line end; get "
            "the whole file, or end the line."
        )


def spans_lines(source: Path | io.BytesIO, rows: int) -> bool:
    """Whether a text with quotation marks has fewer rows than lines below its heading."""
    if not any(b'"' in piece for piece in _pieces(source)):
        return False
    lines, ended = 0, True
    for piece in _pieces(source):
        lines, ended = lines + piece.count(b"\n"), piece.endswith(b"\n")
    return rows < lines + (not ended) - 1


def _pieces(source: Path | io.BytesIO) -> Iterator[bytes]:
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as content:
        content.seek(0)
        while piece := content.read(_PIECE):
            yield piece


def wrong_row(path: Path, encoding: str, delimiter: str, *, sure: bool = True) -> str | None:
    """What is wrong with the first row that cannot be read, by a slow reader that counts rows.

    None where it finds nothing, unless it is ``sure`` that something is wrong.
    """
    number, limit = 0, csv.field_size_limit(_LONGEST)
    try:
        with path.open(encoding=encoding, errors="replace", newline="") as content:
            rows = csv.reader(content, delimiter=delimiter, strict=True)
            columns = len(next(rows))
            for number, row in enumerate(rows, start=1):
                if len(row) > columns:
                    return (
                        f"{path.name}, row {number}, has {len(row)} values for {columns} columns: put a value that "
                        f"holds {delimiter!r} in quotes, or write the `delimiter`."
                    )
                if any('"' in value for value in row) and len(row) < columns:
                    return f"{path.name}, row {number}: {_QUOTES}"
    except csv.Error:
        return f"{path.name}, row {number + 1}: {_QUOTES}"
    except (StopIteration, LookupError, ValueError):
        return None
    finally:
        csv.field_size_limit(limit)
    return f"{path.name}: {_QUOTES}" if sure else None


_QUOTES: Final = (
    "a quotation mark is not closed, or stands inside a value: put the value in quotes and write the mark in it twice."
)
