"""JSON lines: numbers keep their digits, names stand once, and a line that is no object is a reject."""

from __future__ import annotations

import json

import pytest
from declared_layouts import JSON_LINES, Row, as_json_lines
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout_of, read

from settlement.errors import TerminalError
from settlement.model.clearing import Why
from settlement.parse.source import Parsed

NAME = "MADE_20240301.jsonl"
GOOD = '{"amount": {"value": 5, "unit": "miles"}, "items": [{"name": "first"}]}'


def json_read(content: bytes | str) -> Parsed:
    return read(layout_of(JSON_LINES), NAME, content)


def texts(raw: str) -> list[object]:
    """What one value becomes as text, or why its line is rejected."""
    layout = JSON_LINES.replace('unit = "amount.unit"', 'unit = "x"')
    line = GOOD[:-1] + f', "x": {raw}}}\n'
    parsed = read(layout_of(layout), NAME, line)
    return [*parsed.tables["opening_position"]["unit"], *parsed.tables["reject"]["reason"]] if parsed.tables else []


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(10**14), 10**14),
            st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1),
            st.text(st.characters(codec="utf-8"), min_size=1),
        ),
        max_size=8,
    )
)
def test_what_is_written_is_read(rows: list[Row]) -> None:
    content = as_json_lines(rows)
    parsed = json_read(content) if content else None
    if parsed is None:
        return
    found = parsed.tables["opening_position"].select("value", "unit", "item").rows()
    rejected = parsed.tables["reject"].height
    assert len(found) + rejected == len(rows)
    assert [row for row in rows if row in found] == found
    assert parsed.bytes is not None
    assert parsed.bytes.accepted + parsed.bytes.rejected == len(content)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("12345678901234567890123", "12345678901234567890123"),
        ("0.1", "0.1"),
        ("1.10", "1.10"),
        ("1.5e3", "1500"),
        ("1e-2", "0.01"),
        ("1e999999999", "1e999999999"),
        ("-0", "-0"),
        ("true", "true"),
        ('"\\u00e9"', "\u00e9"),
        ("[1]", "MALFORMED"),
        ("{}", "MALFORMED"),
        ("NaN", "MALFORMED"),
        ("Infinity", "MALFORMED"),
        ('"\\ud800"', "MALFORMED"),
    ],
)
def test_a_value_keeps_what_is_written(raw: str, text: str) -> None:
    assert texts(raw) == [text]


def test_a_number_never_passes_through_a_float() -> None:
    amount = GOOD.replace("5", "9007199254740993")
    assert json_read(amount.replace("9007199254740993", "900719925474099") + "\n").tables["opening_position"][
        "value"
    ].to_list() == [900719925474099]
    assert texts("0.30000000000000004441") == ["0.30000000000000004441"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[1, 2]", "no JSON object"),
        ('"text"', "no JSON object"),
        ("{", "no JSON object"),
        (GOOD + GOOD, "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ('{"amount": {"value": 1, "value": 2}}', "the name `value` stands twice"),
        ('{"5555550100003310": 1, "5555550100003310": 2}', "`555555******3310` stands twice"),
    ],
)
def test_a_line_that_is_no_object_is_a_reject(line: str, words: str) -> None:
    parsed = json_read(f"{GOOD}\n{line}\n\n{GOOD}\n")
    assert parsed.fault is None
    [(record, reason, preview)] = parsed.tables["reject"].select("record", "reason", "preview").rows()
    assert (record, reason) == (2, "MALFORMED")
    assert words in preview
    assert "5555550100003310" not in str(parsed.tables)
    assert parsed.tables["opening_position"]["record"].to_list() == [1, 4]
    assert parsed.bytes is not None
    assert (parsed.bytes.accepted, parsed.bytes.padding) == (2 * len(GOOD) + 2, 1)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (GOOD.encode(), Why.TRUNCATED),
        (b"\xff\xfe{}\n", Why.UNREADABLE),
        (GOOD.encode()[:-2] + b"\xc3", Why.TRUNCATED),
    ],
)
def test_a_file_that_is_not_whole_stays_out(content: bytes, why: Why) -> None:
    assert json_read(content).fault is why


def test_kinds_of_lines_are_told_by_a_field() -> None:
    text = JSON_LINES.replace(
        "[spec.fields]\n", '[spec]\nkind_field = "kind"\nlast = ["end"]\n\n[spec.fields]\nkind = "type"\n'
    )
    text = text.replace('table = "opening_position"', 'tags = ["row"]\ntable = "opening_position"')
    text += '\n[[spec.lines]]\ntags = ["end"]\nonce = true\nclass = "TRAILER"\n\n[[spec.controls]]\nname = "rows"\n'
    text += 'of = { lines = ["row"], count = true }\ndeclared = "end.value"\n'
    row, end = '{"type": "row", ' + GOOD[1:] + "\n", '{"type": "end", "amount": {"value": 1}}\n'
    parsed = read(layout_of(text), NAME, row + end)
    assert (parsed.fault, [total.agrees for total in parsed.controls]) == (None, [True, True])
    assert read(layout_of(text), NAME, row).fault is Why.TRUNCATED
    odd = read(layout_of(text), NAME, row + row.replace("row", "gift") + end)
    assert odd.tables["reject"].select("field", "preview").rows() == [("kind", "gift")]
    for size in range(len(row + end)):
        assert read(layout_of(text), NAME, (row + end)[:size]).fault is not None, size


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"amount.value"', '"amount..value"', "the path of `value`"),
        ('"items[0].name"', '"items[x].name"', "the path of `item`"),
        ('value = "amount.value"\n', "", "no field `value`"),
    ],
)
def test_a_bad_layout_is_one_sentence(old: str, new: str, words: str) -> None:
    with pytest.raises(TerminalError, match=words):
        read(layout_of(JSON_LINES.replace(old, new)), NAME, GOOD + "\n")


def test_a_long_line_is_read_whole() -> None:
    long = json.dumps({"amount": {"value": 1, "unit": "miles"}, "items": [{"name": "x" * 10_000_000}]})
    [item] = json_read(long + "\n").tables["opening_position"]["item"].to_list()
    assert len(item) == 10_000_000
