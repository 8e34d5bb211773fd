"""Rejects of every format whose records lie in lines, elements or packed rows: kept, shown, repaired, replayed."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from bank_files import Entry, Statement, bai2, camt053, camt054, mt940
from declared_layouts import JSON_LINES, PARQUET, WORKBOOK, as_json_lines, delimited
from lean_nights import settle_in_name
from made_clearing import card_number
from made_workbook import workbook
from typer.testing import CliRunner

from settlement import books, runner, store
from settlement import quarantine_books as sql
from settlement.errors import TerminalError
from settlement.home import create_home
from settlement.quarantine_commands import app
from settlement.store import Home

NIGHT, NEXT = date(2024, 3, 1), date(2024, 3, 2)
CARD = card_number(7)
SPACED = " ".join(CARD[at : at + 4] for at in range(0, 16, 4))
STATEMENT = Statement(
    opening_minor=0,
    entries=[
        Entry(amount_minor=1000, remittance="FIRST"),
        Entry(amount_minor=205, remittance=f"CARD {CARD} \N{LATIN SMALL LETTER E WITH ACUTE}", bank_ref="B2"),
        Entry(amount_minor=-300, remittance="LAST"),
    ],
)
LINES = f'value,unit,item\n1,USD,one\nx7,USD,"two {CARD}\nmore"\n3,USD,three\n'


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file with one bad record, and what mends it."""

    name: str
    content: bytes
    record: int
    find: str
    put: str
    table: str
    layout: str | None = None


def _wide(encoding: str, mark: bytes = b"") -> Case:
    return Case(
        name="MADE_20240301.csv", content=mark + LINES.encode(encoding), record=3, find="x7", put="7",
        table="opening_position", layout=delimited(
            f'encoding = "{"utf-16" if mark else encoding}"\nseparator = ","\nquote = "\\""\nnames_line = true\n'
        ),
    )  # fmt: skip


BAD_DATE = camt053([STATEMENT]).replace(
    "2.05</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2024-03-01",
    "2.05</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2024-13-01",
)


def _statement(text: str, encoding: str, mark: bytes = b"") -> Case:
    return Case(
        name="CAMT053_20240301.xml", content=mark + text.encode(encoding),
        record=2, find="2024-13-01", put="2024-03-01", table="statement_entry",
    )  # fmt: skip


