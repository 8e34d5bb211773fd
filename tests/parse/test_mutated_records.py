"""Records of every format with other characters in them: never a crash, never a byte or a record without its place.

Most mutations stay inside a record's own line, element or cell, so that the readers get far; every fourth file has some
anywhere. ``SETTLEMENT_CASES`` sets how many mutated records each format gets; rows of workbooks a
tenth, for every four of them are an archive.
"""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Callable

import polars as pl
import pytest
from bank_files import Entry, Statement, bai2, camt053, camt054, mt940
from declared_layouts import JSON_LINES, PARQUET, WORKBOOK, as_json_lines
from layout_files import layout, layout_of, read
from made_workbook import workbook, worksheet
from random_cases import batches, damaged

from settlement.model.arrival import FeedArrival, Layer, Limits, Refused
from settlement.model.layout import Layout
from settlement.parse.container import opened
from settlement.parse.record_bytes import patched, record_bytes
from settlement.parse.source import Parsed

RECORDS = 50
STATEMENT = Statement(
    entries=[
        Entry(amount_minor=101 * n * (-1) ** n, end_to_end_id=f"E{n}", remittance=f"PAID {n}", bank_ref=f"B{n}")
        for n in range(1, RECORDS + 1)
    ]
)
WRITERS: dict[str, tuple[str, Layout, Callable[[], bytes]]] = {
    "camt053": ("CAMT053_20240301.xml", layout("bank_statement"), lambda: camt053([STATEMENT]).encode()),
    "camt054": ("CAMT054_20240301.xml", layout("bank_notification"), lambda: camt054([STATEMENT]).encode()),
    "mt940": ("MT940_20240301.sta", layout("bank_statement_mt940"), lambda: mt940([STATEMENT]).encode()),
    "bai2": ("BAI2_20240301.bai", layout("bank_statement_bai2"), lambda: bai2([STATEMENT]).encode()),
    "json lines": (
        "MADE_20240301.jsonl",
        layout_of(JSON_LINES),
        lambda: as_json_lines([(n, "USD", f"item {n}") for n in range(RECORDS)]),
    ),
}
HEAD = 4
"""Characters that tell the kind of a line."""
IN_TEXTS = b"0123456789abzAZ ,.;:/+-_'\"{}[]()#*%$|~=?!"
SIGNS = b"0123456789abzAZ ,.;:/+-_'\"{}[]()#*&%$\\|~=?!\x00\x1a\xe9\xff"


def _inside(record: bytes, source: random.Random, signs: bytes = SIGNS) -> bytes:
    """One to three characters other ones, put in or taken out; lines, tags and what a line begins with mostly stay."""
    data = bytearray(record)
    for _ in range(source.randint(1, 3)):
        at = source.randrange(len(data) + 1)
        until = min(at + source.choice([0, 1, 1, 1, 2, 6]), len(data))
        begins = at - max(data.rfind(b"\n", 0, at) + 1, 0) < HEAD and source.randrange(500)
        if begins or any(byte in b"\r\n<>" for byte in data[at:until]):
            continue
        data[at:until] = bytes(source.choice(signs) for _ in range(source.choice([0, 1, 1, 1, 2, 20])))
    return bytes(data)


def _checked(parsed: Parsed, size: int, *, entries: bool) -> None:
    """A fault with its sentence, or every byte and every record in one place."""
    if parsed.fault is not None:
        assert (parsed.detail or "").startswith("The file cannot be used: ")
        assert (parsed.detail or "").rstrip(".").count(". Ask ") == 1
        return
    count = parsed.bytes
    assert count is not None
    assert count.accepted + count.rejected + count.control + count.padding == size
    tables = ("statement_entry", "opening_position", "clearing", "reject", "control_record")
    located = [n for name in tables if name in parsed.tables for n in parsed.tables[name]["record"]]
    if "bank_detail" in parsed.tables and entries:
        located += parsed.tables["bank_detail"]["entry"].unique().to_list()
    assert len(set(located)) == len(located)
    if "statement_entry" in parsed.tables:
        assert sorted(located) == list(range(1, (parsed.records or 0) + 1))


@pytest.mark.parametrize("name", WRITERS)
def test_mutated_records_are_read_or_refused_and_nothing_is_lost(name: str) -> None:
    file, of, write = WRITERS[name]
    source, content = random.Random(f"mutated {name}"), memoryview(write())
    records = record_bytes(content, of, range(1, RECORDS + 1))
    assert len(records) == RECORDS
    taken = rejected = 0
    for number, size in batches(10_000, RECORDS):
        chosen = dict(list(records.items())[:size])
        # In UTF-8 one strange byte ends a whole file.
        signs = SIGNS[:-2] if name == "json lines" and number % 4 else SIGNS
        data = patched(content, of, {n: _inside(record, source, signs) for n, record in chosen.items()})
        data = damaged(data, source) if number % 4 == 3 else data
        parsed = read(of, file, data)
        _checked(parsed, len(data), entries=name == "camt054")
        taken += parsed.fault is None
        rejected += parsed.tables["reject"].height if parsed.fault is None else 0
    # What is refused whole at once would prove little of the reader.
    assert name in {"camt053", "camt054"} or taken, "no file came through"
    assert rejected or name in {"camt053", "camt054"}


