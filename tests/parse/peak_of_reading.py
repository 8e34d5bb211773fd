"""Reads a file of so many transactions in small parts and prints the peak of its memory: ``... FORMAT COUNT``."""

from __future__ import annotations

import mmap
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_clearing import ipm_file, presentment, visa_bytes, visa_lines, visa_transaction
from read_file import source_of

from settlement.model.stage import Bounds
from settlement.parse import mastercard_ipm, visa_ctf
from settlement.parse.source import Parsed, Source

_AT_ONCE: Final = 1000


def mastercard(count: int) -> Iterator[bytes]:
    """A header, so many presentments and a trailer."""
    header, detail, *_, trailer = ipm_file([presentment(1, 1000)])
    yield len(header).to_bytes(4, "big") + header
    for _ in range(count // _AT_ONCE):
        yield (len(detail).to_bytes(4, "big") + detail) * _AT_ONCE
    yield len(trailer).to_bytes(4, "big") + trailer + bytes(4)


def visa(count: int) -> Iterator[bytes]:
    """A header, so many transactions of three records each, and trailers that count fewer."""
    header, *records, batch, file = visa_lines([visa_transaction(1, 100)])
    yield visa_bytes([header])
    for _ in range(count // _AT_ONCE):
        yield visa_bytes(records) * _AT_ONCE
    yield visa_bytes([batch, file])


FORMATS: Final[dict[str, tuple[str, Callable[[int], Iterator[bytes]], Callable[[Source], Parsed]]]] = {
    "mastercard": ("MC_T112_20101229_01.ipm", mastercard, mastercard_ipm.read),
    "visa": ("VISA_CTF_20101229_01.ctf", visa, visa_ctf.read),
}


def main() -> None:
    name, written, read = FORMATS[sys.argv[1]]
    with tempfile.TemporaryFile() as file:
        file.writelines(written(int(sys.argv[2])))
        file.flush()
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        bounds = Bounds(part_bytes=2**21, part_rows=2**12)
        parsed = read(replace(source_of(name, b""), content=content, bounds=bounds, keep=lambda _: None))
    if parsed.fault is not None or parsed.records is None or parsed.records < int(sys.argv[2]):
        raise SystemExit(f"{parsed.records} records were read: {parsed.detail}")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()
