"""A part of a file of a declared layout cut into lines and fields: what its readers hand on."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from settlement.model.clearing import Why
from settlement.parse.declared_spec import LineKind
from settlement.parse.line_bytes import Container, LineBytes
from settlement.parse.source import ByteCount

UTF8: Final = frozenset({"ascii", "us-ascii", "utf-8", "utf8"})
"""Encodings whose bytes are UTF-8 already."""
_BLOCK: Final = 1 << 20
_NOT_ASCII: Final = 0x80

STRAYS: Final = pl.Schema({"record": pl.Int64, "tag": pl.String, "field": pl.String, "text": pl.String})
"""Lines that fit no kind: number, tag, the field that is wrong (or ``line``) and its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a file cannot be used whole, in one sentence."""

    why: Why
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of one tag: number of the physical line in ``record`` and one text column for each field."""

    kind: LineKind
    tag: str
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A part of a file cut into lines and fields; lines are told by their number in the file.

    Attributes
    ----------
    records:
        Physical lines.
    first, last, before:
        The first byte of the part in the file, the one behind its last, and lines of the file before it.
    more:
        Whether parts follow.
    ended:
        Whether the last line has its end.
    numbers, tags:
        Line number and tag of each line, in file order; without a line of field names.
    lines:
        The well-formed lines by tag.
    strays:
        Lines with an unknown tag or a wrong number of fields.
    unknown:
        Those of the strays that have an unknown tag and the right fields, with their fields: they are in the sums.
    heads:
        The records before the data that tell titles and the names of fields.
    comments:
        The records that the file's people wrote to each other.
    told:
        What the head tells of the file, by the name under which the layout refers to it.
    bytes:
        How the file's bytes lie in its lines; of a container, how they are shared among its rows.
    blank:
        Lines without a character, from 0 in the part.
    """

    records: int
    ended: bool
    first: int = 0
    last: int = 0
    before: int = 0
    more: bool = False
    numbers: pl.Series
    tags: pl.Series
    lines: tuple[Lines, ...]
    strays: pl.DataFrame
    unknown: pl.DataFrame | None = None
    heads: Sequence[int] = ()
    comments: Sequence[int] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    bytes: LineBytes | Container | None = None
    blank: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def after(self) -> int:
        """Lines of the file up to the end of the part."""
        return self.before + self.records

    def count_bytes(self, tables: Mapping[str, pl.DataFrame]) -> ByteCount | None:
        """Where the bytes went, once it is known which record is in which table."""
        match self.bytes:
            case LineBytes():
                return self.bytes.count(tables, self.blank, self.before)
            case Container():
                return self.bytes.count(tables)
            case _:
                return None


def _ascii(content: memoryview) -> bool:
    """Whether every byte is an ASCII character, looked at in blocks that stay in the cache."""
    data = np.frombuffer(content, np.uint8) if content else np.zeros(0, np.uint8)
    return all(data[at : at + _BLOCK].max() < _NOT_ASCII for at in range(0, data.size, _BLOCK))


def decoded(content: memoryview, encoding: str, first: int = 0) -> memoryview | Fault:
    """The content, from byte ``first`` of its file on, as UTF-8 and without the byte order mark of the file.

    A fault names the byte where it is not in its encoding. What is UTF-8 already is not copied.
    """
    plain = encoding.lower() in UTF8
    if plain and _ascii(content):
        return content
    try:
        text = str(content, encoding)
    except UnicodeDecodeError as error:
        at = first + error.start + 1
        if error.end >= len(content) and "end of data" in error.reason:
            return Fault(why=Why.TRUNCATED, detail=f"it ends inside a character (byte {at})")
        return Fault(why=Why.UNREADABLE, detail=f"byte {at} is not {encoding} text")
    if plain:
        marked = not first and bytes(content[: len(codecs.BOM_UTF8)]) == codecs.BOM_UTF8
        return content[len(codecs.BOM_UTF8) :] if marked else content
    return memoryview((text if first else text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")).encode())
