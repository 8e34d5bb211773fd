"""A file of lines taken stretch by stretch: what is held of it at once does not grow with the file.

A stretch ends where a line does, so that it reads as it would in the whole file. That is told by bytes, in encodings
in which the byte of a line's end stands in no other character; a file in any other is one stretch.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol, TypeVar

from settlement.model.layout import Layout
from settlement.parse.declared_cut import Fault

_LOOK: Final = 1 << 16
_BYTES: Final = 256
_BY_STATE: Final = ("utf", "iso2022", "hz", "idna", "punycode", "unicode", "raw")
"""Beginnings of encodings in which a byte rests on those before it, or on where the file begins."""
_SEVERAL_BYTES: Final = frozenset(
    {
        *("utf-8", "gb2312", "gbk", "gb18030", "big5", "big5hkscs", "cp932", "cp949", "cp950"),
        *("shift_jis", "shift_jisx0213", "shift_jis_2004", "euc_jp", "euc_jisx0213", "euc_jis_2004", "euc_kr", "johab"),
    }
)
"""Encodings of several bytes a character, none of which but the first of a single one is a line's end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Bytes of a file that begin where a record does.

    Attributes
    ----------
    content:
        The bytes; they end where a line does, or with the file.
    first, before:
        The first of them, from 0, and how many lines of the file are before it.
    more:
        Whether bytes of the file follow.
    """

    content: memoryview
    first: int
    before: int
    more: bool


class Taken(Protocol):
    """What was made of a stretch: where the records that it holds end in the file, by byte and by line."""

    @property
    def last(self) -> int:
        """The byte behind them."""

    @property
    def after(self) -> int:
        """Lines of the file up to there."""


TakenT = TypeVar("TakenT", bound=Taken)


@cache
def ends_by_byte(encoding: str) -> bool:
    """Whether the ends of lines in an encoding are told by one byte, wherever one begins to read."""
    name = codecs.lookup(encoding).name
    if name in _SEVERAL_BYTES or name.startswith(_BY_STATE):
        return name in _SEVERAL_BYTES
    alone = [bytes([byte]).decode(encoding, "replace") for byte in range(_BYTES)]
    return "".join(alone) == bytes(range(_BYTES)).decode(encoding, "replace") and alone.count("\n") == 1


def in_parts(layout: Layout) -> bool:
    """Whether files of a layout of lines are read in stretches; the encoding of one decides."""
    return ends_by_byte(str(layout.spec.get("encoding", "utf-8"))) or layout.format == "fixed_width"


def in_stretches(
    content: memoryview, part_bytes: int, take: Callable[[Stretch], TakenT | Fault | None], end: int, step: int = 0
) -> Iterator[TakenT | Fault]:
    """What is made of the stretches of a file one after the other, at least of one; a fault is the last.

    Parameters
    ----------
    content
        The file.
    part_bytes
        Bytes of a stretch, more or less.
    take
        Makes something of a stretch, or of the records that end in it; None where it must be longer to hold one.
    end
        The byte that ends a line; -1 where all lines have ``step`` bytes.
    """
    first, before, size = 0, 0, part_bytes
    while True:
        last = first + max(size // step, 1) * step if end < 0 else _behind_a_line(content, first, first + size, end)
        last = min(last, len(content))
        taken = take(Stretch(content=content[first:last], first=first, before=before, more=last < len(content)))
        if taken is None:
            size = 2 * max(size, last - first)
            continue
        yield taken
        if isinstance(taken, Fault) or taken.last == len(content):
            return
        first, before, size = taken.last, taken.after, part_bytes


def _behind_a_line(content: memoryview, first: int, last: int, end: int) -> int:
    """The byte behind the last line that ends in a stretch; where none does, behind the next that ends."""
    if last >= len(content):
        return len(content)
    mark = bytes([end])
    for at in range(last, first, -_LOOK):
        found = bytes(content[max(first, at - _LOOK) : at]).rfind(mark)
        if found >= 0:
            return max(first, at - _LOOK) + found + 1
    for at in range(last, len(content), _LOOK):
        found = bytes(content[at : at + _LOOK]).find(mark)
        if found >= 0:
            return at + found + 1
    return len(content)
