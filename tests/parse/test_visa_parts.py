"""Visa files read in parts: wherever a part ends, the file says the same as when it is read whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from made_clearing import (
    card_number,
    visa_bytes,
    visa_fee,
    visa_lines,
    visa_report,
    visa_returned,
    visa_transaction,
)
from read_file import source_of
from read_in_parts import assert_same_in_parts, read_in_parts

from settlement.parse import visa_ctf

NAME = "VISA_CTF_20101229_01.ctf"
PEAK = Path(__file__).with_name("peak_of_reading.py")


def _lines() -> list[str]:
    """Transactions of every shape, several rejects, strays, and a report that ties with the file."""
    good = [visa_transaction(number, 100 * number) for number in range(1, 6)]
    orphan = [visa_transaction(8, 800)[1]]
    return visa_lines(
        [
            orphan,
            *good[:3],
            visa_transaction(6, 600, src="00000000006X"),
            visa_fee("10", 5),
            visa_fee("20", 7, card=card_number(3)),
            visa_returned(4, 70),
            visa_report(5, 0, 1500),
            *good[3:],
            visa_transaction(7, 700, dest_currency="988"),
            [*visa_transaction(9, 0), *visa_transaction(9, 0)[1:]],
            [f"5000{'TEXT':<164}"],
        ]
    )


def _content(end: str = "\n") -> bytes:
    return visa_bytes(_lines(), end)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_parts_of_any_size(end: str) -> None:
    content = _content(end)
    whole = visa_ctf.read(source_of(NAME, content))
    assert whole.fault is None, whole.detail
    assert min(whole.tables["clearing"].height, whole.tables["reject"].height) > 3
    assert whole.rejected_at is not None
    assert sorted(whole.rejected_at) == whole.tables["reject"]["record"].to_list()
    for part_bytes, part_rows in ((1, 1), (500, 2), (1700, 3), (4000, 100)):
        assert_same_in_parts(visa_ctf.read, source_of(NAME, content), part_bytes, part_rows)


@pytest.mark.parametrize(
    "broken", [lambda c: c[:-1], lambda c: c[:-169], lambda c: c + c, lambda c: c.replace(b"05", b"06")]
)
def test_bad_files_say_the_same_in_parts(broken) -> None:
    content = broken(_content())
    assert_same_in_parts(visa_ctf.read, source_of(NAME, content), 500, 1)


def test_rows_are_handed_on_before_the_end() -> None:
    parsed, kept = read_in_parts(visa_ctf.read, source_of(NAME, _content()), 500, 1)
    assert len(kept) == parsed.tables["clearing"]["record"].len() + len(kept) - 1
    assert len(kept) > 3


def test_memory_grows_less_than_the_file() -> None:
    few, many = (
        int(subprocess.check_output([sys.executable, str(PEAK), "visa", str(count)])) for count in (20_000, 80_000)
    )
    # The larger file has 30 MB more; read whole, it takes some 120 MB more. What stays is where each record lies.
    assert many - few < 60 * 2**20, (few, many)
