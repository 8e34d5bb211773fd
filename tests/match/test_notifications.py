"""A batch entry of a statement and the notification of its transactions, as files through the stages."""

from __future__ import annotations

from pathlib import Path

import pipeline
import pytest
from bank_files import Entry, Statement, camt053, camt054

NIGHTS = ("2024-03-01", "2024-03-02", "2024-03-03")
WHOLE = Statement(entries=(Entry(amount_minor=-600, bank_ref="BANK1", code="PMNT"),), opening_minor=1000)
DETAILS = (
    '<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch><TxDtls><Amt Ccy="USD">2.50</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls>'
    '<TxDtls><Amt Ccy="USD">3.50</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls></NtryDtls>'
)
NONE = "<NtryDtls><TxDtls></TxDtls></NtryDtls>"


@pytest.mark.parametrize("statement_on", NIGHTS)
@pytest.mark.parametrize("notified_on", NIGHTS[:2])
def test_a_batch_is_cash_once_whenever_its_transactions_are_told(
    tmp_path: Path, statement_on: str, notified_on: str
) -> None:
    for night in NIGHTS:
        (tmp_path / night).mkdir()
    (tmp_path / statement_on / "CAMT053_20240301.xml").write_text(camt053([WHOLE]).replace(NONE, ""), encoding="utf-8")
    told = camt054([WHOLE]).replace(NONE, DETAILS).replace("<MsgId>M1<", "<MsgId>N1<")
    (tmp_path / notified_on / "CAMT054_20240301.xml").write_text(told, encoding="utf-8")
    tables = pipeline.run_nights(tmp_path, NIGHTS, "match")
    cash = [(night, row) for night in NIGHTS for row in tables[night, "cash_tie"].select("amount_minor").rows()]
    assert cash == [(statement_on, (600,))]
    entries = [row for night in NIGHTS for row in tables[night, "statement_entry"].rows()]
    assert len(entries) == 1
    ties = [
        (night, *row)
        for night in NIGHTS
        for row in tables[night, "detail_tie"].select("status", "details", "details_minor", "difference_minor").rows()
    ]
    waiting = [(notified_on, "ENTRY_PENDING", 2, -600, 0)] if notified_on < statement_on else []
    assert ties == [*waiting, (max(notified_on, statement_on), "LINKED", 2, -600, 0)]
    findings = [text for night in NIGHTS for text in tables[night, "finding"]["check"] if "detail" in text]
    assert findings == []
