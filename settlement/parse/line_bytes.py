"""Where the bytes of a text file went: each line with its end belongs to one record, and every byte is counted.

Sizes are those of the file as it came: a line ended by two characters has them both, and a line in an encoding of
several bytes a character has them all, whatever the text became inside.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from settlement.parse.source import ByteCount

_Index = npt.NDArray[np.int64]
_CHUNK: Final = 1 << 20
_MARKS: Final = {
    "utf-8": {codecs.BOM_UTF8: "<u1"},
    "utf-8-sig": {codecs.BOM_UTF8: "<u1"},
    "utf-16": {codecs.BOM_UTF16_LE: "<u2", codecs.BOM_UTF16_BE: ">u2"},
    "utf-32": {codecs.BOM_UTF32_LE: "<u4", codecs.BOM_UTF32_BE: ">u4"},
}
"""By encoding, the marks with which a file may begin and the units that follow."""
_UNITS: Final = {"utf-16": "<u2", "utf-16-le": "<u2", "utf-16-be": ">u2", "utf-32": "<u4"} | {
    "utf-32-le": "<u4",
    "utf-32-be": ">u4",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBytes:
    """The bytes of a file by line.

    Attributes
    ----------
    sizes:
        Bytes of each physical line with its end. A record that runs over several lines has them all on its first.
    mark:
        Bytes of the byte order mark before the first line.
    """

    sizes: _Index
    mark: int = 0

    def owned(self, owners: _Index) -> LineBytes:
        """The same bytes where line i belongs to the record that starts on line ``owners[i]`` (from 0)."""
        sizes = np.zeros(self.sizes.size, np.int64)
        np.add.at(sizes, owners, self.sizes)
        return LineBytes(sizes=sizes, mark=self.mark)

    def count(self, tables: Mapping[str, pl.DataFrame], blank: _Index, before: int = 0) -> ByteCount:
        """Accepted, rejected, control and padding bytes, from the records of each table and the blank lines.

        Records are numbered in their file, which has ``before`` lines above these. A line that is in none of them is
        in none of the sums, so that the law of bytes finds it.
        """
        parts = {"reject": 0, "control_record": 0, "": 0}
        for name, frame in tables.items():
            rows = frame["record"].to_numpy() - (before + 1)
            parts[name if name in parts else ""] += int(self.sizes[rows].sum())
        return ByteCount(
            accepted=parts[""],
            rejected=parts["reject"],
            control=parts["control_record"] + self.mark,
            padding=int(self.sizes[blank].sum()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The bytes of a file whose rows are packed together, such as a workbook.

    What a packed row takes cannot be told. ``data`` bytes are the packed parts that hold the rows' cells; they are
    shared among the tables by their number of rows, the largest remainder first. All others are the container's.
    """

    size: int
    data: int

    def count(self, tables: Mapping[str, pl.DataFrame]) -> ByteCount:
        """Accepted, rejected and control bytes by the number of rows; without rows all of it is control."""
        rows = [0, 0, 0]
        for name, frame in tables.items():
            rows[{"reject": 1, "control_record": 2}.get(name, 0)] += frame.height
        whole = sum(rows)
        if not whole:
            return ByteCount(control=self.size)
        shares = [divmod(self.data * some, whole) for some in rows]
        left = self.data - sum(share for share, _ in shares)
        order = sorted(range(len(rows)), key=lambda place: (-shares[place][1], place))
        accepted, rejected, control = (share + (place in order[:left]) for place, (share, _) in enumerate(shares))
        return ByteCount(accepted=accepted, rejected=rejected, control=control + self.size - self.data)


def line_bytes(content: memoryview, encoding: str, lines: int, first: int = 0) -> LineBytes | None:
    """The bytes of each of ``lines`` lines, all of which have an end; None where they cannot be told.

    The content begins with byte ``first`` of its file, which alone may begin with a mark.
    """
    name = codecs.lookup(encoding).name.replace("_", "-")
    units, mark = _UNITS.get(name, "<u1"), 0
    for bom, told in () if first else _MARKS.get(name, {}).items():
        if bytes(content[: len(bom)]) == bom:
            units, mark = told, len(bom)
    width = np.dtype(units).itemsize
    end = ord("\n") if width > 1 else "\n".encode(encoding)[-1]
    text = content[mark:]
    ends = _places(np.frombuffer(text, np.dtype(units)), end) if len(text) % width == 0 else _places_of_none()
    if ends.size != lines:
        return None
    return LineBytes(sizes=np.diff((ends + 1) * width, prepend=0), mark=mark)


def _places(units: npt.NDArray[np.unsignedinteger], end: int) -> _Index:
    """Where a unit stands, looked for part by part: a mask of the whole would be as large as the file."""
    found = [np.flatnonzero(units[at : at + _CHUNK] == end) + at for at in range(0, units.size, _CHUNK)]
    return np.concatenate(found) if found else _places_of_none()


def _places_of_none() -> _Index:
    return np.zeros(0, np.int64)