CASES = {
    "mt940": Case(
        name="MT940_20240301.sta",
        content=mt940([STATEMENT], "\r\n").replace("2403010301C2,05", "2413010301C2,05").encode(),
        record=2, find="241301", put="240301", table="statement_entry",
    ),
    "bai2": Case(
        name="BAI2_20240301.bai", content=bai2([STATEMENT]).replace("205,V,240301", "205,V,241301").encode("latin-1"),
        record=2, find="241301", put="240301", table="statement_entry",
    ),
    "camt053 in utf-8": _statement(BAD_DATE, "utf-8"),
    "camt053 in utf-16": _statement(BAD_DATE.replace("UTF-8", "UTF-16"), "utf-16-le", codecs.BOM_UTF16_LE),
    "camt053 in utf-16 without a mark": _statement(BAD_DATE.replace("UTF-8", "UTF-16"), "utf-16-be"),
    "camt053 of other letters": _statement(BAD_DATE.replace("UTF-8", "ISO-8859-1"), "latin-1"),
    "camt053 with comments": _statement(
        BAD_DATE.replace("<Ntry>", "<!-- <Ntry> </Ntry> --><Ntry><!-- </Ntry> -->"), "utf-8"
    ),
    "camt054": Case(
        name="CAMT054_20240301.xml", content=camt054([STATEMENT]).replace("2.05", "2.x05").encode(),
        record=2, find="2.x05", put="2.05", table="bank_detail",
    ),
    "utf-16": _wide("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-16 from the other end": _wide("utf-16-be", codecs.BOM_UTF16_BE),
    "utf-16 without a mark": _wide("utf-16-be"),
    "json lines": Case(
        name="MADE_20240301.jsonl",
        content=as_json_lines([(1, "USD", "one"), (2, "USD", CARD)]).replace(b'"value": 2', b'"value": "x"'),
        record=2, find='"x"', put="2", table="opening_position", layout=JSON_LINES,
    ),
}  # fmt: skip


def _parquet() -> bytes:
    target = io.BytesIO()
    frame = pl.DataFrame({"value": ["1", "x7"], "unit": ["USD", "USD"], "item": ["one", CARD], "more": [1.5, None]})
    frame.write_parquet(target)
    return target.getvalue()


PACKED = {
    "workbook": Case(
        name="MADE_20240301.xlsx",
        content=workbook([["value", "unit", "item"], [Decimal(1), "USD", "one"], ["x7", "USD", CARD]]),
        record=3, find='"B": "USD"', put="", table="", layout=WORKBOOK,
    ),
    "parquet": Case(
        name="MADE_20240301.parquet", content=_parquet(),
        record=2, find='"more": null', put="", table="", layout=PARQUET,
    ),
}  # fmt: skip


def _home(root: Path, case: Case) -> Home:
    create_home(root, None)
    home = store.open_home(root)
    if case.layout:
        (root / "config" / "layouts" / "made.toml").write_text(case.layout, encoding="utf-8")
    for night in (NIGHT, NEXT):
        (home.inbox / str(night)).mkdir()
    (home.inbox / str(NIGHT) / case.name).write_bytes(case.content)
    (home.inbox / str(NEXT) / "NOTE.txt").write_bytes(b"-")
    runner.run_night(home, NIGHT, until="check")
    settle_in_name(home, NIGHT)
    return home


def _speaker(home: Home) -> Callable[..., str]:
    def said(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, "--home", str(home.root)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert CARD not in done.output.replace(" ", "")
        return done.output

    return said


def _one_reject(home: Home, case: Case) -> str:
    (file,) = store.read_table(home, "file", NIGHT).to_dicts()
    assert (file["fate"], file["why"]) in {("accepted", None), ("accepted", "late")}, file
    (found,) = sql.cases(books.connect(home))
    assert found.reject.record == case.record
    assert found.reject.sealed is not None
    for raw in (CARD.encode(), CARD.encode("utf-16-le"), case.find.encode()):
        assert raw not in found.reject.sealed.content
    return found.reject.reject_id


@pytest.mark.parametrize("name", CASES)
def test_a_reject_is_shown_repaired_and_replayed(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    home = _home(tmp_path / "home", case)
    reject_id, said = _one_reject(home, case), _speaker(home)
    assert case.find in said("show", reject_id)
    strange = "\N{CYRILLIC SMALL LETTER ZHE}" if "utf" in name else "?!"
    with pytest.raises(TerminalError, match="stands 0 times"):
        said("repair", reject_id, "--by", "ann", "--find", strange, "--put", "")
    with pytest.raises(TerminalError, match=r"still rejected|cannot be read"):
        said("repair", reject_id, "--by", "ann", "--find", case.find, "--put", f"{case.find}9x")
    said("repair", reject_id, "--by", "ann", "--find", case.find, "--put", case.put)
    said("replay", reject_id, "--by", "bob", "--business-date", str(NEXT))
    before = store.read_table(home, case.table, NIGHT).height
    runner.run_night(home, NEXT, until="check")
    rows = store.read_table(home, case.table, NEXT).to_dicts()
    assert [row.get("entry", row["record"]) for row in rows] == [case.record]
    assert store.read_table(home, "bank_statement", NEXT).is_empty()
    assert before == store.read_table(home, case.table, NIGHT).height
    (outcome,) = sql.cases(books.connect(home))[0].outcomes
    assert outcome.outcome == "applied"


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_row_is_kept_and_shown_but_not_repaired(name: str, tmp_path: Path) -> None:
    case = PACKED[name]
    home = _home(tmp_path / "home", case)
    reject_id, said = _one_reject(home, case), _speaker(home)
    shown = said("show", reject_id)
    assert "x7" in shown
    assert case.find in shown
    assert f"{CARD[:6]}******{CARD[-4:]}" in shown
    with pytest.raises(TerminalError, match="packed together and cannot be changed one by one: ask the sender"):
        said("repair", reject_id, "--by", "ann", "--find", "x7", "--put", "7")


def test_a_replacement_may_be_written_from_the_other_end(tmp_path: Path) -> None:
    """The sender's own correction is a file of its own, in UTF-16 as it likes to write it."""
    case = CASES["utf-16"]
    home = _home(tmp_path / "home", case)
    reject_id, said = _one_reject(home, case), _speaker(home)
    (tmp_path / "corrected").write_bytes(codecs.BOM_UTF16_BE + '7,USD,"two"'.encode("utf-16-be"))
    said("repair", reject_id, "--by", "ann", "--with", str(tmp_path / "corrected"))
    said("replay", reject_id, "--by", "bob", "--business-date", str(NEXT))
    runner.run_night(home, NEXT, until="check")
    (row,) = store.read_table(home, "opening_position", NEXT).to_dicts()
    assert (row["record"], row["value"], row["item"]) == (3, 7, "two")
