"""The outsider's nights: every match, break and cash tie of the formats that have a layout, against the truth.

Records that the truth holds for interchangeable (``left_equiv``, ``right_equiv``, ``equiv_group``) are compared by
their class: any pairing inside it is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import polars as pl
import pytest
from acceptance import nights_dir, truth
from pipeline import run_nights

NIGHTS = ("2010-12-29", "2010-12-30", "2010-12-31")
TAKES_PART = ["purchase", "refund", "reversal", "chargeback"]
Record = tuple[str, int]
Tables = dict[tuple[str, str], pl.DataFrame]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return run_nights(nights_dir(), NIGHTS, until="match")


@pytest.fixture(scope="module")
def known(tables: Tables) -> dict[Record, str]:
    """Side of every record that takes part; records of files without a layout are not among them."""
    rows = pl.concat([tables[night, "clearing"] for night in NIGHTS]).filter(pl.col("kind").is_in(TAKES_PART))
    return {(file, record): side for file, record, side in rows.select("file", "record", "side").iter_rows()}


@pytest.fixture(scope="module")
def classes(known: dict[Record, str]) -> dict[Record, object]:
    """Class of interchangeable records for each record that the truth gives one; a class is of one side."""
    found: dict[Record, object] = {}
    for night in NIGHTS:
        for row in truth(night, "matches"):
            for side in ("left", "right"):
                found[row[f"{side}_file"], int(row[f"{side}_rec"])] = row[f"{side}_equiv"]
        for row in truth(night, "breaks"):
            found.setdefault((row["file"], int(row["rec"])), row["equiv_group"])
    return {record: (known[record], group) for record, group in found.items() if group and record in known}


def pairs(rows: pl.DataFrame) -> Iterable[tuple[str, Record, Record]]:
    """(match id, bank record, merchant record): each bank with each merchant record of a match."""
    sides = [rows.filter(pl.col("side") == side).select("match_id", "file", "record") for side in ("bank", "merchant")]
    for match_id, file, record, other_file, other in sides[0].join(sides[1], on="match_id").iter_rows():
        yield match_id, (file, record), (other_file, other)


def expected_pairs(night: str, known: dict[Record, str]) -> list[tuple[dict[str, str], Record, Record]]:
    found = []
    for row in truth(night, "matches"):
        left, right = (row["left_file"], int(row["left_rec"])), (row["right_file"], int(row["right_rec"]))
        if row["leg"] == "MERCHANT" and left in known and right in known:
            found.append((row, left, right))
    return found


@pytest.mark.parametrize("night", NIGHTS)
def test_every_match_with_its_kind_and_residual(night, tables, known, classes) -> None:
    matches = {row["match_id"]: row for row in tables[night, "match"].iter_rows(named=True)}
    found = Counter(
        (
            *(classes.get(record, record) for record in (left, right)),
            *(matches[match_id][name] for name in ("kind", "residual_minor", "residual_reason", "currency")),
        )
        for match_id, left, right in pairs(tables[night, "match_member"])
    )
    expected = Counter(
        (
            *(classes.get(record, record) for record in (left, right)),
            row["kind"],
            int(row["diff_minor"]),
            row["diff_reason"] or None,
            row["currency"],
        )
        for row, left, right in expected_pairs(night, known)
    )
    assert expected.total() > 1000
    assert found - expected == Counter()  # precision
    assert expected - found == Counter()  # recall


@pytest.mark.parametrize("night", NIGHTS)
def test_groups_are_the_same_groups(night, tables, known) -> None:
    """Which rows form one 1:N or N:1 match: the pairs alone do not tell."""
    found: dict[str, set[Record]] = {}
    expected: dict[str, set[Record]] = {}
    for match_id, left, right in pairs(tables[night, "match_member"]):
        found.setdefault(match_id, set()).update((left, right))
    for row, left, right in expected_pairs(night, known):
        expected.setdefault(row["match_id"], set()).update((left, right))
    groups = [{frozenset(one) for one in side.values() if len(one) > 2} for side in (found, expected)]
    assert groups[0] == groups[1]
    assert groups[0]


@pytest.mark.parametrize("night", NIGHTS)
def test_every_break_with_its_reason_and_day(night, tables, known, classes) -> None:
    """A merchant record whose bank file has no layout yet is open here and matched in the truth."""
    columns = ("file", "record", "reason", "opened_on", "amount_minor", "currency")
    found = Counter(
        (classes.get((file, record), (file, record)), reason, str(day), amount, currency)
        for file, record, reason, day, amount, currency in tables[night, "open_item"].select(columns).iter_rows()
    )
    expected: dict[Record, tuple[str, str, int, str]] = {}
    for row in truth(night, "breaks"):
        if row["leg"] == "MERCHANT":
            told = (row["reason"], row["opened_on"], int(row["amount_minor"]), row["currency"])
            expected[row["file"], int(row["rec"])] = told
    assert len([record for record in expected if record in known]) > 50
    for row in (row for one in NIGHTS[: NIGHTS.index(night) + 1] for row in truth(one, "matches")):
        if row["leg"] == "MERCHANT" and (row["left_file"], int(row["left_rec"])) not in known:
            delivered = row["right_file"].split("/")[0]
            told = ("MISSING_BANK", delivered, int(row["right_minor"]), row["currency"])
            expected[row["right_file"], int(row["right_rec"])] = told
    assert found == Counter(
        (classes.get(record, record), *told) for record, told in expected.items() if record in known
    )


@pytest.mark.parametrize("night", NIGHTS)
def test_every_cash_tie(night, tables) -> None:
    """The network file without a layout stays pending: its net is not known to us."""
    fates = dict(tables[night, "file"].select("file", "fate").iter_rows())
    columns = ("camt_file", "entry", "entry_ref", "currency", "amount_minor", "ties_to", "expected_minor", "diff_minor")
    found = tables[night, "cash_tie"].select(*columns, "status").rows()
    expected = []
    for row in truth(night, "cash"):
        told = (row["camt_file"], int(row["entry"]), row["entry_ref"], row["currency"], int(row["amount_minor"]))
        if fates[row["ties_to"]] == "no_layout":
            expected.append((*told, None, None, None, "FILE_PENDING"))
        else:
            expected.append((*told, row["ties_to"], int(row["expected_minor"]), int(row["diff_minor"]), row["status"]))
    assert found == expected