@pytest.mark.parametrize("name", ["camt053", "camt054"])
def test_mutated_texts_of_entries_are_read_or_rejected(name: str) -> None:
    """An entity or a strange byte ends a document, so here only what may stand in a text is put into one."""
    file, of, write = WRITERS[name]
    source, content = random.Random(f"texts {name}"), memoryview(write())
    records = record_bytes(content, of, range(1, RECORDS + 1))
    rejected = 0
    for _, size in batches(10_000, RECORDS):
        changed = {}
        for n, record in list(records.items())[:size]:
            places = [at for at in range(len(record) - 1) if record[at : at + 1] == b">" and record[at + 1] != ord("<")]
            at = source.choice(places) + 1
            text = bytes(
                source.choice(b"0123456789abzAZ ,.;:/+-_'\"{}[]()#*%$|~=?!") for _ in range(source.randint(1, 6))
            )
            changed[n] = record[:at] + text + record[at + source.choice([0, 0, 1, 3]) :]
        data = patched(content, of, changed)
        parsed = read(of, file, data)
        _checked(parsed, len(data), entries=name == "camt054")
        rejected += parsed.tables["reject"].height if parsed.fault is None else 0
    assert rejected


def test_mutated_rows_of_parquet() -> None:
    source = random.Random("parquet")
    for _, size in batches(10_000, 10 * RECORDS):
        plain = {"value": "17", "unit": "USD", "item": "item"}
        columns = {
            name: [_inside(b"    " + text.encode(), source).decode("latin-1")[4:] for _ in range(size)]
            for name, text in plain.items()
        }
        target = io.BytesIO()
        pl.DataFrame(columns).write_parquet(target)
        parsed = read(layout_of(PARQUET), "MADE_20240301.parquet", target.getvalue())
        _checked(parsed, len(target.getvalue()), entries=False)
        assert parsed.fault is None
        assert parsed.tables["opening_position"].height + parsed.tables["reject"].height == size


KINDS = ("", "t='n'", "t='s'", "t='str'", "t='b'", "t='d'", "t='e'", "t='inlineStr'", "t='x'", "s='1'", "s='9'")
VALUES = ("1", "-1.5", "1e400", "45000.5", "TRUE", "", "x", "999999", "NaN", "-", "2024-03-01T09:00:00Z", "&#65;")


def _cell(source: random.Random, place: str) -> str:
    """A cell in one of the ways a sheet may write one, or in none of them."""
    text = source.choice(VALUES)
    shapes = (f"<v>{text}</v>", f"<is><t>{text}</t></is>", f"<f>1+1</f><v>{text}</v>", "", "<v/>", text)
    at = source.choice([place] * 20 + ["A1", "ZZZ9", ""])
    return f"<c r='{at}' {source.choice(KINDS)}>{source.choice(shapes)}</c>"


def _plain(place: str, number: int) -> str:
    return f"<c r='{place}'><v>{number}</v></c>"


def test_mutated_cells_of_workbooks() -> None:
    """Rows of a sheet as XML with cells of every kind; one mutated cell in a file ends most files, so most have one."""
    source, made = random.Random("workbook"), layout_of(WORKBOOK)
    heads = "".join(
        f"<c r='{column}1' t='inlineStr'><is><t>{text}</t></is></c>"
        for column, text in (("A", "value"), ("B", "unit"), ("C", "item"))
    )
    taken = 0
    for number, size in batches(1_000, 4, share=10):
        rows = ""
        for n in range(2, size + 2):
            strange = source.choice("ABC")
            cells = (_cell(source, f"{c}{n}") if c == strange else _plain(f"{c}{n}", n) for c in "ABC")
            rows += f"<row r='{n}'>{''.join(cells)}</row>"
        content = workbook([], parts={"xl/worksheets/sheet1.xml": worksheet(f"<row r='1'>{heads}</row>{rows}")})
        content = damaged(content, source) if number % 8 == 7 else content
        parsed = read(made, "MADE_20240301.xlsx", content)
        _checked(parsed, len(content), entries=False)
        taken += parsed.fault is None
    assert taken


LINES = b"".join(b"%06d;55555501;10.00\n" % number for number in range(200))
LIMITS = Limits(most_unpacked_bytes=2**20, most_ratio=200)


def _zip(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a"), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


@pytest.mark.parametrize(
    ("layer", "packed"), [(Layer.GZIP, gzip.compress(LINES, mtime=0)), (Layer.ZIP, _zip(LINES))], ids=["gzip", "zip"]
)
def test_damaged_containers_give_what_was_packed_or_nothing(layer: Layer, packed: bytes) -> None:
    source = random.Random(f"container {layer}")
    for _, size in batches(10_000, 1_000):
        for _ in range(size):
            found = opened(memoryview(damaged(packed, source)), (layer,), FeedArrival(feed="any"), LIMITS, None)
            assert isinstance(found, Refused) or bytes(found) == LINES
            if isinstance(found, Refused):
                assert found.detail.count(". ") == 0


def test_no_cut_of_json_lines_inside_a_line_is_taken() -> None:
    file, of, write = WRITERS["json lines"]
    content = write()[:400]
    for size in range(len(content)):
        if content[:size].endswith(b"\n"):
            continue
        assert read(of, file, content[:size]).fault is not None, size
