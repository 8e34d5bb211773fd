"""The stages on a made sample find what was planted: files, rejects, matches, breaks and cash."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from pipeline import run_nights
from sample_files import nights_of, truth

from settlement.sample.generate import generate

Tables = dict[tuple[str, str], pl.DataFrame]
Locator = tuple[str, int]


@pytest.fixture(scope="module", params=[(600, 3, 3), (300, 11, 5)], ids=["600 rows", "300 rows"])
def settled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tables]:
    rows, seed, nights = request.param
    folder = tmp_path_factory.mktemp("settled") / "nights"
    generate(folder, nights=nights, rows=rows, seed=seed)
    return folder, run_nights(folder, nights_of(folder), until="match")


def _classes(folder: Path, night: str) -> dict[Locator, object]:
    """Records that nothing tells apart share a class; every other record is its own."""
    found: dict[Locator, object] = {}
    for row in truth(folder, night, "matches"):
        for side in ("left", "right"):
            place = (row[f"{side}_file"], int(row[f"{side}_rec"]))
            found[place] = row[f"{side}_equiv"] or place
    for row in truth(folder, night, "breaks"):
        place = (row["file"], int(row["rec"]))
        found[place] = row["equiv_group"] or place
    return found


def test_file_fates_and_rejected_rows(settled: tuple[Path, Tables]) -> None:
    folder, tables = settled
    for night in nights_of(folder):
        fates = {(row["file"], row["fate"], row["why"]) for row in truth(folder, night, "files")}
        found = tables[night, "file"]
        assert fates == {(row["file"], row["fate"], row["why"] or "") for row in found.iter_rows(named=True)}
        rejects = {(row["file"], int(row["rec"]), row["reason"]) for row in truth(folder, night, "rows_rejected")}
        assert rejects == set(tables[night, "reject"].select("file", "record", "reason").iter_rows())


def test_matches(settled: tuple[Path, Tables]) -> None:
    folder, tables = settled
    for night in nights_of(folder):
        classes = _classes(folder, night)
        expected = Counter(
            (
                classes[row["left_file"], int(row["left_rec"])],
                classes[row["right_file"], int(row["right_rec"])],
                row["kind"],
                row["diff_reason"],
            )
            for row in truth(folder, night, "matches")
        )
        members = tables[night, "match_member"].select("match_id", "side", "file", "record")
        left, right = (members.filter(pl.col("side") == side) for side in ("bank", "merchant"))
        kinds = tables[night, "match"].select("match_id", "kind", "residual_reason")
        pairs = (
            left.join(right, on="match_id")
            .join(kinds, on="match_id")
            .select("file", "record", "file_right", "record_right", "kind", "residual_reason")
        )
        found = Counter(
            (classes.get((file, record)), classes.get((other, line)), kind, reason or "")
            for file, record, other, line, kind, reason in pairs.iter_rows()
        )
        assert found == expected


def test_breaks(settled: tuple[Path, Tables]) -> None:
    folder, tables = settled
    for night in nights_of(folder):
        classes = _classes(folder, night)
        expected = Counter(
            (classes[row["file"], int(row["rec"])], row["reason"], row["opened_on"])
            for row in truth(folder, night, "breaks")
        )
        columns = ("file", "record", "reason", "opened_on")
        found = Counter(
            (classes.get((file, record)), reason, str(opened))
            for file, record, reason, opened in tables[night, "open_item"].select(columns).iter_rows()
        )
        assert found == expected


def test_cash(settled: tuple[Path, Tables]) -> None:
    folder, tables = settled
    names = ("camt_file", "entry", "ties_to", "expected_minor", "diff_minor", "status")
    for night in nights_of(folder):
        expected = {tuple(row[name] for name in names) for row in truth(folder, night, "cash")}
        rows = tables[night, "cash_tie"].select(names).iter_rows()
        assert expected == {tuple("" if value is None else str(value) for value in row) for row in rows}
