"""Transactions told for bank entries find their entry, tonight or later, and are never cash."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from match_frames import FIRST_NIGHT, frame, night_input, run_checked

from settlement import laws

Rows = list[dict[str, Any]]


def entry(record: int = 1, amount: int = -600, **columns: Any) -> dict[str, Any]:
    """A booked batch entry of a statement."""
    told = {
        "file": f"{FIRST_NIGHT}/CAMT053.xml", "record": record, "account": "A", "entry_ref": f"N{record}",
        "booked_on": FIRST_NIGHT, "value_on": FIRST_NIGHT, "direction": 1 if amount > 0 else -1,
        "amount_minor": abs(amount), "currency": "USD", "code": "PMNT", "bank_ref": f"BANK{record}",
        "payment_id": f"PAY{record}",
    }  # fmt: skip
    return told | columns


def details(
    *amounts: int | None, file: str = "CAMT054.xml", whole: int = -600, number: int = 1, **columns: Any
) -> Rows:
    """The transactions that a notification tells of one entry."""
    return [
        {
            "file": f"{FIRST_NIGHT}/{file}", "record": 10 * number + place, "told_by": "notification", "entry": number,
            "account": "A", "bank_ref": f"BANK{number}", "entry_direction": 1 if whole > 0 else -1,
            "entry_minor": abs(whole), "entry_currency": "USD", "booked_on": FIRST_NIGHT, "end_to_end_id": f"E{place}",
            "direction": 1 if (amount or whole) > 0 else -1, "amount_minor": amount and abs(amount),
            "currency": None if amount is None else "USD",
        } | columns
        for place, amount in enumerate(amounts)
    ]  # fmt: skip


def inside(*amounts: int, record: int = 1, **columns: Any) -> Rows:
    """The transactions that the statement itself tells of one of its entries."""
    return details(*amounts, file="CAMT053.xml", number=record, **({"told_by": "statement"} | columns))


def nights(*told: tuple[Rows, Rows]) -> list[list[tuple[Any, ...]]]:
    """(file, status, way, statement's entry, sum, difference) of each group that is judged each night."""
    past: list[dict[str, Any]] = []
    found = []
    for entries, one in told:
        tables = {"statement_entry": frame("statement_entry", entries), "bank_detail": frame("bank_detail", one)}
        output = run_checked(night_input([*past, tables]))
        past.append(tables | dict(output.tables))
        assert output.tables["cash_tie"].height == len(entries)
        columns = ("file", "status", "linked_by", "statement_entry", "details_minor", "difference_minor")
        rows = output.tables["detail_tie"].select(columns).rows()
        found.append([(file.split("/")[1].removesuffix(".xml"), *rest) for file, *rest in rows])
    return found


@pytest.mark.parametrize(
    ("entries", "told", "expected"),
    [
        ([entry()], details(-250, -350), ("LINKED", "BANK_REF", 1, -600, 0)),
        ([entry()], details(-250, -340), ("DIFFERS", "BANK_REF", 1, -590, 10)),
        ([entry(amount=-610)], details(-250, -350), ("DIFFERS", "BANK_REF", 1, -600, 10)),
        ([entry(amount=-610)], details(-250, -350, whole=-610, charges_minor=10), ("LINKED", "BANK_REF", 1, -600, 0)),
        ([entry()], details(-250, None), ("LINKED", "BANK_REF", 1, None, None)),
        ([entry()], details(-250, -350, bank_ref=None, entry_ref="N1"), ("LINKED", "ENTRY_REF", 1, -600, 0)),
        ([entry()], details(-250, -350, bank_ref=None, payment_id="PAY1"), ("LINKED", "PAYMENT_ID", 1, -600, 0)),
        ([entry(message_id="M")], details(-600, bank_ref=None, message_id="M"), ("LINKED", "MESSAGE_ID", 1, -600, 0)),
        ([entry(end_to_end_id="E0")], details(-600, bank_ref=None), ("LINKED", "END_TO_END_ID", 1, -600, 0)),
        ([entry(end_to_end_id="E0")], details(-1, -599, bank_ref=None), ("ENTRY_PENDING", None, None, -600, 0)),
        ([entry(amount=-599, entry_ref="N1")], details(-600, bank_ref=None, entry_ref="N1"),
         ("ENTRY_PENDING", None, None, -600, 0)),
        ([entry()], details(-600, bank_ref=None, entry_ref="N1", booked_on=FIRST_NIGHT.replace(day=2)),
         ("ENTRY_PENDING", None, None, -600, 0)),
        ([entry(account="B")], details(-600), ("ENTRY_PENDING", None, None, -600, 0)),
        ([entry(currency="EUR")], details(-600), ("ENTRY_PENDING", None, None, -600, 0)),
        ([entry(), entry(2, bank_ref="BANK1")], details(-600), ("AMBIGUOUS", None, None, -600, 0)),
        ([entry(), entry(2, -5, bank_ref="BANK1")], details(-600), ("LINKED", "BANK_REF", 1, -600, 0)),
        ([entry(), entry(2, bank_ref="BANK1", booked_on=FIRST_NIGHT.replace(day=2))], details(-600),
         ("LINKED", "BANK_REF", 1, -600, 0)),
        ([entry(details=3)], details(-250, -100), ("PARTIAL", "BANK_REF", 1, -350, 250)),
        ([entry(details=1)], inside(-600), None),
    ],
)  # fmt: skip
def test_one_entry(entries: Rows, told: Rows, expected: tuple[Any, ...] | None) -> None:
    expected = ("LINKED", "SAME_ENTRY", 1, -600, 0) if expected is None else expected
    assert [row[1:] for row in nights((entries, told))[0]] == [expected]


def test_a_notification_waits_for_its_statement_and_is_told_again_only_then() -> None:
    told = nights(([], details(-250, -350)), ([entry(2)], []), ([entry()], []), ([], []))
    assert told == [
        [("CAMT054", "ENTRY_PENDING", None, None, -600, 0)],
        [],
        [("CAMT054", "LINKED", "BANK_REF", 1, -600, 0)],
        [],
    ]


def test_a_notification_that_comes_after_its_statement_finds_it() -> None:
    assert nights(([entry()], []), ([], details(-600)))[1] == [("CAMT054", "LINKED", "BANK_REF", 1, -600, 0)]


def test_what_is_told_twice_explains_an_entry_once() -> None:
    [first, second] = nights(([entry()], [*inside(-600), *details(-250, -350)]), ([], details(-600, file="LATER.xml")))
    assert [row[:2] for row in first] == [("CAMT053", "LINKED"), ("CAMT054", "REPEATED")]
    assert [row[:2] for row in second] == [("LATER", "REPEATED")]


def test_a_statement_that_tells_some_of_a_batch_leaves_the_whole_to_the_notification() -> None:
    [told] = nights(([entry(details=2)], [*inside(-250), *details(-250, -350)]))
    assert [row[:2] for row in told] == [("CAMT053", "PARTIAL"), ("CAMT054", "LINKED")]


def test_an_ambiguous_notification_is_looked_at_again() -> None:
    first = ([entry(), entry(2, bank_ref="BANK1")], details(-600, bank_ref="BANK1"))
    assert [row[1] for night in nights(first, ([], [])) for row in night] == ["AMBIGUOUS"]


def test_the_order_of_rows_does_not_matter() -> None:
    entries, told = [entry(number) for number in (1, 2, 3)], [row for n in (1, 2, 3) for row in details(-600, number=n)]
    assert nights((entries, told)) == nights((entries[::-1], told[::-1]))


def test_cash_that_no_statement_books_is_refused_by_law() -> None:
    tables = {
        "statement_entry": frame("statement_entry", [entry()]),
        "bank_detail": frame("bank_detail", details(-600)),
    }
    inputs = night_input([tables])
    output = run_checked(inputs)
    ties = dict(output.tables)
    strange = ties["cash_tie"].with_columns(entry=ties["cash_tie"]["entry"] + 1)
    for name, broken in (
        ("cash_tie", strange),
        ("cash_tie", ties["cash_tie"].clear()),
        ("cash_tie", ties["cash_tie"].extend(ties["cash_tie"].clone())),
        ("detail_tie", ties["detail_tie"].clear()),
    ):
        with pytest.raises(laws.LawBrokenError):
            laws.assert_unit("match", inputs, replace(output, tables={**output.tables, name: broken}))
