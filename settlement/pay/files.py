"""What each partner is owed tonight, and the files that tell it, as the partner directory declares them.

A statement that closed tonight is for payment, one of an open period is a preview. Lines of a closed period that were
only restated give no file of their own: their difference stands as an adjustment in the statement of the current
period, and what it is made of beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.clearing import TOLD_ONLY, StatementState
from settlement.model.stage import Aside, OutFile, StageInput, StageOutput
from settlement.model.statement_lines import INTEREST, OWN_LINES, kind_of
from settlement.model.tables import TABLES
from settlement.pay.contract_text import beneficiaries, contract_text
from settlement.pay.details import detail_lines, require_shown
from settlement.pay.outgoing_layout import SUFFIXES, Content, OutgoingLayout, Tag
from settlement.pay.outgoing_lines import restatement_lines, settlement_lines, write_in_layout
from settlement.pay.partners import Form, PartnerDirectory, Recipient, read_partners
from settlement.pay.restated import RestatedPeriod, restated_periods
from settlement.pay.statement import Line, Statement
from settlement.pay.statement_document import statement_document
from settlement.pay.statement_html import statement_html
from settlement.pay.statement_pdf import statement_pdf
from settlement.pay.words import Words, words_of

NO_CONTRACT: Final = "none"
"""The unit of a night without any statement."""
STATEMENT: Final = "statement"
"""The content of a file for people."""
_SUMMED: Final[Mapping[Content, str]] = {
    Content.SETTLEMENT: "amount",
    Content.DETAILS: "amount",
    Content.RESTATEMENT: "difference",
}
"""The amounts of the detail lines that a file's total is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFile:
    """One file for a partner: which statement it is of, what it tells in which format, and its bytes.

    ``lines`` are its detail lines and ``total_minor`` the sum of their amounts in the currency paid.
    """

    path: str
    statement: Statement
    told: str
    format: str
    content: OutFile
    lines: int
    total_minor: int

    @property
    def sha256(self) -> str:
        """The SHA-256 of its bytes."""
        return hashlib.sha256(self.content).hexdigest() if isinstance(self.content, bytes) else self.content.sha256


def plan(inputs: StageInput) -> tuple[str, ...]:
    """The contracts with lines tonight, sorted; ``none`` where there are no lines."""
    return tuple(sorted(inputs.tables["payout"]["contract"].unique())) or (NO_CONTRACT,)


def run(inputs: StageInput) -> StageOutput:
    """Make the payables and the partners' files of one contract.

    Parameters
    ----------
    inputs:
        ``unit`` is the contract id; tonight's and earlier ``payout`` lines; ``rated``, ``clearing`` and ``store`` of
        all nights, for what is told in detail; the documents of contracts and of partners.

    Returns
    -------
    StageOutput
        ``payable``, one row for each beneficiary and period, and ``settlement_file``, one for each file, amounts in
        minor units of the currency paid, and the files by path.

    Raises
    ------
    TerminalError
        Where a beneficiary's lines do not re-add, something negative would be paid, a name fits no file name, or what
        is declared for a partner does not fit.
    """
    tonight = inputs.tables["payout"].filter(pl.col("contract") == inputs.unit)
    lines = tonight.filter(~pl.col("state").is_in(TOLD_ONLY))
    directory = read_partners(inputs.documents, beneficiaries(inputs.documents))
    told = _files_before(inputs)
    payables: list[dict[str, Any]] = []
    made: list[PartnerFile] = []
    own = lines.filter(pl.col("beneficiary").is_not_null())
    places = own.select("beneficiary", "as_of", "period", "state").unique()
    # A period whose last day brought no files is closed with the next night: then two statements are told at once.
    for beneficiary, as_of, period, state in places.sort("beneficiary", "as_of", "period", "state").iter_rows():
        told[beneficiary] = told.get(beneficiary, 0) + 1
        contract = contract_text(inputs.documents, inputs.unit, beneficiary, period, as_of)
        clauses = {} if contract is None else contract.clauses
        partner = directory.named(beneficiary)
        words = words_of(partner.language)
        of_statement = lines.filter(pl.col("period") == period)
        parked = (pl.col("state") == StatementState.PARKED) & (pl.col("as_of") == as_of) & (pl.col("period") == period)
        statement = Statement(
            contract=inputs.unit,
            beneficiary=beneficiary,
            period=period,
            as_of=as_of,
            state=state,
            sequence=told[beneficiary],
            terms=_lines(of_statement.filter(pl.col("beneficiary").is_null()), clauses, words),
            own=_lines(of_statement.filter(pl.col("beneficiary") == beneficiary), clauses, words),
            parked=_lines(tonight.filter(parked), clauses, words),
        )
        payables.append(_payable(statement))
        made += _files(inputs, tonight, Recipient(statement=statement, contract=contract, partner=partner), directory)
    rows = [_file_row(file) for file in made]
    return StageOutput(
        tables={
            "payable": pl.DataFrame(payables, schema=TABLES["payable"].schema),
            "settlement_file": pl.DataFrame(rows, schema=TABLES["settlement_file"].schema).sort("path"),
        },
        files={file.path: file.content for file in made},
    )


