"""Bank entries and the files they pay."""

from __future__ import annotations

from typing import Any

import pytest
from match_frames import FIRST_NIGHT, file_row, frame, night_input, run_checked

NETWORK = file_row("MC_1.ipm", net_settlement_minor=-900, net_settlement_currency="USD")
PAYOUT = file_row("ACQ.csv", net_settlement_minor=7000, net_settlement_currency="USD", payout_text="batch 7, US")


def entry(amount: int, code: str, **columns: Any) -> dict[str, Any]:
    told = {
        "file": f"{FIRST_NIGHT}/CAMT.xml",
        "record": 1,
        "account": "A",
        "entry_ref": "R1",
        "booked_on": FIRST_NIGHT,
        "value_on": FIRST_NIGHT,
        "direction": 1 if amount > 0 else -1,
        "amount_minor": abs(amount),
        "currency": "USD",
        "code": code,
    }
    return told | columns


def network(amount: int, **columns: Any) -> dict[str, Any]:
    return entry(amount, "NETW", **({"end_to_end_id": "MC_1.ipm", "remittance": "NETSETTLEMENT MC_1.ipm"} | columns))


def payout(amount: int, **columns: Any) -> dict[str, Any]:
    return entry(amount, "ACQP", **({"end_to_end_id": "E", "remittance": "batch 7, US"} | columns))


def ties(*nights: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> list[list[tuple[Any, ...]]]:
    """(status, file name, expected, difference) of each entry that is told each night."""
    past: list[dict[str, Any]] = []
    found = []
    for files, entries in nights:
        tables = {"file": frame("file", files), "statement_entry": frame("statement_entry", entries)}
        output = run_checked(night_input([*past, tables]))
        past.append(tables | dict(output.tables))
        rows = output.tables["cash_tie"].select("status", "ties_to", "expected_minor", "diff_minor").rows()
        found.append([(status, file and file.split("/")[1], *amounts) for status, file, *amounts in rows])
    return found


@pytest.mark.parametrize(
    ("files", "told", "expected"),
    [
        ([NETWORK], network(-900), ("TIED", "MC_1.ipm", 900, 0)),
        ([NETWORK], network(-900, end_to_end_id=None), ("TIED", "MC_1.ipm", 900, 0)),
        ([NETWORK], network(-899), ("DIFFERS", "MC_1.ipm", 900, 1)),
        ([NETWORK], network(-901), ("DIFFERS", "MC_1.ipm", 900, -1)),
        ([NETWORK], network(900), ("DIFFERS", "MC_1.ipm", 900, 1800)),
        ([NETWORK], network(-900, currency="CNY"), ("DIFFERS", "MC_1.ipm", None, None)),
        ([NETWORK | {"fate": "rejected"}], network(-900), ("FILE_PENDING", None, None, None)),
        ([NETWORK | {"net_settlement_minor": None}], network(-900), ("FILE_PENDING", None, None, None)),
        ([], network(-900), ("FILE_PENDING", None, None, None)),
        ([PAYOUT], payout(7000), ("TIED", "ACQ.csv", 7000, 0)),
        ([PAYOUT], payout(4500), ("SHORT_BY_FEE", "ACQ.csv", 7000, -2500)),
        ([PAYOUT], payout(7001), ("DIFFERS", "ACQ.csv", 7000, 1)),
        ([PAYOUT | {"net_settlement_minor": 9000}], payout(3999), ("DIFFERS", "ACQ.csv", 9000, -5001)),
        ([PAYOUT], payout(7000, remittance="batch 8, US"), ("FILE_PENDING", None, None, None)),
        ([PAYOUT], entry(5, "INTR"), ("UNEXPLAINED", None, None, None)),
    ],
)
def test_one_entry(files, told, expected) -> None:
    assert ties((files, [told])) == [[expected]]


def test_a_pending_entry_is_told_again_when_its_file_comes_and_only_then() -> None:
    told = ties(([], [network(-900)]), ([PAYOUT], []), ([NETWORK], []), ([], []))
    assert told == [[("FILE_PENDING", None, None, None)], [], [("TIED", "MC_1.ipm", 900, 0)], []]


def test_a_file_of_an_earlier_night_is_found() -> None:
    assert ties(([NETWORK], []), ([], [network(-900)]))[1] == [("TIED", "MC_1.ipm", 900, 0)]


def test_an_unexplained_entry_is_told_once() -> None:
    assert ties(([], [entry(5, "INTR")]), ([], []))[1] == []
