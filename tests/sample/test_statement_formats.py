"""A night is settled alike whether its bank statement comes as camt.053, MT940 or BAI2."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pipeline
import polars as pl
import pytest
from bank_files import Entry, Statement, bai2, mt940
from layout_files import layout, read

TYPE_CODES = {("NETW", True): "195", ("NETW", False): "495", ("ACQP", True): "165", ("ACQP", False): "455"}
BAI2_CODES = "\n[spec.codes]\n" + "".join(f'{number} = "{code}"\n' for (code, _), number in TYPE_CODES.items())
SAME = ("entry", "currency", "direction", "amount_minor", "ties_to", "expected_minor", "diff_minor", "status")


def statements_of(path: Path) -> list[Statement]:
    """The content of a camt.053 file of the sample."""
    parsed = read(layout("bank_statement"), path.name, path.read_bytes())
    frames = parsed.tables["statement_entry"].sort("record"), parsed.tables["bank_statement"].sort("record")
    entries = frames[0].rows(named=True)
    return [
        Statement(
            account=one["account"],
            currency=one["currency"],
            opening_minor=one["opening_minor"],
            number=one["sequence"],
            day=one["closing_on"],
            entries=[entry_of(row) for row in entries if row["account"] == one["account"]],
        )
        for one in frames[1].rows(named=True)
    ]


def entry_of(row: Mapping[str, object]) -> Entry:
    booked_on, value_on = row["booked_on"], row["value_on"]
    assert isinstance(booked_on, date)
    assert isinstance(value_on, date)
    return Entry(
        amount_minor=int(str(row["direction"])) * int(str(row["amount_minor"])),
        code=str(row["code"]),
        end_to_end_id=str(row["end_to_end_id"]),
        remittance=str(row["remittance"]),
        bank_ref=str(row["entry_ref"]),
        booked_on=booked_on,
        value_on=value_on,
    )


def as_bai2(statements: Sequence[Statement]) -> str:
    coded = [
        replace(one, entries=[replace(e, code=TYPE_CODES[e.code, e.amount_minor > 0]) for e in one.entries])
        for one in statements
    ]
    return bai2(coded)


def converted(sample: Path, target: Path, name: str, write: Callable[[Sequence[Statement]], str]) -> Path:
    """The sample with each bank statement in another format."""
    shutil.copytree(sample, target)
    for path in sorted(target.glob("20*/CAMT053_*.xml")):
        day = path.stem.removeprefix("CAMT053_")
        path.with_name(name.format(day)).write_text(write(statements_of(path)), encoding="utf-8")
        path.unlink()
    return target


@pytest.mark.parametrize(("name", "write"), [("MT940_{}.sta", mt940), ("BAI2_{}.bai", as_bai2)])
def test_cash_ties_do_not_depend_on_the_format_of_the_statement(
    sample_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, write: Callable[..., str]
) -> None:
    nights = tuple(sorted(path.name for path in sample_dir.iterdir() if path.name[:2] == "20"))
    before = pipeline.run_nights(sample_dir, nights, "match")
    told = dict(pipeline.documents())
    told["layouts/bank_statement_bai2.toml"] += BAI2_CODES
    monkeypatch.setattr(pipeline, "documents", lambda: told)
    after = pipeline.run_nights(converted(sample_dir, tmp_path / "nights", name, write), nights, "match")
    ties = 0
    for night in nights:
        assert before[night, "cash_tie"].select(SAME).equals(after[night, "cash_tie"].select(SAME)), night
        files = after[night, "file"].filter(pl.col("feed") == "bank_statement")
        assert (files["fate"].to_list(), files.height) == (["accepted"], 1)
        found = after[night, "finding"].filter(pl.col("check").str.starts_with("statement"))
        assert found.is_empty(), found.rows()
        ties += after[night, "cash_tie"].filter(pl.col("status") == "TIED").height
    assert ties > len(nights)
