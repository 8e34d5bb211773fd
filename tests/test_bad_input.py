"""Bad input through the real command line: one sentence for a person, the right exit code, and nothing lost."""

from __future__ import annotations

import csv
import gzip
import io
import mmap
import re
import shutil
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from made_workbook import archive, workbook, worksheet
from read_file import read_file

from settlement import cli, store
from settlement.home import create_home
from settlement.sample.generate import generate
from settlement.store import Home

NIGHT = date(2025, 12, 30)
FORMULA = "=cmd|' /C calc'!A0"
Settle = Callable[..., tuple[int, str]]


@pytest.fixture(name="settle")
def _settle(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Settle:
    """The command line in this process: exit code and what it said to a person."""

    def settle(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["settle", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return int(str(left.value.code)), capfd.readouterr().err

    return settle


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small good night's files by name."""
    target = tmp_path_factory.mktemp("good")
    generate(target, nights=1, rows=60, seed=3)
    return {path.name: path.read_bytes() for path in (target / str(NIGHT)).iterdir()}


def _home(root: Path, files: dict[str, bytes]) -> Home:
    create_home(root, None)
    folder = root / "inbox" / str(NIGHT)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return store.open_home(root)


def _zip(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inside", content)
    return target.getvalue()


def _entities(depth: int) -> bytes:
    names = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, depth))
    return (
        f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e0 "ha">{names}]>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">&e{depth - 1};</Document>'
    ).encode()


def _outside(path: str) -> bytes:
    return (
        f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e SYSTEM "file://{path}">]>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">&e;</Document>'
    ).encode()


def _bad(good: dict[str, bytes]) -> dict[str, tuple[bytes, str | None]]:
    """By name: content, and why the file is refused; None where it is read and its bad rows are rejected."""
    capture, mastercard = good["RET_CAPTURE_20251230_01.csv"], good["MC_T112_20251230_01.ipm"]
    visa, acquirer = good["VISA_CTF_20251230_01.ctf"], good["ACQ_SETTLEMENT_US_20251230.csv"]
    unblocked = b"".join(mastercard[at : at + 1012] for at in range(0, len(mastercard), 1014))
    return {
        # Code pages that are not the layout's.
        "RET_CAPTURE_20251230_11.csv": (capture.decode().encode("utf-16"), "UNREADABLE"),
        "RET_CAPTURE_20251230_12.csv": (capture.replace(b"SALE", b"SAL\xc9", 1), "UNREADABLE"),
        "RET_CAPTURE_20251230_13.csv": (capture.decode().encode("cp500"), "UNREADABLE|TRUNCATED"),
        "VISA_CTF_20251230_11.ctf": (visa.decode().encode("utf-16"), "UNREADABLE|TRUNCATED"),
        "MC_T112_20251230_11.ipm": (mastercard.decode("cp500").encode("utf-8"), "UNREADABLE|TRUNCATED"),
        # Blocks of another size, without their padding, with one byte more, and with a block taken out.
        "MC_T112_20251230_12.ipm": (unblocked[:-2000], "TRUNCATED"),
        "MC_T112_20251230_13.ipm": (mastercard[:1012] + b"\x40" + mastercard[1012:], "UNREADABLE|TRUNCATED"),
        "MC_T112_20251230_14.ipm": (mastercard[:1014] + mastercard[2028:], "UNREADABLE|TRUNCATED"),
        # Empty ones, plain and packed.
        "ACQ_SETTLEMENT_US_20251227.csv": (b"", "EMPTY"),
        "RET_CAPTURE_20251230_14.csv.gz": (gzip.compress(b""), "EMPTY"),
        "CLUB_SALES_20251230.xlsx": (b"", "EMPTY"),
        # Bombs.
        "ACQ_SETTLEMENT_US_20251226.csv.zip": (_zip(bytes(32 * 2**20)), "TOO_LARGE"),
        "ACQ_SETTLEMENT_US_20251225.csv.gz": (gzip.compress(bytes(32 * 2**20)), "TOO_LARGE"),
        "CAMT053_20251229.xml": (_entities(9), "UNREADABLE"),
        "CAMT053_20251228.xml": (_outside("/etc/hostname"), "UNREADABLE"),
        "CLUB_SALES_20251229.xlsx": (archive({"xl/workbook.xml": bytes(64 * 2**20)}), "UNREADABLE"),
        "CLUB_SALES_20251228.xlsx": (
            workbook([["x"]], parts={"xl/worksheets/sheet1.xml": worksheet("", _entities(9).decode()[:400])}),
            "UNREADABLE",
        ),
        # A line without an end.
        "RET_CAPTURE_20251230_15.csv": (b"D;" + b"x" * 9 * 2**20, "UNREADABLE"),
        "ACQ_SETTLEMENT_US_20251224.csv": (acquirer + b"x" * 9 * 2**20 + b"\n", "UNREADABLE"),
        # What a spreadsheet would run, as the name of a merchant.
        "STORES_20251229.csv": (f"merchant_no;store_id;name\n770099990001;S0901;{FORMULA}\n".encode(), None),
    }


