"""The page of events: its example is worked out, and it tells every kind and column there is."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from rate.histories import contract_documents

from settlement.model.events import ATTRIBUTES, COLUMNS, EventKind
from settlement.rate.contract_file import read_contract
from settlement.rate.events_check import read_events
from settlement.rate.worked import work_out

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "EVENTS.md").read_text("utf-8")
SOURCE = "contracts/harbor-retail/2009-01-01.toml"


def test_every_kind_and_column_is_told() -> None:
    told = set(re.findall(r"`([a-z_]+)`", "".join(line for line in PAGE.splitlines() if line.startswith("|"))))
    assert {*COLUMNS, *ATTRIBUTES, *EventKind} <= told


def test_the_example_is_worked_out() -> None:
    (example,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    events = read_events("events.csv", example.encode())
    worked = work_out((read_contract(SOURCE, contract_documents()[SOURCE]),), events, date(2011, 1, 31))
    rows = worked.statement.select("as_of", "term", "beneficiary", "amount").rows()
    assert (date(2010, 12, 31), "own_store_rate", None, "3.00") in rows
    assert (date(2010, 12, 31), "elsewhere_rate", None, "1600.00") in rows
    assert (date(2011, 1, 31), "own_store_rate", None, "2.70") in rows
    assert (date(2011, 1, 31), "adjustment", None, "-0.40") in rows
