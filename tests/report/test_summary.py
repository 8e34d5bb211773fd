from __future__ import annotations

import polars as pl
from made_night import NIGHT, made_night

from settlement.model.tables import TABLES
from settlement.report.summary import READS, night_summary, render_summary

GOOD = """\
The night of 2024-05-31 is settled.
4 files: 3 accepted, 1 rejected.
A person must act on 1 finding: the report names them.

Match rate
  MERCHANT  98.0 %  98 of 100 records

Open breaks
  MERCHANT  MISSING_BANK      1  10.37  USD  oldest 0 days  by days: 1 of 0-1
  MERCHANT  MISSING_MERCHANT  1  10.37  USD  oldest 5 days  by days: 1 of 4-7

Payouts
  PARTNER-A  C9  2024-Q2  66.67  USD  CLOSED
  PARTNER-B  C9  2024-Q2   0.00  USD  CLOSED

Where it lies
  report         /home/report/index.html
  partner files  /home/out"""


def test_the_summary_fits_a_screen() -> None:
    tables = {name: made_night()[name] for name in READS}
    places = {"report": "/home/report/index.html", "partner files": "/home/out"}
    assert render_summary(night_summary(tables, NIGHT, places)) == GOOD


def test_restated_terms_and_empty_nights() -> None:
    tables = {name: TABLES[name].empty() for name in READS}
    text = render_summary(night_summary(tables, NIGHT, {}))
    assert "0 files: none." in text
    assert text.count("  none") == 4
    payout = made_night()["payout"].with_columns(state=pl.lit("RESTATED"))
    assert night_summary(tables | {"payout": payout}, NIGHT, {}).payouts == ()
