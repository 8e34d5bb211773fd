"""``settle rate``: statements, lines and steps from a file of events, the same bytes on every run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from rate.agreed import settle_rate

from settlement import cli

CONTRACT = Path(__file__).resolve().parents[1] / "contracts" / "harbor-retail" / "2009-01-01.toml"
EVENTS = """\
event_id,kind,event_date,posting_date,amount,currency,account_id,refers_to,own_store,mcc
P1,purchase,2010-10-05,2010-10-06,1000.00,USD,A1,,true,5411
P2,purchase,2010-11-05,2010-11-06,333.33,USD,A1,,false,5999
R1,refund,2011-01-03,2011-01-04,100.00,USD,A1,P1,true,5411
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("events.csv").write_text(EVENTS, "utf-8")
    Path("partner").mkdir()
    shutil.copy(CONTRACT, "partner")

    def run(*words: str) -> tuple[int, str, str]:
        given = dict(zip(words[::2], words[1::2], strict=True))
        usual = {"--contract": "partner", "--events": "events.csv", "--as-of": "2011-01-31", "--out": "out"}
        return settle_rate(usual | given)

    return run


def test_statement_lines_and_steps(settle: Run) -> None:
    code, out, err = settle()
    assert (code, err) == (0, "")
    assert "own_volume=90000" in out
    statement = pl.read_csv("out/statement.csv", infer_schema=False)
    assert statement.equals(pl.read_parquet("out/statement.parquet").cast(pl.String), null_equal=True)
    adjustment = statement.filter(pl.col("term") == "adjustment", pl.col("as_of") == "2011-01-31").row(0, named=True)
    assert (adjustment["amount"], adjustment["state"], adjustment["adjusts"]) == ("-0.40", "PREVIEW", "2010-Q4")
    lines = pl.read_csv("out/lines.csv", infer_schema=False)
    own = lines.filter(pl.col("term") == "own_store_rate", pl.col("as_of") == "2011-01-31")
    assert own.select("event_id", "kind", "quantity").rows() == [
        ("P1", "purchase", "100000"),
        ("R1", "refund", "-10000"),
    ]
    steps = json.loads(Path("out/statement.json").read_text("utf-8"))
    q4 = next(one for one in steps["statements"] if one["period"] == "2010-Q4")
    elsewhere = next(term for term in q4["terms"] if term["term"] == "elsewhere_rate")
    assert elsewhere["quantities"] == {"elsewhere_volume": "33333"}
    assert elsewhere["roundings"] == [{"exact": "2.66664", "mode": "half_away", "gives": "2.67"}]
    assert steps["statements"][-1]["restated"][0]["period"] == "2010-Q4"
    assert {line["line"] for line in q4["settlement"]} == {"share", "carry_in", "payout", "carry_out"}


def test_the_same_bytes_again_whatever_the_order_of_rows(settle: Run) -> None:
    settle()
    header, *rows = EVENTS.splitlines()
    Path("events.csv").write_text("\n".join([header, *reversed(rows)]), "utf-8")
    settle("--out", "again")
    for file in Path("out").iterdir():
        assert file.read_bytes() == Path("again", file.name).read_bytes()


def test_a_bank_calendar_that_tells_nothing_of_a_year_is_a_warning_until_it_does(settle: Run) -> None:
    file = Path("partner/2009-01-01.toml")
    text = file.read_text("utf-8").replace('"carry", "threshold"', '"carry", "hold", "threshold"')
    file.write_text(text.replace("[settlement.adjustments]", HOLD, 1), "utf-8")
    code, out, _ = settle("--as-of", "2010-12-31")
    sentence = (
        "Contract C2-RET-COBRAND, clause statement: [settlement.hold] counts banking days from 2011-01-01 to "
        "2011-01-04 for 2010-Q4, and the bank calendar US-FED tells no day of 2011: the contract's own `weekend` and "
        "`holidays` were taken; deliver the calendar, or correct its name."
    )
    assert (code, out.count("Warning: "), f"Warning: {sentence}" in out) == (0, 1, True)
    steps = json.loads(Path("out/statement.json").read_text("utf-8"))
    assert [one["warnings"] for one in steps["statements"][-2:]] == [[], [sentence]]
    header, *rows = EVENTS.splitlines()
    told = "D1,closed_day,2011-01-03,,,,,,,,US-FED,2010-12-01"
    events = [f"{header},calendar,known_on", *(f"{row},," for row in rows), told]
    Path("events.csv").write_text("\n".join(events), "utf-8")
    _, out, _ = settle("--as-of", "2010-12-31")
    assert "Warning: " not in out
    assert "release_on=2011-01-05" in out


