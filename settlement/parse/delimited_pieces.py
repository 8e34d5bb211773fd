"""A delimited file as pieces of whole records, cut one after the other: decoded, and told where each record lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from settlement.kernels.choice import cores
from settlement.kernels.parse import byte_places
from settlement.model.clearing import Why
from settlement.parse.declared_cut import UTF8, Fault, decoded
from settlement.parse.delimited_lines import Records, find_records
from settlement.parse.delimited_spec import DelimitedSpec
from settlement.parse.line_bytes import LineBytes, line_bytes
from settlement.parse.line_stretches import Stretch, ends_by_byte, in_stretches

NO_END: Final = Fault(why=Why.TRUNCATED, detail="its last line has no end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Records of a file that follow one another.

    Attributes
    ----------
    records:
        Where they lie; their lines are counted from 0 in the piece.
    sizes:
        The bytes of each as they are in the file; None where the file does not end.
    first, last, before, more:
        The first byte of the piece in the file, the one behind its last, lines of the file before it, and whether
        others follow. The first piece has the head whole, unless the file has not.
    """

    records: Records
    sizes: LineBytes | None
    first: int
    last: int
    before: int
    more: bool

    @property
    def ended(self) -> bool:
        """Whether the last line has its end."""
        return self.sizes is not None

    @property
    def after(self) -> int:
        """Lines of the file up to the end of the piece."""
        return self.before + self.records.count


def pieces(content: memoryview, spec: DelimitedSpec, part_bytes: int) -> Iterator[Piece | Fault]:
    """The pieces of a file, of about so many bytes; a fault is the last and stands for the file.

    No piece is shorter than a record: one that runs on holds the rest of the file.
    """
    size = part_bytes if ends_by_byte(spec.encoding) else len(content)
    return in_stretches(content, size, partial(_piece, spec), "\n".encode(spec.encoding)[-1])


def _piece(spec: DelimitedSpec, stretch: Stretch) -> Piece | Fault | None:
    text = decoded(stretch.content, spec.encoding, stretch.first)
    if isinstance(text, Fault):
        return text
    if len(text) and byte_places(np.frombuffer(text, np.uint8), ord("\r"), cores()).size:
        text = memoryview(bytes(text).replace(b"\r\n", b"\n"))
    ended = bytes(text[-1:]) in {b"\n", b""}
    head = 0 if stretch.before else spec.head
    records = find_records(
        text if ended else text[: bytes(text).rfind(b"\n") + 1], spec, 0 if stretch.before else spec.head_lines
    )
    whole = records.count if records.opened is None else records.opened
    if stretch.more and whole <= head:
        return None
    if not stretch.more and records.opened is not None:
        detail = f"a quote that opens on line {stretch.before + records.opened + 1} is never closed"
        return Fault(why=Why.UNREADABLE, detail=detail) if ended else NO_END
    sizes = _sizes(stretch, spec, records) if ended else None
    if isinstance(sizes, Fault):
        return sizes
    last = stretch.first + len(stretch.content)
    if sizes is not None and records.opened is not None:
        sizes, records = LineBytes(sizes=sizes.sizes[:whole], mark=sizes.mark), records.head(whole)
        last = stretch.first + sizes.mark + int(sizes.sizes.sum())
    if sizes is not None and records.owners is not None:
        sizes = sizes.owned(records.owners)
    return Piece(records=records, sizes=sizes, first=stretch.first, last=last, before=stretch.before, more=stretch.more)


def _sizes(stretch: Stretch, spec: DelimitedSpec, records: Records) -> LineBytes | Fault:
    """The bytes of each line as they are in the file."""
    if spec.encoding.lower() in UTF8 and len(records.text) == len(stretch.content):
        return LineBytes(sizes=records.ends - records.starts + 1)
    found = line_bytes(stretch.content, spec.encoding, records.count, stretch.first)
    detail = f"its lines cannot be told apart in {spec.encoding}"
    return Fault(why=Why.UNREADABLE, detail=detail) if found is None else found
