"""The page on payments names every code that is known, with its meaning, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from settlement.model.bank_account import Clearing
from settlement.model.payment_status import Outcome
from settlement.model.reason_codes import (
    ISO_REASONS,
    ISO_STATUSES,
    NACHA_CHANGES,
    NACHA_DISPUTED_RETURNS,
    NACHA_RETURNS,
)

PAGE = (Path(__file__).parents[2] / "docs" / "PAYMENTS.md").read_text(encoding="utf-8")


def test_the_page_tells_every_code_as_the_tables_do() -> None:
    told = re.findall(r"^\| ([A-Z0-9]+) \| ([^|]*) \|", PAGE, re.MULTILINE)
    meanings = (
        ISO_REASONS | NACHA_RETURNS | NACHA_DISPUTED_RETURNS | {code: said for code, (said, _) in NACHA_CHANGES.items()}
    )
    expected = [(code, outcome.value) for code, outcome in ISO_STATUSES.items()] + list(meanings.items())
    other = {clearing.value for clearing in Clearing} | {outcome.value for outcome in Outcome} | {"NACHA"}
    assert sorted(pair for pair in told if pair[0] not in other) == sorted(expected)
