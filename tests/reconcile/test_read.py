"""Files as they come: kinds, encodings, units, signs, and what is refused in one sentence."""

from __future__ import annotations

import os
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from made_workbook import workbook
from reconcile_runs import HEAD, row, run, run_files, write_csv

from settlement.errors import TerminalError
from settlement.reconcile.batches import read_batches
from settlement.reconcile.language import Amount, Side
from settlement.reconcile.read import kind_of, read_columns, readable

PASS = '[[pass]]\nname = "one"\nkeys = ["key"]\n'
LEFT = [row("B1", 1250), row("B2", 300, key="L")]
RIGHT = [row("T1", 1250), row("T2", 300, key="L")]


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows", "csv"])
def test_every_kind_of_file_reads_alike(tmp_path: Path, kind: str) -> None:
    rows = pl.DataFrame(LEFT)
    path = tmp_path / f"left.{kind}"
    {"parquet": rows.write_parquet, "arrow": rows.write_ipc, "arrows": rows.write_ipc_stream, "csv": rows.write_csv}[
        kind
    ](path)
    right = write_csv(tmp_path / "right.csv", RIGHT)
    (tmp_path / "rules.toml").write_text(HEAD + PASS)
    found = run_files(path, right, tmp_path / "rules.toml", tmp_path / "out")
    assert found.pairs == {("B1", "T1"), ("B2", "T2")}


def test_a_workbook_is_read(tmp_path: Path) -> None:
    _workbook(tmp_path / "left.xlsx", [["id", "amount", "key"], ["B1", 12.5, "K"], ["B2", 3, "L"], ["B3", 28.73, "M"]])
    right = write_csv(tmp_path / "right.csv", [row("T1", 1250), row("T2", 300, "L"), row("T3", 2873, "M")])
    head = HEAD.replace('unit = "minor"\ncurrency_column = "ccy"\n[left', 'unit = "major"\ncurrency = "USD"\n[left')
    head = head.replace('[left.date]\ncolumn = "date"\n', "")
    (tmp_path / "rules.toml").write_text(head + PASS)
    found = run_files(tmp_path / "left.xlsx", right, tmp_path / "rules.toml", tmp_path / "out")
    assert found.pairs == {("B1", "T1"), ("B2", "T2"), ("B3", "T3")}
    (tmp_path / "rules.toml").write_text(head.replace('name = "bank"', 'name = "bank"\nsheet = "Shet1"') + PASS)
    with pytest.raises(TerminalError, match="no sheet 'Shet1': did you mean `Sheet1`"):
        run_files(tmp_path / "left.xlsx", right, tmp_path / "rules.toml", tmp_path / "out")


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("xl/sharedStrings.xml", "<sst><si>"),
        ("xl/workbook.xml", "<workbook/>"),
        ("xl/_rels/workbook.xml.rels", "<Relationships/>"),
    ],
)
def test_a_broken_workbook_is_told_in_one_sentence(tmp_path: Path, part: str, content: str) -> None:
    (tmp_path / "left.xlsx").write_bytes(workbook([["id", "amount"], ["B1", 1]], shared=True, parts={part: content}))
    right = write_csv(tmp_path / "right.csv", [row("T1", 1250)])
    (tmp_path / "rules.toml").write_text(HEAD + PASS)
    with pytest.raises(TerminalError, match=r"^left\.xlsx is not readable as excel: [^\n]+\.$"):
        run_files(tmp_path / "left.xlsx", right, tmp_path / "rules.toml", tmp_path / "out")


def test_a_reader_that_gives_up_is_told_in_one_sentence(tmp_path: Path) -> None:
    panic = type("PanicException", (BaseException,), {})
    sentence = r"^left\.csv is not readable as csv: index out of bounds\.$"
    with pytest.raises(TerminalError, match=sentence), readable(tmp_path / "left.csv", "csv"):
        raise panic("index out of bounds")
    with pytest.raises(KeyboardInterrupt), readable(tmp_path / "left.csv", "csv"):
        raise KeyboardInterrupt


