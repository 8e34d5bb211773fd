"""Law 8: no card number stands in any table, log, file, report or message of a night, good or bad."""

from __future__ import annotations

import csv
import gzip
import io
import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import warm_process
from bad_files import CARDS, bad_files
from card_scan import ENCODINGS, CardScan, files_of
from typer.testing import CliRunner

from settlement import books, store
from settlement import quarantine_books as sql
from settlement.cli import commands
from settlement.sample.generate import generate
from settlement.store import Home

NIGHT = "2025-12-30"
WITH_NUMBERS = ("inbox", "originals")
"""What comes from others, as it came."""
PLANTED = CARDS[0]
CHECKED = {
    "ACQ_SETTLEMENT_US_20251228.csv": "acquirer_us",
    "CLUB_SALES_20251228.xlsx": "club_sales",
    "ENROLMENT_20251228.csv": "enrolment",
    "UPI_ACOM_20251228_51.txt": "unionpay_acom",
}


@dataclass(frozen=True, kw_only=True)
class Night:
    """A home whose night had bad files among the good ones, and all that was said on the way."""

    home: Home
    said: Mapping[str, bytes]


def _card_numbers(home: Home) -> list[str]:
    found = []
    for path in home.inbox.glob("*/ENROLMENT_*.csv"):
        with path.open(encoding="utf-8", newline="") as reader:
            found += [row["pan"] for row in csv.DictReader(reader, delimiter=";")]
    return [pan for pan in found if pan.isdecimal() and len(pan) == len(PLANTED)]


@pytest.fixture(scope="module")
def bad_night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night through the command line with every bad file in it, and the questions asked that show records."""
    place = tmp_path_factory.mktemp("nights")
    generate(place / "sample", nights=1, rows=120, seed=5)
    folder = place / "sample" / NIGHT
    for name, content in bad_files("20251228", {path.name: path.read_bytes() for path in folder.iterdir()}).items():
        (folder / name).write_bytes(content)
    said: dict[str, bytes] = {}

    def settle(*words: object) -> None:
        told = [str(word) for word in words]
        code, text = warm_process.ended(place / "said", warm_process.settle, str(place), *told)
        assert code == 0, text
        said[" ".join(told)] = text.encode()

    def ask(*words: object) -> None:
        told = [str(word) for word in words]
        done = CliRunner().invoke(commands(told), told)
        said[" ".join(told)] = done.output.encode() + str(done.exception).encode()

    settle("init", place / "home", "--from", place / "sample")
    settle("run", "--home", place / "home", "--business-date", NIGHT)
    home = store.open_home(place / "home")
    ask("quarantine", "list", "--home", home.root)
    # One of each kind of reject: there are hundreds of them.
    kinds = {(case.reject.layout, case.reject.reason): case for case in sql.cases(books.connect(home))}
    for case in kinds.values():
        ask("quarantine", "show", case.reject.reject_id, "--home", home.root)
    for name, layout in CHECKED.items():
        ask("layout", "check", home.root / "config" / "layouts" / f"{layout}.toml", home.inbox / NIGHT / name)
        ask("layout", "infer", home.inbox / NIGHT / name)
    return Night(home=home, said=said)


def test_no_artefact_of_a_night_with_bad_files_holds_a_card_number(bad_night: Night) -> None:
    scan = CardScan([*_card_numbers(bad_night.home), *CARDS])
    artefacts = files_of(bad_night.home.root, WITH_NUMBERS)
    kinds = {Path(name).suffix for name, _ in artefacts}
    assert len(scan.pans) > 200
    assert {".parquet", ".sqlite", ".html", ".json", ".csv"} <= kinds
    assert scan.leaks([*artefacts, *bad_night.said.items()]) == []


def test_the_bad_files_were_read_to_where_they_are_bad(bad_night: Night) -> None:
    """Without rejects, refusals and sealed bytes the search above would prove little."""
    tables = [
        pl.read_parquet(path, hive_partitioning=False)
        for path in bad_night.home.root.glob("tables/parsed_reject/*/*.parquet")
    ]
    rejected = {file.split("/")[1].split("_2")[0] for file in pl.concat(tables)["file"].unique()}
    assert {
        *("ACCOUNTS", "ACQ_SETTLEMENT_US", "AIR_ACCRUAL", "BAI2", "CAMT054", "CLUB_SALES", "ENROLMENT", "MC_T112"),
        *("MT940", "RET_CAPTURE", "STORES", "UPI_ACOM", "VISA_CTF"),
    } <= rejected
    cases = sql.cases(books.connect(bad_night.home))
    assert sum(case.reject.sealed is not None for case in cases) > 50


def test_no_artefact_of_settled_nights_holds_a_card_number(settled_home: Home) -> None:
    scan = CardScan(_card_numbers(settled_home))
    assert len(scan.pans) > 100
    assert scan.leaks(files_of(settled_home.root, WITH_NUMBERS)) == []


def _parquet(frame: pl.DataFrame) -> bytes:
    target = io.BytesIO()
    frame.write_parquet(target, compression="zstd", statistics=False)
    return target.getvalue()


def _zip(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", content)
    return target.getvalue()


def _database(value: str | bytes) -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE xcom (value)")
        database.execute("INSERT INTO xcom VALUES (?)", (value,))
        database.commit()
        return database.serialize()


ARTEFACTS: Mapping[str, Callable[[bytes], bytes]] = {
    "file": lambda content: content,
    "log": lambda content: b"".join(b"2025-12-30 INFO line %d of a log\n" % n for n in range(500)) + content + b"\n",
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "zip": _zip,
    "zip in gzip": lambda content: gzip.compress(_zip(content), mtime=0),
    "parquet of bytes": lambda content: _parquet(pl.DataFrame({"a": [b"\xff", content]})),
    "parquet of texts": lambda content: _parquet(pl.DataFrame({"a": ["", content.decode("latin-1")]})),
    "database of bytes": _database,
    "database of texts": lambda content: _database(content.decode("latin-1")),
}


@pytest.mark.parametrize("artefact", ARTEFACTS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_planted_card_number_is_found(encoding: str, artefact: str) -> None:
    scan = CardScan(CARDS)
    for pan in CARDS:
        written = b"\x01ab:" + ENCODINGS[encoding](pan) + b",yz\x02"
        if "texts" in artefact and not written.isascii():
            # A text column holds characters, not bytes: only what is text can stand in one.
            continue
        assert scan.found(ARTEFACTS[artefact](written)), pan


def test_what_is_no_card_of_ours_is_not_found() -> None:
    scan = CardScan([PLANTED])
    other = f"{PLANTED[:-1]}{(int(PLANTED[-1]) + 1) % 10}"
    noise = b"".join(write(other) for write in ENCODINGS.values()) + f"{PLANTED[:6]}******{PLANTED[-4:]}".encode()
    assert not scan.found(noise)
