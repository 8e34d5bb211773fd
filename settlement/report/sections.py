"""What stands on the page beside matches and statements: findings, files, rejects, cash, books and evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from settlement.model.ageing import Ageing
from settlement.model.clearing import Fate
from settlement.report.figures import Money, sums

SEVERITIES: Final[tuple[str, ...]] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence for a person, with the check it comes from and all subjects it is said of."""

    severity: str
    check: str
    text: str
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control total of a file: ``declared`` is None where the file says nothing."""

    name: str
    declared: int | None
    computed: int
    agrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """One delivered file and its fate."""

    name: str
    feed: str
    fate: str
    why: str
    records: int | None
    rejected: int
    controls: tuple[Control, ...]
    net: Money | None

    @property
    def agreeing(self) -> int:
        """Control totals that agree."""
        return sum(control.agrees for control in self.controls)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectRow:
    """Rejected rows of one reason and file."""

    reason: str
    file: str
    rows: int
    amounts: tuple[Money, ...]
    samples: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One bank statement entry and the file it pays."""

    entry_ref: str
    file: str
    amount: Money
    expected: Money | None
    difference: Money | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What a bank told about one entry and has not become one whole explanation of it."""

    file: str
    entry: int
    statement: str
    details: int
    sum: Money | None
    amount: Money
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One acquirer's batch between the bank's entry and its transactions, each grain with its residual.

    ``entry_ref`` is empty where no entry of tonight pays the batch; ``closing`` is None where it has no end.
    """

    file: str
    number: str
    entry_ref: str
    entry: Money | None
    entry_residual: Money | None
    closing: Money | None
    residual: Money
    amount: Money
    transactions: int
    transactions_amount: Money
    rejected: int
    rejected_amount: Money
    fees: Money
    balance: Money
    lines_residual: Money | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of the trial balance; amounts in minor units of ``currency``."""

    name: str
    currency: str
    debit_minor: int
    credit_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClass:
    """The accounts of one class and currency: those with a balance, how many stand at zero, and the sums."""

    name: str
    currency: str
    accounts: tuple[Account, ...]
    at_zero: int
    debit_minor: int
    credit_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutFile:
    """One settlement file made for a partner."""

    path: str
    beneficiary: str
    contract: str
    period: str
    lines: int
    total: Money
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """One data-quality rule that failed."""

    suite: str
    expectation: str
    column: str
    rows: int
    unexpected: int


def findings(table: pl.DataFrame) -> tuple[Finding, ...]:
    """Findings, those that a person must act on first; a sentence said of several subjects stands once."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for severity, check, text, subject in table.select("severity", "check", "text", "subject").iter_rows():
        found.setdefault((severity, check, text), []).append(subject)
    rows = [
        Finding(severity=severity, check=check, text=text, subjects=tuple(sorted(subjects)))
        for (severity, check, text), subjects in found.items()
    ]
    return tuple(sorted(rows, key=lambda finding: (_rank(finding.severity), finding.check, finding.subjects)))


def _rank(severity: str) -> int:
    # A severity outside the closed list is as loud as an error.
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def files(table: pl.DataFrame, controls: pl.DataFrame, rejects: pl.DataFrame) -> tuple[DeliveredFile, ...]:
    """Delivered files by name, with their control totals and how many of their rows were rejected."""
    totals: dict[str, list[Control]] = {}
    for row in controls.sort("file", "control").iter_rows(named=True):
        totals.setdefault(row["file"], []).append(
            Control(name=row["control"], declared=row["declared"], computed=row["computed"], agrees=row["agrees"])
        )
    bad = dict(rejects.group_by("file").agg(pl.len()).iter_rows())
    return tuple(
        DeliveredFile(
            name=row["file"],
            feed=row["feed"] or "",
            fate=row["fate"],
            why=row["why"] or "",
            records=row["records"],
            rejected=bad.get(row["file"], 0),
            controls=tuple(totals.get(row["file"], ())),
            net=_money(row["net_settlement_minor"], row["net_settlement_currency"]),
        )
        for row in table.sort("file").iter_rows(named=True)
    )


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money(currency=currency, minor=minor)


def fates(delivered: Sequence[DeliveredFile]) -> dict[str, int]:
    """How many files met each fate, in the order of the closed list; fates that did not occur are left out."""
    counted = {fate.value: sum(file.fate == fate for file in delivered) for fate in Fate}
    return {fate: count for fate, count in counted.items() if count}


def reject_rows(rejects: pl.DataFrame, limit: int) -> tuple[RejectRow, ...]:
    """Rejected rows by reason and file, each with up to ``limit`` samples of (record, field, masked preview)."""
    found: dict[tuple[str, str], list[tuple[int, str, str, int | None, str | None]]] = {}
    columns = ["reason", "file", "record", "field", "preview", "amount_minor", "currency"]
    for reason, file, *rest in rejects.select(columns).sort("reason", "file", "record").iter_rows():
        found.setdefault((reason, file), []).append((rest[0], rest[1], rest[2], rest[3], rest[4]))
    return tuple(
        RejectRow(
            reason=reason,
            file=file,
            rows=len(rows),
            amounts=sums((currency, minor) for *_, minor, currency in rows if minor is not None and currency),
            samples=tuple((record, field, preview) for record, field, preview, *_ in rows[:limit]),
        )
        for (reason, file), rows in found.items()
    )


def ties(table: pl.DataFrame) -> tuple[Tie, ...]:
    """Cash ties in the order of the statement; amounts signed, + credits our account."""
    return tuple(
        Tie(
            entry_ref=row["entry_ref"],
            file=row["ties_to"] or "",
            amount=Money(currency=row["currency"], minor=row["direction"] * row["amount_minor"]),
            expected=_signed(row["expected_minor"], row["direction"], row["currency"]),
            difference=_money(row["diff_minor"], row["currency"]),
            status=row["status"],
        )
        for row in table.sort("camt_file", "entry").iter_rows(named=True)
    )