IN_DOLLARS = HEAD.replace('unit = "minor"\ncurrency_column = "ccy"', 'unit = "major"\ncurrency = "USD"').replace(
    '[left.date]\ncolumn = "date"\n', ""
)


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_a_whole_number_is_the_same_text_wherever_it_stands(tmp_path: Path, kind: str) -> None:
    """A workbook keeps 7 as 7.0, and so does a table in which a number is missing."""
    if kind == "xlsx":
        rows = [["id", "amount", "key"], [1001, 1, 7], [1002, 2, Decimal("7.5")], [1003, 3, 0]]
        (tmp_path / "left.xlsx").write_bytes(workbook(rows))
    else:
        table = pl.DataFrame({"id": [1001.0, 1002.0, 1003.0], "amount": [1, 2, 3], "key": [7.0, 7.5, -0.0]})
        table.write_parquet(tmp_path / "left.parquet")
    told = [row("T1", 1, "7"), row("T2", 2, "7.5"), row("T3", 3, "0")]
    right = write_csv(tmp_path / "right.csv", told)
    (tmp_path / "rules.toml").write_text(IN_DOLLARS + PASS)
    found = run_files(tmp_path / f"left.{kind}", right, tmp_path / "rules.toml", tmp_path / "out")
    assert found.pairs == {("1001", "T1"), ("1002", "T2"), ("1003", "T3")}


def test_an_amount_of_a_workbook_is_what_the_sheet_shows(tmp_path: Path) -> None:
    rows = [
        ["id", "amount", "key"],
        ["B1", Decimal("51168.780000000006"), "K"],
        ["B2", Decimal("-1603.0499999999999"), "L"],
    ]
    (tmp_path / "left.xlsx").write_bytes(workbook(rows))
    right = write_csv(tmp_path / "right.csv", [row("T1", "51168.78"), row("T2", "-1603.05", "L")])  # type: ignore[arg-type]
    (tmp_path / "rules.toml").write_text(IN_DOLLARS + PASS)
    found = run_files(tmp_path / "left.xlsx", right, tmp_path / "rules.toml", tmp_path / "out")
    assert found.pairs == {("B1", "T1"), ("B2", "T2")}


LOST = "a workbook keeps 15 digits of a number, and this one has more: write the column as text."


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            [["id", "amount", "key", "key"], ["B1", 1, "K", "L"]],
            "left.xlsx has two columns `key`: give each its own name.",
        ),
        (
            [["id", "amount", "key"], [4111111111111111, 1, "K"], [4111111111111112, 1, "K"]],
            f"left.xlsx, row 1, column `id`: {LOST}",
        ),
        (
            [["id", "amount", "key"], ["B1", 1, "K"], ["B2", 1, 1234567890123456700]],
            f"left.xlsx, row 2, column `key`: {LOST}",
        ),
    ],
)
def test_what_a_workbook_would_tell_wrongly_is_refused(tmp_path: Path, rows: list[list[Any]], sentence: str) -> None:
    (tmp_path / "left.xlsx").write_bytes(workbook(rows))
    right = write_csv(tmp_path / "right.csv", [row("T1", 1)])
    (tmp_path / "rules.toml").write_text(IN_DOLLARS + PASS)
    with pytest.raises(TerminalError, match=f"^{re.escape(sentence)}$"):
        run_files(tmp_path / "left.xlsx", right, tmp_path / "rules.toml", tmp_path / "out")


def test_long_numbers_that_a_workbook_keeps_as_texts_are_read(tmp_path: Path) -> None:
    rows = [["id", "amount", "key"], ["B1", 1, "1234567890123456701"], ["B2", 1, "K"]]
    (tmp_path / "left.xlsx").write_bytes(workbook(rows))
    right = write_csv(
        tmp_path / "right.csv", [row("T1", 1, "1234567890123456701"), row("T2", 1, "1234567890123456700")]
    )
    (tmp_path / "rules.toml").write_text(IN_DOLLARS + PASS)
    assert run_files(tmp_path / "left.xlsx", right, tmp_path / "rules.toml", tmp_path / "out").pairs == {("B1", "T1")}


