"""Files in declared layouts: each is read back by the readers of files that come in, and re-adds there."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import polars as pl
import pytest
from layout_files import layout_of, read
from partner_files import only, pay, statement_rows
from payout_frames import line

from settlement.errors import TerminalError
from settlement.model.stage import StageOutput

STEM = "A/C9-TEST_2010-Q4_2010-12-31_CLOSED"
PARTNER = '[[partner]]\nid = "A"\nnames = { zh = "甲方公司" }\nlanguage = "LANGUAGE"\nsettlement_file = "NAME"\n'

_CONTROLS = """
[[spec.controls]]
name = "count"
of = { lines = ["D"], count = true }
declared = "T.count"

[[spec.controls]]
name = "net"
of = { lines = ["D"], add = ["amount"] }
declared = "T.net"
"""
_OF_T = '{{ lines = ["T"], add = ["{}"] }}'
_COLUMNS = """
[spec.lines.columns]
contract = { header = "H.contract" }
item = { from = "term", required = true }
value = { from = "amount", type = "integer", signed = true }
unit = { from = "currency" }
"""
MAINFRAME = (
    """
layout = "made"
version = "1"
source = "test"
feed = "made"
sender = "MADE"
names = ["MADE_{date}.txt"]
format = "fixed_width"

[spec]
encoding = "cp500"
line_length = 120
line_end = "none"
kind = [1, 1]
first = ["H"]
last = ["T"]

[spec.written]
amount = { sign = { from = "sign", plus = ["C"], minus = ["D"] } }

[spec.file]
date = "H.night"
id = ["H.sequence"]

[[spec.lines]]
tags = ["H"]
once = true
class = "HEADER"
[spec.lines.fields]
sequence = [2, 6]
contract = [28, 20]
night = [60, 8]

[[spec.lines]]
tags = ["D"]
table = "opening_position"
[spec.lines.fields]
line = [2, 6]
term = [20, 32]
sign = [52, 1]
amount = [53, 15]
currency = [68, 3]
"""
    + _COLUMNS
    + """
[[spec.lines]]
tags = ["S"]
class = "SUM"

