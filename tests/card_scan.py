"""Finds card numbers in artefacts, whatever they are written in; shares nothing with the product's masking.

A number is looked for by the first digits that the programme's cards have, as bytes of each encoding, and every hit is
held against the set of all numbers: one pass of the regular expression's machine an encoding, whatever their count.
Containers (gzip, zip, Parquet, SQLite, base64) are opened and their insides looked at as files are.
"""

from __future__ import annotations

import base64
import gzip
import io
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import polars as pl

_HEAD = 8
"""Digits of a number by which it is looked for."""
_DEEPEST = 4
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{20,}")
_BETWEEN = " -"


def _utf_16(text: str, order: str) -> bytes:
    return text.encode(f"utf-16-{order}")


def _bcd(text: str) -> bytes:
    return bytes.fromhex(text + "f" * (len(text) % 2))


def _spaced(text: str, by: str) -> str:
    return by.join(text[at : at + 4] for at in range(0, len(text), 4))


ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "ascii": str.encode,
    "utf-16-le": lambda pan: _utf_16(pan, "le"),
    "utf-16-be": lambda pan: _utf_16(pan, "be"),
    "ebcdic": lambda pan: pan.encode("cp500"),
    "packed": _bcd,
    "packed behind half a byte": lambda pan: bytes.fromhex(f"d{pan}" + "c" * (1 - len(pan) % 2)),
    "base64": lambda pan: base64.b64encode(pan.encode()),
    "base64 one on": lambda pan: base64.b64encode(b"x" + pan.encode()),
    "base64 two on": lambda pan: base64.b64encode(b"xy" + pan.encode()),
    "base64 of ebcdic": lambda pan: base64.b64encode(b"x" + pan.encode("cp500")),
    "hex": lambda pan: pan.encode().hex().encode(),
    "hex of ebcdic": lambda pan: pan.encode("cp500").hex().upper().encode(),
    "blanks": lambda pan: _spaced(pan, " ").encode(),
    "dashes": lambda pan: _spaced(pan, "-").encode(),
    "dashes in utf-16": lambda pan: _utf_16(_spaced(pan, "-"), "le"),
}
"""How a number is planted to prove the scanner."""

_WRITTEN: Mapping[str, Callable[[str], bytes]] = {
    "ascii": str.encode,
    "utf-16-le": lambda text: _utf_16(text, "le"),
    "utf-16-be": lambda text: _utf_16(text, "be"),
    "ebcdic": lambda text: text.encode("cp500"),
    "hex": lambda text: text.encode().hex().encode(),
    "hex of ebcdic": lambda text: text.encode("cp500").hex().encode(),
}
"""One character after the other; a packed number is a written one in the hexadecimal digits of the content."""


class CardScan:
    """Looks for a set of card numbers."""

    def __init__(self, pans: Iterable[str]) -> None:
        self.pans = frozenset(pans)
        self.lengths = sorted({len(pan) for pan in self.pans})
        heads = sorted({pan[:_HEAD] for pan in self.pans})
        self._searches = {name: self._search(heads, write) for name, write in _WRITTEN.items()}

    def _search(self, heads: list[str], write: Callable[[str], bytes]) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        between = b"(?:" + b"|".join(re.escape(write(mark)) for mark in _BETWEEN) + b")?"
        digit = {write(str(number)): str(number) for number in range(10)}
        any_digit = b"(" + b"|".join(re.escape(written) for written in digit) + b")"
        first = b"|".join(between.join(re.escape(write(one)) for one in head) for head in heads)
        flags = re.IGNORECASE if write("0").isalnum() and not write("0").isdigit() else 0
        return re.compile(first, flags), re.compile(between + any_digit, flags)

    def found(self, content: bytes, depth: int = 0) -> set[str]:
        """The encodings and containers in which a number stands in the content; empty where none does."""
        hits = {name for name in _WRITTEN if self._written(content, name)}
        if self._written(content.hex().encode(), "ascii"):
            hits.add("packed")
        if depth < _DEEPEST:
            for name, inside in _insides(content):
                hits |= {f"{name}/{hit}" for hit in self.found(inside, depth + 1)}
        return hits

    def _written(self, content: bytes, name: str) -> bool:
        head, step = self._searches[name]
        at = 0
        while (hit := head.search(content, at)) is not None:
            digits, place = "", hit.start()
            while len(digits) < self.lengths[-1] and (one := step.match(content, place)) is not None:
                digits += str(_digit_of(one[1], name))
                place = one.end()
            if any(digits[:length] in self.pans for length in self.lengths):
                return True
            at = hit.start() + 1
        return False

    def leaks(self, artefacts: Iterable[tuple[str, bytes]]) -> list[str]:
        """Names of the artefacts that hold a number, and how."""
        return [f"{name}: {', '.join(sorted(hits))}" for name, content in artefacts if (hits := self.found(content))]


def _digit_of(written: bytes, name: str) -> int:
    return written.replace(b"\0", b"")[-1] & 0x0F if not name.startswith("hex") else int(written[-1:])


def _insides(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What is packed in a content, each with the name of its container."""
    start = content[:16]
    if start[:2] == b"\x1f\x8b":
        yield "gzip", _gunzipped(content)
    elif start[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (("zip", archive.read(member)) for member in archive.infolist())
    elif start[:4] == b"PAR1":
        yield "parquet", _columns(pl.read_parquet(io.BytesIO(content), hive_partitioning=False))
    elif start == b"SQLite format 3\0":
        yield from _cells(content)
    else:
        yield from _decoded(content)


def _gunzipped(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return b""


def _columns(frame: pl.DataFrame) -> bytes:
    """Every value of a table, one after the other."""
    parts = []
    for column in frame:
        binary = column.dtype == pl.Binary
        values = column.drop_nulls() if binary or column.dtype.is_nested() else column.drop_nulls().cast(pl.String)
        parts += [value if isinstance(value, bytes) else str(value).encode() for value in values.to_list()]
    return b"\n".join(parts)


def _cells(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Texts of a database together, and each of its blobs."""
    with closing(sqlite3.connect(":memory:")) as database:
        # A database in memory has no log beside it: the header says so.
        database.deserialize(content[:18] + b"\x01\x01" + content[20:])
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        texts = []
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                texts += [str(value).encode() for value in row if not isinstance(value, bytes)]
                yield from (("sqlite", value) for value in row if isinstance(value, bytes))
        yield "sqlite", b"\n".join(texts)


def _decoded(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Runs of base64, broken lines joined, from each of four places where one may begin."""
    runs = [run.translate(bytes.maketrans(b"-_", b"+/")) for run in _BASE64.findall(re.sub(rb"\r?\n", b"", content))]
    for start in range(4):
        pieces = [base64.b64decode(run[start:] + b"A" * ((start - len(run)) % 4)) for run in runs]
        if pieces:
            yield "base64", b"\xff".join(pieces)


def files_of(root: Path, but: Iterable[str] = ()) -> list[tuple[str, bytes]]:
    """Every file under a folder by its path, the folders ``but`` left out; names are looked at as well."""
    left_out = set(but)
    found = []
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and inside.parts[0] not in left_out:
            found.append((str(inside), f"{inside}\n".encode() if not path.stat().st_size else path.read_bytes()))
    found.append(("names", "\n".join(name for name, _ in found).encode()))
    return found