@pytest.mark.parametrize("written", ["%Y-%m-%d %H:%M %z", "%Y-%m-%d %H:%M %:z"])
def test_a_moment_counts_on_its_day_in_the_zone_it_is_told_in(tmp_path: Path, written: str) -> None:
    mark = ":" if ":z" in written else ""
    left = [row("B1", 1, date=f"2024-03-01 23:30 -05{mark}00"), row("B2", 2, date=f"2024-03-02 00:15 +05{mark}30")]
    right = [row("T1", 1, date=f"2024-03-01 00:30 +00{mark}00"), row("T2", 2, date=f"2024-03-01 12:00 -02{mark}00")]
    head = HEAD.replace('column = "date"', f'column = "date"\nformat = "{written}"')
    found = run(tmp_path, left, right, PASS + "days = 0\n", head=head)
    assert found.pairs == {("B1", "T1")}
    assert found.reasons["B2"] == "date_outside_window"
    with pytest.raises(TerminalError, match="the zone `%z` must be the last part"):
        run(
            tmp_path, left, right, PASS, head=HEAD.replace('column = "date"', 'column = "date"\nformat = "%z %Y-%m-%d"')
        )


def test_card_numbers_as_ids_are_known_as_floats_too(tmp_path: Path) -> None:
    cards = [4111111111111111.0, 5555555555554444.0, 4012888888881881.0, 378282246310005.0, 6011111111111117.0]
    pl.DataFrame({"id": cards, "amount": [1] * 5, "key": ["K"] * 5}).write_parquet(tmp_path / "left.parquet")
    right = write_csv(tmp_path / "right.csv", [row("T1", 1)])
    (tmp_path / "rules.toml").write_text(IN_DOLLARS + PASS)
    with pytest.raises(TerminalError, match="holds card numbers"):
        run_files(tmp_path / "left.parquet", right, tmp_path / "rules.toml", tmp_path / "out")


def test_a_heading_that_looks_like_a_second_one_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "left.xlsx").write_bytes(workbook([["id", "amount", "key", "key_1"], ["B1", 1, "K", "L"]]))
    right = write_csv(tmp_path / "right.csv", [row("T1", 1)])
    (tmp_path / "rules.toml").write_text(IN_DOLLARS + PASS)
    assert run_files(tmp_path / "left.xlsx", right, tmp_path / "rules.toml", tmp_path / "out").pairs == {("B1", "T1")}


def test_decimals_floats_and_typed_dates_are_exact(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["B1", "B2"], "amount": [Decimal("12.50"), Decimal("0.29")], "key": ["K", "L"]}).with_columns(
        date=pl.date(2024, 3, 1), ccy=pl.lit("USD")
    ).write_parquet(tmp_path / "left.parquet")
    pl.DataFrame({"id": ["T1", "T2"], "amount": [12.5, 0.29], "key": ["K", "L"]}).with_columns(
        date=pl.datetime(2024, 3, 1, 13, 5), ccy=pl.lit("USD")
    ).write_parquet(tmp_path / "right.parquet")
    (tmp_path / "rules.toml").write_text(HEAD.replace('"minor"', '"major"') + PASS + "days = 0\n")
    found = run_files(tmp_path / "left.parquet", tmp_path / "right.parquet", tmp_path / "rules.toml", tmp_path / "out")
    assert found.pairs == {("B1", "T1"), ("B2", "T2")}


def test_encoding_delimiter_marks_signs_and_fees(tmp_path: Path) -> None:
    head = """
[left]
name = "bank"
encoding = "cp1252"
delimiter = ";"
[left.amount]
column = "netto"
unit = "major"
currency = "EUR"
decimal_mark = ","
thousands_mark = "."
sign_column = "kz"
negative = ["H"]
positive = ["S"]
add_back = ["gebühr"]
[right]
name = "till"
[right.amount]
column = "gross"
unit = "major"
currency = "EUR"
negate = true
"""
    (tmp_path / "left.csv").write_bytes("netto;kz;gebühr;key\n1.234,50;S;0,50;Café\n20,00;H;;Bar\n".encode("cp1252"))
    (tmp_path / "right.csv").write_text("gross,key\n-1235.00,Café\n20,Bar\n", encoding="utf-8-sig")
    (tmp_path / "rules.toml").write_text(head + PASS)
    found = run_files(tmp_path / "left.csv", tmp_path / "right.csv", tmp_path / "rules.toml", tmp_path / "out")
    assert found.pairs == {("1", "1"), ("2", "2")}
    assert found.summary["left"]["read"]["sums_minor"] == {"EUR": 123_500 - 2_000}
    (tmp_path / "left.csv").write_bytes("netto;kz;gebühr;key\n1,00;X;0,50;Café\n".encode("cp1252"))
    with pytest.raises(TerminalError, match=r"left.csv, row 1, column `kz`: 'X' is no known sign"):
        run_files(tmp_path / "left.csv", tmp_path / "right.csv", tmp_path / "rules.toml", tmp_path / "out")