[[spec.lines]]
tags = ["T"]
once = true
class = "TRAILER"
[spec.lines.fields]
count = [2, 6]
net = [47, 18]
"""
    + _CONTROLS
)
HEAD = """
layout = "made"
version = "1"
source = "test"
feed = "made"
sender = "MADE"
names = ["MADE_{date}.FILE"]
format = "FORMAT"
"""
STATED = [("rate", 1600), ("bounty", 900), ("adjustment", -100), ("share", 1600), ("carry_in", -250)]
STATED += [("payout", 1350), ("carry_out", 0)]


def in_layout(
    name: str, layouts: str = "", language: str = "en", rows: list[dict[str, object]] | None = None
) -> StageOutput:
    partner = PARTNER.replace("NAME", name).replace("LANGUAGE", language)
    return pay(rows or statement_rows(), partner + (layouts or only(name)))


def test_a_fixed_width_file_in_ebcdic_is_read_back_and_re_adds() -> None:
    content = in_layout("mainframe").files[f"{STEM}.txt"]
    assert len(content) % 120 == 0
    parsed = read(layout_of(MAINFRAME), "MADE_20101231.txt", content, date(2010, 12, 31))
    assert parsed.fault is None
    assert parsed.tables["reject"].is_empty()
    assert parsed.tables["opening_position"].select("item", "value").rows() == STATED
    assert [(one.control, one.declared, one.computed) for one in parsed.controls][1:] == [
        ("count", 7, 7),
        ("net", 5100, 5100),
    ]


def test_a_parquet_file_is_read_back_with_its_types() -> None:
    frame = pl.read_parquet(io.BytesIO(in_layout("warehouse").files[f"{STEM}.parquet"]))
    assert frame["kind"].to_list() == ["H", *["D"] * 7, "T"]
    assert frame.schema["amount_minor"] == pl.Int64
    assert frame.schema["amount"] == pl.Decimal(38, 4)
    assert frame.schema["as_of"] == pl.Date
    details, trailer = frame.filter(kind="D"), frame.filter(kind="T").row(0, named=True)
    assert details.select("term", "amount_minor").rows() == STATED
    assert [str(value) for value in details["amount"][:3]] == ["16.0000", "9.0000", "-1.0000"]
    assert (trailer["count"], trailer["net"]) == (7, details["amount_minor"].sum())
    assert frame["sequence"][0] == 2


def test_a_parquet_file_is_read_by_the_reader_of_files_that_come_in() -> None:
    layout = (
        HEAD.replace("FILE", "parquet").replace("FORMAT", "parquet")
        + '[spec]\nkind_field = "kind"\n'
        + '[[spec.lines]]\ntags = ["H"]\nonce = true\nclass = "HEADER"\n'
        + '[[spec.lines]]\ntags = ["D"]\ntable = "opening_position"\n'
        + _COLUMNS.replace('"amount"', '"amount_minor"').replace('{ header = "H.contract" }', '{ value = "C9-TEST" }')
        + '[[spec.lines]]\ntags = ["T"]\nonce = true\nclass = "TRAILER"\n'
        + _CONTROLS.replace('"amount"', '"amount_minor"')
        .replace('"T.count"', _OF_T.format("count"))
        .replace('"T.net"', _OF_T.format("net"))
    )
    content = in_layout("warehouse").files[f"{STEM}.parquet"]
    parsed = read(layout_of(layout), "MADE_20101231.parquet", content, date(2010, 12, 31))
    assert parsed.fault is None
    assert parsed.tables["opening_position"].select("item", "value").rows() == STATED
    assert [(one.control, one.declared, one.computed) for one in parsed.controls][1:] == [
        ("count", 7, 7),
        ("net", 5100, 5100),
    ]


def test_a_workbook_holds_numbers_and_chinese_text() -> None:
    content = in_layout("sheet", language="zh").files[f"{STEM}.xlsx"]
    sheet = pl.read_excel(content, has_header=False, sheet_name="结算", infer_schema_length=0)
    rows = sheet.rows()
    assert rows[0][:3] == ("H", "2", "甲方公司")
    details = [row for row in rows if row[0] == "D"]
    assert [(row[3], row[6]) for row in details][:3] == [("rate", "16"), ("bounty", "9"), ("adjustment", "-1")]
    assert details[-1][4] == "结转至下期结算单的余额"
    assert next(row for row in rows if row[0] == "T")[1:6] == ("7", "USD", "3.5", "54.5", "51")


def test_a_workbook_never_runs_text_and_says_nothing_of_when_it_was_made() -> None:
    rows = [line("rate", 1, quantities="=1+1"), line("payout", 1, "A"), line("carry_out", 0, "A")]
    path = "A/C9-TEST_2010-Q4_2010-12-31_PREVIEW.xlsx"
    made = [in_layout("sheet", rows=rows).files[path] for _ in range(2)]
    assert made[0] == made[1]
    with zipfile.ZipFile(io.BytesIO(made[0])) as book:
        assert "<f>" not in book.read("xl/worksheets/sheet1.xml").decode()
        assert b"=1+1" in book.read("xl/sharedStrings.xml")
        assert 'quotePrefix="1"' in book.read("xl/styles.xml").decode()
        assert "2010-12-31T00:00:00Z" in book.read("docProps/core.xml").decode()


def test_an_amount_that_a_sheet_does_not_keep_is_text() -> None:
    amount = 1234567890123456
    rows = [line("rate", amount), line("payout", amount, "A"), line("carry_out", 0, "A")]
    content = in_layout("sheet", rows=rows).files["A/C9-TEST_2010-Q4_2010-12-31_PREVIEW.xlsx"]
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert b"12345678901234.56" in book.read("xl/sharedStrings.xml")


def test_a_dialect_has_its_separator_decimal_mark_quotes_and_mark_of_order() -> None:
    lines = """