def _lines(rows: pl.DataFrame, clauses: Mapping[str, str], words: Words) -> tuple[Line, ...]:
    """Payout rows as lines of a statement; ``clauses`` are the words of the contract."""
    return tuple(
        Line(
            clause=row["clause"],
            term=row["term"],
            text=_text(row, clauses.get(row["clause"], ""), words),
            quantities=row["quantities"],
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            adjusts=row["adjusts"],
        )
        for row in rows.sort("term", "adjusts").iter_rows(named=True)
    )


def _text(row: Mapping[str, Any], clause: str, words: Words) -> str:
    """What a line means: a term by its clause, a line of the balance in words and by the rule that it follows."""
    if row["beneficiary"] is not None:
        if kind_of(row["term"]) not in OWN_LINES:
            known = ", ".join(OWN_LINES)
            raise TerminalError(f"Settlement files know no line {row['term']!r} of a beneficiary, only {known}.")
        meaning = words.line(row["term"])
        return f"{meaning}: {clause}" if clause and row["term"] == "payout" else meaning
    if row["adjusts"] is not None:
        return words.labels["interest" if row["term"] == INTEREST else "adjustment"].format(period=row["adjusts"])
    return clause


def _files_before(inputs: StageInput) -> dict[str, int]:
    """How many statements of this contract each beneficiary has had up to last night."""
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


def _files(
    inputs: StageInput, tonight: pl.DataFrame, to: Recipient, directory: PartnerDirectory
) -> Iterator[PartnerFile]:
    """All files that a partner gets of one statement."""
    statement, stem = to.statement, to.statement.stem
    settlement = directory.layout(to.partner, Content.SETTLEMENT)
    restating = directory.layout(to.partner, Content.RESTATEMENT)
    if settlement is not None:
        yield _file(inputs.aside, to, stem, settlement, [settlement_lines(to, settlement)])
    detailing = directory.layout(to.partner, Content.DETAILS)
    if detailing is not None:
        require_shown(detailing, to, directory)
        yield _file(inputs.aside, to, f"{stem}_details", detailing, detail_lines(inputs, to, detailing))
    restated: tuple[RestatedPeriod, ...] = ()
    if restating is not None or to.partner.statement:
        restated = restated_periods(inputs, tonight, statement.as_of, statement.period)
    if restating is not None and restated:
        yield _file(inputs.aside, to, f"{stem}_restated", restating, [restatement_lines(to, restated, restating)])
    if to.partner.statement:
        document = statement_document(to, restated)
        for form in to.partner.statement:
            yield PartnerFile(
                path=f"{stem}_statement.{form}",
                statement=statement,
                told=STATEMENT,
                format=form.value,
                content=statement_html(document) if form is Form.HTML else statement_pdf(document),
                lines=len(statement.lines),
                total_minor=_paid_in(statement),
            )


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What has gone by of a file's detail lines."""

    lines: int = 0
    total_minor: int = 0

    def of(self, rows: Iterable[pl.DataFrame], currency: str, summed: str) -> Iterator[pl.DataFrame]:
        """The rows as they come, counted and added up."""
        for some in rows:
            details = some.filter(pl.col("tag") == Tag.DETAIL)
            self.lines += details.height
            self.total_minor += int(details.filter(pl.col("currency") == currency)[summed].sum())
            yield some


def _file(aside: Aside, to: Recipient, stem: str, layout: OutgoingLayout, rows: Iterable[pl.DataFrame]) -> PartnerFile:
    tally = _Tally()
    tallied = tally.of(rows, to.statement.currency, _SUMMED[layout.of])
    content = aside.file(partial(write_in_layout, tallied, layout, to.statement.as_of))
    return PartnerFile(
        path=f"{stem}.{SUFFIXES[layout.format]}",
        statement=to.statement,
        told=layout.of.value,
        format=layout.format.value,
        content=content,
        lines=tally.lines,
        total_minor=tally.total_minor,
    )


def _paid_in(statement: Statement) -> int:
    return sum(line.amount_minor for line in statement.lines if line.currency == statement.currency)


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


def _file_row(file: PartnerFile) -> dict[str, Any]:
    statement = file.statement
    return {
        "path": file.path,
        "beneficiary": statement.beneficiary,
        "contract": statement.contract,
        "period": statement.period,
        "sha256": file.sha256,
        "lines": file.lines,
        "total_minor": file.total_minor,
        "currency": statement.currency,
        "told": file.told,
        "format": file.format,
        "sequence": statement.sequence,
    }
