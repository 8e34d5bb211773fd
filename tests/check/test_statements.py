"""Statements that are missing, told twice, cut into pages, or that do not add up are told to a person."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from settlement.check.statements import statement_findings
from settlement.model.tables import TABLES

Rows = list[dict[str, Any]]


def statement(number: int | None, day: str = "2024-03-05", **columns: Any) -> dict[str, Any]:
    told = {
        "file": f"{day}/S{number}.xml", "record": 1, "account": "A", "statement_id": f"S{number}", "currency": "USD",
        "sequence": number, "page": 1, "last_page": True, "opening_on": date.fromisoformat(day), "opening_minor": 100,
        "closing_on": date.fromisoformat(day), "closing_minor": 90, "entries": 1, "entries_minor": -10,
    }  # fmt: skip
    return told | columns


def detail(record: int, amount: int | None, **columns: Any) -> dict[str, Any]:
    told = {
        "file": "2024-03-05/N.xml", "record": record, "told_by": "notification", "entry": 1, "account": "A",
        "entry_direction": -1, "entry_minor": 10, "entry_currency": "USD", "direction": -1, "amount_minor": amount,
        "currency": "USD",
    }  # fmt: skip
    return told | columns


def found(tonight: Rows, earlier: Rows, details: Rows = ()) -> list[tuple[str, str]]:  # type: ignore[assignment]
    """(check, sentence) of each finding."""
    schema = TABLES["bank_statement"].schema
    records = {
        "bank_statement": pl.DataFrame(tonight, schema=schema),
        "bank_detail": pl.DataFrame([*details], schema=TABLES["bank_detail"].schema),
    }
    history = pl.DataFrame(earlier, schema=schema).with_columns(business_date=pl.lit(date(2024, 1, 1)))
    findings = statement_findings(records["bank_statement"], records["bank_detail"], {"bank_statement": history.lazy()})
    assert len({(finding.check, finding.subject) for finding in findings}) == len(findings)
    assert all(finding.text.endswith((".", "complete.")) for finding in findings)
    return [(finding.check, finding.text) for finding in findings]


@pytest.mark.parametrize(
    ("tonight", "earlier", "missing"),
    [
        ([7], [], None),
        ([7], [6], None),
        ([7, 8], [6], None),
        ([8], [6], "7 did"),
        ([9, 10], [6], "7 to 8 did"),
        ([9], [6, 8], None),
        ([7], [6, 8], None),
        ([None], [6], None),
    ],
)
def test_a_gap_in_the_numbers_is_told(tonight: list[int | None], earlier: list[int], missing: str | None) -> None:
    told = found([statement(number) for number in tonight], [statement(number) for number in earlier])
    assert [text.split("came, ")[1].split(" not")[0] for _, text in told] == ([missing] if missing else [])


@pytest.mark.parametrize(
    ("number", "day", "missing"),
    [(1, "2025-01-02", None), (366, "2025-01-02", None), (3, "2025-01-02", "1 to 2 did"), (2, "2025-01-02", "1 did")],
)
def test_a_year_begins_with_one_or_goes_on(number: int, day: str, missing: str | None) -> None:
    told = found([statement(number, day)], [statement(365, "2024-12-31")])
    assert [text.split("came, ")[1].split(" not")[0] for _, text in told] == ([missing] if missing else [])


def test_a_number_told_twice_is_told_and_other_accounts_count_for_themselves() -> None:
    again = statement(6, file="2024-03-06/AGAIN.xml")
    assert [check for check, _ in found([again], [statement(6)])] == ["statement_repeated"]
    assert found([statement(6, account="B"), statement(9, currency="EUR")], [statement(6)]) == []


@pytest.mark.parametrize(
    ("pages", "checks"),
    [
        ([(1, False), (2, True)], []),
        ([(1, False)], ["statement_page_missing"]),
        ([(2, True)], ["statement_page_missing"]),
        ([(1, False), (3, True)], ["statement_page_missing"]),
        ([(1, False), (2, False)], ["statement_page_missing"]),
    ],
)
def test_pages_are_looked_for(pages: list[tuple[int, bool]], checks: list[str]) -> None:
    told = [
        statement(6, page=page, last_page=last, record=page, closing_minor=80, entries_minor=-10)
        for page, last in pages
    ]
    assert [check for check, _ in found(told, [])] == checks
    assert [check for check, _ in found(told[-1:], told[:-1])] == checks
    assert found([], told) == []


def test_pages_must_lead_to_the_closing_balance() -> None:
    told = [statement(6, page=page, last_page=page == 2, record=page, closing_minor=79) for page in (1, 2)]
    assert [check for check, _ in found(told[1:], told[:1])] == ["statement_balance"]


def test_balances_that_prove_nothing_or_something_else_are_told() -> None:
    [(check, text)] = found([statement(6, closing_minor=70)], [])
    assert check == "statement_balance"
    assert "-0.20 USD are missing" in text
    assert [check for check, _ in found([statement(6, opening_minor=None)], [])] == ["statement_unproved"]


@pytest.mark.parametrize(
    ("amounts", "columns", "checks"),
    [
        ((4, 6), {}, []),
        ((4, 5), {}, ["details_differ"]),
        ((4, None), {}, []),
        ((4, 5), {"currency": "EUR"}, []),
        ((4, 5), {"charges_minor": 1}, []),
        ((4, 5), {"charges_minor": 2}, ["details_differ"]),
    ],
)
def test_details_must_add_up_to_their_entry(
    amounts: tuple[int, ...], columns: dict[str, Any], checks: list[str]
) -> None:
    told = [detail(number, amount, **columns) for number, amount in enumerate(amounts, start=1)]
    assert [check for check, _ in found([], [], told)] == checks
