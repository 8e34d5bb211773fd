"""Fixed-width layouts: bytes, not characters; totals with signs and hashes; lines of another length."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout_of, read
from random_cases import batches

from settlement.errors import TerminalError
from settlement.model.clearing import Why
from settlement.parse.source import Parsed

TEXT = """
layout = "made"
version = "1"
source = "test"
feed = "made"
sender = "MADE"
names = ["MADE_{date}.txt"]
format = "fixed_width"
[spec]
encoding = "ENCODING"
line_length = 30
line_end = "END"
kind = [1, 1]
first = ["H"]
last = ["T"]
[spec.file]
date = "H.date"
[[spec.lines]]
tags = ["H"]
once = true
class = "HEADER"
[spec.lines.fields]
date = [2, 8]
[[spec.lines]]
tags = ["D"]
table = "opening_position"
[spec.lines.fields]
contract = [2, 6]
item = [8, 10]
sign = [18, 1]
value = [19, 9]
unit = [28, 3]
[spec.lines.columns]
contract = { from = "contract" }
item = { from = "item" }
value = { from = "value", type = "minor" }
unit = { from = "unit", type = "currency" }
[[spec.lines]]
tags = ["T"]
once = true
class = "TRAILER"
[spec.lines.fields]
count = [2, 5]
net = [7, 14]
hash = [21, 4]
[[spec.controls]]
name = "count"
of = { lines = ["D"], count = true }
declared = "T.count"
[[spec.controls]]
name = "net"
of = { lines = ["D"], add = ["value"], negate = { sign = ["-"] } }
declared = "T.net"
[[spec.controls]]
name = "hash"
of = { lines = ["D"], add = ["value"], modulo = 1000 }
declared = "T.hash"
"""


def layout_text(encoding: str = "utf-8", end: str = "lf") -> str:
    return TEXT.replace("ENCODING", encoding).replace("END", end)


def padded(text: str, encoding: str = "utf-8") -> bytes:
    raw = text.encode(encoding)
    return raw + " ".encode(encoding) * (30 - len(raw))


def content(*lines: bytes, net: int, total: int, encoding: str = "utf-8", end: bytes = b"\n") -> bytes:
    head = padded("H20240301", encoding)
    tail = padded(f"T{len(lines):05d}{net:>14d}{total % 1000:>4d}", encoding)
    return b"".join(line + end for line in (head, *lines, tail))


def made_read(data: bytes, encoding: str = "utf-8", end: str = "lf") -> Parsed:
    return read(layout_of(layout_text(encoding, end)), "MADE_20240301.txt", data)


ONE = padded("D  C1  first     +000001234USD")
TWO = padded("D  C2  second    -000000500EUR")


def test_a_file_is_read_field_by_field() -> None:
    parsed = made_read(content(ONE, TWO, net=734, total=1734))
    assert (parsed.fault, parsed.records) == (None, 4)
    assert all(total.agrees for total in parsed.controls)
    assert [total.computed for total in parsed.controls] == [4, 2, 734, 734]
    assert parsed.tables["opening_position"].drop("file", "retracted").rows() == [
        (2, "C1", "first", 1234, "USD"),
        (3, "C2", "second", 500, "EUR"),
    ]


def test_fields_are_cut_as_bytes_in_an_encoding_of_two_bytes_a_character() -> None:
    row = b"D  C1  " + "云滨店".encode("gbk").ljust(10) + b"+000001234CNY"
    assert len(row) == 30
    parsed = made_read(content(row, net=1234, total=1234), "gbk")
    assert parsed.fault is None, parsed.detail
    assert parsed.tables["opening_position"]["item"].to_list() == ["云滨店"]


def test_ebcdic_without_line_ends() -> None:
    row = padded("D  C1  first     +000001234USD", "cp500")
    data = content(row, net=1234, total=1234, encoding="cp500", end=b"")
    assert made_read(data, "cp500", "none").tables["opening_position"]["value"].to_list() == [1234]
    assert made_read(data[:-1], "cp500", "none").fault is Why.TRUNCATED


@pytest.mark.parametrize(
    ("line", "reason", "field"),
    [
        (ONE[:-1], "MALFORMED", "line"),
        (ONE + b" ", "MALFORMED", "line"),
        (b"X" + ONE[1:], "MALFORMED", "line"),
        (ONE.replace(b"000001234", b"00000123x"), "NON_NUMERIC_AMOUNT", "value"),
        (ONE.replace(b"USD", b"XXQ"), "UNKNOWN_CURRENCY", "unit"),
        (ONE.replace(b"first", b"     "), "MALFORMED", "item"),
    ],
)
def test_a_bad_line_is_a_reject(line: bytes, reason: str, field: str) -> None:
    parsed = made_read(content(TWO, line, TWO, net=-1000, total=1000))
    assert parsed.fault is None
    assert parsed.tables["reject"].select("record", "reason", "field").rows() == [(3, reason, field)]
    assert parsed.tables["opening_position"]["record"].to_list() == [2, 4]


def test_a_line_without_a_byte_is_padding() -> None:
    parsed = made_read(content(TWO, b"", net=-1000, total=-1000))
    assert (parsed.fault, parsed.tables["reject"].height) == (None, 0)
    assert parsed.bytes is not None
    assert parsed.bytes.padding == 1


def test_no_cut_of_a_file_is_taken_for_a_whole_one() -> None:
    whole = content(ONE, TWO, net=734, total=1734)
    assert made_read(whole).fault is None
    for length in range(len(whole)):
        assert made_read(whole[:length]).fault in {Why.TRUNCATED, Why.EMPTY}


def test_a_trailer_of_another_length_is_no_trailer() -> None:
    whole = content(ONE, net=1234, total=1234)
    parsed = made_read(whole[:-1] + b" \n")
    assert parsed.fault is Why.UNREADABLE
    assert "line 3 (`T`)" in (parsed.detail or "")


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="\x85\xa0"), min_size=1).filter(
    lambda text: len(text.encode()) <= 6
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES, st.integers(0, 999_999_999), st.sampled_from("+-")), max_size=12))
def test_what_is_written_is_read(rows: list[tuple[str, str, int, str]]) -> None:
    lines = []
    for contract, item, value, sign in rows:
        head = b"D" + contract.encode().ljust(6) + item.encode().ljust(10)
        lines.append(head + f"{sign}{value:09d}USD".encode())
    net = sum(-row[2] if row[3] == "-" else row[2] for row in rows)
    parsed = made_read(content(*lines, net=net, total=sum(row[2] for row in rows)))
    assert parsed.fault is None, parsed.detail
    assert all(total.agrees for total in parsed.controls), parsed.controls
    found = parsed.tables["opening_position"].select("record", "contract", "item", "value").rows()
    assert found == [(number, *row[:3]) for number, row in enumerate(rows, start=2)]


WHOLE = re.compile(rb"[0-9]{1,15}")
BYTES = b" \r\n+-09a$\xd4\xc6\x80\xff"


def read_by_hand(content: bytes) -> tuple[list[tuple[object, ...]], list[tuple[int, str, str]]]:
    """Rows and rejects of the made layout in GBK as its rules say them, line by line and field by field."""
    good: list[tuple[object, ...]] = []
    bad: list[tuple[int, str, str]] = []
    for number, ended in enumerate(content.split(b"\n")[:-1], start=1):
        line = ended.removesuffix(b"\r")
        texts = [by_hand(line[at : at + size]) for at, size in ((1, 6), (7, 10), (17, 1), (18, 9), (27, 3))]
        if not line or line[:1] in {b"H", b"T"}:
            continue
        if len(line) != 30 or line[:1] != b"D" or any("\ufffd" in text for text in texts):
            bad.append((number, "MALFORMED", "line"))
            continue
        contract, item, _, value, unit = texts
        faults = [
            ("MALFORMED", "contract", not contract),
            ("MALFORMED", "item", not item),
            ("NON_NUMERIC_AMOUNT", "value", not WHOLE.fullmatch(value.encode())),
            ("UNKNOWN_CURRENCY", "unit", unit not in {"USD", "EUR"}),
        ]
        first = next(((reason, field) for reason, field, wrong in faults if wrong), None)
        if first is None:
            good.append((number, contract, item, int(value), unit))
        else:
            bad.append((number, *first))
    return good, bad


def by_hand(field: bytes) -> str:
    """The text of a field; a last character whose second byte is missing is left out."""
    try:
        return field.decode("gbk").strip(" ")
    except UnicodeDecodeError as error:
        cut = error.end == len(field) and "incomplete" in error.reason
        return field[: error.start if cut else None].decode("gbk", "replace").strip(" ")


def test_mutated_records_are_read_as_their_rules_say() -> None:
    three = [ONE, TWO, b"D  C3  " + "云滨店".encode("gbk").ljust(10) + b"+000000001USD"]
    for number, size in batches(10_000, 500):
        rng = random.Random(number)
        lines = []
        for row in range(size):
            line = bytearray(three[row % 3])
            for _ in range(rng.randrange(3)):
                line[rng.randrange(len(line))] = rng.choice(BYTES)
            lines.append(bytes(line))
        data = content(*lines, net=0, total=0, encoding="gbk")
        parsed = made_read(data, "gbk")
        assert parsed.fault is None, parsed.detail
        good, bad = read_by_hand(data)
        assert parsed.tables["opening_position"].drop("file", "retracted").rows() == good
        assert parsed.tables["reject"].select("record", "reason", "field").rows() == bad
        assert parsed.bytes is not None
        told = (parsed.bytes.accepted, parsed.bytes.rejected, parsed.bytes.control, parsed.bytes.padding)
        assert sum(told) == len(data)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("date = [2, 8]", "date = [24, 8]", "lies outside the line"),
        ("date = [2, 8]", "date = [2]", "spec.lines.0.fields.date"),
        ('date = "H.date"', 'date = "H.day"', "`H.day` is no field of a line that stands `once`"),
        ("kind = [1, 1]\n", "", "need `kind`"),
        ('{ from = "item" }', '{ from = "items" }', "no field `items`"),
        ('declared = "T.net"', 'declared = "D.value"', "`D.value` is no field"),
    ],
)
def test_a_bad_layout_is_one_sentence(old: str, new: str, words: str) -> None:
    with pytest.raises(TerminalError, match="Layout made: spec") as caught:
        read(layout_of(layout_text().replace(old, new)), "MADE_20240301.txt", b"")
    assert words in str(caught.value)
