"""The sizes that the footer of a Parquet file tells, read without trust before a library unpacks a page.

The footer is a structure in Thrift's compact protocol (https://parquet.apache.org/docs/file-format/metadata/). Only
lengths and numbers of rows are of interest here; the common library gives them too, and ends the process where a
footer is damaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_NUMBERS: Final = (4, 5, 6)
_DEEPEST: Final = 16
_MOST_VALUES: Final = 2_000_000
_LONGEST_NUMBER: Final = 70
_FILE_ROWS, _FILE_GROUPS = 3, 4
_GROUP_COLUMNS, _GROUP_BYTES, _GROUP_ROWS = 1, 2, 3
_CHUNK_META, _META_UNPACKED, _META_PACKED = 3, 6, 7


class FooterError(ValueError):
    """The footer is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One row group: its rows, columns, and bytes packed and unpacked."""

    rows: int
    columns: int
    packed: int
    unpacked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """Rows of the file and its row groups."""

    rows: int
    groups: tuple[Group, ...]


def read_footer(content: bytes) -> Footer:
    """The sizes in a footer. Raises FooterError where it is none."""
    try:
        told = _Reader(content).struct(0)
        groups = tuple(_group(group) for group in told.get(_FILE_GROUPS, []))
        return Footer(rows=_number(told[_FILE_ROWS]), groups=groups)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise FooterError("it is cut short or no footer") from error


def _group(told: dict[int, Any]) -> Group:
    chunks = [chunk[_CHUNK_META] for chunk in told[_GROUP_COLUMNS]]
    return Group(
        rows=_number(told[_GROUP_ROWS]),
        columns=len(chunks),
        packed=sum(_number(meta[_META_PACKED]) for meta in chunks),
        unpacked=max(_number(told[_GROUP_BYTES]), sum(_number(meta[_META_UNPACKED]) for meta in chunks)),
    )


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise FooterError("a size in it is no number")
    return value


class _Reader:
    """Values of Thrift's compact protocol, one after another; a structure is a dict by field number."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.values = 0

    def struct(self, depth: int) -> dict[int, Any]:
        found: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != _STOP:
            step, kind = head >> 4, head & 0x0F
            number = number + step if step else self._signed()
            found[number] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind, depth + 1)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        self.values += 1
        if depth > _DEEPEST or self.values > _MOST_VALUES:
            raise FooterError("it nests or holds more than any honest footer")
        if kind in _NUMBERS:
            return self._signed()
        if kind in {_TRUE, _FALSE, _BYTE}:
            return self._byte()
        if kind == _DOUBLE:
            return self._skip(8)
        if kind == _BINARY:
            return self._skip(self._unsigned())
        if kind in {_LIST, _SET}:
            head = self._byte()
            size = head >> 4
            count = self._unsigned() if size == 0x0F else size  # noqa: PLR2004 (fifteen says that the count follows)
            return [self._value(head & 0x0F, depth + 1) for _ in range(count)]
        if kind == _STRUCT:
            return self.struct(depth)
        raise FooterError("it holds a value of no kind")

    def _byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.content):
            raise FooterError("it is cut short")

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004 (the high bit says that more follows)
                return value
            if shift >= _LONGEST_NUMBER:
                raise FooterError("a number in it does not end")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
