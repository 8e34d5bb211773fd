"""The journal for a general ledger: read back equal, balanced by Beancount's own checker, the same bytes again."""

from __future__ import annotations

import io
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from beancount import loader
from beancount.core import data
from beancount.core.account import is_valid
from hypothesis import given
from hypothesis import strategies as st

from settlement import books, originals
from settlement.errors import TerminalError
from settlement.evidence import beancount_text
from settlement.evidence.ledger import LedgerFormat, control_totals, export_ledger
from settlement.model.journal import Entry, Posting
from settlement.model.money import to_major
from settlement.store import Home

NIGHT = date(2010, 12, 29)


def journal(home: Home) -> tuple[date, date, list[Entry]]:
    nights = originals.delivery_dates(home)
    return nights[0], nights[-1], books.read_entries(books.connect(home), nights[-1])


def test_csv_and_parquet_are_the_journal_and_end_in_its_totals(sealed_home: Home) -> None:
    first, last, entries = journal(sealed_home)
    expected = sorted(
        (e.business_date, e.key, line, e.kind, p.account, p.currency, p.amount_minor, e.text, e.corrects)
        for e in entries
        for line, p in enumerate(e.postings, start=1)
    )
    totals = {t.currency: (t.postings, t.debit_minor, t.credit_minor) for t in control_totals(entries)}
    parquet = io.BytesIO(export_ledger(sealed_home, first, last, LedgerFormat.PARQUET))
    rows = pl.read_parquet(parquet)
    written = pl.read_csv(export_ledger(sealed_home, first, last, LedgerFormat.CSV), schema=rows.schema)
    ending = written.filter(pl.col("record") == "total")
    assert written[-ending.height :].equals(ending)
    assert {(r["currency"]): (r["line"], r["debit_minor"], r["credit_minor"]) for r in ending.to_dicts()} == totals
    control = json.loads(pl.read_parquet_metadata(parquet)["control_totals"])
    assert {t["currency"]: (t["postings"], t["debit_minor"], t["credit_minor"]) for t in control} == totals
    assert written.filter(pl.col("record") == "posting").equals(rows)
    amount = pl.col("debit_minor") - pl.col("credit_minor")
    names = ("business_date", "entry_key", "line", "kind", "account", "currency")
    assert rows.select(*names, amount.alias("amount"), "text", "corrects").rows() == expected
    clauses = {row["entry_key"]: row["clause"] for row in rows.to_dicts()}
    assert all(clause for key, clause in clauses.items() if key.startswith("accrual/") and "adjustment" not in key)


def test_beancount_balances_the_books(sealed_home: Home, tmp_path: Path) -> None:
    first, last, entries = journal(sealed_home)
    ledger = tmp_path / "books.beancount"
    ledger.write_bytes(export_ledger(sealed_home, first, last, LedgerFormat.BEANCOUNT))
    found, errors, _ = loader.load_file(str(ledger))
    assert errors == []
    transactions = {e.meta["key"]: e for e in found if isinstance(e, data.Transaction)}
    names = {e.account: e.meta["account"] for e in found if isinstance(e, data.Open)}
    assert all(beancount_text.read_account(name) == account for name, account in names.items())
    for entry in entries:
        read = transactions.pop(entry.key)
        assert (read.date, read.narration, read.meta["kind"]) == (entry.business_date, entry.text, entry.kind)
        assert [(names[p.account], p.units.currency, p.units.number) for p in read.postings] == [
            (p.account, p.currency, Decimal(to_major(p.amount_minor, p.currency))) for p in entry.postings
        ]
    assert transactions == {}
    counted: Counter[str] = Counter(p.currency for e in entries for p in e.postings)
    controls = [e for e in found if isinstance(e, data.Custom) and e.type == "control-total"]
    assert {e.values[0].value: int(e.values[1].value) for e in controls} == counted


def test_points_and_hostile_texts_are_read_by_beancount(tmp_path: Path) -> None:
    postings = (
        Posting(account="liability:points:visa#1:a:Zx", currency="miles (2)", amount_minor=-7),
        Posting(account="asset:prepaid:ÄÖ:c2", currency="miles (2)", amount_minor=7),
    )
    entry = Entry(key='k"\\1', business_date=NIGHT, kind="x", text='a "text" with \\', postings=postings, corrects="k0")
    (tmp_path / "b").write_text(beancount_text.ledger_text([entry], {entry.key: "3.1"}, NIGHT, []), encoding="utf-8")
    found, errors, _ = loader.load_file(str(tmp_path / "b"))
    assert errors == []
    (read,) = [e for e in found if isinstance(e, data.Transaction)]
    assert (read.meta["key"], read.narration) == (entry.key, entry.text)
    assert (read.meta["clause"], read.meta["corrects"]) == ("3.1", "k0")
    assert [p.units.number for p in read.postings] == [-7, 7]
    assert [e.meta["name"] for e in found if isinstance(e, data.Commodity)] == ["miles (2)"]


@given(st.lists(st.text(st.sampled_from("aZxX5f-_#:Ä 0"), max_size=8), min_size=1, max_size=3).map(":".join))
def test_every_account_is_read_back(text: str) -> None:
    account = f"asset:{text}"
    name = beancount_text.write_account(account)
    assert is_valid(name), name
    assert beancount_text.read_account(name) == account


@given(st.sets(st.text(min_size=1, max_size=5), min_size=2, max_size=2))
def test_two_commodities_have_two_names(names: set[str]) -> None:
    assert len({beancount_text.commodity(name) for name in names}) == 2


@pytest.mark.parametrize("form", LedgerFormat)
def test_a_range_is_written_to_the_same_bytes_again(sealed_home: Home, form: LedgerFormat) -> None:
    first, last, _ = journal(sealed_home)
    assert export_ledger(sealed_home, first, last, form) == export_ledger(sealed_home, first, last, form)


def test_a_later_night_adds_nothing_to_an_earlier_range(sealed_home: Home) -> None:
    first, _, entries = journal(sealed_home)
    rows = pl.read_csv(export_ledger(sealed_home, first, first, LedgerFormat.CSV))
    keys = {entry.key for entry in entries if entry.business_date == first}
    assert set(rows["entry_key"].drop_nulls()) == keys


def test_a_range_without_entries_is_refused(sealed_home: Home) -> None:
    with pytest.raises(TerminalError, match="Nothing was booked from 1999-01-01"):
        export_ledger(sealed_home, date(1999, 1, 1), date(1999, 1, 31), LedgerFormat.CSV)
