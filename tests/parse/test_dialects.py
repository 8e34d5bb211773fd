"""Delimited files in any dialect: what is written is read, every byte is counted, and nothing odd is guessed."""

from __future__ import annotations

import csv
import io
import random
import re

import pytest
from declared_layouts import JSON_LINES, WORKBOOK, Row, as_json_lines, as_workbook, delimited
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout_of, read
from random_cases import batches

from settlement.errors import TerminalError
from settlement.model.clearing import Why
from settlement.parse.source import Parsed

NAME = "MADE_20240301.csv"
HEAD = "value,unit,item\n"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1, max_size=12)
ROWS = st.lists(st.tuples(st.integers(-(10**14), 10**14), TEXTS, TEXTS), min_size=1, max_size=8)


def made(content: str | bytes, layout: str | None = None) -> Parsed:
    return read(layout_of(layout or delimited()), NAME, content)


def found(parsed: Parsed) -> list[tuple[object, ...]]:
    assert parsed.fault is None, parsed.detail
    return parsed.tables["opening_position"].select("value", "unit", "item").rows()


def rejected(parsed: Parsed) -> list[tuple[object, ...]]:
    return parsed.tables["reject"].select("record", "reason", "field").rows()


def counted(parsed: Parsed) -> int:
    assert parsed.bytes is not None
    return parsed.bytes.accepted + parsed.bytes.rejected + parsed.bytes.control + parsed.bytes.padding


