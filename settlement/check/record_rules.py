"""Record rules: what looks wrong in accepted clearing records. They warn and never reject."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import polars as pl

from settlement.check.findings import counted, shown_records
from settlement.model.finding import Finding, Severity

READS: Final = ("file", "record", "arn", "transaction_date", "posting_date")
"""The columns of clearing records that the rules look at."""

_ARN_DIGITS: Final = 23
_TEN: Final = 10
_DOUBLED: Final = np.resize(np.array([0, 2, 4, 6, 8, 1, 3, 5, 7, 9], np.uint8), 256)
"""Each digit counted double, less 9 where that is above 9; of a byte that is no digit, anything."""
_RULES: Final = (
    ("arn_check_digit", "an acquirer reference number with a wrong check digit", "They are used; tell the sender."),
    (
        "transaction_date_ahead",
        "a transaction date after the file's business date",
        "They are used; ask the sender about the dates.",
    ),
)


def record_findings(clearing: Iterable[pl.DataFrame]) -> list[Finding]:
    """One finding for each rule and file with records that break it; ``clearing`` comes block by block."""
    broken: dict[str, list[pl.DataFrame]] = {check: [] for check, _, _ in _RULES}
    for block in clearing:
        wrong = block["arn"].is_not_null() & ~arn_valid(block["arn"])
        broken["arn_check_digit"].append(block.select("file", "record").filter(wrong))
        # A shop can be a calendar day ahead of the file's business date.
        ahead = block.filter(pl.col("transaction_date") > pl.col("posting_date").dt.offset_by("1d"))
        broken["transaction_date_ahead"].append(ahead.select("file", "record"))
    findings = []
    for check, what, then in _RULES:
        rows = pl.concat(broken[check]) if broken[check] else pl.DataFrame({"file": [], "record": []})
        for (file,), some in sorted(rows.group_by(["file"]), key=lambda item: str(item[0][0])):
            have = "has" if some.height == 1 else "have"
            text = f"{counted(some.height, 'record')} {have} {what} (record {shown_records(some['record'])}). {then}"
            findings.append(Finding(check=check, subject=str(file), severity=Severity.WARNING, text=text))
    return findings


def arn_valid(arns: pl.Series) -> pl.Series:
    """Whether each acquirer reference number has 23 digits, the last of which is the Luhn digit of the others."""
    long = (arns.str.len_bytes() == _ARN_DIGITS).fill_null(value=False)
    texts = arns.filter(long).cast(pl.Binary).bin.reinterpret(dtype=pl.Array(pl.UInt8, _ARN_DIGITS))
    # A row a digit: what is done to a digit is done to all numbers at once.
    digits = np.ascontiguousarray(texts.to_numpy().reshape(-1, _ARN_DIGITS).T) - np.uint8(ord("0"))
    formed = (digits < _TEN).all(axis=0)
    # From the right, every second digit counts double; 23 digits come to 207 at most.
    total = digits[::2].sum(axis=0, dtype=np.uint8) + _DOUBLED[digits[1::2]].sum(axis=0, dtype=np.uint8)
    valid = long.to_numpy(writable=True)
    valid[valid] = formed & (total % _TEN == 0)
    return pl.Series("arn_valid", valid, dtype=pl.Boolean)
