"""Mastercard IPM: from the bytes of a file to its messages, part by part.

A stream of messages, each behind a 4-byte length, ends in a zero length. It may lie in blocks of 1,014 bytes of
which the last two are padding; blocks cut messages anywhere. A stream is taken whole or not at all: it is framed once
to the end, which keeps no more than where its parts begin, before the first part is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from settlement.kernels.parse import frames
from settlement.parse.mastercard_layout import IpmSpec
from settlement.parse.source import forget

LENGTH_BYTES: Final = 4
_BLANKS: Final[tuple[int, ...]] = (0x40, 0x00)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Some messages of a file that follow one another: ``before`` others, from byte ``offset`` of the stream on."""

    data: NDArray[np.uint8]
    base: NDArray[np.int64]
    size: NDArray[np.int32]
    offset: int
    before: int

    def rows(self, at: NDArray[np.int64]) -> Stream:
        """Some of the messages."""
        return Stream(data=self.data, base=self.base[at], size=self.size[at], offset=self.offset, before=self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """The stream of a file.

    Attributes
    ----------
    count:
        Its whole messages.
    whole, surplus:
        Whether it has its end mark, and whether data follow that.
    first:
        The messages of its first part.
    cuts:
        Of each other part its first byte and the one behind its last, in the stream, and how many messages are before.
    """

    bytes: _Bytes
    count: int
    whole: bool
    surplus: bool
    first: Stream
    cuts: tuple[tuple[int, int, int], ...]

    def parts(self) -> Iterator[Stream]:
        """The messages, part after part. What lies before a part is not looked at again and leaves the memory."""
        yield self.first
        for first, last, before in self.cuts:
            self.bytes.forget(first)
            yield _stream(self.bytes, first, last, before)[0]

    def read_up_to(self, stream: Stream) -> int:
        """Bytes of the file that are behind one who has read this part."""
        last = int(stream.base[-1] + stream.size[-1]) if len(stream.base) else 0
        return self.bytes.place(stream.offset + last)

    def places(self, stream: Stream, records: Iterable[int]) -> dict[int, tuple[int, int]]:
        """First byte, from 0, and bytes of some messages of a part in their file, with its blocks."""
        found = {}
        for record in (number for number in records if number <= stream.before + len(stream.base)):
            row = record - stream.before - 1
            first = stream.offset + int(stream.base[row])
            last = first + int(stream.size[row]) - 1
            begin, end = self.bytes.place(first), self.bytes.place(last)
            found[record] = (begin, end - begin + 1)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bytes:
    """The bytes of a stream: those of the file, or of its blocks without their padding."""

    content: memoryview
    block: int
    data: int

    @property
    def size(self) -> int:
        """How many there are, those of a last block that was cut included."""
        return len(self.content) - len(self.content) // self.block * (self.block - self.data)

    @property
    def whole_blocks(self) -> bool:
        """Whether no block is cut."""
        return len(self.content) % self.block == 0

    def place(self, at: int) -> int:
        """Where a byte of the stream lies in the file."""
        return at + at // self.data * (self.block - self.data)

    def at(self, place: int) -> int:
        """Which byte of the stream lies at a place of the file."""
        return place - place // self.block * (self.block - self.data)

    def read(self, first: int, last: int) -> NDArray[np.uint8]:
        """The bytes from one to before another; bytes of the file are not copied where there are no blocks."""
        content = np.frombuffer(self.content, dtype=np.uint8)
        if self.block == self.data:
            return content[first:last]
        whole = len(content) // self.block
        # A last block that was cut may hold a byte more than the data of a whole one.
        begin, end = min(first // self.data, whole), min(-(-last // self.data), whole)
        data = content[begin * self.block : end * self.block].reshape(end - begin, self.block)[:, : self.data].ravel()
        if last > whole * self.data:
            data = np.concatenate([data, content[whole * self.block :]])
        return data[first - begin * self.data : last - begin * self.data]

    def padded(self, part_bytes: int) -> bool:
        """Whether there are whole blocks and the padding of all of them is blank, in one way."""
        whole, some = len(self.content) // self.block, max(part_bytes // self.block, 1)
        blanks = _BLANKS if whole else ()
        for begin in range(0, whole, some):
            end = min(begin + some, whole)
            content = np.frombuffer(self.content[begin * self.block : end * self.block], dtype=np.uint8)
            padding = content.reshape(end - begin, self.block)[:, self.data :]
            blanks = tuple(blank for blank in blanks if (padding == blank).all())
            self.forget(begin * self.data)
        return bool(blanks)

    def forget(self, first: int) -> None:
        """Bytes of the stream before this one are not looked at soon."""
        forget(self.content, self.place(first))


def read_stream(content: memoryview, spec: IpmSpec, part_bytes: int) -> Framed:
    """Find the messages, with or without blocks, in parts of about so many bytes.

    Where neither way reads whole, the likelier one, not whole.
    """
    blocked = _Bytes(content=content, block=spec.block_bytes, data=spec.data_bytes)
    likely = _framed(blocked, part_bytes) if blocked.padded(part_bytes) else None
    if likely is not None and likely.whole:
        return likely
    plain = _framed(_Bytes(content=content, block=1, data=1), part_bytes)
    return likely if likely is not None and not plain.whole else plain


def message_at(content: memoryview, spec: IpmSpec, offset: int, length: int) -> bytes:
    """A message without its blocks' padding, by its first byte and its bytes in the file as ``Framed.places`` tells.

    The length before it says whether the file has blocks. Raises LookupError where no message of the length is there.
    """
    for block, data in ((1, 1), (spec.block_bytes, spec.data_bytes)):
        found = _Bytes(content=content, block=block, data=data)
        first, behind = found.at(offset), found.at(offset + length - 1) + 1
        told = found.read(first - LENGTH_BYTES, first).tobytes()
        if int.from_bytes(told, "big") == behind - first:
            return found.read(first, behind).tobytes()
    raise LookupError(offset)


def _framed(found: _Bytes, part_bytes: int) -> Framed:
    """A stream is whole if its end mark is there and nothing but the filling of its own block follows.

    Writers that fill a block when they close add one of filling alone where the end mark ends a block.
    """
    cuts: list[tuple[int, int, int]] = []
    begin, count = 0, 0
    first: Stream | None = None
    while True:
        stream, last, ended = _part(found, begin, count, part_bytes)
        if first is None:
            first = stream
        elif len(stream.base):
            cuts.append((begin, last, count))
        count, begin = count + len(stream.base), last
        if ended or not len(stream.base) or last == found.size:
            break
        found.forget(begin)
    blank = not ended or _blank(found, begin, part_bytes)
    rest = found.size - begin
    short = rest < found.data or rest == found.data < found.block
    return Framed(
        bytes=found,
        count=count,
        whole=found.whole_blocks and ended and blank and short,
        surplus=not blank,
        first=first,
        cuts=tuple(cuts),
    )


def _part(found: _Bytes, begin: int, before: int, part_bytes: int) -> tuple[Stream, int, bool]:
    """The whole messages from a byte on, at least one where there is one; where they end, and whether the stream does.

    The end mark is the last of its part.
    """
    size = max(part_bytes, LENGTH_BYTES)
    while True:
        stream, end = _stream(found, begin, min(begin + size, found.size), before)
        if end >= 0:
            return stream, begin + end, True
        if len(stream.base):
            return stream, begin + int(stream.base[-1] + stream.size[-1]), False
        # One message that is longer than a part, or says so.
        told = LENGTH_BYTES + int.from_bytes(found.read(begin, begin + LENGTH_BYTES).tobytes(), "big")
        if begin + size >= found.size or told <= size or begin + told > found.size:
            return stream, begin, False
        size = told


def _stream(found: _Bytes, first: int, last: int, before: int) -> tuple[Stream, int]:
    data = found.read(first, last)
    base, size, end = frames(data)
    return Stream(data=data, base=base, size=size, offset=first, before=before), end


def _blank(found: _Bytes, begin: int, part_bytes: int) -> bool:
    """Whether all that follows the end mark fills up in one way."""
    blanks = _BLANKS
    for at in range(begin, found.size, part_bytes):
        rest = found.read(at, min(at + part_bytes, found.size))
        blanks = tuple(blank for blank in blanks if (rest == blank).all())
    return bool(blanks)
