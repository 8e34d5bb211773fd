"""Mastercard IPM: from messages to the fields of their elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.kernels.choice import cores
from settlement.kernels.parse import element_spans
from settlement.parse.mastercard_frames import Stream
from settlement.parse.mastercard_layout import Edition, IpmSpec
from settlement.parse.span_columns import FieldSpans, Numbers, Part, number_fields, places_of, text_fields
from settlement.parse.spans import Alphabet, Spans, alphabet, texts

_PREFIXES: Final = {"LL": -2, "LLL": -3}
_LEFT_OVER: Final = 129
_ENDS: Final = {"DE43": "\\"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Messages with the spans of the wanted fields, named ``MTI``, ``DE2`` or ``PDS0105``; see ``element_spans``."""

    stream: Stream
    alphabet: Alphabet
    columns: Mapping[str, int]
    start: NDArray[np.int32]
    length: NDArray[np.int32]
    problem: NDArray[np.int32]

    def field(self, name: str) -> Spans:
        """One field of all messages."""
        at = self.columns[name]
        return Spans(
            data=self.stream.data,
            base=self.stream.base,
            start=self.start[at],
            length=self.length[at],
            alphabet=self.alphabet,
        )

    def texts(self, names: Sequence[str], rows: NDArray[np.int64] | None = None) -> list[pl.Series]:
        """Fields of all or some messages as texts without the blanks on their right, empty where absent or blank.

        Of DE43, name and address, only the name is told.
        """
        rows = np.arange(len(self.problem)) if rows is None else rows
        parts = places_of([Part(name=name) for name in names], self.columns)
        told = text_fields(self._spans(), parts, rows, [_ENDS.get(name) for name in names])
        return [column.alias(name) for column, name in zip(told, names, strict=True)]

    def numbers(self, parts: Sequence[Part]) -> list[Numbers]:
        """Fields of all messages, or parts of them, as whole numbers."""
        return number_fields(self._spans(), places_of(parts, self.columns), np.arange(len(self.problem)))

    def _spans(self) -> FieldSpans:
        return FieldSpans(
            data=self.stream.data,
            base=self.stream.base,
            start=self.start,
            length=self.length,
            alphabet=self.alphabet,
        )


def code_page(stream: Stream, spec: IpmSpec) -> Alphabet | None:
    """The code page in which the first message begins with digits; None where it does in neither."""
    if not len(stream.base):
        return None
    first = stream.data[stream.base[0] :][: min(4, int(stream.size[0]))]
    pages = (alphabet(name) for name in (spec.encoding, spec.ebcdic))
    return next(
        (page for page in pages if len(first) and ((first >= page.zero) & (first <= page.zero + 9)).all()), None
    )


def cut_messages(stream: Stream, edition: Edition, signs: Alphabet, wanted: Sequence[str]) -> Messages:
    """Find the wanted fields (``MTI``, ``DE2``, ``PDS0105``) of all messages."""
    formats = np.zeros(129, dtype=np.int32)
    for element, size in edition.elements.items():
        formats[element] = _PREFIXES[size] if isinstance(size, str) else size
    by_element, by_tag = np.full(129, -1, dtype=np.int32), np.full(10_000, -1, dtype=np.int32)
    by_element[edition.pds_elements] = -2
    for column, name in enumerate(wanted):
        if name == "MTI":
            by_element[0] = column
        elif name.startswith("PDS"):
            by_tag[int(name.removeprefix("PDS"))] = column
        else:
            by_element[int(name.removeprefix("DE"))] = column
    start, length, problem = element_spans(
        stream.data, stream.base, stream.size, formats, by_element, by_tag, len(wanted), signs.zero, cores()
    )
    return Messages(
        stream=stream,
        alphabet=signs,
        columns={name: column for column, name in enumerate(wanted)},
        start=start,
        length=length,
        problem=problem,
    )


def problem_text(messages: Messages, row: int) -> str:
    """What is wrong with a message's structure, without a byte of its content but its type."""
    problem = int(messages.problem[row])
    where = {1: "wrong before the first element", _LEFT_OVER: "bytes left over"}.get(problem, f"wrong at DE{problem}")
    mti = texts(messages.field("MTI").rows(np.array([row])), "mti")[0]
    known = mti if mti is not None and mti.isdecimal() else "no message type"
    return f"{known}, {messages.stream.size[row]} bytes, {where}"
