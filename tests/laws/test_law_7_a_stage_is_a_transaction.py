"""Law 7: killed anywhere, run again, or run twice at once, a night gives the same books."""

from __future__ import annotations

import signal
from datetime import date
from pathlib import Path

import pytest
from laws import killed_run
from warm_process import ended, settle, started

from settlement import books, originals, reperform, runner, store
from settlement.home import create_home
from settlement.model.stage import Bounds
from settlement.stages import STAGES
from settlement.store import Home

SETTLING = [stage.name for stage in STAGES][: [stage.name for stage in STAGES].index("pay") + 1]


@pytest.fixture
def home(tmp_path: Path, sample_dir: Path) -> Home:
    create_home(tmp_path / "home", sample_dir)
    return store.open_home(tmp_path / "home")


def _killed(home: Home, night: date, stage: str, point: str) -> int | None:
    code, _ = ended(home.root.parent / "said", killed_run.main, str(home.root), str(night), stage, point)
    return code


@pytest.mark.parametrize("point", ["after_unit", "before_publish", "before_commit", "after_commit"])
def test_killed_at_each_stage_boundary(home: Home, settled_home: Home, point: str) -> None:
    night = originals.delivery_dates(home)[0]
    for stage in SETTLING:
        assert _killed(home, night, stage, point) == -signal.SIGKILL, stage
        done = books.committed(books.connect(home), night, stage) is not None
        assert done == (point == "after_commit"), stage
    runner.run_night(home, night, until="pay")
    assert runner.books_digest(home, night) == runner.books_digest(settled_home, night)
    assert not any((home.root / "work" / str(night)).glob("*"))


def test_killed_while_a_file_is_read_in_parts(home: Home, settled_home: Home) -> None:
    night = originals.delivery_dates(home)[0]
    assert _killed(home, night, "parse", "after_part") == -signal.SIGKILL
    assert books.committed(books.connect(home), night, "parse") is None
    runner.run_night(home, night, until="pay")
    assert runner.books_digest(home, night) == runner.books_digest(settled_home, night)
    assert not any((home.root / "work" / str(night)).glob("*"))


def test_what_is_read_at_once_changes_no_byte(tmp_path: Path, sample_dir: Path, settled_home: Home) -> None:
    ways = (
        Bounds(files=1, part_bytes=2**25, part_rows=50),
        Bounds(files=1, part_bytes=1000, part_rows=50),
        Bounds(files=2, part_bytes=3001, part_rows=50, memory=2**30),
    )
    tables, digests = [], []
    for number, bounds in enumerate(ways):
        create_home(tmp_path / str(number), sample_dir)
        home = store.open_home(tmp_path / str(number))
        night = originals.delivery_dates(home)[0]
        runs = runner.run_night(home, night, until="pay", bounds=bounds)
        tables.append([(run.stage, run.outputs_digest) for run in runs])
        digests.append(runner.books_digest(home, night))
        parts = list(home.partition("parsed_clearing", night).glob("*.parquet"))
        assert len(parts) > len(list((sample_dir / str(night)).iterdir()))
    assert tables[0] == tables[1] == tables[2]
    assert {*digests} == {runner.books_digest(settled_home, night)}


def test_two_runners_at_once(home: Home, settled_home: Home) -> None:
    night = originals.delivery_dates(home)[0]
    words = ("run", "--home", str(home.root), "--business-date", str(night), "--until", "pay")
    said = [home.root.parent / f"said_{number}" for number in range(2)]
    both = [started(file, settle, str(home.root.parent), *words) for file in said]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0], [file.read_text(encoding="utf-8") for file in said]
    assert runner.books_digest(home, night) == runner.books_digest(settled_home, night)


def test_running_a_settled_night_again_changes_nothing(settled_home: Home) -> None:
    for night in originals.delivery_dates(settled_home):
        before = runner.books_digest(settled_home, night)
        runner.run_night(settled_home, night, until="pay")
        assert runner.books_digest(settled_home, night) == before
        assert reperform.verify_night(settled_home, night).differing == ()


def test_verify_finds_a_changed_table(home: Home) -> None:
    night = originals.delivery_dates(home)[0]
    runner.run_night(home, night, until="pay")
    part = next(home.partition("open_item", night).glob("*.parquet"))
    store.read_table(home, "open_item", night).slice(1).write_parquet(part)
    assert "table open_item" in reperform.verify_night(home, night).differing
