"""Law 8: no card number stands in any table, log, file, report or message of a night."""

from __future__ import annotations

import base64
import csv

import polars as pl
import pytest

from settlement import runner, store
from settlement.store import Home


def _card_numbers(home: Home) -> list[str]:
    found = []
    for path in home.inbox.glob("*/ENROLMENT_*.csv"):
        with path.open(encoding="utf-8", newline="") as reader:
            found += [row["pan"] for row in csv.DictReader(reader, delimiter=";")]
    return found


def _encodings(pan: str) -> list[bytes]:
    text = pan.encode()
    return [text, pan.encode("cp500"), pan.encode("utf-16-le"), bytes.fromhex(pan + "0" * (len(pan) % 2)), text[::-1]]


def _artefacts(home: Home) -> list[tuple[str, bytes]]:
    """Every file outside inbox and originals, tables as plain text (pages of Parquet are compressed)."""
    found = []
    for path in sorted(home.root.rglob("*")):
        inside = path.relative_to(home.root).parts[0]
        if not path.is_file() or inside in {"inbox", "originals"}:
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += pl.read_parquet(path, hive_partitioning=False).write_csv().encode()
        found.append((str(path.relative_to(home.root)), content))
    return found


def _leaks(artefacts: list[tuple[str, bytes]], pans: list[str]) -> list[str]:
    needles = {needle for pan in pans for needle in _encodings(pan)[:1]}
    rare = [needle for pan in pans[:40] for needle in _encodings(pan)[1:]]
    rare += [base64.b64encode(pan.encode())[:16] for pan in pans[:40]]
    found = []
    for name, content in artefacts:
        windows = {content[i : i + 16] for i in range(len(content) - 15)} if len(content) < 1 << 23 else set()
        if windows & needles or any(needle in content for needle in rare):
            found.append(name)
    return found


def test_no_artefact_of_settled_nights_holds_a_card_number(settled_home: Home) -> None:
    pans = _card_numbers(settled_home)
    assert len(pans) > 100
    assert _leaks(_artefacts(settled_home), pans) == []


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_a_planted_card_number_is_found(settled_home: Home, index: int) -> None:
    pans = _card_numbers(settled_home)
    planted = [("planted", b"x" * 50 + _encodings(pans[0])[index] + b"y" * 50)]
    assert _leaks(planted, pans) == ["planted"]


def test_the_report_and_the_data_docs_hold_none(settled_home: Home) -> None:
    night = store.delivery_dates(settled_home)[0]
    runner.run_night(settled_home, night)
    shown = [a for a in _artefacts(settled_home) if a[0].startswith(("report/", "quality/"))]
    assert len(shown) > 3
    assert _leaks(shown, _card_numbers(settled_home)) == []
