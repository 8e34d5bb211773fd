"""One closed statement held against itself, the books and its causes: plain sums that share no code with ``rate``.

Amounts are minor units of the line's currency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from settlement.close.periods import ContractPeriod
from settlement.close.scene import Scene, statement_digest
from settlement.explain import UNTOLD, Correction, explain_line, parse_line_address
from settlement.model.accounts import DUE
from settlement.model.clearing import StatementState
from settlement.model.journal import Entry
from settlement.model.statement_lines import (
    ADJUSTMENT,
    CARRY_IN,
    CARRY_OUT,
    PAYOUT,
    SHARE,
    SHARE_CONVERTED,
    moves_of,
    told,
)

CAUSES_TOLD: Final = 5
"""So many causes of an adjustment are told one by one, the others in one sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """The difference of one closed period in a statement, and why; ``fault`` says what is wrong with it."""

    closed: str
    amount_minor: int
    currency: str
    correction: Correction | None
    fault: str


def digest_of(scene: Scene, one: ContractPeriod) -> str:
    """The digest of the closed statement's lines."""
    return statement_digest(scene.statement(one.contract, one.period.text))


def booked_by_open(scene: Scene, one: ContractPeriod) -> dict[str, int]:
    """What statements that are still open book in the period, by currency."""
    found: Counter[str] = Counter()
    preview = (pl.col("business_date") == scene.night) & (pl.col("state") == StatementState.PREVIEW)
    rows = scene.statements.filter(preview & (pl.col("contract") == one.contract) & pl.col("beneficiary").is_null())
    for row in rows.iter_rows(named=True):
        if told(row["quantities"], "booked_in") == one.period.text:
            found[row["currency"]] += row["amount_minor"]
    return {unit: amount for unit, amount in found.items() if amount}


def faults_of_sums(lines: pl.DataFrame) -> dict[str, str]:
    """Where the shares are not the terms, or a beneficiary's balance does not re-add, by beneficiary."""
    terms, own = _amounts(lines)
    total, wrong = sum(terms.values()), {}
    shares = [amounts[SHARE] for amounts in own.values() if SHARE in amounts]
    if shares and sum(shares) != total:
        wrong[SHARE] = f"the shares come to {sum(shares)}, the terms to {total} (minor units)"
    for name, amounts in own.items():
        earned = amounts.get(SHARE_CONVERTED, amounts.get(SHARE, total))
        comes = amounts.get(CARRY_IN, 0) + earned + sum(amounts[move] for move in moves_of(amounts))
        goes = amounts.get(PAYOUT, 0) + amounts.get(CARRY_OUT, 0)
        if comes != goes:
            wrong[name] = f"{name}: {comes} comes in and {goes} goes out (minor units)"
    return wrong


def close_entries(scene: Scene, one: ContractPeriod) -> list[Entry]:
    """The entries that closed the period, by key: of beneficiaries, minimums, and what came from original periods."""
    begins = tuple(f"{kind}/{one.contract}/{one.period.text}/" for kind in ("close", "guarantee", "original_period"))
    return [entry for entry in scene.entries if entry.key.startswith(begins)]


def accruals(scene: Scene, one: ContractPeriod) -> list[Entry]:
    """The entries that accrued the period night by night, by key."""
    return [entry for entry in scene.entries if entry.key.startswith(f"accrual/{one.contract}/{one.period.text}/")]


def faults_of_books(lines: pl.DataFrame, entries: Sequence[Entry]) -> dict[str, str]:
    """Where the entries of the close put something else for payment than the statement says, by beneficiary."""
    wrong = {}
    for row in lines.filter(pl.col("term") == PAYOUT).iter_rows(named=True):
        account = DUE.at(row["contract"], row["beneficiary"])
        booked = -sum(
            posting.amount_minor
            for entry in entries
            for posting in entry.postings
            if (posting.account, posting.currency) == (account, row["currency"])
        )
        owed = row["amount_minor"] + _advanced(lines, row)
        if booked != owed:
            wrong[row["beneficiary"]] = f"{account}: {booked} is booked and {owed} is stated (minor units)"
    return wrong


def adjustments(scene: Scene, one: ContractPeriod) -> list[Adjustment]:
    """The adjustments that a closed statement carries, each with its causes."""
    rows = scene.statement(one.contract, one.period.text).filter(pl.col("term") == ADJUSTMENT).sort("adjusts")
    return [_adjustment(scene, one, row) for row in rows.iter_rows(named=True)]


def _adjustment(scene: Scene, one: ContractPeriod, row: dict[str, Any]) -> Adjustment:
    closed, amount = row["adjusts"], row["amount_minor"]
    name = f"{one.contract} {one.period.text} {ADJUSTMENT}:{closed}"
    now, then = (int(told(row["quantities"], word) or 0) for word in ("restated", "stated"))
    address = parse_line_address(f"{one.contract}/{one.period.text}/{ADJUSTMENT}:{closed}")
    correction = explain_line(scene.home, one.closed_on or scene.night, address, limit=CAUSES_TOLD).correction
    fault = ""
    if now - then != amount:
        fault = f"{name} is {amount}, but {now} less {then} is {now - then} (minor units)"
    elif correction is not None:
        unknown = sum(cause.amount_minor for cause in correction.causes if cause.text == UNTOLD)
        if unknown or correction.difference != amount:
            fault = (
                f"{name}: of {amount} no cause is known for {unknown or amount - correction.difference} (minor units)"
            )
    elif amount:
        fault = f"{name} has no causes that the home's nights tell"
    return Adjustment(closed=closed, amount_minor=amount, currency=row["currency"], correction=correction, fault=fault)


def _amounts(lines: pl.DataFrame) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Amounts by term, adjustments and interest by the period they are for; and by beneficiary and line."""
    terms: dict[str, int] = {}
    own: dict[str, dict[str, int]] = {}
    for row in lines.iter_rows(named=True):
        if row["beneficiary"] is None:
            terms[f"{row['term']}:{row['adjusts'] or ''}"] = row["amount_minor"]
        else:
            own.setdefault(row["beneficiary"], {})[row["term"]] = row["amount_minor"]
    return terms, own


def _advanced(lines: pl.DataFrame, payout: dict[str, Any]) -> int:
    """What the contract pays in advance in the period: it goes for payment too."""
    same = (pl.col("beneficiary") == payout["beneficiary"]) & (pl.col("currency") == payout["currency"])
    own = lines.filter(same)
    return sum(int(told(text, "advanced") or 0) for text in own["quantities"])
