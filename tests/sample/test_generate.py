"""The sample as a whole: the same bytes again, every planted fault, and a truth that adds up."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from sample_files import messages, nights_of, tcrs, truth

from settlement.errors import TerminalError
from settlement.sample.generate import generate

_ENDS = {"MC_T112": 1, "VISA_CTF": 1, "RET_CAPTURE": 1, "ACQ_SETTLEMENT_US": 1}


def _content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("first", 5), ("second", 5), ("other", 6)):
        generate(tmp_path / name, nights=3, rows=120, seed=seed)
    assert _content(tmp_path / "first") == _content(tmp_path / "second")
    first, other = _content(tmp_path / "first"), _content(tmp_path / "other")
    assert first["2025-12-30/MC_T112_20251230_01.ipm"] != other["2025-12-30/MC_T112_20251230_01.ipm"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(TerminalError, match="not an empty folder"):
        generate(tmp_path, nights=1, rows=60, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_progress_names_each_night_and_nothing_is_left_behind(tmp_path: Path) -> None:
    told: list[str] = []
    generate(tmp_path / "nights", nights=2, rows=60, seed=1, start=date(2024, 2, 28), progress=told.append)
    assert told == ["Night 1 of 2: 2024-02-28", "Night 2 of 2: 2024-02-29"]
    assert sorted(path.name for path in (tmp_path / "nights").iterdir()) == ["2024-02-28", "2024-02-29", "truth"]


def test_a_quarter_ends_inside_the_default_nights(sample: Path) -> None:
    names = {path.name for path in sample.glob("*/PNL_*")}
    assert names == {"PNL_202510_v1.csv", "PNL_202511_v1.csv", "PNL_202512_v1.csv", "PNL_202512_v2.csv"}
    assert (sample / "2026-01-01" / "PNL_202512_v2.csv").exists()
    events = Counter(
        line.split(";")[0]
        for path in sample.glob("*/ACCOUNTS_*.csv")
        for line in path.read_text(encoding="utf-8").splitlines()[1:]
    )
    assert set(events) == {"SNAPSHOT", "OPEN", "ACTIVATE", "CLOSE", "STATEMENT"}


def test_every_planted_fault_is_there(sample: Path) -> None:
    nights = nights_of(sample)
    matches = {(row["kind"], row["diff_reason"]) for night in nights for row in truth(sample, night, "matches")}
    assert matches == {
        *((kind, "") for kind in ("EXACT", "DATE_SHIFT", "MASKED_ONLY", "ONE_TO_MANY", "MANY_TO_ONE", "LATE")),
        *((kind, "") for kind in ("REFUND", "REVERSAL", "CHARGEBACK")),
        *(("AMOUNT_DIFF", reason) for reason in ("TIP", "CASHBACK", "FX_ROUNDING")),
    }
    breaks = {row["reason"] for night in nights for row in truth(sample, night, "breaks")}
    assert breaks == {"MISSING_MERCHANT", "MISSING_BANK", "DUPLICATE_RECORD", "FOREIGN_BIN"}
    rejects = {row["reason"] for night in nights for row in truth(sample, night, "rows_rejected")}
    assert rejects == {"BAD_DATE", "BAD_LUHN", "UNKNOWN_CURRENCY", "NON_NUMERIC_AMOUNT"}
    whys = {row["why"] for night in nights for row in truth(sample, night, "files")}
    assert whys == {
        *("", "late", "IDENTICAL_RESEND", "TRUNCATED", "CONTROL_TOTAL_MISMATCH", "SAME_FILE_ID_DIFFERENT_CONTENT"),
        "NO_LAYOUT_YET",
    }
    cash = {row["status"] for night in nights for row in truth(sample, night, "cash")}
    assert cash == {"TIED", "SHORT_BY_FEE", "FILE_PENDING"}
    late = [row for night in nights for row in truth(sample, night, "matches") if row["kind"] == "LATE"]
    days = [[re.search(r"_(\d{8})", row[f"{side}_file"])[1] for side in ("left", "right")] for row in late]
    assert {left < right for left, right in days} == {True, False}
    assert not any(left == right for left, right in days)
    repeated = {
        row["file"].split("/")[1][:3]
        for night in nights
        for row in truth(sample, night, "breaks")
        if row["reason"] == "DUPLICATE_RECORD"
    }
    assert {"RET", "ACQ"} < repeated
    assert repeated & {"MC_", "VIS"}
    currencies = {row["currency"] for night in nights for row in truth(sample, night, "matches")}
    assert currencies == {"USD", "JPY", "KWD"}
    events = [row for night in nights for row in truth(sample, night, "events") if row["type"] == "REFUND"]
    assert {bool(row["orig_event_id"]) for row in events} == {True, False}


def _records(path: Path) -> set[int]:
    if path.suffix == ".ipm":
        return set(range(1, len(messages(path)) + 1))
    if path.suffix == ".ctf":
        return set(range(1, len(tcrs(path)) + 1))
    return set(range(1, len(path.read_text(encoding="utf-8").splitlines()) + 1))


def test_every_record_of_an_accepted_file_ends_in_one_place(sample: Path) -> None:
    nights = nights_of(sample)
    places: Counter[tuple[str, int]] = Counter()
    matched: set[tuple[str, int]] = set()
    for night in nights:
        for row in truth(sample, night, "matches"):
            matched |= {(row["left_file"], int(row["left_rec"])), (row["right_file"], int(row["right_rec"]))}
        for name in ("rows_rejected", "other"):
            places.update((row["file"], int(row["rec"])) for row in truth(sample, night, name))
    places.update(matched)
    places.update((row["file"], int(row["rec"])) for row in truth(sample, nights[-1], "breaks"))
    expected = {
        (row["file"], record)
        for night in nights
        for row in truth(sample, night, "files")
        if row["fate"] == "accepted" and row["file"].split("/")[1].startswith(tuple(_ENDS))
        for record in _records(sample / row["file"])
    }
    assert set(places) == expected
    assert set(places.values()) == {1}


def test_a_carried_break_closes_or_stays(sample: Path) -> None:
    nights = nights_of(sample)
    before: set[tuple[str, str]] = set()
    for night in nights:
        matched = {
            (row[f"{side}_file"], row[f"{side}_rec"])
            for row in truth(sample, night, "matches")
            for side in ("left", "right")
        }
        now = {(row["file"], row["rec"]) for row in truth(sample, night, "breaks")}
        assert before - matched <= now
        assert not now & matched
        before = now


def test_matches_add_up_to_their_residual(sample: Path) -> None:
    for night in nights_of(sample):
        lines: dict[str, list[dict[str, str]]] = {}
        for row in truth(sample, night, "matches"):
            lines.setdefault(row["match_id"], []).append(row)
        for rows in lines.values():
            left = {(row["left_file"], row["left_rec"]): int(row["left_minor"]) for row in rows}
            right = {(row["right_file"], row["right_rec"]): int(row["right_minor"]) for row in rows}
            difference = sum(right.values()) - sum(left.values())
            assert {int(row["diff_minor"]) for row in rows} == {difference}
            if rows[0]["diff_reason"] == "FX_ROUNDING":
                assert 1 <= abs(difference) <= 2
            elif not rows[0]["diff_reason"]:
                assert difference == 0
