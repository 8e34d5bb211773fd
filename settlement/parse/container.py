"""What is put around a file for its way is taken off: gzip, zip, OpenPGP. Nothing is unpacked beyond its limits.

One delivered container holds one file. A file may be packed once and signed or encrypted once; archives inside
archives stay closed. Members' names are never used. Bytes are counted while they come, so that a bomb ends at
its limit and not at its end.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Final

from settlement.model.arrival import SMALL_BYTES, FeedArrival, Layer, Limits, Refused
from settlement.model.clearing import Why
from settlement.model.stage import Decrypt

_STEP: Final = 1 << 18
_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
_GZIP_WRAPPED: Final = 31
_END_RECORD: Final = struct.Struct("<4s4H2LH")
_END_MAGIC: Final = b"PK\x05\x06"
_LONGEST_COMMENT: Final = 2**16
_ENCRYPTED: Final = 0x1


def opened(
    content: memoryview,
    layers: tuple[Layer, ...],
    feed: FeedArrival,
    limits: Limits,
    decrypt: Decrypt | None,
    *,
    signed: bool = False,
    archive: bool = False,
) -> memoryview | Refused:
    """The file inside a delivered one.

    Parameters
    ----------
    content
        The delivered bytes.
    layers
        What the name says is put around the file, outermost first.
    decrypt
        Opens OpenPGP; its keys come from outside.
    signed
        Whether the delivered bytes are known to be signed from outside: by a detached signature.
    archive
        Whether the file itself is an archive (a workbook), which its reader opens with limits of its own.
    """
    if signed:
        feed = feed.model_copy(update={"signed": False})
    refused = _demanded(layers, feed)
    if refused is not None:
        return refused
    most = limits.most_of(len(content))
    for layer in layers:
        if layer is Layer.OPENPGP:
            if decrypt is None:
                raise TypeError("an OpenPGP file needs a way to open it")
            found = decrypt(content, feed, most)
        else:
            found = (_gunzipped if layer is Layer.GZIP else _unzipped)(content, most, limits.most_ratio)
        if isinstance(found, Refused):
            return found
        content = found
    start = bytes(content[:4])
    if layers and not archive and (start.startswith(_GZIP_MAGIC) or start == _ZIP_MAGIC):
        return _unreadable("holds another archive inside: pack a file once and send it again")
    return content


def _demanded(layers: tuple[Layer, ...], feed: FeedArrival) -> Refused | None:
    """What is wrong before a byte is looked at."""
    packed = [layer for layer in layers if layer is not Layer.OPENPGP]
    if len(packed) > 1 or len(layers) - len(packed) > 1:
        return _unreadable("is packed or encrypted more than once by its name: pack a file once and send it again")
    if len(packed) < len(layers):
        return None
    if feed.signed:
        detail = "is not signed, and this feed's files must be: ask the sender for the signed file"
        return Refused(why=Why.NOT_SIGNED, detail=detail)
    if feed.encrypted:
        detail = "is not encrypted, and this feed's files must be: ask the sender to encrypt what it sends"
        return Refused(why=Why.NOT_ENCRYPTED, detail=detail)
    return None


def _gunzipped(content: memoryview, most: int, ratio: int) -> memoryview | Refused:
    """The members of a gzip file, one after the other; zeros behind them are filling."""
    found, taken = bytearray(), 0
    while taken < len(content):
        if taken and not any(content[taken:]):
            break
        if bytes(content[taken : taken + 2]) != _GZIP_MAGIC[: len(content) - taken]:
            what = "goes on behind its end" if taken else "is not gzip, though its name says so"
            return _unreadable(f"{what}: ask the sender for the right file")
        inflate = zlib.decompressobj(_GZIP_WRAPPED)
        while not inflate.eof:
            piece = inflate.unconsumed_tail or content[taken : taken + _STEP]
            if not piece:
                return _torn("gzip")
            before = len(piece)
            try:
                found += inflate.decompress(piece, _STEP)
            except zlib.error:
                return _unreadable("is damaged inside its gzip: ask the sender to send it again")
            taken += before - len(inflate.unconsumed_tail) - len(inflate.unused_data)
            if len(found) > min(most, SMALL_BYTES + ratio * taken):
                return _too_large(most)
    return memoryview(found).toreadonly() if taken else _torn("gzip")


def _unzipped(content: memoryview, most: int, ratio: int) -> memoryview | Refused:
    """The one file of a zip archive. Its directory is counted before it is read."""
    tail = bytes(content[-_LONGEST_COMMENT - _END_RECORD.size :])
    at = tail.rfind(_END_MAGIC)
    if bytes(content[:2]) != _ZIP_MAGIC[:2]:
        return _unreadable("is not a zip archive, though its name says so: ask the sender for the right file")
    if at < 0 or len(tail) - at < _END_RECORD.size:
        return _torn("zip")
    count = _END_RECORD.unpack_from(tail, at)[4]
    if count != 1:
        return _unreadable(f"is a zip archive of {count} files: send one file in one archive")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _member(archive, most, ratio)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError, struct.error):
        return _unreadable("is a damaged zip archive: ask the sender to send it again")


def _member(archive: zipfile.ZipFile, most: int, ratio: int) -> memoryview | Refused:
    member = archive.infolist()[0]
    odd = _odd(member)
    if odd is not None:
        return _unreadable(odd)
    if member.file_size > min(most, SMALL_BYTES + ratio * member.compress_size):
        return _too_large(most)
    found = bytearray()
    with archive.open(member) as reader:
        while piece := reader.read(_STEP):
            found += piece
            if len(found) > most:
                return _too_large(most)
    if len(found) != member.file_size:
        return _torn("zip")
    return memoryview(found).toreadonly()


def _odd(member: zipfile.ZipInfo) -> str | None:
    """What no honest archive of one file is; None for such a one."""
    # The library cannot tell of a member without a name whether it is a folder.
    if not member.filename or member.is_dir() or member.header_offset != 0:
        return "is a zip archive that does not begin with its one file: ask the sender to pack it again"
    if member.flag_bits & _ENCRYPTED:
        return "is a zip archive with a password: ask the sender for OpenPGP instead"
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return "is a zip archive of an unusual method: ask the sender for deflate"
    return None


def _unreadable(detail: str) -> Refused:
    return Refused(why=Why.UNREADABLE, detail=detail)


def _torn(kind: str) -> Refused:
    return Refused(why=Why.TRUNCATED, detail=f"is cut short inside its {kind}: ask the sender to send it again")


def _too_large(most: int) -> Refused:
    detail = (
        f"unpacks to more than its limits allow (at most {most} bytes for its size): find out what it is, and raise "
        "`limits` in config/programme.toml only if it is honest"
    )
    return Refused(why=Why.TOO_LARGE, detail=detail)
