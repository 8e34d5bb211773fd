"""Settlement files: what stands in them, that they re-add, and that no partner reads of another."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from payout_frames import line, night, past, payout, truth_payout

from settlement.errors import TerminalError
from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES
from settlement.pay import files
from settlement.store import checked

GOLDEN = Path(__file__).parents[1] / "golden" / "settlement_files"
CONTRACT = """
id = "C9-TEST"
[clauses]
2 = "0.30 % of volume, rounded once per quarter."
10 = "A bonus, if \\"earned\\"."
statement = "Split 2 : 1. 1.00 or more is paid."
"""
DOCUMENTS = {"contracts/test/2009-01-01.toml": CONTRACT, "programme.toml": "name = 'not a contract'"}


def statement(share_a: int = 1600, share_b: int = 800, carry_b: int = 0, **common: object) -> list[dict[str, object]]:
    """A closed statement of two beneficiaries with two terms and an adjustment."""
    lines = [
        line("bonus", 900, clause="10", quantities="volume=90000"),
        line("rate", 1600, clause="2", quantities="volume=533333"),
        line("adjustment", -100, clause="adjustment", adjusts="2010-Q3", quantities="restated=1;stated=101"),
    ]
    for who, share, carried in (("A", share_a, -250), ("B", share_b, carry_b)):
        amounts = {"share": share, "carry_in": carried, "payout": share + carried, "carry_out": 0}
        lines += [line(term, amount, who, clause="statement") for term, amount in amounts.items()]
    return [row | {"state": "CLOSED"} | common for row in lines]


def pay(
    lines: list[dict[str, object]],
    before: Mapping[int, list[dict[str, object]]] | None = None,
    unit: str = "C9-TEST",
    documents: Mapping[str, str] = DOCUMENTS,
    number: int = 3,
) -> StageOutput:
    return files.run(given(payout(night(number), lines), before, unit, documents, number))


def given(
    tonight: pl.DataFrame,
    before: Mapping[int, list[dict[str, object]]] | None = None,
    unit: str = "all",
    documents: Mapping[str, str] = DOCUMENTS,
    number: int = 3,
) -> StageInput:
    nights = {night(n): payout(night(n), lines) for n, lines in (before or {}).items()}
    return StageInput(
        business_date=night(number),
        unit=unit,
        documents=documents,
        tables={"payout": tonight},
        history={"payout": past("payout", nights)},
    )


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


def test_the_units_are_the_contracts_of_the_night() -> None:
    lines = [line("rate", 1, contract="C2"), line("rate", 1, contract="C1"), line("more", 1, contract="C2")]
    assert files.plan(given(payout(night(1), lines))) == ("C1", "C2")


def test_a_night_without_statements_has_one_empty_unit() -> None:
    tonight = given(payout(night(1), []))
    assert files.plan(tonight) == (files.NO_CONTRACT,)
    output = pay([], unit=files.NO_CONTRACT)
    assert output.files == {}
    assert all(output.tables[name].equals(TABLES[name].empty()) for name in ("payable", "settlement_file"))


def test_the_settlement_files_are_as_agreed_with_partners() -> None:
    output = pay(statement(), before={1: statement(state="PREVIEW"), 2: statement(state="PREVIEW")})
    assert sorted(output.files) == [
        "A/C9-TEST_2010-Q4_2010-12-31_CLOSED.csv",
        "B/C9-TEST_2010-Q4_2010-12-31_CLOSED.csv",
    ]
    for path, content in output.files.items():
        assert content == (GOLDEN / path).read_bytes(), path


def test_a_file_that_is_earned_in_one_currency_and_paid_in_another_is_as_agreed() -> None:
    lines = [
        line("commission", 85000, currency="CNY"),
        line("cap", -5000, currency="CNY", clause="2"),
        line("share", 80000, "A", currency="CNY"),
        line("share_converted", 12064, "A", quantities="rate=0.1508008"),
        line("carry_in", -310, "A"),
        line("recouped", -4000, "A"),
        line("payout", 7754, "A"),
        line("carry_out", 0, "A"),
    ]
    output = pay(lines, documents={})
    ((path, content),) = output.files.items()
    assert content == (GOLDEN / path).read_bytes()


def test_the_tables_say_what_the_files_say() -> None:
    output = pay(statement())
    for name in ("payable", "settlement_file"):
        checked(TABLES[name], output.tables[name])
    assert output.tables["payable"].rows() == [
        ("A", "C9-TEST", "2010-Q4", "USD", 1350, 0, "CLOSED"),
        ("B", "C9-TEST", "2010-Q4", "USD", 800, 0, "CLOSED"),
    ]
    for row in output.tables["settlement_file"].iter_rows(named=True):
        content = output.files[row["path"]]
        details = [cells for cells in read(content) if cells[0] == "D"]
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        assert row["lines"] == len(details)
        assert row["total_minor"] == sum(int(cells[6]) for cells in details)


def assert_re_adds(content: bytes) -> None:
    """What a partner does with the file: number, add up and compare with sums and trailers."""
    rows = read(content)
    details = [cells for cells in rows if cells[0] == "D"]
    assert [int(cells[1]) for cells in details] == list(range(1, len(details) + 1))
    own = {cells[3]: int(cells[6]) for cells in details if cells[3] in FIXED}
    terms = [int(cells[6]) for cells in details if cells[3] not in FIXED]
    sums = {cells[3]: int(cells[6]) for cells in rows if cells[0] == "S"}
    assert sum(terms) == sums["total"]
    earned = own.get("share_converted", own.get("share", sums["total"]))
    assert earned + own["carry_in"] + own.get("recouped", 0) == sums["balance"] == own["payout"] + own["carry_out"]
    for cells in (cells for cells in rows if cells[0] == "T"):
        amounts = [int(row[6]) for row in details if row[8] == cells[1]]
        count, debit, credit, net = map(int, cells[2:])
        assert (count, credit - debit, net) == (len(amounts), sum(amounts), sum(amounts))
        assert debit == -sum(amount for amount in amounts if amount < 0)


FIXED = ("share", "share_converted", "carry_in", "recouped", "payout", "carry_out")


def test_a_partner_can_re_add_every_file_of_the_acceptance_nights() -> None:
    for number in (1, 2, 3):
        tonight = truth_payout(night(number))
        told = 0
        for contract in files.plan(given(tonight)):
            output = files.run(given(tonight, unit=contract, number=number))
            told += len(output.files)
            for content in output.files.values():
                assert_re_adds(content)
        assert told == tonight.filter(pl.col("term") == "payout").height


def test_the_sequence_counts_a_partners_files_of_one_contract() -> None:
    def sequence(before: dict[int, list[dict[str, object]]]) -> list[str]:
        output = pay(statement(), before, number=4)
        return [read(content)[0][-1] for _, content in sorted(output.files.items())]

    assert sequence({}) == ["1", "1"]
    assert sequence({1: statement()}) == ["2", "2"]
    only_a = [row for row in statement() if row["beneficiary"] != "B"]
    assert sequence({1: statement(), 3: only_a, 2: statement(contract="C8-OTHER")}) == ["3", "2"]


def test_changing_everything_of_one_partner_leaves_the_files_of_another_byte_for_byte() -> None:
    before = {1: statement()}
    path = "A/C9-TEST_2010-Q4_2010-12-31_CLOSED.csv"
    base = pay(statement(), before)
    changed = pay(
        [*statement(share_b=123456789, carry_b=77), line("share", 1, "B", contract="C8-OTHER")],
        {1: statement(share_b=5), 2: [line("payout", 9, "B")]},
    )
    assert base.files[path] == changed.files[path]
    assert base.files[path.replace("A/", "B/", 1)] != changed.files[path.replace("A/", "B/", 1)]
    assert not any("800" in ",".join(cells) for cells in read(base.files[path]))


def test_the_order_of_rows_does_not_matter_and_a_re_run_gives_the_same_bytes() -> None:
    assert pay(statement()).files == pay(statement()[::-1]).files == pay(statement()).files


def test_restated_lines_make_no_file_and_enter_none() -> None:
    restated = [line("rate", 5, period="2010-Q3", state="RESTATED")]
    assert pay(restated).files == {}
    assert pay([*statement(), *restated]).files == pay(statement()).files
    closed_late_and_restated = payout(night(4), [line("rate", 7, state="RESTATED"), line("new", 7, state="RESTATED")])
    tonight = pl.concat([closed_late_and_restated, payout(night(3), statement())])
    assert files.run(given(tonight, unit="C9-TEST", number=4)).files == pay(statement()).files


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "＋1", "－1", "＠1"])  # noqa: RUF001
def test_a_cell_that_a_spreadsheet_would_run_is_neutralised(cell: str) -> None:
    lines = [line(cell, 1, quantities=cell), *statement()]
    documents = {
        "contracts/test/2009-01-01.toml": 'id = "C9-TEST"\n[clauses]\n1 = "'
        + cell.replace("\t", "\\t").replace("\r", "\\r")
        + '"'
    }
    rows = read(
        pay([lines[0], line("payout", 1, "A")], documents=documents).files["A/C9-TEST_2010-Q4_2010-12-31_PREVIEW.csv"]
    )
    texts = rows[1][3:6]
    assert all(text.startswith("'") for text in texts)
    assert not any("\n" in text or "\r" in text for text in texts)


def test_an_amount_is_a_number_also_when_it_is_negative() -> None:
    rows = read(pay(statement()).files["A/C9-TEST_2010-Q4_2010-12-31_CLOSED.csv"])
    assert ["-100", "-1.00", "USD"] in [cells[6:] for cells in rows]


@pytest.mark.parametrize("name", ["../B", "a/b", "", ".hidden", "a b", "ä"])
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(TerminalError, match="cannot be part of a file name"):
        pay([line("rate", 5), line("payout", 5, name)])


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([line("rate", 5), line("payout", 4, "A")], "does not re-add: the balance is 5, paid and carried out are 4"),
        ([line("rate", 5), line("carry_out", 5, "A")], "has no line payout"),
        ([line("rate", -5), line("payout", -5, "A")], "would pay -5 minor units"),
        ([line("rate", 5), line("payout", 5, "A"), line("gift", 1, "A")], "know no line 'gift'"),
    ],
)
def test_a_statement_that_is_wrong_makes_no_file(lines: list[dict[str, object]], sentence: str) -> None:
    with pytest.raises(TerminalError, match=sentence):
        pay(lines)


def test_the_clauses_are_those_of_the_file_in_force_on_the_periods_first_day() -> None:
    def told(*days: str) -> str:
        files = {f"contracts/test/{day}.toml": CONTRACT.replace("0.30 %", day) for day in days}
        return read(pay(statement(), documents=files).files["A/C9-TEST_2010-Q4_2010-12-31_CLOSED.csv"])[1][4][:10]

    assert told("2010-10-02", "2010-10-01", "2009-01-01") == "2010-10-01"
    assert told("2011-06-01", "2010-10-02") == "2010-10-02"


def test_a_statement_that_closes_a_night_late_is_told_under_its_own_day() -> None:
    late = payout(night(3), statement())
    current = [line("rate", 9, period="2011-Q1"), line("payout", 9, "A", period="2011-Q1")]
    tonight = pl.concat([payout(night(5), current), late])
    output = files.run(given(tonight, {1: statement()}, unit="C9-TEST", number=5))
    told = {path: read(content)[0][-1] for path, content in output.files.items() if path.startswith("A/")}
    assert told == {
        "A/C9-TEST_2010-Q4_2010-12-31_CLOSED.csv": "2",
        "A/C9-TEST_2011-Q1_2011-01-02_PREVIEW.csv": "3",
    }


def test_a_contract_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(TerminalError, match=r"contracts/test/2009-01-01.toml cannot be read as a contract"):
        pay(statement(), documents={"contracts/test/2009-01-01.toml": "id ="})
