"""Law 6: bad business input is data and the night goes on; an unknown code is loud."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from settlement import originals, runner, store
from settlement.home import create_home
from settlement.store import Home

HOSTILE = {
    "NOTHING_20251230.bin": b"",
    "RET_CAPTURE_20200101_07.csv": b"",
    "RET_CAPTURE_20200101_08.csv": b"H;X;20200101;0001;1.2;USD;America/New_York\nD;1",
    "RET_CAPTURE_20200101_09.csv": b"\xff\xfe\x00;" * 40,
    "MC_T112_20200101_09.ipm": b"\x00" * 1014,
    "VISA_CTF_20200101_09.ctf": b"9" * 167,
    "CAMT053_20200101.xml": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Document>&b;</Document>',
    "FX_20200101.csv": "date;from;to;rate\n2020-01-01;US\u00a0D;EUR;one\n".encode("latin-1"),
    "=cmd|'calc'!A0.csv": b"x",
}


@pytest.fixture
def hostile_home(tmp_path: Path, sample_dir: Path) -> Home:
    nights = sorted(path.name for path in sample_dir.iterdir() if path.name[:2] == "20")
    shutil.copytree(sample_dir / nights[0], tmp_path / "in" / nights[0])
    for name, content in HOSTILE.items():
        (tmp_path / "in" / nights[0] / name).write_bytes(content)
    (tmp_path / "in" / nights[0] / "ACCOUNTS_20200101.csv").mkdir()
    create_home(tmp_path / "home", tmp_path / "in")
    return store.open_home(tmp_path / "home")


def test_the_night_goes_on_without_bad_files_and_says_so(hostile_home: Home, settled_home: Home) -> None:
    night = originals.delivery_dates(hostile_home)[0]
    runner.run_night(hostile_home, night, until="pay")
    fates = {row["file"].split("/", 1)[1]: row for row in store.read_table(hostile_home, "file", night).to_dicts()}
    findings = " ".join(store.read_table(hostile_home, "finding", night)["subject"])
    for name in (*HOSTILE, "ACCOUNTS_20200101.csv"):
        assert fates[name]["fate"] in {"rejected", "no_layout"}, name
        assert name in findings, name
    assert runner.books_digest(hostile_home, night) == runner.books_digest(settled_home, night)


def test_an_unknown_code_is_a_reject_that_names_it(tmp_path: Path, sample_dir: Path) -> None:
    night = min(path.name for path in sample_dir.iterdir() if path.name[:2] == "20")
    shutil.copytree(sample_dir / night, tmp_path / "in" / night)
    capture = next((tmp_path / "in" / night).glob("RET_CAPTURE_*_01.csv"))
    lines = capture.read_text().splitlines(keepends=True)
    where = next(index for index, line in enumerate(lines) if ";REFUND;" in line)
    lines[where] = lines[where].replace(";REFUND;", ";GIFT;")
    capture.write_text("".join(lines))
    create_home(tmp_path / "home", tmp_path / "in")
    home = store.open_home(tmp_path / "home")
    runner.run_night(home, originals.delivery_dates(home)[0], until="check")
    rejects = store.read_table(home, "parsed_reject", originals.delivery_dates(home)[0])
    row = rejects.filter((pl.col("file") == f"{night}/{capture.name}") & (pl.col("record") == where + 1)).to_dicts()[0]
    assert row["reason"] == "MALFORMED"
    assert "GIFT" in row["preview"]
