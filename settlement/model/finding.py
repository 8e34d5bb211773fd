"""Findings: what a person should see of a night, one clear sentence each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

import polars as pl

from settlement.model.tables import TABLES


class Severity(StrEnum):
    """How urgent a finding is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of a check: ``check`` and ``subject`` together are its key."""

    check: str
    subject: str
    severity: Severity
    text: str


def finding_table(name: str, findings: Iterable[Finding]) -> pl.DataFrame:
    """A table of findings, such as ``finding``, sorted by its key."""
    rows = [{**asdict(finding), "severity": finding.severity.value} for finding in findings]
    return pl.DataFrame(rows, schema=TABLES[name].schema).sort(TABLES[name].key)