@settings(max_examples=100, deadline=None)
@given(
    rows=ROWS,
    separator=st.sampled_from([",", ";", "\t", "|"]),
    quote=st.sampled_from(['"', "'"]),
    every=st.booleans(),
    escape=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030"]),
)
def test_what_is_written_is_read(  # noqa: PLR0917 (Hypothesis fills them by name)
    rows: list[Row], separator: str, quote: str, every: bool, escape: bool, end: str, encoding: str
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(
        buffer,
        delimiter=separator,
        quotechar=quote,
        quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL,
        doublequote=not escape,
        escapechar="\\" if escape else None,
        lineterminator=end,
    )
    writer.writerows([("value", "unit", "item"), *rows])
    more = 'escape = "\\\\"\n' if escape else ""
    told = {"\t": "\\t"}.get(separator, separator)
    spec = f'separator = "{told}"\nquote = "{quote.replace(chr(34), chr(92) + chr(34))}"\nnames_line = true\n{more}'
    content = buffer.getvalue().encode(encoding)
    parsed = made(content, delimited(f'{spec}encoding = "{encoding}"\n'))
    lost = [row for row in rows if row[1:] and any(looks_like_an_exponent(text) for text in row[1:])]
    assert found(parsed) == [row for row in rows if row not in lost]
    assert counted(parsed) == len(content)


def looks_like_an_exponent(text: str) -> bool:
    """A digit, decimals or none, ``E+`` and up to three digits: what a spreadsheet makes of a long number."""
    return re.fullmatch(r"[+-]?[0-9]([.,][0-9]+)?E\+[0-9]{1,3}", text, re.IGNORECASE) is not None


@pytest.mark.parametrize(
    ("line", "items"),
    [
        ('1,a,"b"', ["b"]),
        ('1,a,""', []),
        ('1,a,"b""c"', ['b"c']),
        ('1,a,"b,c"', ["b,c"]),
        ('1,a,"b\nc"', ["b\nc"]),
        ('1,a,"=1+1"', ["=1+1"]),
    ],
)
def test_a_quoted_field_is_itself(line: str, items: list[str]) -> None:
    parsed = made(f"{HEAD}{line}\n2,x,last\n")
    assert [row[2] for row in found(parsed)][:-1] == items
    assert counted(parsed) == len(f"{HEAD}{line}\n2,x,last\n".encode())


@pytest.mark.parametrize("line", ['1,a,"b"c', '1,"a" ,b', '1,a,"b', "1,a,b,c", "1,a", '"1",a,b "c", d', '1,a,b"c'])
def test_a_line_outside_the_dialect_is_a_reject_or_the_file_stays_out(line: str) -> None:
    parsed = made(f"{HEAD}{line}\n2,x,last\n")
    if parsed.fault is None:
        assert rejected(parsed) == [(2, "MALFORMED", "line")]
        assert found(parsed) == [(2, "x", "last")]
    else:
        assert "is never closed" in (parsed.detail or "")


def test_comments_heads_and_blank_lines_are_no_rows() -> None:
    spec = 'separator = ";"\nnames_line = true\nhead_lines = 2\ncomment = "#"\n[spec.cells]\nday = "B2"\n'
    spec += '[spec.file]\ndate = "cells.day"\ndate_format = "%d.%m.%Y"\n'
    content = 'Positions of "MADE\nDay;01.03.2024\nvalue;unit;item\n# a word; or two\n1;a;b\n\n2;a;c\n'
    parsed = made(content, delimited(spec))
    assert found(parsed) == [(1, "a", "b"), (2, "a", "c")]
    assert parsed.tables["control_record"].select("record", "class").rows() == [
        *((number, "HEADER") for number in (1, 2, 3)),
        (4, "COMMENT"),
    ]
    assert parsed.bytes is not None
    assert (parsed.bytes.padding, counted(parsed)) == (1, len(content))
    other = made(content.replace("01.03", "02.03"), delimited(spec))
    assert "its header says 2024-03-02, its name says 2024-03-01" in (other.detail or "")


def test_a_comment_mark_inside_a_quoted_field_is_text() -> None:
    spec = 'separator = ","\nquote = "\\""\nnames_line = true\ncomment = "#"\n'
    parsed = made(HEAD + '1,a,"x\n# y"\n# it\'s "open\n2,a,z\n', delimited(spec))
    assert found(parsed) == [(1, "a", "x\n# y"), (2, "a", "z")]


def test_headings_may_run_over_lines() -> None:
    layout = delimited().replace("[[spec.lines]]", '[spec.headings]\nitem = "the\\nitem"\n\n[[spec.lines]]')
    content = 'value,unit,"the\nitem"\n1,a,b\n'
    parsed = made(content, layout)
    assert found(parsed) == [(1, "a", "b")]
    assert parsed.tables["opening_position"]["record"].to_list() == [3]
    assert counted(parsed) == len(content)


def test_lines_without_a_tag_are_told_by_position() -> None:
    layout = delimited('separator = ","\n').replace(
        'table = "opening_position"\n', 'table = "opening_position"\nfields = ["value", "unit", "item"]\n'
    )
    assert found(made("1,a,b\n2,a,c\n", layout)) == [(1, "a", "b"), (2, "a", "c")]
    assert rejected(made("1,a,b\n2,a\n", layout)) == [(2, "MALFORMED", "line")]


@pytest.mark.parametrize(
    ("heads", "match", "sentence"),
    [
        ("VALUE , Unit,i-tem", "loose", None),
        ("Wert,Einheit,Posten", "exact", None),
        ("item,unit,value", "exact", None),
        ("VALUE,unit,item", "exact", "line 1 does not name the field `value` (heading `Wert`)"),
        ("value,Wert,item", "exact", "line 1 names the field `value` more than once"),
        ("value,unit", "loose", "line 1 does not name the field `item`"),
    ],
)
def test_columns_are_found_by_any_of_their_headings(heads: str, match: str, sentence: str | None) -> None:
    spec = f'separator = ","\nnames_line = true\nheadings_match = "{match}"\n[spec.headings]\n'
    spec += 'value = ["value", "Wert"]\nunit = ["unit", "Einheit"]\nitem = ["item", "Posten"]\n'
    row = "b,a,1" if heads.startswith("item") else "1,a,b"
    parsed = made(f"{heads}\n{row}\n", delimited(spec))
    if sentence is None:
        assert found(parsed) == [(1, "a", "b")]
    else:
        assert sentence in (parsed.detail or "")


def test_one_heading_for_two_fields_is_refused() -> None:
    spec = 'separator = ","\nnames_line = true\nheadings_match = "loose"\n[spec.headings]\n'
    with pytest.raises(TerminalError, match="two fields have the same heading: `value` and `unit`"):
        made(HEAD, delimited(spec + 'value = "Wert"\nunit = "WERT "\n'))


@pytest.mark.parametrize(
    ("encoding", "content", "words"),
    [
        ("utf-8", "value,unit,item\n1,\u00e9,b\n".encode("latin-1"), "byte 19 is not utf-8"),
        ("utf-16", b"value,unit,item\n1,a,b\n", "line 1 does not name"),
        ("ascii", "value,unit,item\n1,\u00e9,b\n".encode(), "byte 19 is not ascii"),
        ("cp500", HEAD.encode(), "no lines"),
    ],
)
def test_a_wrong_code_page_keeps_the_file_out(encoding: str, content: bytes, words: str) -> None:
    parsed = made(content, delimited(f'separator = ","\nnames_line = true\nencoding = "{encoding}"\n'))
    assert parsed.fault in {Why.UNREADABLE, Why.TRUNCATED, Why.EMPTY}
    assert (parsed.detail or "").endswith("Ask MADE to send it again.")


def test_a_file_of_another_layout_stays_out_whole() -> None:
    for layout, name in ((JSON_LINES, "MADE_20240301.jsonl"), (WORKBOOK, "MADE_20240301.xlsx")):
        parsed = read(layout_of(layout), name, HEAD + "1,a,b\n")
        assert parsed.fault is not None or parsed.tables["reject"].height == 2
    assert made(as_workbook([(1, "a", "b")])).fault is Why.UNREADABLE
    assert made(as_json_lines([(1, "a", "b")])).fault is Why.UNREADABLE


@pytest.mark.parametrize("quoted", [True, False])
def test_a_line_of_ten_megabytes_is_one_record(quoted: bool) -> None:
    long = "x" * 10_000_000
    parsed = made(HEAD + (f'1,a,"{long}"\n' if quoted else f"1,a,{long}\n") + "2,a,b\n")
    assert [len(str(row[2])) for row in found(parsed)] == [10_000_000, 1]
    odd = made(HEAD + f'1,a,"x""{long}"\n2,a,b\n')
    assert odd.tables["opening_position"].height + odd.tables["reject"].height == 2
    assert counted(odd) == len(HEAD) + len('1,a,"x"""\n2,a,b\n') + len(long)


def test_a_workbook_shares_its_bytes_among_its_rows() -> None:
    content = as_workbook([(1, "a", "b"), (2, "a", "c")])
    parsed = read(layout_of(WORKBOOK), "MADE_20240301.xlsx", content)
    assert found(parsed) == [(1, "a", "b"), (2, "a", "c")]
    assert parsed.bytes is not None
    assert counted(parsed) == len(content)
    assert 0 < parsed.bytes.accepted < parsed.bytes.control


def test_a_mutated_file_loses_nothing() -> None:
    whole = f'{HEAD}1,a,b\n2,"a ""x""",c\n3,"a\n",d\n4,a,e\n'.encode()
    for number, size in batches(600, 300):
        rng = random.Random(number)
        for _ in range(size):
            content = bytearray(whole)
            for _ in range(rng.randrange(1, 5)):
                content[rng.randrange(len(content))] = rng.choice(b'",\n\r1a\xc3\x00\\')
            parsed = made(bytes(content))
            if parsed.fault is None:
                assert counted(parsed) == len(content), bytes(content)
            else:
                assert (parsed.detail or "").endswith("Ask MADE to send it again."), bytes(content)


VALUE = re.compile(r"[+-]?[0-9]{1,15}")
ODD = b",\n\r1a\xc3 -"


def read_by_hand(content: bytes) -> tuple[list[tuple[object, ...]], list[tuple[int, str, str]]]:
    """Rows and rejects of a file without quotes, as the rules of the made layout say them, line by line."""
    good: list[tuple[object, ...]] = []
    bad: list[tuple[int, str, str]] = []
    for number, line in enumerate(content.decode().replace("\r\n", "\n").split("\n")[:-1], start=1):
        fields = line.split(",")
        if number == 1 or not line:
            continue
        if len(fields) != 3:
            bad.append((number, "MALFORMED", "line"))
            continue
        value, unit, item = fields
        wrong = [
            ("MALFORMED", "item", not item),
            ("MALFORMED", "value", not VALUE.fullmatch(value)),
            ("MALFORMED", "unit", not unit),
        ]
        first = next(((reason, field) for reason, field, broken in wrong if broken), None)
        if first is None:
            good.append((int(value), unit, item))
        else:
            bad.append((number, *first))
    return good, bad


def test_mutated_records_are_read_as_their_rules_say() -> None:
    for number, size in batches(10_000, 500):
        rng = random.Random(number)
        lines = []
        for row in range(size):
            line = bytearray(f"{row * 7919},a{row},{'long ' * (row % 5)}é{row}".encode())
            for _ in range(rng.randrange(3)):
                line[rng.randrange(len(line))] = rng.choice(ODD)
            text = line.decode(errors="ignore")
            lines.append(text.encode())
        content = HEAD.encode() + b"\n".join(lines) + b"\n"
        parsed = made(content)
        good, bad = read_by_hand(content)
        assert found(parsed) == good
        assert rejected(parsed) == bad
        assert counted(parsed) == len(content)