[layouts.made]
of = "settlement"
format = "delimited"
encoding = "utf-8-sig"
separator = ";"
quote = "'"
quoting = "all"
line_end = "crlf"
names_line = true
[layouts.made.lines]
H = [{ value = "H" }, { from = "sequence" }, { from = "as_of", format = "%d.%m.%Y" }]
D = [
    { value = "D", heading = "what" }, { from = "line" }, { from = "term", heading = "it's" },
    { from = "amount", type = "major", decimal = "," },
]
T = [{ value = "T" }, { from = "count" }, { from = "debit" }, { from = "credit" }]
"""
    content = in_layout("made", lines).files[f"{STEM}.csv"]
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.decode("utf-8-sig").split("\r\n") == [
        "'what';'line';'it''s';'amount'",
        "'H';'2';'31.12.2010'",
        "'D';'1';'rate';'16,00'",
        "'D';'2';'bounty';'9,00'",
        "'D';'3';'adjustment';'-1,00'",
        "'D';'4';'share';'16,00'",
        "'D';'5';'carry_in';'-2,50'",
        "'D';'6';'payout';'13,50'",
        "'D';'7';'carry_out';'0,00'",
        "'T';'7';'350';'5450'",
        "",
    ]


FIXED = """
[layouts.made]
of = "settlement"
format = "fixed_width"
encoding = "ENCODING"
line_length = 40
[layouts.made.lines]
H = [{ value = "H", at = [1, 1] }, { from = "sequence", at = [2, 4] }, { from = "partner", at = [10, LENGTH] }]
D = [{ value = "D", at = [1, 1] }, { from = "line", at = [2, 4] }, { from = "amount", at = [10, 8] }]
T = [
    { value = "T", at = [1, 1] }, { from = "count", at = [2, 4] }, { from = "debit", at = [10, 8] },
    { from = "credit", at = [20, 8] },
]
"""


@pytest.mark.parametrize("encoding", ["gbk", "utf-8", "gb18030"])
def test_a_field_is_as_many_bytes_long_as_declared_in_any_code_page(encoding: str) -> None:
    layout = FIXED.replace("ENCODING", encoding).replace("LENGTH", "20")
    content = in_layout("made", layout, "zh").files[f"{STEM}.txt"]
    lines = content.split(b"\n")[:-1]
    assert {len(one) for one in lines} == {40}
    assert lines[0][9:29].decode(encoding).rstrip() == "甲方公司"
    assert lines[3][9:17] == b"-0000100"


def test_what_does_not_fit_is_refused_or_cut_between_characters() -> None:
    layout = FIXED.replace("ENCODING", "gbk").replace("LENGTH", "5")
    with pytest.raises(
        TerminalError, match=r"the field 'partner' .* has 5 bytes and '甲方公司' needs 8: widen it, or say"
    ):
        in_layout("made", layout, "zh")
    content = in_layout("made", layout.replace("[10, 5]", "[10, 5], cut = true"), "zh").files[f"{STEM}.txt"]
    assert content[9:15].decode("gbk") == "甲方  "
    narrow = FIXED.replace("ENCODING", "gbk").replace("LENGTH", "20").replace("at = [10, 8]", "at = [10, 2]")
    with pytest.raises(TerminalError, match=r"the field 'amount' .* has 2 bytes and '1600' needs 4: widen it\."):
        in_layout("made", narrow)


def test_a_character_that_the_code_page_has_not_is_told() -> None:
    with pytest.raises(
        TerminalError, match=r"encoding cp500 of a layout of settlement has not the characters '甲方公司'"
    ):
        in_layout("made", FIXED.replace("ENCODING", "cp500").replace("LENGTH", "20"), "zh")


@pytest.mark.parametrize(
    ("wrong", "right", "sentence"),
    [
        ('{ from = "sequence", at = [2, 4] }, ', "", "lines.H must have a field from 'sequence'"),
        ('{ from = "debit", at = [10, 8] },', "", "lines.T must have a field from 'debit'"),
        ('from = "amount", at', 'from = "amounts", at', "field 'amounts': a line D of settlement has line, clause"),
        ("at = [20, 8]", "at = [12, 8]", "field 'credit' begins at 12, inside the field before it"),
        ("at = [20, 8]", "at = [34, 8]", "lines.T ends at 41, behind the line's 40 bytes"),
        ("line_length = 40", "", "a fixed-width layout needs `line_length`"),
        ('from = "line", at', 'from = "line", type = "major", at', "is no money of one currency and cannot be major"),
        ('from = "partner", at', 'from = "partner", type = "date", at', "field 'partner' is no date"),
        ('from = "partner", at', 'from = "partner", type = "number", at', "field 'partner' is no number"),
        ("line_length = 40", 'line_length = 40\nsheet = "a/b"', "layouts.made.sheet: String should match pattern"),
        ('encoding = "gbk"', 'encoding = "ebcdic-7"', "encoding 'ebcdic-7' is none that is known"),
        (
            'of = "settlement"',
            'of = "details"',
            "field 'partner'|the layout made is of details|lines.D: field 'amount'|stands",
        ),
        ('format = "fixed_width"', 'format = "fixed"', "layouts.made.format"),
    ],
)
def test_a_layout_that_cannot_be_is_refused_where_it_stands(wrong: str, right: str, sentence: str) -> None:
    layout = FIXED.replace("ENCODING", "gbk").replace("LENGTH", "20")
    assert wrong in layout
    with pytest.raises(TerminalError, match=rf"config/partners.toml: .*{sentence}"):
        in_layout("made", layout.replace(wrong, right, 1))


def test_a_column_of_parquet_is_of_one_type() -> None:
    layout = only("warehouse").replace('{ from = "net" }', '{ from = "net", heading = "term" }')
    with pytest.raises(TerminalError, match="the column 'term' is text in another line"):
        in_layout("warehouse", layout)
