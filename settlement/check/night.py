"""Stage ``check``: each file's fate, the rows of accepted files, and the findings of the night.

A file that fails its controls stays out whole and the others go on. Nothing is repaired here: what is wrong is said
in one sentence that a person can act on.
"""

from __future__ import annotations

import polars as pl

from settlement.check.completeness import expected_feeds, missing_feeds, missing_reference
from settlement.check.fates import judge
from settlement.check.findings import (
    early_findings,
    file_findings,
    reject_findings,
    said_findings,
)
from settlement.check.passed import blocks, passed_on, whole
from settlement.check.record_rules import READS, record_findings
from settlement.check.statements import DETAIL_READS, statement_findings
from settlement.model.clearing import Fate
from settlement.model.finding import finding_table
from settlement.model.records import CANDIDATES
from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES


def run(inputs: StageInput) -> StageOutput:
    """Judge the night's files and publish what can be used.

    Returns
    -------
    StageOutput
        ``file`` with a fate for each delivered file, ``control_total`` of every file that was read, and ``finding``;
        in parts, each table of records with the rows of accepted files. All are sorted by their keys.
    """
    files = judge(inputs)
    accepted = files.filter(pl.col("fate") == Fate.ACCEPTED.value)["file"]
    passed = {
        name: passed_on(TABLES[name], inputs.parts[f"parsed_{name}"], accepted)
        for name in (*CANDIDATES, "reject_place", "replay")
    }
    statements = whole(TABLES["bank_statement"], passed["bank_statement"], *TABLES["bank_statement"].schema)
    details = whole(TABLES["bank_detail"], passed["bank_detail"], *DETAIL_READS)
    history = inputs.history["file"]
    findings = [
        *file_findings(files),
        *said_findings(files, inputs.tables["delivery"], inputs.tables["parsed_file"]),
        *early_findings(files),
        *reject_findings(whole(TABLES["reject"], passed["reject"], "file", "record", "reason")),
        *record_findings(blocks(passed["clearing"], *READS)),
        *statement_findings(statements, details, inputs.history),
        *missing_feeds(expected_feeds(inputs.documents, inputs.business_date), files, history, inputs.business_date),
        *missing_reference(files, history),
    ]
    return StageOutput(
        tables={
            "file": files,
            "control_total": inputs.tables["parsed_control_total"].sort("file", "control"),
            "finding": finding_table("finding", findings),
            "card_token": inputs.tables["parsed_card_token"].select("token", "card_ref").unique().sort("token"),
        },
        parts=passed,
    )
