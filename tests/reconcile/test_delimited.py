"""Delimited texts as people make them: what cannot be read rightly is told by row, and no row is swallowed."""

from __future__ import annotations

import csv
import io
import random
import re
from pathlib import Path

import polars as pl
import pytest
from random_cases import examples

from settlement.errors import TerminalError
from settlement.reconcile import batches
from settlement.reconcile.batches import read_batches
from settlement.reconcile.language import Amount, Side
from settlement.reconcile.read import read_columns

NAMES = ["id", "amount", "key"]
HEAD = "id,amount,key\n"
SIDE = Side(amount=Amount(column="amount", unit="major", currency="USD"))
Rows = list[tuple[str | None, ...]]


def both(path: Path, side: Side = SIDE, names: list[str] = NAMES) -> Rows:
    """The rows of a file, which reading it in parts gives alike."""
    whole = read_columns(path, side, names)
    parts = pl.concat(list(read_batches(path, side, names, frozenset(), rows=2)))
    assert parts.equals(whole)
    return whole.rows()


def refused(path: Path, side: Side = SIDE) -> str:
    with pytest.raises(TerminalError) as error:
        read_columns(path, side, NAMES)
    with pytest.raises(TerminalError, match=f"^{re.escape(str(error.value))}$"):
        list(read_batches(path, side, NAMES, frozenset(), rows=2))
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "id;amount;key\n1;2;3\n",
            "has one column, 'id;amount;key': write what stands between",
        ),
        ("id\tamount\tkey\n", r'delimiter = "\t" for its side'),
        ("id,amount,key\r1,2,3\r", "ends its lines with carriage returns alone: save it with line feeds"),
        (HEAD + "1,2,3\n1,2,000,3\n", "row 2, has 4 values for 3 columns: put a value that holds ',' in quotes"),
        (HEAD + '1,2,3\n"2,2,3\n3,2,3\n', "row 2: a quotation mark is not closed"),
        (HEAD + '1,2,"K\n2,3,L\n3,4,"M"\n', "row 1: a quotation mark is not closed, or stands inside a value"),
        (HEAD + '1,2,"K\n2,3,L" x\n3,4,M\n', "row 1: a quotation mark is not closed, or stands inside a value"),
        (HEAD + "1,2,3\n4,5", "seems to be cut off: its last line has 2 of 3 columns and no line end"),
        (b"\x1f\x8b\x08\x00", "is compressed and no text"),
        (b"PK\x03\x04\x00\x00", "is a zip archive or a workbook and no text"),
        (
            "id,amount,k\u00e9y\n1,2,3\n".encode("cp1252"),
            'not written in UTF-8: write its `encoding`, such as encoding = "cp1252"',
        ),
        ("", "is empty"),
        (HEAD, "holds no rows"),
        (",".join(f"c{n}" for n in range(500)) + "\n", "`c115`, 480 more."),
    ],
)
def test_a_text_that_would_be_read_wrongly_is_refused(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    path = tmp_path / "left.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = refused(path)
    assert sentence in said
    assert "\n" not in said


@pytest.mark.parametrize("encoding", ["base64", "rot13", "utf-88", "undefined"])
def test_a_codec_that_is_no_encoding_of_texts_is_told(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "left.csv").write_text(HEAD + "1,2,3\n")
    said = refused(tmp_path / "left.csv", SIDE.model_copy(update={"encoding": encoding}))
    assert said == f"left.csv: {encoding!r} is no encoding: write one such as utf-8 or cp1252."


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ('id,amount,"ke\ny",key\n1,2,x,3\n', [("1", "2", "3")]),
        (HEAD + '1,2,K\n2,3,"two\nlines"\n3,4,L\n', [("1", "2", "K"), ("2", "3", "two\nlines"), ("3", "4", "L")]),
        (HEAD + '"1","2","a ""word"""\n', [("1", "2", 'a "word"')]),
        (HEAD + "1,2\n2,3,L\n", [("1", "2", None), ("2", "3", "L")]),
        (HEAD + "1,2,3", [("1", "2", "3")]),
        ("\ufeff" + HEAD.replace("\n", "\r\n") + "1,2,3\r\n", [("1", "2", "3")]),
    ],
    ids=[
        "heading of two lines",
        "value of two lines",
        "quotes",
        "short row",
        "no last line end",
        "mark",
    ],
)
def test_what_people_write_is_read_alike_whole_and_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, rows: Rows
) -> None:
    (tmp_path / "left.csv").write_bytes(content.encode())
    for block in (5, 11, 23, 2**20):
        monkeypatch.setattr(batches, "_BLOCK", block)
        assert both(tmp_path / "left.csv") == rows


def test_no_text_is_read_otherwise_than_by_the_reader_of_the_standard_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made of what trips readers up; where a row spans lines, the strict reader must agree or the text be refused."""
    monkeypatch.setattr(batches, "_BLOCK", 7)
    choose = random.Random(20240301)
    cells = ["a", "", '"x,y"', '"q""q"', '"l\nm"', " a", 'b"c', '""', '"', 'c"']
    path, read = tmp_path / "left.csv", 0
    for _ in range(examples(150)):
        lines = [",".join(choose.choice(cells) for _ in range(3)) for _ in range(choose.randint(1, 4))]
        text = HEAD + "\n".join(lines) + "\n"
        path.write_text(text, newline="")
        try:
            rows = both(path)
        except TerminalError:
            continue
        read += 1
        if len(rows) < text.count("\n") - 1:
            told = list(csv.reader(io.StringIO(text, newline=""), strict=True))[1:]
            assert [[value or "" for value in row] for row in rows] == [[*one, "", ""][:3] for one in told], text
    assert read > 20
