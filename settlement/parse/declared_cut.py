"""A file of a declared layout cut into lines and fields, and whether it is whole: what both readers hand on."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from settlement.model.clearing import Why
from settlement.parse.candidates import shown
from settlement.parse.declared_spec import DeclaredSpec, LineKind
from settlement.parse.line_bytes import Container, LineBytes
from settlement.parse.source import ByteCount

UTF8: Final = frozenset({"ascii", "us-ascii", "utf-8", "utf8"})
"""Encodings whose bytes are UTF-8 already."""
_BLOCK: Final = 1 << 20

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
    """A file cut into lines and fields.

    Attributes
    ----------
    records:
        Physical lines.
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
        Lines without a character, from 0.
    """

    records: int
    ended: bool
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

    def count_bytes(self, tables: Mapping[str, pl.DataFrame]) -> ByteCount | None:
        """Where the bytes went, once it is known which record is in which table."""
        match self.bytes:
            case LineBytes():
                return self.bytes.count(tables, self.blank)
            case Container():
                return self.bytes.count(tables)
            case _:
                return None


def decoded(content: memoryview, encoding: str) -> memoryview | Fault:
    """The content as UTF-8 without byte order mark; a fault that names the byte where it is not in its encoding.

    What is UTF-8 already is not copied.
    """
    plain = encoding.lower() in UTF8
    if plain and all(bytes(content[at : at + _BLOCK]).isascii() for at in range(0, len(content), _BLOCK)):
        return content
    try:
        text = str(content, encoding)
    except UnicodeDecodeError as error:
        if error.end >= len(content) and "end of data" in error.reason:
            return Fault(why=Why.TRUNCATED, detail=f"it ends inside a character (byte {error.start + 1})")
        return Fault(why=Why.UNREADABLE, detail=f"byte {error.start + 1} is not {encoding} text")
    if plain:
        marked = bytes(content[: len(codecs.BOM_UTF8)]) == codecs.BOM_UTF8
        return content[len(codecs.BOM_UTF8) :] if marked else content
    return memoryview(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").encode())


def shape_fault(spec: DeclaredSpec, cut: Cut) -> Fault | None:
    """Whether the file ends, and has its header and trailer once, in their places and whole; None if it does."""
    if not cut.ended:
        return Fault(why=Why.TRUNCATED, detail="its last line has no end")
    if not cut.records and not isinstance(cut.bytes, Container):
        return Fault(why=Why.EMPTY, detail="it has no lines")
    return _first_fault(spec, cut) or _last_fault(spec, cut) or _once_fault(spec, cut)


def _first_fault(spec: DeclaredSpec, cut: Cut) -> Fault | None:
    for number, tag in enumerate(spec.first):
        if number >= cut.tags.len():
            return Fault(why=Why.TRUNCATED, detail=f"it ends before its line `{tag}`")
        if cut.tags[number] != tag:
            detail = f"line {cut.numbers[number]} should be `{tag}` and is `{shown(cut.tags[number])}`"
            return Fault(why=Why.UNREADABLE, detail=detail)
    return None


def _last_fault(spec: DeclaredSpec, cut: Cut) -> Fault | None:
    if not spec.last or (cut.tags.len() and cut.tags[-1] in spec.last):
        return None
    ends = "/".join(spec.last)
    before = cut.numbers.filter(cut.tags.is_in([tag for tag in spec.last if spec.kind_of(tag).once]))
    if before.len():
        return Fault(why=Why.UNREADABLE, detail=f"lines follow its last line `{ends}` (line {before[0]})")
    return Fault(why=Why.TRUNCATED, detail=f"it ends without its last line `{ends}`")


def _once_fault(spec: DeclaredSpec, cut: Cut) -> Fault | None:
    for tag in (tag for kind in spec.kinds if kind.once for tag in kind.tags):
        if (cut.tags == tag).sum() > 1:
            return Fault(why=Why.UNREADABLE, detail=f"the line `{tag}` stands in it more than once")
        wrong = cut.strays.filter(pl.col("tag") == tag)
        if wrong.height:
            detail = f"line {wrong['record'][0]} (`{tag}`) has not the fields of its layout"
            return Fault(why=Why.UNREADABLE, detail=detail)
    return None
