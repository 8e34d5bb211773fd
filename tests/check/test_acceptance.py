"""The outsider's nights: every file's fate, every rejected row and every control total of the first three."""

from __future__ import annotations

import polars as pl
import pytest
from acceptance import nights_dir, truth
from pipeline import run_nights

from settlement.model.records import CANDIDATES, OWN_NUMBERS

NIGHTS = ("2010-12-29", "2010-12-30", "2010-12-31")
ALL_NIGHTS = (*NIGHTS, "2011-01-01", "2011-01-02")


def tables(until: str = "check") -> dict[tuple[str, str], pl.DataFrame]:
    return run_nights(nights_dir(), ALL_NIGHTS, until)


@pytest.mark.parametrize("night", NIGHTS)
def test_the_fate_of_every_file(night: str) -> None:
    expected = {}
    for row in truth(night, "files"):
        records = int(row["records"]) if row["records"] else None
        expected[row["file"]] = (row["sha256"], row["fate"], row["why"] or None, records)
    rows = tables()[night, "file"].iter_rows(named=True)
    assert {row["file"]: (row["sha256"], row["fate"], row["why"], row["records"]) for row in rows} == expected


@pytest.mark.parametrize("night", NIGHTS)
def test_every_rejected_row(night: str) -> None:
    expected = [(r["file"], int(r["rec"]), r["reason"]) for r in truth(night, "rows_rejected")]
    assert tables()[night, "reject"].select("file", "record", "reason").rows() == sorted(expected)


@pytest.mark.parametrize("night", NIGHTS)
def test_every_control_total_and_net_settlement(night: str) -> None:
    totals = tables()[night, "control_total"].rows_by_key(["file", "control"], named=True, unique=True)
    files = tables()[night, "file"].rows_by_key(["file"], named=True, unique=True)
    checked = 0
    for row in truth(night, "files"):
        if row["fate"] != "accepted":
            continue
        for name, value in (item.split("=") for item in row["controls"].split(";")):
            if name == "net_settlement_minor":
                assert abs(files[row["file"]][name]) == int(value)
            elif name == "batch":
                assert files[row["file"]]["identity"].endswith(f"-{value}")
            else:
                total = totals[row["file"], name]
                assert (total["computed"], total["agrees"]) == (int(value), True), row["file"]
                assert total["declared"] in {int(value), None}
            checked += 1
    assert checked > 20


@pytest.mark.parametrize("night", NIGHTS)
def test_headers_fees_and_trailers_are_no_records(night: str) -> None:
    own = ("RET_", "ACQ_", "AIR_", "CLUB_")
    expected = {
        (row["file"], int(row["rec"]), row["class"])
        for row in truth(night, "other")
        if row["file"].split("/")[1].startswith(own)
    }
    rows = tables()[night, "control_record"].select("file", "record", "class").rows()
    assert {row for row in rows if row[0].split("/")[1].startswith(own)} == expected


@pytest.mark.parametrize("night", ALL_NIGHTS)
def test_every_line_of_an_accepted_file_is_in_one_place(night: str) -> None:
    found = tables()
    located = pl.concat([found[night, name].select("file", "record") for name in CANDIDATES if name not in OWN_NUMBERS])
    assert located.is_unique().all()
    rows = located.group_by("file").len()
    accepted = found[night, "file"].filter(pl.col("fate") == "accepted").join(rows, on="file", how="left")
    delimited = accepted.filter(pl.col("file").str.ends_with(".csv") | pl.col("file").str.ends_with(".xml"))
    assert delimited.height > 2
    assert delimited.filter(pl.col("len") != pl.col("records")).is_empty()


def test_a_refused_first_copy_lets_the_second_one_in() -> None:
    files = tables()["2011-01-02", "file"].rows_by_key(["file"], named=True, unique=True)
    first, second = (files[f"2011-01-02/RET_CAPTURE_20110102_0{n}.csv"] for n in (1, 2))
    assert (first["fate"], first["why"]) == ("rejected", "CONTROL_TOTAL_MISMATCH")
    assert (second["fate"], second["why"]) == ("accepted", None)
    assert first["identity"] == second["identity"]


def test_no_card_number_of_the_enrolment_feed_is_in_any_table() -> None:
    lines = (nights_dir() / "2010-12-29" / "ENROLMENT_20101229.csv").read_text(encoding="utf-8").splitlines()[1:]
    numbers = [line.split(";")[0] for line in lines]
    for (_, name), table in tables().items():
        texts = table.select(pl.selectors.string()).with_columns(pl.selectors.string().fill_null(""))
        for column in texts.columns:
            hit = texts[column].str.contains_any(numbers)
            assert not hit.any(), f"{name}.{column}"