REFUSED = {
    "amount that is text": (
        [row("B1", 1), {**row("B2", 1), "amount": "abc"}],
        "row 2, column `amount`: 'abc' is no amount of USD",
    ),
    "half a cent": (
        [{**row("B1", 1), "amount": "12.5"}],
        "row 1, column `amount`: '12.5' is no amount of USD in minor",
    ),
    "digits of another script": (
        [{**row("B1", 1), "amount": "\uff11\uff12"}],
        "row 1, column `amount`: '\uff11\uff12' is no amount of USD in minor units",
    ),
    "too many digits": (
        [{**row("B1", 1), "amount": "9223372036854775807"}],
        "row 1, column `amount`: '922337******5807' has more than 18 digits in minor units: correct it.",
    ),
    "no amount": ([{**row("B1", 1), "amount": " "}], "row 1, column `amount`: there is no amount"),
    "no currency": ([row("B1", 1, ccy="US$")], "row 1, column `ccy`: 'US$' is no ISO 4217 code"),
    "no date": (
        [row("B1", 1, date="01.03.2024")],
        "row 1, column `date`: '01.03.2024' is no date of the form %Y-%m-%d",
    ),
    "one id twice": ([row("B1", 1), row("B2", 2), row("B1", 3)], "rows 1 and 3 have one id, 'B1'"),
    "empty id": ([row("B1", 1), row("", 2)], "row 2: the id column `id` is empty"),
    "other currencies": ([row("B1", 1, ccy="EUR")], "is in EUR and right.csv in USD: no pair can agree"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_bad_row_is_one_sentence_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    left, words = REFUSED[case]
    with pytest.raises(TerminalError) as refused:
        run(tmp_path, left, RIGHT, PASS)
    assert words in str(refused.value)
    assert str(refused.value).startswith("left.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"left.csv", "right.csv", "rules.toml"}


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("key", [["K"]], "column `key` holds lists or records: name a column of single values"),
        ("id", [["B1"]], "column `id` holds lists or records"),
        ("amount", [{"a": 1}], "column `amount` holds lists or records"),
        ("key", [b"K\xff"], "column `key` holds bytes"),
        (
            "date",
            pl.Series([10**8], dtype=pl.Int32).cast(pl.Date),
            "row 1, column `date`: the date lies outside",
        ),
        ("date", pl.Series([-800_000], dtype=pl.Int32).cast(pl.Date), "the date lies outside the years 1 to 9999"),
    ],
)
def test_what_a_table_may_hold_and_a_match_may_not(tmp_path: Path, column: str, values: Any, words: str) -> None:
    pl.DataFrame([row("B1", 1)]).with_columns(pl.Series(column, values)).write_parquet(tmp_path / "left.parquet")
    right = write_csv(tmp_path / "right.csv", RIGHT)
    (tmp_path / "rules.toml").write_text(HEAD + PASS)
    with pytest.raises(TerminalError, match="^left.parquet[:,] .*" + re.escape(words)):
        run_files(tmp_path / "left.parquet", right, tmp_path / "rules.toml", tmp_path / "out")


def test_a_table_whose_dates_are_all_missing_is_read(tmp_path: Path) -> None:
    table = pl.DataFrame([row("B1", 1250)]).with_columns(date=None)
    table.write_parquet(tmp_path / "left.parquet")
    right = write_csv(tmp_path / "right.csv", RIGHT)
    (tmp_path / "rules.toml").write_text(HEAD + PASS)
    found = run_files(tmp_path / "left.parquet", right, tmp_path / "rules.toml", tmp_path / "out")
    assert found.pairs == {("B1", "T1")}


def test_a_column_that_stands_twice_in_arrow_is_told(tmp_path: Path) -> None:
    table = pa.table([pa.array([1]), pa.array(["K"]), pa.array(["L"])], names=["id", "key", "key"])
    with pa.OSFile(str(tmp_path / "left.arrow"), "wb") as target, pa.ipc.new_file(target, table.schema) as writer:
        writer.write_table(table)
    side = Side(amount=Amount(column="amount", unit="major", currency="USD"))
    for reader in (read_columns, lambda *given: list(read_batches(*given, frozenset(), rows=9))):
        with pytest.raises(TerminalError, match=r"^left\.arrow has two columns `key`: give each its own name\.$"):
            reader(tmp_path / "left.arrow", side, ["key"])


def test_a_pipe_is_told_as_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "left.csv")
    with pytest.raises(TerminalError, match="is a pipe or a device, and a file is read more than once: save it first"):
        kind_of(tmp_path / "left.csv", Side(amount=Amount(column="amount", unit="major", currency="USD")))