HOLD = """\
[settlement.hold]
clause = "statement"
kind = "holdback"
share = 0.10
beneficiaries = ["HARBOR-RETAIL"]
released_after = 2
counted_in = "banking_days"
rounding = "half_away"

[settlement.banking_days]
weekend = ["saturday", "sunday"]
holidays = []
calendar = "US-FED"

[settlement.adjustments]"""


def test_periods_are_narrowed(settle: Run) -> None:
    settle("--period", "2009-Q4..2010-Q4")
    told = pl.read_csv("out/statement.csv", infer_schema=False)
    assert told["as_of"].unique().sort().to_list() == ["2009-12-31", *(f"2010-{d}" for d in QUARTER_ENDS)]
    settle("--period", "2011-Q1")
    assert pl.read_csv("out/statement.csv", infer_schema=False)["as_of"].unique().to_list() == ["2011-01-31"]


QUARTER_ENDS = ("03-31", "06-30", "09-30", "12-31")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        (
            "--period",
            "2010-Q5",
            "--period 2010-Q5 is no period: write it as the statement does, such as 2010, 2010-H2, 2010-Q4, ",
        ),
        (
            "--period",
            "2011-Q1..2010-Q4",
            "--period 2011-Q1..2010-Q4 ends before it begins: ",
        ),
        (
            "--period",
            "2012-Q1",
            "No period of contract C2-RET-COBRAND lies from 2012-01-01 to 2012-03-31; ",
        ),
        (
            "--as-of",
            "2008-12-31",
            "Contract C2-RET-COBRAND is in force and known from 2009-01-01 on: ",
        ),
        ("--as-of", "yesterday", "'yesterday' is no business date: write it as YYYY-MM-DD."),
        ("--contract", "nowhere", "--contract nowhere: there is no such file; correct the path."),
        ("--contract", ".", "--contract . holds no contract: name a folder with files such as 2009-01-01.toml."),
        ("--events", "nowhere.csv", "--events nowhere.csv: there is no such file; correct the path."),
        ("--out", "events.csv", "--out events.csv is a file: name a folder."),
    ],
)
def test_what_is_asked_wrong_is_told(settle: Run, option: str, value: str, sentence: str) -> None:
    code, out, err = settle(option, value)
    assert (code, out) == (cli.PERSON_MUST_ACT, "")
    assert err.startswith(f"settle: {sentence}")


def test_several_contracts_in_one_folder_are_refused(settle: Run) -> None:
    shutil.copy(CONTRACT.parents[1] / "alma-mater" / "2009-01-01.toml", "partner/2010-01-01.toml")
    assert settle()[2] == (
        "settle: --contract partner holds C2-RET-COBRAND and C3-UNI-ALUMNI: name the file of one of them.\n"
    )


def test_what_is_read_is_not_written_over(settle: Run) -> None:
    Path("out").mkdir()
    Path("events.csv").rename("out/lines.csv")
    assert settle("--events", "out/lines.csv")[2] == (
        "settle: --out out would write over out/lines.csv, which is read: name another folder.\n"
    )


def test_what_takes_back_tells_what_the_other_counts_by(settle: Run) -> None:
    refund = "R2,refund,2011-01-05,2011-01-06,33.33,USD,A1,P2,false,\n"
    Path("events.csv").write_text(EVENTS + refund, "utf-8")
    assert settle()[0] == 0
    # A category that does not count elsewhere: the refund would take back what was never given.
    Path("events.csv").write_text(EVENTS.replace(",false,5999", ",false,6010") + refund, "utf-8")
    assert settle()[2] == (
        "settle: events.csv, line 5: refund R2 leaves `mcc` empty, by which [measures.elsewhere_volume] selects; P2, "
        "to which it refers, has `6010`: write its own.\n"
    )


def test_card_numbers_are_refused_and_not_told(settle: Run) -> None:
    Path("events.csv").write_text(EVENTS.replace("A1", "4111111111111111"), "utf-8")
    code, _, err = settle()
    assert code == cli.PERSON_MUST_ACT
    assert err == (
        "settle: events.csv, line 2: account_id holds a card number: write a reference of your own in its place.\n"
    )
    assert not Path("out").exists()
