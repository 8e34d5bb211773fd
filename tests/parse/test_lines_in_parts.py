"""Files of lines read in parts: wherever a part ends, the file says the same as when it is read whole."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from declared_layouts import JSON_LINES, delimited
from layout_files import CARD_KEY, layout, layout_of
from read_in_parts import assert_same_in_parts, read_in_parts

from settlement.model.layout import Layout, fit_name
from settlement.parse.cards import Cards
from settlement.parse.files import READERS
from settlement.parse.line_stretches import ends_by_byte
from settlement.parse.record_bytes import places
from settlement.parse.source import Parsed, Source

PEAK = Path(__file__).with_name("peak_of_reading.py")
CAPTURE = "RET_CAPTURE_20240301_01.csv"
HEAD = (
    "H;HARBOR-RETAIL;20240301;0001;1.2;USD;America/New_York\n"
    "#;order_id;shipment_no;store_id;merchant_no;masked_pan;auth_code;local_datetime;type;amount_minor;tip_minor;"
    "cashback_minor;currency;orig_order_id\n"
)
SALE = "D;O{};1;S1;4503082649100;555555******9773;A1B2C3;2024-02-29T23:18:37-05:00;SALE;{};150;;USD;\n"
QUOTED = 'separator = ","\nquote = "\\""\nnames_line = true\ncomment = "#"\n'
WIDTHS = """
layout = "made"
version = "1"
source = "test"
feed = "made"
sender = "MADE"
names = ["MADE_{date}.txt"]
format = "fixed_width"
[spec]
encoding = "gbk"
line_length = 12
line_end = "END"
kind = [1, 1]
last = ["T"]
[spec.file]
sender = "T.unit"
[[spec.lines]]
tags = ["D"]
table = "opening_position"
[spec.lines.fields]
item = [2, 6]
value = [8, 5]
[spec.lines.columns]
contract = { value = "C" }
item = { from = "item", required = true }
value = { from = "value", type = "integer" }
unit = { header = "T.unit" }
[[spec.lines]]
tags = ["T"]
once = true
class = "TRAILER"
[spec.lines.fields]
unit = [2, 3]
sum = [5, 8]
[[spec.controls]]
name = "sum"
of = { lines = ["D"], add = ["value"], usable = true, modulo = 7 }
declared = "T.sum"
[[spec.controls]]
name = "items"
of = { lines = ["D"], distinct = "item" }
[[spec.controls]]
name = "by item"
of = { lines = ["D"], add = ["value"], by = "item" }
"""


def _source(of: Layout, name: str, content: str | bytes) -> Source:
    parts = fit_name(of, name)
    assert parts is not None
    return Source(
        file=f"2024-03-01/{name}",
        content=memoryview(content.encode() if isinstance(content, str) else content),
        delivered_on=date(2024, 3, 1),
        file_date=parts.file_date,
        sequence=parts.sequence,
        layout=of,
        cards=Cards((CARD_KEY,)),
    )


def _assert_same(source: Source, sizes: tuple[int, ...]) -> Parsed:
    """Parts of each size say what the whole does, and where its rejects lie as one who looks for them in the file."""
    read = READERS[source.layout.format]
    for part_bytes in sizes:
        assert_same_in_parts(read, source, part_bytes, 2)
    parsed = read(source)
    if parsed.fault is None:
        found = places(source.content, source.layout, parsed.tables["reject"]["record"].to_list())
        assert parsed.rejected_at == {record: (place.offset, place.length) for record, place in found.items()}
    return parsed


def _capture(more: str = "", end: str = "T;6;3900;0\n") -> str:
    lines = [SALE.format(1, 500), "\n", SALE.format(2, "5x0"), "D;short\n", SALE.format(3, 700), "X;odd\n"]
    return HEAD + "".join([*lines, *(SALE.format(at, 700) for at in (4, 5)), more]) + end


def test_delimited_lines_with_tags() -> None:
    parsed = _assert_same(_source(layout("retailer_capture"), CAPTURE, _capture()), (1, 90, 101, 250, 400))
    assert parsed.fault is None
    assert (parsed.tables["clearing"].height, parsed.tables["reject"].height) == (4, 3)
    assert parsed.bytes is not None
    assert parsed.bytes.padding == 1


@pytest.mark.parametrize(
    ("more", "end", "said"),
    [
        ("", "", "ends without its last line"),
        ("", "T;6;3900;0", "last line has no end"),
        ("T;6;3900;0\n", "T;6;3900;0\n", "more than once"),
        ("T;6;3900;0\n", SALE.format(9, 1), "lines follow its last line"),
        ("", "T;6\n", "has not the fields"),
        ("", "T;6;x;0\n", "is no number"),
        (HEAD, "T;6;3900;0\n", "more than once"),
    ],
)
def test_refusals_of_the_whole_file(more: str, end: str, said: str) -> None:
    parsed = _assert_same(_source(layout("retailer_capture"), CAPTURE, _capture(more, end)), (1, 300))
    assert said in str(parsed.detail)
    assert not parsed.tables


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quoted_field_runs_over_the_end_of_a_part(encoding: str, end: str) -> None:
    lines = [
        "value,unit,item",
        "# said",
        '1,u,"a',
        "",
        '# no comment, ""b"',
        "2,u,",
        '3,"u",中',
        "",
        "4,u,f,5",
        "x,u,i",
    ]
    content = "".join(f"{line}{end}" for line in lines).encode(encoding)
    source = _source(layout_of(delimited(f'{QUOTED}encoding = "{encoding}"\n')), "MADE_20240301.csv", content)
    parsed = _assert_same(source, (1, 8, 20, 33, 50))
    assert parsed.fault is None
    assert parsed.tables["opening_position"]["record"].to_list() == [3, 7]
    assert parsed.tables["reject"]["record"].to_list() == [6, 9, 10]


@pytest.mark.parametrize("tail", [b'9,u,"open\n1,u,a\n', b"9,u,\xff\n", b"9,u,\xe4\xb8", b"9,u,a"])
@pytest.mark.parametrize("head", [b"value,unit,item\n", b"value,other,item\n"])
def test_bad_text_at_the_end(head: bytes, tail: bytes) -> None:
    content = head + b"1,u,a\n" * 9 + tail
    parsed = _assert_same(_source(layout_of(delimited(QUOTED)), "MADE_20240301.csv", content), (1, 30))
    assert parsed.fault is not None


def _widths(end: str, lines: list[str], unit: str = "KWH", total: int = 6) -> Source:
    feed = {"lf": "\n", "none": ""}[end]
    content = feed.join([*lines, f"T{unit}{total:08}", ""]).encode("gbk")
    return _source(layout_of(WIDTHS.replace("END", end)), "MADE_20240301.txt", content)


@pytest.mark.parametrize("end", ["lf", "none"])
def test_fixed_widths_whose_trailer_tells_what_rows_need(end: str) -> None:
    lines = ["D中文  00003", "Da     00004", "Da     0000x", "X          ?", "Da     00006"]
    parsed = _assert_same(_widths(end, lines), (1, 13, 26, 40))
    assert parsed.fault is None, parsed.detail
    assert parsed.sender == "KWH"
    assert parsed.tables["opening_position"]["unit"].to_list() == ["KWH"] * 3
    told = {total.control: total.computed for total in parsed.controls}
    assert told == {"lines": 6, "sum": 6, "items": 2, "by item[a]": 10, "by item[中文]": 3}


def test_json_lines() -> None:
    good = '{"amount": {"value": %d, "unit": "miles"}, "items": [{"name": "first"}]}\n'
    content = "".join([*(good % at for at in range(5)), "\n", "no\n", good % 7, '{"amount": 1}\n'])
    parsed = _assert_same(_source(layout_of(JSON_LINES), "MADE_20240301.jsonl", content), (1, 80, 150, 300))
    assert parsed.fault is None
    assert parsed.tables["opening_position"].height == 6
    assert parsed.tables["reject"]["record"].to_list() == [7, 9]


def test_rows_are_handed_on_before_the_end() -> None:
    source = _source(layout("retailer_capture"), CAPTURE, _capture())
    seen: list[tuple[int, int]] = []
    parsed, kept = read_in_parts(READERS["delimited"], replace(source, seen=lambda *told: seen.append(told)), 200, 1)
    assert len(kept) == 3
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == (len(source.content), parsed.records)


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        *((name, True) for name in ("utf-8", "gbk", "cp500", "latin-1")),
        *((name, False) for name in ("utf-16", "utf-7", "iso2022_jp", "hz")),
    ],
)
def test_encodings_whose_line_ends_are_told_by_a_byte(encoding: str, told: bool) -> None:
    assert ends_by_byte(encoding) is told


@pytest.mark.parametrize("form", ["unionpay", "capture"])
def test_memory_does_not_grow_with_the_file(form: str) -> None:
    few, many = (
        int(subprocess.check_output([sys.executable, str(PEAK), form, str(count)])) for count in (20_000, 120_000)
    )
    # The larger file has more than 10 MB more; read whole, it takes some 70 MB more.
    assert many - few < 30 * 2**20, (few, many)
