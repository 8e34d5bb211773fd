"""The lines of an MT940 file: every one belongs to a field of a message, to the envelope around it, or nowhere.

A line that belongs nowhere stops the file, with its number: a field that is read as a part of the text before it is
an entry that is lost. Messages stand alone or in SWIFT's blocks (``{1:...}{2:...}{4:`` to ``-}``); some banks write a
few lines of their own before the first field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from settlement.model.clearing import Why
from settlement.parse.statements import UnreadableError

_LINE: Final = re.compile(rb"[^\r\n]*(?:\r*\n|\r|\Z)")
_TAG: Final = re.compile(r":([0-9]{2}[A-Z]?|NS):")
_LIKE_TAG: Final = re.compile(r":[0-9A-Za-z]{1,3}[:;]")
_OWN_HEADER: Final = re.compile(
    r":940:|940( 00)?|[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{1,4})?|[0-9]{4} [0-9]{2}[A-Z]{6}[A-Z0-9]{6}[0-9]{5}"
)
_BLOCKS: Final = re.compile(r"\x01?(\{[1-35S]:([^{}]|\{[^{}]*\})*\})*(\{4:)?\x03?")
_CLOSED: Final = re.compile(r"-\}(\{[5S]:([^{}]|\{[^{}]*\})*\})*\x03?")
_ENDS: Final = ("-", "-XXX")
_MOST_HEADER_LINES: Final = 4
_FIELDS: Final = frozenset(
    {"13", "13D", "20", "21", "25", "25P", "28", "28C", "34F", "60", "60F", "60M", "61", "62", "62F", "62M", "64", "65"}
    | {"86", "90C", "90D", "NS"}
)
_MANY_LINES: Final = frozenset({"61", "86", "NS", "25P"})


@dataclass(slots=True, kw_only=True)
class Field:
    """One field: its tag, its lines without ends, the number of its first line, its place and bytes with line ends."""

    tag: str
    lines: list[str]
    line: int
    offset: int
    size: int

    @property
    def value(self) -> str:
        """The lines that hold something, without the blanks at their ends."""
        return "\n".join(line for line in (one.rstrip() for one in self.lines) if line)


@dataclass(slots=True, kw_only=True)
class Message:
    """One message: its fields in order, and whether its end is marked."""

    fields: list[Field] = field(default_factory=list)
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class Lines:
    """The messages of a file and the bytes around them."""

    messages: list[Message] = field(default_factory=list)
    envelope: int = 0
    padding: int = 0


def read_lines(content: memoryview, encodings: list[str]) -> Lines:
    """The messages of a file. Raises UnreadableError naming the line that belongs nowhere."""
    if 0 in bytes(content[:64]):
        raise UnreadableError(Why.UNREADABLE, "it is written in UTF-16 or is no text, and not an MT940 file")
    found = Lines()
    state = _State(found)
    for number, raw in _lines(content):
        line = _decoded(raw, encodings, number).rstrip("\r\n")
        state.take(line, number, len(raw))
    if not found.messages:
        raise UnreadableError(Why.UNREADABLE, "it has no message, which would begin with :20:")
    if state.block_open:
        raise UnreadableError(Why.TRUNCATED, "it ends inside a message, whose block is not closed with -}")
    return found


class _State:
    """Where in the file the next line stands."""

    def __init__(self, found: Lines) -> None:
        self.found = found
        self.message: Message | None = None
        self.block_open = False
        self.headers = 0
        self.offset = 0

    def take(self, line: str, number: int, size: int) -> None:
        tag = _TAG.match(line)
        if tag is not None and tag[1] == "20":
            if self.message is None or self.message.fields:
                self._begin()
            self._add(tag[1], line[tag.end() :], number, size)
        elif self.message is not None:
            self._inside(self.message, tag, line, number, size)
        else:
            self._outside(line, number, size)
        self.offset += size

    def _begin(self) -> None:
        if self.block_open and self.message is not None:
            raise UnreadableError(Why.TRUNCATED, "a message begins inside another, whose block is not closed with -}")
        self.message = Message()
        self.found.messages.append(self.message)
        self.headers = 0

    def _add(self, tag: str, text: str, number: int, size: int) -> None:
        if self.message is not None:
            self.message.fields.append(Field(tag=tag, lines=[text], line=number, offset=self.offset, size=size))

    def _inside(self, message: Message, tag: re.Match[str] | None, line: str, number: int, size: int) -> None:
        text = line.strip()
        if (text in _ENDS and not self.block_open) or _CLOSED.fullmatch(text):
            message.ended, self.message, self.block_open = True, None, False
            self.found.envelope += size
        elif tag is not None and tag[1] in _FIELDS:
            self._add(tag[1], line[tag.end() :], number, size)
        elif tag is not None or _LIKE_TAG.match(line):
            raise UnreadableError(Why.UNREADABLE, f"line {number} is no field that a statement has ({line[:5]})")
        elif not text:
            message.fields[-1].lines.append("")
            message.fields[-1].size += size
        else:
            last = message.fields[-1]
            if last.tag not in _MANY_LINES:
                what = f"line {number} belongs to no field, for :{last.tag}: before it has one line"
                raise UnreadableError(Why.UNREADABLE, what)
            last.lines.append(line)
            last.size += size

    def _outside(self, line: str, number: int, size: int) -> None:
        text = line.strip()
        if text in {"", "\x1a"}:
            self.found.padding += size
            return
        blocks = _BLOCKS.fullmatch(text)
        if blocks is not None and not self.block_open:
            self.block_open = blocks[3] is not None
        elif _OWN_HEADER.fullmatch(text) and self.headers < _MOST_HEADER_LINES:
            self.headers += 1
        elif text not in _ENDS:
            raise UnreadableError(Why.UNREADABLE, f"line {number} stands outside of any message")
        self.found.envelope += size


def _lines(content: memoryview) -> Iterator[tuple[int, bytes]]:
    """Number from 1 and bytes of each line with its end."""
    for number, found in enumerate(_LINE.finditer(content), start=1):
        if found.end() > found.start():
            yield number, bytes(content[found.start() : found.end()])


def _decoded(raw: bytes, encodings: list[str], number: int) -> str:
    text = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
    for encoding in encodings:
        try:
            return text.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableError(Why.UNREADABLE, f"line {number} is not written in {' or '.join(encodings)}")
