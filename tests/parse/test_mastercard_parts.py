"""Mastercard files read in parts: wherever a part ends, the file says the same as when it is read whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from made_clearing import FILE_ID, ipm_bytes, ipm_file, ipm_message, pds, presentment
from read_file import source_of
from read_in_parts import assert_parts_say, assert_same_in_parts, read_in_parts

from settlement.parse import mastercard_ipm
from settlement.parse.source import Parsed

NAME = "MC_T112_20101229_01.ipm"
PEAK = Path(__file__).with_name("peak_of_reading.py")


def _addendum() -> tuple[str, dict[int, str]]:
    return "1644", {24: "696", 48: pds({"0501": "00000000"})}


def _messages() -> list[bytes]:
    """Presentments with addenda behind them, rejects of several kinds, an addendum without a presentment."""
    return ipm_file(
        [
            presentment(1, 1000),
            _addendum(),
            _addendum(),
            presentment(2, 2000, DE4="00000000200X"),
            _addendum(),
            presentment(3, 3000, DE49="999"),
            presentment(4, 4000),
            ("1644", {24: "691", 48: pds({"0005": "1234"})}),
            _addendum(),
            presentment(5, 5000, DE2="5555550100000000"),
            presentment(6, 6000),
            _addendum(),
        ]
    )


def _read(content: bytes, part_bytes: int, part_rows: int) -> tuple[Parsed, list[pl.DataFrame]]:
    return read_in_parts(mastercard_ipm.read, source_of(NAME, content), part_bytes, part_rows)


def _assert_same(content: bytes, part_bytes: int, part_rows: int) -> None:
    assert_same_in_parts(mastercard_ipm.read, source_of(NAME, content), part_bytes, part_rows)


@pytest.mark.parametrize("blocked", [True, False])
def test_a_part_may_end_behind_any_message(*, blocked: bool) -> None:
    messages = _messages()
    content = ipm_bytes(messages, blocked=blocked)
    whole = mastercard_ipm.read(source_of(NAME, content))
    assert whole.fault is None
    assert (whole.tables["clearing"].height, whole.tables["reject"].height) == (3, 4)
    assert whole.tables["control_record"].filter(pl.col("text").str.starts_with("belongs to"))["text"].to_list() == [
        *["belongs to message 2"] * 2, "belongs to message 5", "belongs to message 12",
    ]  # fmt: skip
    ends = [sum(4 + len(message) for message in messages[: count + 1]) for count in range(len(messages))]
    for end in ends:
        for part_bytes in (end - 1, end, end + 3, end + 4):
            assert_parts_say(whole, mastercard_ipm.read, source_of(NAME, content), part_bytes, 2)


@pytest.mark.parametrize("part_bytes", [1, 5, 100, 1012, 1014, 4096])
@pytest.mark.parametrize("part_rows", [1, 2, 3, 100])
def test_parts_of_any_size(part_bytes: int, part_rows: int) -> None:
    _assert_same(ipm_bytes(_messages()), part_bytes, part_rows)


def _torn() -> Sequence[bytes]:
    whole, plain = ipm_bytes(_messages()), ipm_bytes(_messages(), blocked=False)
    return (
        whole[:-1014],
        whole[:-1],
        whole + whole,
        whole + b"\x40" * 1014,
        plain[:-4],
        plain[:-2],
        plain + b"more",
        plain[:200],
        plain[:2],
        b"\x7f\xff\xff\xff" + plain,
        plain[:-4] + b"\x00\x00\xff\xff" + b"short",
    )


@pytest.mark.parametrize("part_bytes", [1, 300, 2000])
def test_torn_files_say_the_same_in_parts(part_bytes: int) -> None:
    faults = []
    for content in _torn():
        _assert_same(content, part_bytes, 1)
        faults.append(_read(content, part_bytes, 1)[0].fault)
    assert None not in faults


def test_a_fault_at_the_end_takes_back_what_was_handed_on() -> None:
    messages = _messages()
    other = ipm_message("1644", {24: "695", 48: pds({"0105": FILE_ID[:-1] + "2", "0301": "0", "0306": "0"})})
    parsed, kept = _read(ipm_bytes([*messages[:-1], other]), 300, 1)
    assert kept
    assert parsed.fault is not None
    assert not parsed.tables


def test_memory_does_not_grow_with_the_file() -> None:
    few, many = (
        int(subprocess.check_output([sys.executable, str(PEAK), "mastercard", str(count)]))
        for count in (50_000, 250_000)
    )
    # The larger file has 57 MB more; read whole, it takes some 300 MB more.
    assert many - few < 50 * 2**20, (few, many)
