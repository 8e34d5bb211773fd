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
from subprocess import CompletedProcess

import pytest
from airflow_home import REPOSITORY, call
from card_scan import CardScan, files_of

from settlement import originals, runner, store
from settlement.home import create_home
from settlement.store import Home

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nights")
    (folder / "airflow").mkdir()
    migrated = call(folder / "airflow", [Path(sys.executable).with_name("airflow"), "db", "migrate"])
    assert migrated.returncode == 0, migrated.stderr
    return folder


@pytest.fixture(scope="module")
def two_nights(place: Path, sample_dir: Path) -> Path:
    source = place / "deliveries"
    for folder in sorted(path for path in sample_dir.iterdir() if path.is_dir() and path.name[0] == "2")[:2]:
        shutil.copytree(folder, source / folder.name)
    return source


def _nights(place: Path, home: Path, *more: object) -> CompletedProcess[str]:
    script = REPOSITORY / "dags" / "run_nights.py"
    return call(place / "airflow", [sys.executable, script, "--home", home, *more])


def test_nights_give_the_books_of_the_command_line_and_a_second_run_does_nothing(
    place: Path, two_nights: Path, settled_home: Home
) -> None:
    first = _nights(place, place / "home", "--from", two_nights)
    assert first.returncode == 0, first.stdout + first.stderr
    home = store.open_home(place / "home")
    nights = originals.delivery_dates(home)
    assert len(nights) == 2
    for night in nights:
        assert runner.books_digest(home, night) == runner.books_digest(settled_home, night)
        runner.require_settled(home, night, "report")
        assert f"{night} settled" in first.stdout

    second = _nights(place, place / "home")
    assert second.returncode == 0
    assert "2 of 2 nights" in second.stdout
    assert "Starting Airflow" not in second.stdout

    # The same night once more by Airflow's own command, named by nothing but its logical date.
    conf = json.dumps({"home": str(home.root)})
    again = call(
        place / "airflow",
        [Path(sys.executable).with_name("airflow"), "dags", "test", "settle_business_day", nights[0], "--conf", conf],
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert runner.books_digest(home, nights[1]) == runner.books_digest(settled_home, nights[1])

    # Law 8 for what only Airflow leaves: its database with what tasks hand on, its logs, and what it printed.
    enrolled = (two_nights / str(nights[0]) / f"ENROLMENT_{nights[0]:%Y%m%d}.csv").read_text().splitlines()
    scan = CardScan(line.partition(";")[0] for line in enrolled[1:])
    left = files_of(place / "airflow")
    assert {"airflow.db"} < {Path(name).name for name, _ in left}
    said = [("printed", (first.stdout + first.stderr + second.stdout + again.stdout + again.stderr).encode())]
    assert scan.leaks([*left, *files_of(home.root, ("inbox", "originals")), *said]) == []


def test_a_night_that_cannot_go_on_says_so_in_one_sentence(place: Path, two_nights: Path) -> None:
    root = place / "broken"
    made = call(place / "airflow", [Path(sys.executable).with_name("settle"), "init", root, "--from", two_nights])
    assert made.returncode == 0, made.stderr
    (root / "config" / "match.toml").write_text("this is no TOML", encoding="utf-8")
    done = _nights(place, root)
    night = min(originals.delivery_dates(store.open_home(root)))
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(rf"^{night} stopped in stage \w+: .*match\.toml", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stdout + done.stderr


def test_a_night_that_was_never_delivered_fails_without_being_retried(place: Path, two_nights: Path) -> None:
    root = place / "short"
    assert (
        call(
            place / "airflow", [Path(sys.executable).with_name("settle"), "init", root, "--from", two_nights]
        ).returncode
        == 0
    )
    missing = max(date.fromisoformat(path.name) for path in two_nights.iterdir()) + timedelta(days=700)
    conf = json.dumps({"home": str(root), "business_date": str(missing)})
    done = call(
        place / "airflow",
        [Path(sys.executable).with_name("airflow"), "dags", "test", "settle_business_day", "--conf", conf],
    )
    assert done.returncode == 1
    assert f"There are no files for {missing}" in done.stdout + done.stderr
    with closing(sqlite3.connect(place / "airflow" / "airflow.db")) as metadata:
        tries = metadata.execute(
            "SELECT max_tries, try_number FROM task_instance WHERE task_id = 'land' AND state = 'failed'"
        ).fetchall()
    assert set(tries) == {(3, 1)}


def test_feeds_are_fetched_and_then_the_night_is_started(place: Path, tmp_path: Path) -> None:
    root, out = tmp_path / "watched", tmp_path / "out"
    create_home(root, None)
    out.mkdir()
    (out / "MC_T112_20251230_01.ipm").write_bytes(b"as it came")
    programme = root / "config" / "programme.toml"
    sources = [f"[[watch.source]]\nfeed = '{feed}_clearing'\nurl = 'file://{out}'\n" for feed in ("mastercard", "visa")]
    programme.write_text(programme.read_text() + "\n[watch]\nlook_seconds = 1\n" + "".join(sources))
    conf = json.dumps({"home": str(root), "business_date": "2025-12-30"})
    airflow = Path(sys.executable).with_name("airflow")
    known = call(place / "airflow", [airflow, "dags", "reserialize"])
    assert known.returncode == 0, known.stdout + known.stderr
    done = call(place / "airflow", [airflow, "dags", "test", "watch_deliveries", "--conf", conf])
    assert done.returncode == 0, done.stdout + done.stderr
    came = root / "inbox" / "2025-12-30"
    assert [path.name for path in came.iterdir()] == ["MC_T112_20251230_01.ipm"]
    assert "No whole file of visa_clearing came for 2025-12-30 by the cut-off" in done.stdout + done.stderr
    with closing(sqlite3.connect(place / "airflow" / "airflow.db")) as metadata:
        started = metadata.execute(
            "SELECT conf FROM dag_run WHERE dag_id = 'settle_business_day' ORDER BY id DESC"
        ).fetchone()
        states = metadata.execute("SELECT state FROM task_instance WHERE dag_id = 'watch_deliveries'").fetchall()
    assert json.loads(started[0]) == json.loads(conf)
    assert {state for (state,) in states} == {"success"}
