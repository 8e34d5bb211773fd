"""The journal for a general ledger: the postings of some nights with their clauses, and control totals at the end.

CSV and Parquet have one line a posting, with debit and credit apart. The clause is that of the contract's term which an
accrual is made of, as the night's statement told it; other entries rest on no single clause. Written again, a range
gives the same bytes, as nothing in it is ever changed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import polars as pl

from settlement import books, store
from settlement.errors import TerminalError
from settlement.evidence.beancount_text import ledger_text
from settlement.model.journal import Entry
from settlement.store import Home


class LedgerFormat(StrEnum):
    """The forms in which the journal is written."""

    CSV = "csv"
    PARQUET = "parquet"
    BEANCOUNT = "beancount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What the postings of a range come to in one currency, in minor units."""

    currency: str
    postings: int
    debit_minor: int
    credit_minor: int


_COLUMNS: Final = pl.Schema(
    {
        "record": pl.String(),
        "business_date": pl.Date(),
        "entry_key": pl.String(),
        "line": pl.Int64(),
        "kind": pl.String(),
        "account": pl.String(),
        "currency": pl.String(),
        "debit_minor": pl.Int64(),
        "credit_minor": pl.Int64(),
        "text": pl.String(),
        "clause": pl.String(),
        "corrects": pl.String(),
    }
)


def export_ledger(home: Home, first: date, last: date, form: LedgerFormat) -> bytes:
    """The journal of the nights from ``first`` to ``last``, both included.

    Raises TerminalError where nothing was booked then.
    """
    entries = [e for e in books.read_entries(books.connect(home), last) if e.business_date >= first]
    if not entries:
        raise TerminalError(f"Nothing was booked from {first} to {last}: name other nights.")
    entries.sort(key=lambda entry: (entry.business_date, entry.key))
    clauses = _clauses(home, first, last)
    totals = control_totals(entries)
    told = {entry.key: clause for entry in entries if (clause := clauses.get(_statement_line(entry)))}
    match form:
        case LedgerFormat.BEANCOUNT:
            counted = ((total.currency, total.postings, total.debit_minor, total.credit_minor) for total in totals)
            return ledger_text(entries, told, last, counted).encode()
        case LedgerFormat.CSV:
            rows = [*_posting_rows(entries, told), *(_total_row(total) for total in totals)]
            return pl.DataFrame(rows, schema=_COLUMNS).write_csv(line_terminator="\n").encode()
        case LedgerFormat.PARQUET:
            out = io.BytesIO()
            control = json.dumps([asdict(total) for total in totals])
            period = {"from": first.isoformat(), "to": last.isoformat(), "control_totals": control}
            pl.DataFrame(_posting_rows(entries, told), schema=_COLUMNS).write_parquet(out, metadata=period)
            return out.getvalue()


def control_totals(entries: Iterable[Entry]) -> list[Total]:
    """Postings, debits and credits of each currency, sorted by it."""
    amounts: dict[str, list[int]] = {}
    for entry in entries:
        for posting in entry.postings:
            amounts.setdefault(posting.currency, []).append(posting.amount_minor)
    return [
        Total(
            currency=currency,
            postings=len(found),
            debit_minor=sum(amount for amount in found if amount > 0),
            credit_minor=-sum(amount for amount in found if amount < 0),
        )
        for currency, found in sorted(amounts.items())
    ]


def _posting_rows(entries: Sequence[Entry], clauses: Mapping[str, str]) -> list[dict[str, object]]:
    return [
        {
            "record": "posting",
            "business_date": entry.business_date,
            "entry_key": entry.key,
            "line": line,
            "kind": entry.kind,
            "account": posting.account,
            "currency": posting.currency,
            "debit_minor": max(posting.amount_minor, 0),
            "credit_minor": max(-posting.amount_minor, 0),
            "text": entry.text,
            "clause": clauses.get(entry.key),
            "corrects": entry.corrects,
        }
        for entry in entries
        for line, posting in enumerate(entry.postings, start=1)
    ]


def _total_row(total: Total) -> dict[str, object]:
    """A control total among the postings: ``line`` is their number."""
    sums = {name: getattr(total, name) for name in ("currency", "debit_minor", "credit_minor")}
    return dict.fromkeys(_COLUMNS.names()) | {"record": "total", "line": total.postings} | sums


def _statement_line(entry: Entry) -> tuple[str, str, str, date]:
    """Contract, period, name and night of the statement's line that an accrual is made of, by its key."""
    contract, period, name = entry.key.split("/")[1:4] if entry.kind == "accrual" else ("", "", "")
    return contract, period, name.removesuffix(":original_period"), entry.business_date


def _clauses(home: Home, first: date, last: date) -> dict[tuple[str, str, str, date], str]:
    lines = (
        store.scan_history(home, "payout", last + timedelta(days=1))
        .filter((pl.col("business_date") >= first) & pl.col("beneficiary").is_null())
        .select("contract", "period", "term", "adjusts", "business_date", "clause")
        .unique()
        .sort(pl.all())
        .collect()
    )
    return {
        (contract, period, f"{term}:{adjusts}" if adjusts else term, night): clause
        for contract, period, term, adjusts, night, clause in lines.iter_rows()
        if clause
    }