def test_a_night_of_bad_files_is_settled_and_every_file_has_its_sentence(
    settle: Settle, tmp_path: Path, delivered: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Files of the real bound would only be slow to write.
    monkeypatch.setattr("settlement.parse.files.MOST_IN_A_LINE", 4 * 2**20)
    bad = _bad(delivered)
    home = _home(tmp_path / "home", delivered | {name: content for name, (content, _) in bad.items()})
    inbox = home.inbox / str(NIGHT)
    (inbox / "VISA_CTF_20251230_12.ctf").mkdir()
    (inbox / "VISA_CTF_20251230_13.ctf").symlink_to("/etc/hostname")
    code, said = settle("run", "--home", home.root, "--business-date", NIGHT, "--until", "pay")
    assert (code, "Traceback" in said) == (0, False), said
    files = {row["file"].split("/")[1]: row for row in store.read_table(home, "file", NIGHT).to_dicts()}
    assert set(files) == {path.name for path in inbox.iterdir()}, "every file has one fate"
    for name, (content, why) in bad.items():
        row = files[name]
        assert (row["fate"], row["size_bytes"]) == ("rejected" if why else "accepted", len(content)), row
        assert re.fullmatch(why or "None|late", str(row["why"])), row
        kept = home.root / "originals" / row["sha256"][:2] / row["sha256"]
        assert kept.read_bytes() == content, "what came is kept"
    for name in ("VISA_CTF_20251230_12.ctf", "VISA_CTF_20251230_13.ctf"):
        assert (files[name]["fate"], files[name]["why"]) == ("rejected", "NOT_A_FILE")
    assert all(row["fate"] == "accepted" for name, row in files.items() if name in delivered and "NOTICE" not in name)
    told = {row["subject"]: row["text"] for row in store.read_table(home, "finding", NIGHT).to_dicts()}
    for name, row in files.items():
        if row["fate"] == "rejected":
            assert told[f"{NIGHT}/{name}"].rstrip().count(". ") <= 1, told[f"{NIGHT}/{name}"]
    _no_formula_runs(settle, home, tmp_path)


def _no_formula_runs(settle: Settle, home: Home, tmp_path: Path) -> None:
    """The formula is data in the tables, and text in whatever a spreadsheet opens."""
    assert FORMULA in store.read_table(home, "store", NIGHT)["name"].to_list()
    export = tmp_path / "breaks.csv"
    code, _ = settle("breaks", "--home", home.root, "--business-date", NIGHT, "--export", export)
    assert code == 0
    for path in (export, *home.root.glob("out/**/*.csv")):
        with path.open(encoding="utf-8", newline="") as reader:
            cells = [cell for row in csv.reader(reader) for part in row for cell in part.split(";")]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+c"))]


SWAPPED = ("ACQ_SETTLEMENT_US", "CAMT053", "ENROLMENT", "MC_T112", "RET_CAPTURE", "VISA_CTF", "ACCOUNTS", "STORES")


def test_files_that_were_swapped_are_told_whichever_two_they_are(delivered: dict[str, bytes]) -> None:
    """One's content under the other's name, all pairs: refused whole, or none of its rows is taken."""
    names = {start: next(name for name in delivered if name.startswith(start)) for start in SWAPPED}
    for start, name in names.items():
        for other, content in ((other, delivered[names[other]]) for other in SWAPPED if other != start):
            read = read_file(name, content, str(NIGHT))
            rows = sum(frame.height for table, frame in read.tables.items() if table in TAKEN)
            assert read.file["fault"] is not None or rows == 0, (start, other)
            if read.file["fault"] is not None:
                assert str(read.file["detail"]).count(". ") <= 1, (start, other, read.file["detail"])
                assert read.file["rejected_bytes"] == len(content)


TAKEN = {"parsed_clearing", "parsed_statement_entry", "parsed_enrolment", "parsed_account_event", "parsed_store"}


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[memoryview]:
    """Ten gigabytes without a line's end, none of which lie on the disk."""
    path = tmp_path_factory.mktemp("endless") / "sparse"
    with path.open("wb") as writer:
        writer.write(b"D;x\n")
        writer.truncate(10 * 2**30)
    with path.open("rb") as reader, mmap.mmap(reader.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        yield view
        view.release()


@pytest.mark.parametrize(
    "name",
    [
        *("RET_CAPTURE_20251230_01.csv", "UPI_ACOM_20251230_01.txt", "ACQ_SETTLEMENT_US_20251230.csv"),
        *("MT940_20251230.sta", "BAI2_20251230.bai", "CAMT053_20251230.xml", "CAMT054_20251230.xml"),
        *("CLUB_SALES_20251230.xlsx", "AIR_ACCRUAL_20251230.txt"),
    ],
)
def test_a_line_of_ten_gigabytes_is_refused_before_it_is_read(name: str, endless: memoryview) -> None:
    tracemalloc.start()
    read = read_file(name, endless, str(NIGHT))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read.file["fault"] in {"UNREADABLE", "TRUNCATED"}
    assert read.file["content_bytes"] == len(endless)
    assert peak < 16 * 2**20


def test_layout_check_says_one_sentence_whatever_it_is_given(
    settle: Settle, tmp_path: Path, delivered: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Files of the real bound would only be slow to write.
    monkeypatch.setattr("settlement.parse.files.MOST_IN_A_LINE", 4 * 2**20)
    create_home(tmp_path / "home", None)
    layouts = tmp_path / "home" / "config" / "layouts"
    (tmp_path / "folder.csv").mkdir()
    given: dict[str, tuple[str, bytes | None]] = {
        "RET_CAPTURE_20251230_01.csv": ("retailer_capture", b""),
        "RET_CAPTURE_20251230_02.csv": ("retailer_capture", b"D;" + b"x" * 9 * 2**20),
        "RET_CAPTURE_20251230_03.csv": ("retailer_capture", bytes(range(256)) * 50),
        "RET_CAPTURE_20251230_04.csv": ("retailer_capture", delivered["MC_T112_20251230_01.ipm"]),
        "CAMT053_20251230.xml": ("bank_statement", _entities(9)),
        "CLUB_SALES_20251230.xlsx": ("club_sales", archive({"xl/workbook.xml": bytes(64 * 2**20)})),
        "CLUB_SALES_20251229.xlsx": ("club_sales", b"PK\x03\x04 and no archive"),
        "folder.csv": ("retailer_capture", None),
    }
    for name, (layout, content) in given.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        code, said = settle("layout", "check", layouts / f"{layout}.toml", tmp_path / name)
        assert code == 2, (name, said)
        assert said.startswith("settle: "), name
        assert said.count("\n") == 1, said
    code, said = settle("layout", "check", tmp_path / "folder.csv", tmp_path / "CAMT053_20251230.xml")
    assert (code, said.count("\n")) == (2, 1)
    shutil.rmtree(tmp_path / "folder.csv")
