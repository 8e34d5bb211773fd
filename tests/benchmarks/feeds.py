"""The readers of feeds, each beside what sets its bound: ``cat``, a bare scan of the columns, another reader.

``python -m tests.benchmarks.feeds --sample DIR --folder DIR`` prints one JSON object. Everything is read from the page
cache; card numbers are turned into references in every reading of ours.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import io
import json
import mmap
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from settlement.kernels.choice import cores
from settlement.kernels.parse import tokens
from settlement.model.layout import Layout, fit_name, read_layouts
from settlement.model.stage import CardKey
from settlement.parse.cards import Cards
from settlement.parse.files import READERS
from settlement.parse.source import Source

LAYOUTS: Final = Path(__file__).resolve().parents[2] / "settlement" / "parse" / "layouts"
KEY: Final = CardKey(key_id="bench", secret=bytes(range(32)))
NIGHT: Final = date(2025, 12, 30)
TURNS: Final = 5
SOME_MESSAGES: Final = 20_000
SOME_CARDS: Final = 200_000

_UPI_WIDTHS: Final = (
    *(11, 11, 6, 10, 19, 12, 12, 12, 4, 6, 4, 8, 15, 12, 2, 6, 11, 6, 2, 3, 12),
    *(12, 12, 1, 3, 1, 1, 10, 11, 1, 2, 2, 12, 14, 11, 11, 1, 1, 4, 2, 40, 3),
)
_UPI: Final = {
    1: "48021000", 4: "1229114113", 9: "0200", 10: "000000", 11: "5111", 13: "9104052400000", 16: "9CBUTL",
    18: "000000", 21: "000000000076", 22: "000000000000", 23: "D00000000005", 28: "0000000000", 39: "1229",
    41: "CORNER SHOP", 42: "156",
}  # fmt: skip


def unionpay_file(folder: Path, rows: int) -> Path:
    """A UnionPay file of so many purchases on cards of the sample's range; made once."""
    path = folder / f"UPI_ACOM_{NIGHT:%Y%m%d}_{rows:02}.txt"
    if path.exists():
        return path
    number = pl.int_range(rows, eager=True)
    digits = [pl.format("62220201{}", (number * 7919 % 10**10).cast(pl.String).str.zfill(10))]
    cards = pl.select(*digits).to_series()
    body = np.frombuffer("".join(cards.to_list()).encode(), dtype=np.uint8).reshape(rows, 18) - ord("0")
    doubled = body[:, ::-1].astype(np.int64)
    doubled[:, ::2] *= 2
    check = -(doubled // 10 + doubled % 10).sum(axis=1) % 10
    frame = pl.DataFrame({"card": cards, "check": check.astype(str), "number": number})
    varying = {
        3: pl.col("number").mod(10**6).cast(pl.String).str.zfill(6),
        5: pl.concat_str("card", "check"),
        6: (pl.col("number") * 37 % 10**6).cast(pl.String).str.zfill(12),
        12: pl.format("C{}", pl.col("number").mod(10**7).cast(pl.String).str.zfill(7)),
        14: pl.col("number").cast(pl.String).str.zfill(12),
    }
    fields = [
        varying.get(place, pl.lit(_UPI.get(place, ""))).str.pad_end(width)
        for place, width in enumerate(_UPI_WIDTHS, start=1)
    ]
    lines = frame.select(pl.concat_str(fields, separator=" ").alias("line"))
    lines.write_csv(path, include_header=False, quote_style="never")
    return path


def measured(files: dict[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file: its size, records, and the seconds of every turn of ours and of what stands beside it."""
    layouts = read_layouts({f"layouts/{path.name}": path.read_text("utf-8") for path in LAYOUTS.glob("*.toml")})
    for name, path in files.items():
        layout, source = _source(path, layouts)
        read = READERS[layout.format]
        parsed = read(source)
        if parsed.fault is not None:
            raise SystemExit(f"{path} is not read: {parsed.detail}")
        turns = _turns({"ours": partial(read, source), "cat": partial(_cat, path)} | _beside(layout, path))
        yield name, {"bytes": path.stat().st_size, "records": parsed.records, "seconds": turns}


def _source(path: Path, layouts: tuple[Layout, ...]) -> tuple[Layout, Source]:
    layout, parts = next((one, parts) for one in layouts if (parts := fit_name(one, path.name)) is not None)
    with path.open("rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    source = Source(
        file=f"{NIGHT}/{path.name}",
        content=content,
        delivered_on=NIGHT,
        file_date=parts.file_date,
        sequence=parts.sequence,
        layout=layout,
        cards=Cards((KEY,)),
    )
    return layout, source


def _beside(layout: Layout, path: Path) -> dict[str, Callable[[], object]]:
    """A bare scan of all columns for what is delimited, with its first and last lines as it finds them."""
    if layout.format != "delimited":
        return {}
    head = 0 if "names_line" in layout.spec else len(layout.spec["first"])  # type: ignore[arg-type]  # a list of tags

    def scan() -> object:
        return pl.scan_csv(
            path,
            separator=str(layout.spec["separator"]),
            has_header=not head,
            skip_rows=head,
            infer_schema=False,
            truncate_ragged_lines=True,
        ).collect()

    return {"scan_csv": scan}


def _cat(path: Path) -> None:
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (a device)
        subprocess.run(["cat", str(path)], stdout=nowhere, check=True)


def _turns(work: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(TURNS + 1):
        for name, do in work.items():
            started = time.perf_counter()
            do()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def cardutil_rate(path: Path) -> float:
    """Messages a second that cardutil reads of a blocked EBCDIC file, to values."""
    from cardutil.mciipm import IpmReader, MciIpmDataError

    with path.open("rb") as file:
        content = io.BytesIO(file.read(SOME_MESSAGES * 400))
    reader = iter(IpmReader(content, blocked=True, encoding="cp500"))
    started = time.perf_counter()
    for _ in range(SOME_MESSAGES):
        with suppress(MciIpmDataError):  # a planted bad date ends a message there, and no more
            next(reader)
    return SOME_MESSAGES / (time.perf_counter() - started)


def token_rates() -> dict[str, float]:
    """Card numbers a second: our kernel on one thread and on all, and a loop over ``hmac.new``."""
    numbers = [b"5555550100%06d" % number for number in range(1_000_000)]
    data = np.frombuffer(b"".join(numbers), dtype=np.uint8)
    base = np.arange(len(numbers), dtype=np.int64) * 16
    start, length = np.zeros(len(numbers), dtype=np.int32), np.full(len(numbers), 16, dtype=np.int32)
    secret = np.frombuffer(KEY.secret, dtype=np.uint8)
    rates = {}
    for name, threads in (("one", 1), ("all", cores())):
        best = min(_turns({"": lambda n=threads: tokens(data, base, start, length, 48, secret, n)})[""])
        rates[name] = len(numbers) / best
    some = numbers[:SOME_CARDS]
    started = time.perf_counter()
    for number in some:
        hmac.new(KEY.secret, number, hashlib.sha256).hexdigest()
    return rates | {"loop": SOME_CARDS / (time.perf_counter() - started)}


def main() -> None:
    """Print all measurements as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=Path, required=True, help="a night of the sample, with files of each feed")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    night = next(path for path in sorted(options.sample.iterdir()) if path.name[:2] == "20")
    files = {
        name: next(night.glob(pattern))
        for name, pattern in (
            ("Mastercard IPM", "MC_*.ipm"),
            ("Visa CTF", "VISA_*.ctf"),
            ("retailer's capture", "RET_*.csv"),
            ("acquirer's report", "ACQ_*.csv"),
        )
    }
    files["UnionPay"] = unionpay_file(options.folder, options.rows)
    found: dict[str, Any] = {"feeds": dict(measured(files))}
    found["cardutil"] = cardutil_rate(files["Mastercard IPM"])
    found["tokens"] = token_rates()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
