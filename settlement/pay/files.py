"""What each partner is owed tonight, and the settlement file that tells it.

A statement that closed tonight is for payment, one of an open period is a preview. Lines of a closed period that were
only restated give no file: their difference stands as an adjustment in the statement of the current period.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.clearing import TOLD_ONLY
from settlement.model.stage import StageInput, StageOutput
from settlement.model.statement_lines import INTEREST
from settlement.model.tables import TABLES
from settlement.pay.clauses import clause_texts
from settlement.pay.statement_file import Line, Statement, own_text, write_statement

NO_CONTRACT: Final = "none"
"""The unit of a night without any statement."""


def plan(inputs: StageInput) -> tuple[str, ...]:
    """The contracts with lines tonight, sorted; ``none`` where there are no lines."""
    return tuple(sorted(inputs.tables["payout"]["contract"].unique())) or (NO_CONTRACT,)


def run(inputs: StageInput) -> StageOutput:
    """Make the payables and the settlement files of one contract.

    Parameters
    ----------
    inputs:
        ``unit`` is the contract id; tonight's and earlier ``payout`` lines; the contracts' documents, for the words
        of their clauses.

    Returns
    -------
    StageOutput
        ``payable`` and ``settlement_file``, one row for each beneficiary and period, amounts in minor units of the
        currency paid, and the files by path.

    Raises
    ------
    TerminalError
        Where a beneficiary's lines do not re-add, something negative would be paid, or a name fits no file name.
    """
    lines = inputs.tables["payout"].filter((pl.col("contract") == inputs.unit) & ~pl.col("state").is_in(TOLD_ONLY))
    told = _files_before(inputs)
    payables, files, contents = [], [], {}
    own = lines.filter(pl.col("beneficiary").is_not_null())
    places = own.select("beneficiary", "as_of", "period", "state").unique()
    # A period whose last day brought no files is closed with the next night: then two statements are told at once.
    for beneficiary, as_of, period, state in places.sort("beneficiary", "as_of", "period", "state").iter_rows():
        texts = clause_texts(inputs.documents, inputs.unit, period, as_of)
        told[beneficiary] = told.get(beneficiary, 0) + 1
        of_statement = lines.filter(pl.col("period") == period)
        statement = Statement(
            contract=inputs.unit,
            beneficiary=beneficiary,
            period=period,
            as_of=as_of,
            state=state,
            sequence=told[beneficiary],
            terms=_lines(of_statement.filter(pl.col("beneficiary").is_null()), texts),
            own=_lines(of_statement.filter(pl.col("beneficiary") == beneficiary), texts),
        )
        content = write_statement(statement)
        contents[statement.path] = content
        payables.append(_payable(statement))
        files.append(_file_row(statement, content))
    return StageOutput(
        tables={
            "payable": pl.DataFrame(payables, schema=TABLES["payable"].schema),
            "settlement_file": pl.DataFrame(files, schema=TABLES["settlement_file"].schema),
        },
        files=contents,
    )


def _lines(rows: pl.DataFrame, texts: Mapping[str, str]) -> tuple[Line, ...]:
    """Payout rows as lines of a file; ``texts`` are the words of the contract's clauses."""
    return tuple(
        Line(
            clause=row["clause"],
            term=row["term"],
            text=_text(row, texts.get(row["clause"], "")),
            quantities=row["quantities"],
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            adjusts=row["adjusts"],
        )
        for row in rows.sort("term", "adjusts").iter_rows(named=True)
    )


def _text(row: Mapping[str, Any], clause: str) -> str:
    """What a line means: a term by its clause, a line of the balance in words and by the rule that it follows."""
    if row["beneficiary"] is not None:
        meaning = own_text(row["term"])
        return f"{meaning}: {clause}" if clause and row["term"] == "payout" else meaning
    if row["adjusts"] is not None:
        what = "interest on the adjustment" if row["term"] == INTEREST else "adjustment"
        return f"{what} of the closed period {row['adjusts']}"
    return clause


def _files_before(inputs: StageInput) -> dict[str, int]:
    """How many files of this contract each beneficiary has had up to last night."""
    statements = (
        inputs.history["payout"]
        .filter((pl.col("contract") == inputs.unit) & pl.col("beneficiary").is_not_null())
        .select("business_date", "beneficiary", "period")
        .unique()
        .group_by("beneficiary")
        .len()
        .collect()
    )
    return {beneficiary: int(count) for beneficiary, count in statements.iter_rows()}


def _payable(statement: Statement) -> dict[str, Any]:
    amount = statement.own_minor("payout")
    if amount < 0:
        raise TerminalError(
            f"{statement.name} would pay {amount} minor units: carry what is owed instead of paying it."
        )
    return {
        "beneficiary": statement.beneficiary,
        "contract": statement.contract,
        "period": statement.period,
        "currency": statement.currency,
        "amount_minor": amount,
        "carry_minor": statement.own_minor("carry_out"),
        "state": statement.state,
    }


def _file_row(statement: Statement, content: bytes) -> dict[str, Any]:
    paid_in = [line.amount_minor for line in statement.lines if line.currency == statement.currency]
    return {
        "path": statement.path,
        "beneficiary": statement.beneficiary,
        "contract": statement.contract,
        "period": statement.period,
        "sha256": hashlib.sha256(content).hexdigest(),
        "lines": len(statement.lines),
        "total_minor": sum(paid_in),
        "currency": statement.currency,
    }
