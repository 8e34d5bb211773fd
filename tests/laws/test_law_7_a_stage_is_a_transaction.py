"""Law 7: killed anywhere, run again, or run twice at once, a night gives the same books."""

from __future__ import annotations

import shutil
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


def test_killed_at_each_point_of_each_stage(home: Home, settled_home: Home) -> None:
    night = originals.delivery_dates(home)[0]
    for stage in SETTLING:
        for point in ("after_unit", "before_publish", "before_commit", "after_commit"):
            assert _killed(home, night, stage, point) == -signal.SIGKILL, (stage, point)
            done = books.committed(books.connect(home), night, stage) is not None
            assert done == (point == "after_commit"), (stage, point)
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
    # Stages behind `check` rest on what it leaves: where that is the same, one night that goes on shows the rest.
    ways = (
        ("check", Bounds(files=1, part_bytes=2**25, part_rows=50)),
        ("check", Bounds(files=1, part_bytes=7001, part_rows=50)),
        ("pay", Bounds(files=2, part_bytes=3001, part_rows=50, memory=2**30)),
    )
    night, digests = originals.delivery_dates(settled_home)[0], []
    for number, (until, bounds) in enumerate(ways):
        create_home(tmp_path / str(number), sample_dir)
        home = store.open_home(tmp_path / str(number))
        runs = {run.stage: run.outputs_digest for run in runner.run_night(home, night, until=until, bounds=bounds)}
        digests.append([runs[stage] for stage in ("land", "parse", "check")])
        parts = list(home.partition("parsed_clearing", night).glob("*.parquet"))
        assert len(parts) > len(list((sample_dir / str(night)).iterdir()))
    assert digests[0] == digests[1] == digests[2]
    assert runner.books_digest(home, night) == runner.books_digest(settled_home, night)


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
    nights = originals.delivery_dates(settled_home)
    for night in nights:
        before = runner.books_digest(settled_home, night)
        runner.run_night(settled_home, night, until="pay")
        assert runner.books_digest(settled_home, night) == before
    assert reperform.verify_night(settled_home, nights[-1]).differing == ()


def test_verify_finds_a_changed_table(settled_home: Home, tmp_path: Path) -> None:
    shutil.copytree(settled_home.root, tmp_path / "home")
    home = store.open_home(tmp_path / "home")
    night = originals.delivery_dates(home)[0]
    part = next(home.partition("open_item", night).glob("*.parquet"))
    store.read_table(home, "open_item", night).slice(1).write_parquet(part)
    assert "table open_item" in reperform.verify_night(home, night).differing
