"""The outsider's nights: every match and break of both legs and every cash tie, against the truth.

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
LEGS = ("MERCHANT", "ACCRUAL")
BY_NIGHT_AND_LEG = [(night, leg) for night in NIGHTS for leg in LEGS]
NO_ACCRUALS = ("2010-12-30", "ACCRUAL")
"""The airline's file of this night comes a night late."""
TAKES_PART = ["purchase", "refund", "reversal", "chargeback"]
Record = tuple[str, int]
Tables = dict[tuple[str, str], pl.DataFrame]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return run_nights(nights_dir(), NIGHTS, until="match")


@pytest.fixture(scope="module")
def known(tables: Tables) -> dict[Record, str]:
    """Side of every record that takes part."""
    rows = pl.concat([tables[night, "clearing"] for night in NIGHTS]).filter(pl.col("kind").is_in(TAKES_PART))
    return {(file, record): side for file, record, side in rows.select("file", "record", "side").iter_rows()}


@pytest.fixture(scope="module")
def classes(known: dict[Record, str]) -> dict[tuple[str, Record], object]:
    """Class of interchangeable records for each record on a leg that the truth gives one; a class is of one side."""
    found: dict[tuple[str, Record], object] = {}
    for night in NIGHTS:
        for row in truth(night, "matches"):
            for side in ("left", "right"):
                found[row["leg"], (row[f"{side}_file"], int(row[f"{side}_rec"]))] = row[f"{side}_equiv"]
        for row in truth(night, "breaks"):
            found.setdefault((row["leg"], (row["file"], int(row["rec"]))), row["equiv_group"])
    return {(leg, record): (known[record], group) for (leg, record), group in found.items() if group}


def pairs(match: pl.DataFrame, members: pl.DataFrame, leg: str) -> Iterable[tuple[str, Record, Record]]:
    """(match id, bank record, merchant record): each bank with each merchant record of a match of the leg."""
    rows = members.join(match.filter(pl.col("leg") == leg).select("match_id"), on="match_id", how="semi")
    sides = [rows.filter(pl.col("side") == side).select("match_id", "file", "record") for side in ("bank", "merchant")]
    for match_id, file, record, other_file, other in sides[0].join(sides[1], on="match_id").iter_rows():
        yield match_id, (file, record), (other_file, other)


def expected_pairs(night: str, leg: str) -> list[tuple[dict[str, str], Record, Record]]:
    rows = [row for row in truth(night, "matches") if row["leg"] == leg]
    return [(row, (row["left_file"], int(row["left_rec"])), (row["right_file"], int(row["right_rec"]))) for row in rows]


@pytest.mark.parametrize(("night", "leg"), BY_NIGHT_AND_LEG)
def test_every_match_with_its_kind_and_residual(night, leg, tables, classes) -> None:
    matches = {row["match_id"]: row for row in tables[night, "match"].iter_rows(named=True)}
    found = Counter(
        (
            *(classes.get((leg, record), record) for record in (left, right)),
            *(matches[match_id][name] for name in ("kind", "residual_minor", "residual_reason", "currency")),
        )
        for match_id, left, right in pairs(tables[night, "match"], tables[night, "match_member"], leg)
    )
    expected = Counter(
        (
            *(classes.get((leg, record), record) for record in (left, right)),
            row["kind"],
            int(row["diff_minor"]),
            row["diff_reason"] or None,
            row["currency"],
        )
        for row, left, right in expected_pairs(night, leg)
    )
    assert (expected.total() > 600) != ((night, leg) == NO_ACCRUALS)
    assert found - expected == Counter()  # precision
    assert expected - found == Counter()  # recall


def test_every_kind_of_match_and_reason_is_in_the_nights(tables) -> None:
    kinds = {leg: set[str]() for leg in LEGS}
    for night in NIGHTS:
        for leg, kind in tables[night, "match"].select("leg", "kind").iter_rows():
            kinds[leg].add(kind)
    events = {"REFUND", "REVERSAL", "CHARGEBACK"}
    told = {"EXACT", "DATE_SHIFT", "AMOUNT_DIFF", "MASKED_ONLY", "ONE_TO_MANY", "MANY_TO_ONE", "LATE"}
    assert kinds == {
        "MERCHANT": told | events,
        "ACCRUAL": {"EXACT", "AMOUNT_DIFF", "MANY_TO_ONE", "MILES_DIFF"} | events,
    }
    reasons = {row for night in NIGHTS for row in tables[night, "open_item"].select("leg", "reason").iter_rows()}
    assert reasons == {
        *(("MERCHANT", why) for why in ("MISSING_MERCHANT", "MISSING_BANK", "DUPLICATE_RECORD", "FOREIGN_BIN")),
        *(("ACCRUAL", why) for why in ("MISSING_ACCRUAL", "MISSING_BANK", "DUPLICATE_RECORD")),
    }


@pytest.mark.parametrize(("night", "leg"), [one for one in BY_NIGHT_AND_LEG if one != NO_ACCRUALS])
def test_groups_are_the_same_groups(night, leg, tables, classes) -> None:
    """Which rows form one 1:N or N:1 match: the pairs alone do not tell."""

    def named(group: set[Record]) -> tuple[str, ...]:
        return tuple(sorted(str(classes.get((leg, record), record)) for record in group))

    found: dict[str, set[Record]] = {}
    expected: dict[str, set[Record]] = {}
    for match_id, left, right in pairs(tables[night, "match"], tables[night, "match_member"], leg):
        found.setdefault(match_id, set()).update((left, right))
    for row, left, right in expected_pairs(night, leg):
        expected.setdefault(row["match_id"], set()).update((left, right))
    groups = [Counter(named(one) for one in side.values() if len(one) > 2) for side in (found, expected)]
    assert groups[0] == groups[1]
    assert groups[0]


@pytest.mark.parametrize(("night", "leg"), BY_NIGHT_AND_LEG)
def test_every_break_with_its_reason_and_day(night, leg, tables, classes) -> None:
    columns = ("file", "record", "reason", "opened_on", "amount_minor", "currency")
    rows = tables[night, "open_item"].filter(pl.col("leg") == leg).select(columns).iter_rows()
    found = Counter(
        (classes.get((leg, (file, record)), (file, record)), reason, str(day), amount, currency)
        for file, record, reason, day, amount, currency in rows
    )
    expected = Counter(
        (
            classes.get((leg, (row["file"], int(row["rec"]))), (row["file"], int(row["rec"]))),
            *(row["reason"], row["opened_on"], int(row["amount_minor"]), row["currency"]),
        )
        for row in truth(night, "breaks")
        if row["leg"] == leg
    )
    assert expected.total() > 5
    assert found == expected


@pytest.mark.parametrize("night", NIGHTS)
def test_every_cash_tie(night, tables) -> None:
    columns = ("camt_file", "entry", "entry_ref", "currency", "amount_minor", "ties_to", "expected_minor", "diff_minor")
    expected = [
        (
            *(row["camt_file"], int(row["entry"]), row["entry_ref"], row["currency"], int(row["amount_minor"])),
            *(row["ties_to"], int(row["expected_minor"]), int(row["diff_minor"]), row["status"]),
        )
        for row in truth(night, "cash")
    ]
    assert tables[night, "cash_tie"].select(*columns, "status").rows() == expected
