"""A file being written: its bytes go to disk and into the digest in one pass."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

ROWS_AT_A_TIME: Final = 50_000
"""Rows that a writer holds as bytes at once; memory does not grow with the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A whole file on disk and what it says of itself.

    ``records`` counts as the truth does (messages, TCRs, lines or entries); ``controls`` are its totals as
    ``name=value;...``; ``net_minor`` is what the bank books for it, positive where the issuer pays.
    """

    path: Path
    records: int
    controls: str
    net_minor: int = 0


class Blocks:
    """A binary file in blocks of 1,014: 1,012 bytes of data and two of padding; the last block is filled up."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._rest = b""

    def write(self, content: bytes) -> None:
        """Add content; whole blocks go to disk at once."""
        pending = self._rest + content
        cut = len(pending) // _DATA * _DATA
        blocks = [pending[start : start + _DATA] for start in range(0, cut, _DATA)]
        self._file.write(_PAD.join([*blocks, b""]))
        self._rest = pending[cut:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._rest:
            self._file.write(self._rest.ljust(_DATA + len(_PAD), _PAD[:1]))
        self._file.close()


_DATA: Final = 1012
_PAD: Final = b"\x40\x40"


def sha256_of(path: Path) -> str:
    """Digest of a file's content."""
    with path.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()
