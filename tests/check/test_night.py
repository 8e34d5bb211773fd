"""The stage check on small made nights: fates in every order, what is published, and the exact findings."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from pipeline import in_parts, rows_of

from settlement import laws, store
from settlement.check import night
from settlement.check.record_rules import arn_valid
from settlement.errors import TerminalError
from settlement.model.records import CANDIDATES
from settlement.model.stage import Part, StageInput, StageOutput
from settlement.model.tables import TABLES

NIGHT = date(2024, 3, 2)
Row = dict[str, object]
PROGRAMME = 'name = "made"\n[[expected]]\nfeed = "shop"\n'


def frame(table: str, rows: list[Row]) -> pl.DataFrame:
    names = TABLES[table].schema.names()
    assert all(set(row) <= set(names) for row in rows)
    return pl.DataFrame([{name: row.get(name) for name in names} for row in rows], schema=TABLES[table].schema)


def delivered(name: str, sha: str, day: int | None = 2, **more: object) -> Row:
    known = {
        "file": f"{NIGHT}/{name}",
        "name": name,
        "sha256": sha,
        "size_bytes": 1,
        "layout": "shop",
        "feed": "shop",
        "sender": "SHOP",
        "file_date": day and date(2024, 3, day),
        "sequence": "01",
        "fate": "registered",
    }
    return known | more


def told(name: str, day: int | None = 2, id_: str | None = "7", **more: object) -> Row:
    known = {
        "file": f"{NIGHT}/{name}",
        "sender": "SHOP",
        "file_date": day and date(2024, 3, day),
        "internal_id": id_,
        "records": 9,
    }
    return known | more


def accepted(name: str, sha: str, day: int = 1, identity: str = "SHOP|shop|2024-03-01|7") -> Row:
    return {
        "file": f"2024-03-01/{name}",
        "fate": "accepted",
        "sha256": sha,
        "records": 5,
        "size_bytes": 1,
        "feed": "shop",
        "sender": "SHOP",
        "file_date": date(2024, 3, day),
        "identity": identity,
    }


def given(
    deliveries: list[Row],
    parsed: list[Row],
    history: list[Row] | None = None,
    programme: str = PROGRAMME,
    **records: list[Row],
) -> StageInput:
    before = frame("file", history or []).with_columns(pl.lit(date(2024, 3, 1)).alias("business_date"))
    parts = {
        f"parsed_{name}": in_parts(frame(f"parsed_{name}", records.get(name, [])))
        for name in (*CANDIDATES, "reject_place", "replay")
    }
    return StageInput(
        business_date=NIGHT,
        unit="all",
        documents={"programme.toml": programme},
        tables={
            "delivery": frame("delivery", deliveries),
            "parsed_file": frame("parsed_file", parsed),
            "parsed_card_token": frame("parsed_card_token", []),
            "parsed_control_total": frame("parsed_control_total", records.get("control_total", [])),
        },
        parts=parts,
        history={"file": before.lazy()},
    )


def checked(inputs: StageInput) -> StageOutput:
    output = night.run(inputs)
    laws.assert_unit("check", inputs, output)
    tables = {name: store.checked(TABLES[name], table) for name, table in output.tables.items()}
    return StageOutput(tables=tables | {name: rows_of(name, parts) for name, parts in output.parts.items()})


def fates(inputs: StageInput) -> list[tuple[object, ...]]:
    return checked(inputs).tables["file"].select(pl.col("file").str.slice(11), "fate", "why", "records").rows()


@pytest.mark.parametrize(
    ("delivery", "parsed", "history", "fate"),
    [
        (delivered("A", "a"), told("A"), [], ("accepted", None, 9)),
        (delivered("A", "a", 1), told("A", 1), [], ("accepted", "late", 9)),
        (delivered("A", "a", None), told("A", None), [], ("accepted", None, 9)),
        # The header's date counts before the name's.
        (delivered("A", "a", 2), told("A", 1), [], ("accepted", "late", 9)),
        (delivered("A", "a", None), told("A", 1), [], ("accepted", "late", 9)),
        (delivered("A", "a"), told("A", fault="TRUNCATED", records=None), [], ("rejected", "TRUNCATED", None)),
        (delivered("A", "a"), told("A", fault="UNREADABLE"), [], ("rejected", "UNREADABLE", None)),
        (
            delivered("A", "a"),
            told("A", fault="CONTROL_TOTAL_MISMATCH"),
            [],
            ("rejected", "CONTROL_TOTAL_MISMATCH", 9),
        ),
        (delivered("A", "a", fate="no_layout", why="NO_LAYOUT_YET"), None, [], ("no_layout", "NO_LAYOUT_YET", None)),
        (delivered("A", "a", fate="rejected", why="NOT_A_FILE"), None, [], ("rejected", "NOT_A_FILE", None)),
        (
            delivered("A", "a", 1, fate="duplicate", why="IDENTICAL_RESEND"),
            None,
            [accepted("A", "a")],
            ("duplicate", "IDENTICAL_RESEND", 5),
        ),
        # The same content under another name, and other content under the same identity.
        (delivered("B", "a", 1), told("B", 1), [accepted("A", "a")], ("duplicate", "IDENTICAL_RESEND", 5)),
        (delivered("A", "b", 1), told("A", 1), [accepted("A", "a")], ("rejected", "SAME_FILE_ID_DIFFERENT_CONTENT", 9)),
        # Identity weighs more than what is wrong inside.
        (
            delivered("A", "b", 1),
            told("A", 1, fault="TRUNCATED", records=None),
            [accepted("A", "a")],
            ("rejected", "SAME_FILE_ID_DIFFERENT_CONTENT", None),
        ),
        # Without an id of its own the sequence in the name serves.
        (
            delivered("A", "b", 1),
            told("A", 1, None, fault="TRUNCATED", records=None),
            [accepted("A", "a", identity="SHOP|shop|2024-03-01|name 01")],
            ("rejected", "SAME_FILE_ID_DIFFERENT_CONTENT", None),
        ),
        # The same bytes for another day are another file: a feed may have nothing new.
        (delivered("A", "a"), told("A"), [accepted("A", "a")], ("accepted", None, 9)),
        # A refused file does not stand in the way of a good one.
        (delivered("A", "b", 1), told("A", 1), [accepted("A", "a") | {"fate": "rejected"}], ("accepted", "late", 9)),
    ],
)
def test_the_fate_of_one_file(delivery: Row, parsed: Row | None, history: list[Row], fate: tuple[object, ...]) -> None:
    inputs = given([delivery], [parsed] if parsed else [], history)
    assert [row[1:] for row in fates(inputs)] == [fate]


@pytest.mark.parametrize("order", [1, -1])
def test_files_of_one_night_are_judged_by_date_and_name(order: int) -> None:
    deliveries = [delivered("A_01", "a"), delivered("A_02", "b"), delivered("A_03", "c"), delivered("A_04", "b")]
    parsed = [told("A_01", fault="CONTROL_TOTAL_MISMATCH"), told("A_02"), told("A_03"), told("A_04")]
    assert fates(given(deliveries[::order], parsed[::order])) == [
        ("A_01", "rejected", "CONTROL_TOTAL_MISMATCH", 9),
        ("A_02", "accepted", None, 9),
        ("A_03", "rejected", "SAME_FILE_ID_DIFFERENT_CONTENT", 9),
        ("A_04", "duplicate", "IDENTICAL_RESEND", 9),
    ]


def test_a_registered_file_that_was_not_read_stops_the_night() -> None:
    with pytest.raises(TerminalError, match="A is registered but was not read"):
        night.run(given([delivered("A", "a")], []))


def clearing(file: str, record: int, **more: object) -> Row:
    known = {
        "file": f"{NIGHT}/{file}",
        "record": record,
        "side": "merchant",
        "feed": "shop",
        "delivered_on": NIGHT,
        "posting_date": NIGHT,
        "kind": "purchase",
        "direction": 1,
        "amount_minor": 5,
        "currency": "USD",
        "transaction_amount_minor": 5,
        "transaction_currency": "USD",
        "total_minor": 5,
        "transaction_date": NIGHT,
    }
    return known | more


def reject(file: str, record: int, reason: str) -> Row:
    return {"file": f"{NIGHT}/{file}", "record": record, "reason": reason, "field": "f", "preview": "x"}


def test_rows_and_settlement_of_refused_files_stay_out() -> None:
    money = {"net_settlement_minor": 5, "net_settlement_currency": "USD", "payout_text": "TX"}
    inputs = given(
        [delivered("A", "a"), delivered("B", "b")],
        [told("A", **money), told("B", id_="8", fault="TRUNCATED", detail="The file is cut.", **money)],
        clearing=[clearing("B", 2), clearing("A", 3), clearing("A", 2)],
        control_total=[
            {"file": f"{NIGHT}/{name}", "control": "count", "declared": 1, "computed": 2, "agrees": False}
            for name in ("B", "A")
        ],
    )
    tables = checked(inputs).tables
    assert tables["clearing"].select("file", "record").rows() == [(f"{NIGHT}/A", 2), (f"{NIGHT}/A", 3)]
    assert tables["control_total"]["file"].to_list() == [f"{NIGHT}/A", f"{NIGHT}/B"]
    first, second = tables["file"].rows(named=True)
    assert (first["net_settlement_minor"], first["payout_text"]) == (5, "TX")
    assert (second["net_settlement_minor"], second["payout_text"], second["detail"]) == (None, None, "The file is cut.")


def findings(inputs: StageInput, *, reference: bool = False) -> list[tuple[str, ...]]:
    rows = checked(inputs).tables["finding"].rows()
    return [row for row in rows if reference or row[0] != "reference_missing"]


def test_findings_of_files_are_exact() -> None:
    inputs = given(
        [
            delivered("BAD", "a"),
            delivered("LATE", "b", 1),
            delivered("NEW", "c", fate="no_layout", why="NO_LAYOUT_YET", feed=None, sender=None),
            delivered("OLD", "d", 1, fate="duplicate", why="IDENTICAL_RESEND"),
            delivered("SOON", "e", 4),
        ],
        [
            told("BAD", fault="TRUNCATED", detail="The file is cut short."),
            told("LATE", 1),
            told("SOON", 4, mode="T", sender="STALL"),
        ],
        [accepted("OLD", "d", identity="x")],
    )
    assert findings(inputs) == [
        (
            "feed_missing",
            "shop",
            "warning",
            (
                "No good file of shop for 2024-03-02 (1 file came and was refused): ask for it; it can be "
                "delivered on a later night and keeps its business date."
            ),
        ),
        (
            "file_early",
            "2024-03-02/SOON",
            "warning",
            "The file belongs to 2024-03-04, which is still to come: ask STALL about its date.",
        ),
        ("file_late", "2024-03-02/LATE", "note", "The file belongs to 2024-03-01 and came 1 night late."),
        (
            "file_marked_test",
            "2024-03-02/SOON",
            "note",
            "The file is marked as a test: make sure that it belongs into these books.",
        ),
        ("file_rejected", "2024-03-02/BAD", "error", "The file is cut short."),
        (
            "file_sender",
            "2024-03-02/SOON",
            "warning",
            (
                "The file says it comes from STALL, its layout is for SHOP: ask SHOP whether it is theirs, or "
                "give STALL a layout."
            ),
        ),
        (
            "file_sent_again",
            "2024-03-02/OLD",
            "note",
            "The same bytes were accepted as 2024-03-01/OLD: nothing changes and nothing is to be done.",
        ),
        (
            "file_without_layout",
            "2024-03-02/NEW",
            "error",
            "No layout fits this name: add one to config/layouts and deliver the file again; the original is kept.",
        ),
    ]


def test_findings_of_rows_are_exact() -> None:
    ahead = date(2024, 3, 4)
    inputs = given(
        [delivered("A", "a")],
        [told("A")],
        clearing=[
            clearing("A", 2, arn="25555500362010000010294"),
            clearing("A", 3, arn="25555500362010000010295", transaction_date=date(2024, 3, 3)),
            clearing("A", 4, arn="2555550036201000001029", transaction_date=ahead),
            clearing("A", 5, transaction_date=None),
        ],
        reject=[reject("A", n, "BAD_DATE") for n in range(16, 9, -1)] + [reject("A", 9, "BAD_LUHN")],
    )
    assert findings(inputs) == [
        (
            "arn_check_digit",
            "2024-03-02/A",
            "warning",
            (
                "2 records have an acquirer reference number with a wrong check digit (record 3, 4). They are "
                "used; tell the sender."
            ),
        ),
        (
            "rows_rejected",
            "2024-03-02/A",
            "warning",
            (
                "8 rows could not be used: 7 BAD_DATE (record 10, 11, 12, 13, 14 and 2 more); 1 BAD_LUHN "
                "(record 9). Ask the sender to correct them."
            ),
        ),
        (
            "transaction_date_ahead",
            "2024-03-02/A",
            "warning",
            (
                "1 record has a transaction date after the file's business date (record 4). They are used; ask "
                "the sender about the dates."
            ),
        ),
    ]


def test_reference_feeds_must_have_come_once() -> None:
    inputs = given(
        [delivered("FX", "a", feed="fx")],
        [told("FX")],
        [accepted("S", "s") | {"feed": "stores"}],
        programme='name = "x"',
    )
    missing = findings(inputs, reference=True)
    assert [(row[0], row[1], row[2]) for row in missing] == [
        ("reference_missing", feed, "error") for feed in ("accounts", "enrolment", "opening_positions")
    ]
    assert missing[0][3] == (
        "No file of accounts was ever accepted: deliver it, contracts cannot be worked out without it."
    )


def test_a_feed_that_came_early_is_not_missing() -> None:
    assert findings(given([], [], [accepted("A", "a", day=2)])) == []


@pytest.mark.parametrize(
    ("programme", "words"),
    [("[[expected]]\nfeeds = 'x'\n", "expected.0.feed"), ("expected = [", "no readable TOML")],
)
def test_a_bad_programme_is_one_sentence(programme: str, words: str) -> None:
    with pytest.raises(TerminalError, match=r"config/programme\.toml") as caught:
        night.run(given([], [], programme=programme))
    assert words in str(caught.value)


def test_output_does_not_depend_on_the_order_of_rows() -> None:
    inputs = given(
        [delivered("A", "a"), delivered("B", "b"), delivered("C", "b")],
        [told("A"), told("B", id_="8"), told("C", id_="8")],
        [accepted("O", "o"), accepted("P", "p")],
        clearing=[clearing(name, n, transaction_date=date(2024, 4, 1)) for name in "AB" for n in range(1, 9)],
        reject=[reject(name, n, reason) for name in "BA" for n, reason in ((20, "BAD_LUHN"), (10, "BAD_DATE"))],
    )
    turned = StageInput(
        business_date=NIGHT,
        unit="all",
        documents=inputs.documents,
        tables={name: table.reverse() for name, table in inputs.tables.items()},
        parts={
            name: tuple(Part(rows=part.rows.reverse()) for part in reversed(parts))
            for name, parts in inputs.parts.items()
        },
        history={name: table.reverse() for name, table in inputs.history.items()},
    )
    one, other = checked(inputs).tables, checked(turned).tables
    assert all(one[name].equals(other[name]) for name in one)


def test_the_check_digit_of_every_reference_number() -> None:
    numbers = [f"2555550036201000001029{digit}" for digit in range(10)]
    assert arn_valid(pl.Series(numbers, dtype=pl.String)).arg_true().to_list() == [4]
    odd = pl.Series(["", "2" * 22, "2555550036201000001029x", None, "00000000000000000000000"], dtype=pl.String)
    assert arn_valid(odd).to_list() == [False, False, False, False, True]
    assert arn_valid(pl.Series([], dtype=pl.String)).to_list() == []
