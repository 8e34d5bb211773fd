"""Accruals: what each term of a statement has come to, booked every night by its change.

The accrued share of a period so always stands at the latest amount, and every change keeps its own entry. What of a
term is a guarantee, breakage or the funding of a reserve (table ``ledger``) has an account of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import polars as pl

from settlement.model import accounts
from settlement.model.clearing import TOLD_ONLY
from settlement.model.journal import Entry, Posting
from settlement.model.ledger_entries import OF_THINGS, LedgerEntry
from settlement.model.money import amounts_text
from settlement.model.stage import StageInput
from settlement.model.statement_lines import told

STATEMENT: Final = ["contract", "period"]
TermKey = tuple[str, str, str, str, str]
"""Contract, period, term, adjusted period (empty text where there is none), and the period that it is booked in."""
_Line = tuple[str, str, str, str]
"""The same without the last."""
_Parts = Mapping[_Line, Mapping[LedgerEntry, int]]
"""What of each line is an entry of a ledger of its own, in minor units."""


def accrual_entries(inputs: StageInput) -> list[Entry]:
    """One entry for each term that is another tonight than on the last earlier night of its statement."""
    now = term_amounts(terms_of(inputs.tables["payout"].lazy()).collect())
    before = _last_stated_terms(inputs)
    was = term_amounts(before)
    parts, parts_before = _parts(inputs.tables["ledger"]), _parts(_parts_then(inputs, before))
    of, entries = inputs.restates, []
    why = "" if of is None else f"; {of.first_night} to {of.last_night} restated: {of.reason}"
    for key in sorted(now.keys() | was.keys()):
        contract, period, term, adjusts, booked = key
        change = _standing(key, now.get(key, {}), parts)
        change.subtract(_standing(key, was.get(key, {}), parts_before))
        name = f"{term}:{adjusts}" if adjusts else term
        name = name if booked == period else f"{name}:original_period"
        postings = tuple(
            Posting(account=account, currency=currency, amount_minor=amount)
            for (account, currency), amount in change.items()
            if amount
        )
        if postings:
            entries.append(
                Entry(
                    key=f"accrual/{contract}/{period}/{name}/{inputs.business_date}",
                    business_date=inputs.business_date,
                    kind="accrual",
                    text=f"{contract} {period} {name}: "
                    f"from {amounts_text(was.get(key, {}))} to {amounts_text(now.get(key, {}))}{why}",
                    postings=postings,
                )
            )
    return entries


def _standing(key: TermKey, amounts: Mapping[str, int], parts: _Parts) -> Counter[tuple[str, str]]:
    """Where a term's amounts stand before its statement closes: by account and currency, in the order of postings."""
    contract, _, term, _, booked = key
    found: Counter[tuple[str, str]] = Counter()
    own = parts.get(key[:4], {})
    for currency, amount in sorted(amounts.items()):
        guarantee, breakage, reserve = (own.get(one, 0) for one in _OF_MONEY)
        found[accounts.PARTNER_SHARE.at(contract, term), currency] += amount - breakage - reserve
        found[accounts.BREAKAGE.at(contract), currency] += breakage
        found[accounts.FUNDED_RESERVE.at(contract), currency] += reserve
        found[accounts.ACCRUED_SHARE.at(contract, booked), currency] -= amount - guarantee
        found[accounts.GUARANTEE.at(contract, booked), currency] -= guarantee
    return found


_OF_MONEY: Final = (LedgerEntry.GUARANTEE, LedgerEntry.BREAKAGE, LedgerEntry.RESERVE)


def guarantee_entries(inputs: StageInput, terms: Mapping[TermKey, Mapping[str, int]]) -> list[Entry]:
    """What a statement that closes gives by a minimum is owed like the rest of it from then on.

    Parameters
    ----------
    terms:
        Minor units by currency of each term of the statements that close tonight.
    """
    parts, entries = _parts(inputs.tables["ledger"]), []
    for key, amounts in sorted(terms.items()):
        contract, period, term, _, booked = key
        guarantee = parts.get(key[:4], {}).get(LedgerEntry.GUARANTEE, 0)
        for currency in amounts if guarantee else ():
            moves = ((accounts.GUARANTEE, guarantee), (accounts.ACCRUED_SHARE, -guarantee))
            entries.append(
                Entry(
                    key=f"guarantee/{contract}/{period}/{term}",
                    business_date=inputs.business_date,
                    kind="close",
                    text=f"{contract} {period} {term}: {amounts_text({currency: guarantee})} are owed by a minimum",
                    postings=tuple(
                        Posting(account=kind.at(contract, booked), currency=currency, amount_minor=amount)
                        for kind, amount in moves
                    ),
                )
            )
    return entries


def terms_of(payout: pl.LazyFrame) -> pl.LazyFrame:
    """Term and adjustment lines; restated lines are left out, because their difference is an adjustment, or parked."""
    return payout.filter(pl.col("beneficiary").is_null() & ~pl.col("state").is_in(TOLD_ONLY))


def _last_stated_terms(inputs: StageInput) -> pl.DataFrame:
    """The terms of tonight's statements as of the last earlier night that had the statement.

    A term that was there and is gone tonight is thereby zero tonight, and one that comes back starts at zero.
    """
    tonight = terms_of(inputs.tables["payout"].lazy()).select(STATEMENT).unique()
    return (
        terms_of(inputs.history["payout"])
        .join(tonight, on=STATEMENT, how="semi")
        .filter(pl.col("business_date") == pl.col("business_date").max().over(STATEMENT))
        .collect()
    )


def _parts_then(inputs: StageInput, lines: pl.DataFrame) -> pl.DataFrame:
    """The parts of lines of earlier nights, as of the nights of the lines."""
    nights = lines.lazy().select(*STATEMENT, "business_date").unique()
    return inputs.history["ledger"].join(nights, on=[*STATEMENT, "business_date"], how="semi").collect()


def _parts(ledger: pl.DataFrame) -> _Parts:
    found: dict[_Line, dict[LedgerEntry, int]] = {}
    for row in ledger.filter(pl.col("period") != OF_THINGS).iter_rows(named=True):
        line = (row["contract"], row["period"], row["term"], row["adjusts"] or "")
        found.setdefault(line, {})[LedgerEntry(row["entry"])] = row["amount"]
    return found


def term_amounts(rows: pl.DataFrame) -> dict[TermKey, dict[str, int]]:
    """Minor units by currency of each term and adjustment."""
    found: dict[TermKey, dict[str, int]] = {}
    for row in rows.iter_rows(named=True):
        booked = told(row["quantities"], "booked_in") or row["period"]
        key = (row["contract"], row["period"], row["term"], row["adjusts"] or "", booked)
        amounts = found.setdefault(key, {})
        amounts[row["currency"]] = amounts.get(row["currency"], 0) + row["amount_minor"]
    return found
