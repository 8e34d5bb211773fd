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
from settlement.parse import delimited, fixed_width, mastercard_ipm, visa_ctf
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


def unionpay(count: int) -> Iterator[bytes]:
    """So many purchases."""
    widths = (
        *(11, 11, 6, 10, 19, 12, 12, 12, 4, 6, 4, 8, 15, 12, 2, 6, 11, 6, 2, 3, 12),
        *(12, 12, 1, 3, 1, 1, 10, 11, 1, 2, 2, 12, 14, 11, 11, 1, 1, 4, 2, 40, 3),
    )
    told = {1: "48021000", 3: "000001", 4: "1229114113", 5: "6222020000000000004", 6: "000000001000", 9: "0200"}
    told |= {10: "000000", 11: "5111", 13: "9104052400000", 14: "000000000001", 16: "9CBUTL", 18: "000000"}
    told |= {21: "000000000076", 22: "000000000000", 23: "D00000000005", 28: "0000000000", 42: "156"}
    line = " ".join(told.get(place, "").ljust(width) for place, width in enumerate(widths, start=1)) + "\n"
    for _ in range(count // _AT_ONCE):
        yield line.encode() * _AT_ONCE


def capture(count: int) -> Iterator[bytes]:
    """A header, so many sales and a trailer that counts them."""
    yield b"H;HARBOR-RETAIL;20240301;0001;1.2;USD;America/New_York\n#"
    yield b";order_id;shipment_no;store_id;merchant_no;masked_pan;auth_code;local_datetime;type;amount_minor;tip_minor"
    yield b";cashback_minor;currency;orig_order_id\n"
    sale = b"D;O1;1;S1;4503082649100;555555******9773;A1B2C3;2024-02-29T23:18:37-05:00;SALE;500;;;USD;\n"
    for _ in range(count // _AT_ONCE):
        yield sale * _AT_ONCE
    yield b"T;%d;%d;0\n" % (count, 500 * count)


FORMATS: Final[dict[str, tuple[str, Callable[[int], Iterator[bytes]], Callable[[Source], Parsed]]]] = {
    "mastercard": ("MC_T112_20101229_01.ipm", mastercard, mastercard_ipm.read),
    "capture": ("RET_CAPTURE_20240301_01.csv", capture, delimited.read),
    "unionpay": ("UPI_ACOM_20101229_01.txt", unionpay, fixed_width.read),
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
