"""A zip archive that every reader reads alike: nothing around it, one directory, and parts of the size it tells.

Readers of zip archives differ in what they overlook. Bytes before the first part, a second directory, or a size that is
too small let one reader check what another never sees. Here such an archive is refused, whoever reads it next.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

FIRST_BYTES: Final = b"PK\x03\x04"
MOST_PARTS: Final = 1_000
MOST_UNPACKED: Final = 128 * 2**20
"""Bytes of all parts together, unpacked."""
MOST_RATIO: Final = 100
"""Unpacked bytes to packed bytes, where an archive unpacks to more than a mebibyte."""

_SMALL: Final = 2**20
_END, _END_OF_LARGE = b"PK\x05\x06", b"PK\x06\x07"
_END_LENGTH, _LONGEST_COMMENT, _LOCATOR_LENGTH = 22, 2**16, 20
_MOST_DIRECTORY: Final = 2**20
_HEAD: Final = struct.Struct("<4s22xHH")
"""A part's own head: its mark, and the lengths of its name and of what else stands before its bytes."""
_PACKED, _UNPACKED = 2**16, 2**20
_LOCKED: Final = 0x1


class UnsoundArchiveError(Exception):
    """Why an archive is not read, to be said after ``it``: ``it has 2000 parts, more than 1000``."""


def open_sound(content: BinaryIO, size: int) -> zipfile.ZipFile:
    """Open an archive of ``size`` bytes whose directory is modest and the only one.

    What the directory tells of a part is not proved yet: read parts with ``part_chunks``.

    Raises
    ------
    UnsoundArchiveError
        Where it holds more than any honest one, or other bytes than its own.
    zipfile.BadZipFile
        Where it is no archive, or ends before its directory.
    """
    _require_one_directory(content, size)
    archive = zipfile.ZipFile(content)
    try:
        _require_modest(archive, size)
    except UnsoundArchiveError:
        archive.close()
        raise
    return archive


def part_chunks(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of a part, up to a mebibyte at a time; UnsoundArchiveError where they are not what is told of them."""
    size, checksum = 0, 0
    for chunk in _unpacked(archive, part):
        size += len(chunk)
        if size > part.file_size:
            raise _other_than_told(part, "size")
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if size != part.file_size:
        raise _other_than_told(part, "size")
    if checksum != part.CRC:
        raise _other_than_told(part, "checksum")


def _require_one_directory(content: BinaryIO, size: int) -> None:
    content.seek(0)
    if content.read(len(FIRST_BYTES)) != FIRST_BYTES:
        raise zipfile.BadZipFile("it is no archive")
    first = max(size - _END_LENGTH - _LONGEST_COMMENT - _LOCATOR_LENGTH, 0)
    content.seek(first)
    tail = content.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_LENGTH:
        raise zipfile.BadZipFile("it ends before its directory")
    length, start, comment = struct.unpack_from("<IIH", tail, at + 12)
    if len(tail) - at - _END_LENGTH != comment:
        raise UnsoundArchiveError("other bytes stand after its directory")
    if length > _MOST_DIRECTORY:
        raise UnsoundArchiveError(f"it has more parts than {MOST_PARTS}")
    if tail[max(at - _LOCATOR_LENGTH, 0) :].startswith(_END_OF_LARGE):
        raise UnsoundArchiveError("it is an archive of the kind for more than 4 GiB")
    if start + length != first + at:
        raise UnsoundArchiveError("other bytes stand before its first part")


def _require_modest(archive: zipfile.ZipFile, packed: int) -> None:
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS:
        raise UnsoundArchiveError(f"it has {len(parts)} parts, more than {MOST_PARTS}")
    if unpacked > MOST_UNPACKED:
        raise UnsoundArchiveError(f"it unpacks to {unpacked} bytes, more than {MOST_UNPACKED}")
    if unpacked > max(_SMALL, packed * MOST_RATIO):
        raise UnsoundArchiveError(f"it unpacks to more than {MOST_RATIO} times its size")


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """What a part unpacks to, however much that is: the reader of the standard library stops where it is told to."""
    if part.flag_bits & _LOCKED:
        raise UnsoundArchiveError("it is locked by a password")
    packed = _packed(archive, part)
    if part.compress_type == zipfile.ZIP_STORED:
        yield from packed
        return
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise UnsoundArchiveError("a part of it is packed in a way that workbooks are not")
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    for piece in packed:
        waiting = piece
        while waiting:
            if inflate.eof:
                raise _other_than_told(part, "size")
            yield inflate.decompress(waiting, _UNPACKED)
            waiting = inflate.unconsumed_tail or inflate.unused_data
    while not inflate.eof:
        rest = inflate.decompress(b"", _UNPACKED)
        if not rest and not inflate.eof:
            raise _other_than_told(part, "size")
        yield rest


def _packed(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    content = archive.fp
    if content is None:
        raise ValueError("parts are read while the archive is open")
    content.seek(part.header_offset)
    head = content.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(FIRST_BYTES):
        raise UnsoundArchiveError(f"its part {part.filename[:60]!r} is not where its directory tells")
    _, name, extra = _HEAD.unpack(head)
    at, end = content.tell() + name + extra, content.tell() + name + extra + part.compress_size
    while at < end:
        content.seek(at)
        piece = content.read(min(_PACKED, end - at))
        if not piece:
            raise _other_than_told(part, "size")
        at += len(piece)
        yield piece


def _other_than_told(part: zipfile.ZipInfo, what: str) -> UnsoundArchiveError:
    return UnsoundArchiveError(f"its part {part.filename[:60]!r} has not the {what} that its directory tells")
