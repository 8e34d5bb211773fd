"""Whole nights through a real Airflow: the same books as without it, and one sentence where a night stops."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from airflow_home import REPOSITORY, Airflow, call
from card_scan import CardScan, files_of

from settlement import originals, runner, store
from settlement.home import create_home
from settlement.store import Home

pytestmark = pytest.mark.airflow


RUN_NIGHTS = REPOSITORY / "dags" / "run_nights.py"


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory, sample_dir: Path) -> Path:
    source = tmp_path_factory.mktemp("two") / "deliveries"
    for folder in sorted(path for path in sample_dir.iterdir() if path.is_dir() and path.name[0] == "2")[:2]:
        shutil.copytree(folder, source / folder.name)
    return source


def test_nights_give_the_books_of_the_command_line_and_a_second_run_does_nothing(
    airflow: Airflow, two_nights: Path, settled_home: Home, tmp_path: Path
) -> None:
    root = tmp_path / "home"
    first = call(airflow.home, [sys.executable, RUN_NIGHTS, "--home", root, "--from", two_nights])
    assert first.returncode == 0, first.stdout + first.stderr
    home = store.open_home(root)
    nights = originals.delivery_dates(home)
    assert len(nights) == 2
    for night in nights:
        assert runner.books_digest(home, night) == runner.books_digest(settled_home, night)
        runner.require_settled(home, night, "report")
        assert f"{night} settled" in first.stdout

    second = airflow.run(RUN_NIGHTS, "--home", root)
    assert second.returncode == 0
    assert "2 of 2 nights" in second.stdout
    assert "Starting Airflow" not in second.stdout

    # The same night once more by Airflow's own command, named by nothing but its logical date.
    again = airflow.test("settle_business_day", nights[0], home=str(root))
    assert again.returncode == 0, again.stdout + again.stderr
    assert runner.books_digest(home, nights[1]) == runner.books_digest(settled_home, nights[1])

    # Law 8 for what only Airflow leaves: its database with what tasks hand on, its logs, and what it printed.
    enrolled = (two_nights / str(nights[0]) / f"ENROLMENT_{nights[0]:%Y%m%d}.csv").read_text().splitlines()
    scan = CardScan(line.partition(";")[0] for line in enrolled[1:])
    left = files_of(airflow.home)
    assert {"airflow.db"} < {Path(name).name for name, _ in left}
    said = [("printed", (first.stdout + first.stderr + second.stdout + again.stdout + again.stderr).encode())]
    assert scan.leaks([*left, *files_of(home.root, ("inbox", "originals")), *said]) == []


def test_a_night_that_cannot_go_on_says_so_in_one_sentence(airflow: Airflow, two_nights: Path, tmp_path: Path) -> None:
    root = tmp_path / "broken"
    create_home(root, two_nights)
    (root / "config" / "match.toml").write_text("this is no TOML", encoding="utf-8")
    done = airflow.run(RUN_NIGHTS, "--home", root)
    night = min(originals.delivery_dates(store.open_home(root)))
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(rf"^{night} stopped in stage \w+: .*match\.toml", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stdout + done.stderr


def test_a_night_that_was_never_delivered_fails_without_being_retried(
    airflow: Airflow, two_nights: Path, tmp_path: Path
) -> None:
    root = tmp_path / "short"
    create_home(root, two_nights)
    missing = max(date.fromisoformat(path.name) for path in two_nights.iterdir()) + timedelta(days=700)
    done = airflow.test("settle_business_day", home=str(root), business_date=str(missing))
    assert done.returncode == 1
    assert f"There are no files for {missing}" in done.stdout + done.stderr
    with closing(sqlite3.connect(airflow.home / "airflow.db")) as metadata:
        tries = metadata.execute(
            "SELECT max_tries, try_number FROM task_instance WHERE task_id = 'land' AND state = 'failed'"
        ).fetchall()
    assert set(tries) == {(3, 1)}


def test_feeds_are_fetched_and_then_the_night_is_started(airflow: Airflow, tmp_path: Path) -> None:
    root, out = tmp_path / "watched", tmp_path / "out"
    create_home(root, None)
    out.mkdir()
    (out / "MC_T112_20251230_01.ipm").write_bytes(b"as it came")
    programme = root / "config" / "programme.toml"
    sources = [f"[[watch.source]]\nfeed = '{feed}_clearing'\nurl = 'file://{out}'\n" for feed in ("mastercard", "visa")]
    programme.write_text(programme.read_text() + "\n[watch]\nlook_seconds = 1\n" + "".join(sources))
    conf = {"home": str(root), "business_date": "2025-12-30"}
    done = airflow.test("watch_deliveries", **conf)
    assert done.returncode == 0, done.stdout + done.stderr
    came = root / "inbox" / "2025-12-30"
    assert [path.name for path in came.iterdir()] == ["MC_T112_20251230_01.ipm"]
    assert "No whole file of visa_clearing came for 2025-12-30 by the cut-off" in done.stdout + done.stderr
    with closing(sqlite3.connect(airflow.home / "airflow.db")) as metadata:
        started = metadata.execute(
            "SELECT conf FROM dag_run WHERE dag_id = 'settle_business_day' ORDER BY id DESC"
        ).fetchone()
        states = metadata.execute("SELECT state FROM task_instance WHERE dag_id = 'watch_deliveries'").fetchall()
    assert json.loads(started[0]) == conf
    assert {state for (state,) in states} == {"success"}
