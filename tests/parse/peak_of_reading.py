"""Reads a Mastercard file of so many messages in small parts and prints the peak of its memory: ``... COUNT``."""

from __future__ import annotations

import mmap
import resource
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_clearing import ipm_file, presentment
from read_file import source_of

from settlement.model.stage import Bounds
from settlement.parse import mastercard_ipm


def main() -> None:
    header, detail, *_, trailer = ipm_file([presentment(1, 1000)])
    with tempfile.TemporaryFile() as file:
        file.write(len(header).to_bytes(4, "big") + header)
        once = len(detail).to_bytes(4, "big") + detail
        for _ in range(int(sys.argv[1]) // 1000):
            file.write(once * 1000)
        file.write(len(trailer).to_bytes(4, "big") + trailer + bytes(4))
        file.flush()
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        bounds = Bounds(part_bytes=2**21, part_rows=2**12)
        source = replace(source_of("MC_T112_20101229_01.ipm", b""), content=content, bounds=bounds, keep=lambda _: None)
        parsed = mastercard_ipm.read(source)
    if parsed.records != int(sys.argv[1]) + 2:
        raise SystemExit(f"{parsed.records} messages were read: {parsed.detail}")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()