def test_a_card_number_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(TerminalError) as refused:
        run(tmp_path, [{**row("B1", 1), "amount": "x 4111 1111 1111 1111"}], RIGHT, PASS)
    assert "411111******1111" in str(refused.value)
    assert "4111 1111 1111" not in str(refused.value)


def test_ids_are_no_card_numbers(tmp_path: Path) -> None:
    cards = ("4111111111111111", "5555555555554444", "4012888888881881", "5105105105105100", "4222222222222")
    with pytest.raises(TerminalError, match="column `id` holds card numbers"):
        run(tmp_path, [row(card, 1) for card in cards], RIGHT, PASS)


def test_mixed_currencies_behind_a_declared_one_are_seen(tmp_path: Path) -> None:
    left = [{**row("B1", 1), "currency": "USD"}, {**row("B2", 1), "currency": "EUR"}]
    head = HEAD.replace('currency_column = "ccy"\n[left', 'currency = "USD"\n[left')
    with pytest.raises(TerminalError, match='column `currency` tells EUR, USD: write currency_column = "currency"'):
        run(tmp_path, left, RIGHT, PASS, head=head)


def test_missing_things_name_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match=r"right.csv has no column `kye`: did you mean `key`\?"):
        run(tmp_path, LEFT, RIGHT, '[[pass]]\nname = "one"\nkeys = [{ left = "key", right = "kye" }]\n')
    (tmp_path / "empty.csv").write_text("id,amount,key,date,ccy\n")
    with pytest.raises(TerminalError, match=r"empty.csv holds no rows"):
        run_files(tmp_path / "empty.csv", tmp_path / "right.csv", tmp_path / "rules.toml", tmp_path / "out")
    (tmp_path / "nothing.csv").write_text("")
    with pytest.raises(TerminalError, match=r"nothing.csv is empty"):
        run_files(tmp_path / "nothing.csv", tmp_path / "right.csv", tmp_path / "rules.toml", tmp_path / "out")
    (tmp_path / "wide.csv").write_text("id,amount,key,date,ccy\nB1,5,K,2024-03-01,USD\n", encoding="utf-16")
    with pytest.raises(TerminalError, match=r'wide.csv is not written in UTF-8: .* encoding = "utf-16"'):
        run_files(tmp_path / "wide.csv", tmp_path / "right.csv", tmp_path / "rules.toml", tmp_path / "out")
    with pytest.raises(TerminalError, match=r"is no file"):
        run_files(tmp_path, tmp_path / "right.csv", tmp_path / "rules.toml", tmp_path / "out")
    with pytest.raises(TerminalError, match=r"no-such.csv is no file"):
        run_files(tmp_path / "no-such.csv", tmp_path / "right.csv", tmp_path / "rules.toml", tmp_path / "out")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1nonsense")
    with pytest.raises(TerminalError, match=r"bad.parquet is not readable as parquet"):
        run_files(tmp_path / "bad.parquet", tmp_path / "right.csv", tmp_path / "rules.toml", tmp_path / "out")
    (tmp_path / "bad.csv").write_bytes(b"id,amount,key,date,ccy\nB1,1,Caf\xe9,2024-03-01,USD\n")
    with pytest.raises(TerminalError, match="not written in UTF-8: write its `encoding`"):
        run_files(tmp_path / "bad.csv", tmp_path / "right.csv", tmp_path / "rules.toml", tmp_path / "out")


def _workbook(path: Path, rows: list[list[str | float]]) -> None:
    """The smallest workbook that a reader takes."""
    cells = []
    for number, told in enumerate(rows, 1):
        line = "".join(
            f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{value}</t></is></c>'
            if isinstance(value, str)
            else f'<c r="{chr(65 + at)}{number}"><v>{value}</v></c>'
            for at, value in enumerate(told)
        )
        cells.append(f'<row r="{number}">{line}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
        f'ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(cells)}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w") as book:
        for name, text in parts.items():
            book.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