def unexplained(table: pl.DataFrame) -> tuple[Explained, ...]:
    """Transactions told for bank entries that wait for their entry, are incomplete or of other money."""
    return tuple(
        Explained(
            file=row["file"],
            entry=row["entry"],
            statement=f"{row['statement_file']}#{row['statement_entry']}" if row["statement_file"] else "",
            details=row["details"],
            sum=_money(row["details_minor"], row["currency"]),
            amount=Money(currency=row["currency"], minor=row["entry_minor"]),
            status=row["status"],
        )
        for row in table.filter(~pl.col("status").is_in(["LINKED", "REPEATED"]))
        .sort("file", "entry")
        .iter_rows(named=True)
    )


def batches(tonight: pl.DataFrame, earlier: pl.LazyFrame, cash: pl.DataFrame) -> tuple[Batch, ...]:
    """Tonight's batches, and those of earlier nights that tonight's bank entries pay, with those entries."""
    entries = cash.drop_nulls("ties_to").select(
        pl.col("ties_to").alias("file"),
        "entry_ref",
        (pl.col("direction") * pl.col("amount_minor")).alias("entry_minor"),
        "diff_minor",
    )
    paid = earlier.select(tonight.columns).join(entries.lazy().select("file"), on="file", how="semi").collect()
    rows = (
        pl.concat([tonight, paid]).join(entries, on="file", how="left").sort("file", "batch", "currency", "entry_ref")
    )
    return tuple(_batch(row) for row in rows.iter_rows(named=True))


def _batch(row: Mapping[str, Any]) -> Batch:
    currency = row["currency"]
    amounts = ("residual", "batch", "transactions", "rejected", "fees", "balance")
    sure = {name: Money(currency=currency, minor=row[f"{name}_minor"]) for name in amounts}
    return Batch(
        file=row["file"],
        number=row["batch"],
        entry_ref=row["entry_ref"] or "",
        entry=_money(row["entry_minor"], currency),
        entry_residual=_money(row["diff_minor"], currency),
        closing=_money(row["closing_minor"], currency),
        residual=sure["residual"],
        amount=sure["batch"],
        transactions=row["transactions"],
        transactions_amount=sure["transactions"],
        rejected=row["rejected"],
        rejected_amount=sure["rejected"],
        fees=sure["fees"],
        balance=sure["balance"],
        lines_residual=_money(row["lines_residual_minor"], currency),
        state=row["state"],
    )


def _signed(minor: int | None, direction: int, currency: str) -> Money | None:
    return None if minor is None else Money(currency=currency, minor=direction * minor)


def account_classes(table: pl.DataFrame) -> tuple[AccountClass, ...]:
    """The trial balance by class (first word of the account) and currency."""
    found: dict[tuple[str, str], list[Account]] = {}
    for row in table.sort("account", "currency").iter_rows(named=True):
        account = Account(
            name=row["account"],
            currency=row["currency"],
            debit_minor=row["debit_minor"],
            credit_minor=row["credit_minor"],
            balance_minor=row["balance_minor"],
        )
        found.setdefault((re.split(r"[:/.]", row["account"])[0], row["currency"]), []).append(account)
    return tuple(
        AccountClass(
            name=name,
            currency=currency,
            accounts=tuple(account for account in accounts if account.balance_minor),
            at_zero=sum(not account.balance_minor for account in accounts),
            debit_minor=sum(account.debit_minor for account in accounts),
            credit_minor=sum(account.credit_minor for account in accounts),
            balance_minor=sum(account.balance_minor for account in accounts),
        )
        for (name, currency), accounts in sorted(found.items(), key=lambda item: (item[0][1], item[0][0]))
    )


def out_files(table: pl.DataFrame) -> tuple[OutFile, ...]:
    """Settlement files by path."""
    return tuple(
        OutFile(
            path=row["path"],
            beneficiary=row["beneficiary"],
            contract=row["contract"],
            period=row["period"],
            lines=row["lines"],
            total=Money(currency=row["currency"], minor=row["total_minor"]),
            sha256=row["sha256"],
        )
        for row in table.sort("path").iter_rows(named=True)
    )


def failed_rules(table: pl.DataFrame) -> tuple[QualityRow, ...]:
    """Data-quality rules that did not hold."""
    failed = table.filter(~pl.col("success")).sort("suite", "expectation", "column")
    return tuple(
        QualityRow(
            suite=row["suite"],
            expectation=row["expectation"],
            column=row["column"],
            rows=row["rows"],
            unexpected=row["unexpected"],
        )
        for row in failed.iter_rows(named=True)
    )


def open_history(
    open_items: pl.DataFrame, history: pl.LazyFrame, business_date: date, ageing: Ageing
) -> list[tuple[str, str, int]]:
    """Open items by night and age bucket as it is declared tonight, over all nights up to this one."""
    columns = ["business_date", "age_days"]
    tonight = open_items.lazy().with_columns(business_date=pl.lit(business_date))
    ages = (
        pl.concat([part.select(columns) for part in (history, tonight)])
        .group_by(columns)
        .agg(pl.len().cast(pl.Int64).alias("items"))
        .collect()
    )
    found: dict[tuple[str, str], int] = {}
    for night, age, items in ages.iter_rows():
        key = (night.isoformat(), ageing.label(age))
        found[key] = found.get(key, 0) + items
    return sorted(
        ((night, bucket, items) for (night, bucket), items in found.items()),
        key=lambda row: (row[0], ageing.labels.index(row[1])),
    )
