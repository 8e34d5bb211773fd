"""Law 4: a night rests on what was known at it, and on nothing that came later."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl

from settlement import originals, runner, store
from settlement.home import create_home
from settlement.store import Home


def test_later_deliveries_do_not_change_a_night(tmp_path: Path, sample_dir: Path, settled_home: Home) -> None:
    nights = originals.delivery_dates(settled_home)
    alone = tmp_path / "first"
    shutil.copytree(sample_dir / str(nights[0]), alone / str(nights[0]))
    create_home(tmp_path / "home", alone)
    home = store.open_home(tmp_path / "home")
    runner.run_night(home, nights[0], until="pay")
    assert runner.books_digest(home, nights[0]) == runner.books_digest(settled_home, nights[0])


def test_a_late_record_keeps_its_own_posting_date(settled_home: Home) -> None:
    late = []
    for night in originals.delivery_dates(settled_home):
        files = store.read_table(settled_home, "file", night).filter(pl.col("why") == "late")
        clearing = store.read_table(settled_home, "clearing", night).join(files.select("file"), on="file", how="semi")
        late += clearing.select("posting_date", "delivered_on").rows()
    assert late
    assert all(posted < delivered for posted, delivered in late)
