"""Record rules: what looks wrong in accepted clearing records. They warn and never reject."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from settlement.check.findings import Finding, Severity, counted, shown_records

_ARN_DIGITS: Final = 23
_ARN_FORM: Final = "^[0-9]{23}$"
_ZERO: Final = ord("0")


def record_findings(clearing: pl.DataFrame) -> list[Finding]:
    """One finding for each rule and file with records that break it."""
    told = clearing.filter(pl.col("arn").is_not_null())
    rules = (
        (
            "arn_check_digit",
            told.filter(~arn_valid(told["arn"])),
            "an acquirer reference number with a wrong check digit",
            "They are used; tell the sender.",
        ),
        (
            "transaction_date_ahead",
            # A shop can be a calendar day ahead of the file's business date.
            clearing.filter(pl.col("transaction_date") > pl.col("posting_date").dt.offset_by("1d")),
            "a transaction date after the file's business date",
            "They are used; ask the sender about the dates.",
        ),
    )
    findings = []
    for check, rows, what, then in rules:
        for (file,), some in sorted(rows.group_by(["file"]), key=lambda item: str(item[0][0])):
            have = "has" if some.height == 1 else "have"
            text = f"{counted(some.height, 'record')} {have} {what} (record {shown_records(some['record'])}). {then}"
            findings.append(Finding(check=check, subject=str(file), severity=Severity.WARNING, text=text))
    return findings


def arn_valid(arns: pl.Series) -> pl.Series:
    """Whether each acquirer reference number has 23 digits, the last of which is the Luhn digit of the others."""
    formed = arns.str.contains(_ARN_FORM).fill_null(value=False)
    digits = np.frombuffer("".join(arns.filter(formed).to_list()).encode("ascii"), np.uint8)
    matrix = digits.reshape(-1, _ARN_DIGITS).astype(np.int64) - _ZERO
    # From the right, every second digit counts double, and a doubled digit above 9 loses 9.
    doubled = 2 * matrix[:, -2::-2]
    total = matrix[:, ::-2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)  # noqa: PLR2004 (digits)
    valid = formed.to_numpy(writable=True)
    valid[valid] = total % 10 == 0
    return pl.Series("arn_valid", valid, dtype=pl.Boolean)
