"""Entries for settlement cash: what a file lets us expect, what the bank shows, and what lies between.

An accepted file with a net settlement opens its clearing account; the bank statement entry that ties to the file
empties it. What comes in batches stands on the accounts of its batches in the place of its file's
(``settlement.post.batches``). How a bank statement entry stands on a night is a set of postings; what is booked is how
it stands tonight less how it stood when it was last judged. So an entry that is judged again moves only what changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from settlement.errors import TerminalError
from settlement.model import accounts
from settlement.model.clearing import CashStatus, Fate
from settlement.model.journal import Entry, Posting
from settlement.model.money import to_major
from settlement.model.stage import StageInput
from settlement.post.batches import batch_entries, paid_batches


def cash_entries(inputs: StageInput) -> list[Entry]:
    """Entries for what tonight's files and batches announce, and for tonight's judged bank statement entries."""
    return [*_file_entries(inputs), *batch_entries(inputs), *_statement_entries(inputs)]


def _file_entries(inputs: StageInput) -> list[Entry]:
    in_batches = inputs.tables["batch_tie"].filter(pl.col("feed").is_not_null())
    settling = (
        inputs.tables["file"]
        .filter(
            (pl.col("fate") == Fate.ACCEPTED)
            & pl.col("net_settlement_minor").is_not_null()
            & (pl.col("net_settlement_minor") != 0)
        )
        .join(in_batches, on="file", how="anti")
    )
    entries = []
    for row in settling.sort("file").iter_rows(named=True):
        file, feed, currency = row["file"], row["feed"], row["net_settlement_currency"]
        if feed is None or currency is None:
            raise TerminalError(
                f"{file} has a net settlement but no {'feed' if feed is None else 'currency'}: "
                "its layout must give both, or the cash it announces cannot be booked."
            )
        amount: int = row["net_settlement_minor"]
        way = "to come in" if amount > 0 else "to go out"
        entries.append(
            Entry(
                key=f"settlement/{file}",
                business_date=inputs.business_date,
                kind="settlement",
                text=f"{file}: net settlement {to_major(abs(amount), currency)} {currency} {way}",
                postings=(
                    Posting(account=accounts.CLEARING.at(feed, file), currency=currency, amount_minor=amount),
                    Posting(account=accounts.SETTLEMENT.at(feed), currency=currency, amount_minor=-amount),
                ),
            )
        )
    return entries


def _statement_entries(inputs: StageInput) -> list[Entry]:
    ties = inputs.tables["cash_tie"].sort("camt_file", "entry").rows(named=True)
    if not ties:
        return []
    before = _last_judged(inputs.history["cash_tie"], inputs.tables["cash_tie"])
    tied = {tie["ties_to"] for tie in (*ties, *before.values())} - {None}
    clearing = _clearing_accounts(inputs) | paid_batches(inputs, tied)
    bank_accounts = {(r["file"], r["record"]): r["account"] for r in inputs.tables["statement_entry"].rows(named=True)}
    entries = []
    for tie in ties:
        place = (tie["camt_file"], tie["entry"])
        standing = _standing(tie, clearing)
        earlier = before.get(place)
        if earlier is None:
            if place not in bank_accounts:
                raise TerminalError(
                    f"Entry {tie['entry']} of {tie['camt_file']} is judged for the first time but is no entry of "
                    "tonight's bank statements: its bank account is not known."
                )
            standing[accounts.BANK.at(bank_accounts[place])] += tie["direction"] * tie["amount_minor"]
        else:
            standing.subtract(_standing(earlier, clearing))
        postings = _postings(standing, tie["currency"])
        if postings:
            entries.append(_statement_entry(tie, earlier, inputs.business_date, postings))
    return entries


def _standing(tie: Mapping[str, Any], clearing: Mapping[str, str]) -> Counter[str]:
    """Where the cash of a bank statement entry stands by its status, apart from the bank account itself."""
    received: int = tie["direction"] * tie["amount_minor"]
    standing: Counter[str] = Counter()
    match CashStatus(tie["status"]):
        case CashStatus.FILE_PENDING | CashStatus.UNEXPLAINED:
            standing[accounts.SUSPENSE.at(tie["camt_file"], tie["entry"])] -= received
        case CashStatus.TIED | CashStatus.DIFFERS:
            standing[_clearing(tie, clearing)] -= received
        case CashStatus.SHORT_BY_FEE:
            difference: int = tie["diff_minor"]
            standing[accounts.BANK_FEES.at()] -= difference
            standing[_clearing(tie, clearing)] -= received - difference
    return standing


def _clearing(tie: Mapping[str, Any], clearing: Mapping[str, str]) -> str:
    file = tie["ties_to"]
    if file not in clearing:
        raise TerminalError(
            f"Entry {tie['entry']} of {tie['camt_file']} is {tie['status']} to {file}, which is no accepted file of "
            "tonight or an earlier night: tie it to an accepted file."
        )
    return clearing[file]


def _statement_entry(
    tie: Mapping[str, Any], earlier: Mapping[str, Any] | None, night: date, postings: tuple[Posting, ...]
) -> Entry:
    amount = f"{to_major(tie['amount_minor'], tie['currency'])} {tie['currency']}"
    way = "received" if tie["direction"] > 0 else "paid"
    words = {
        CashStatus.TIED: f"ties to {tie['ties_to']}",
        CashStatus.SHORT_BY_FEE: f"ties to {tie['ties_to']}, the bank kept a fee",
        CashStatus.DIFFERS: f"differs from {tie['ties_to']}, the difference stays open",
        CashStatus.FILE_PENDING: "waits for its file",
        CashStatus.UNEXPLAINED: "is not explained by a file",
    }[CashStatus(tie["status"])]
    since = f", was {earlier['status']}" if earlier else ""
    return Entry(
        key=f"cash/{tie['camt_file']}/{tie['entry']}/{night}",
        business_date=night,
        kind="cash",
        text=f"Bank entry {tie['entry_ref']}: {amount} {way}, {words}{since}",
        postings=postings,
    )


def _postings(standing: Mapping[str, int], currency: str) -> tuple[Posting, ...]:
    return tuple(
        Posting(account=account, currency=currency, amount_minor=amount)
        for account, amount in sorted(standing.items())
        if amount
    )


def _last_judged(history: pl.LazyFrame, tonight: pl.DataFrame) -> dict[tuple[str, int], dict[str, Any]]:
    """How tonight's bank statement entries were judged on the last earlier night that judged them."""
    key = ["camt_file", "entry"]
    rows = (
        history.join(tonight.lazy().select(key), on=key, how="semi")
        .filter(pl.col("business_date") == pl.col("business_date").max().over(key))
        .collect()
    )
    return {(row["camt_file"], row["entry"]): row for row in rows.iter_rows(named=True)}


def _clearing_accounts(inputs: StageInput) -> dict[str, str]:
    """The account of each accepted file up to tonight that has a feed."""
    columns = ["file", "feed"]
    good = (pl.col("fate") == Fate.ACCEPTED) & pl.col("feed").is_not_null()
    frames: Iterable[pl.DataFrame] = (
        inputs.history["file"].filter(good).select(columns).collect(),
        inputs.tables["file"].filter(good).select(columns),
    )
    return {file: accounts.CLEARING.at(feed, file) for frame in frames for file, feed in frame.iter_rows()}
