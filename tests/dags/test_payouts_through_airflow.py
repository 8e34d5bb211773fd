"""Payouts through a real Airflow: people answer its questions, and the books decide what their answers are worth."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from airflow_home import call, environment
from payout_home import DUES, made_home, with_accounts

from settlement import books, payout_books
from settlement.payout import steps
from settlement.store import Home

pytestmark = pytest.mark.airflow

AIRFLOW = Path(sys.executable).with_name("airflow")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("payouts")
    (folder / "airflow").mkdir()
    migrated = call(folder / "airflow", [AIRFLOW, "db", "migrate"])
    assert migrated.returncode == 0, migrated.stderr
    known = call(folder / "airflow", [AIRFLOW, "dags", "reserialize"])
    assert known.returncode == 0, known.stderr
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = made_home(tmp_path / "home", DUES)
    with_accounts(home)
    return home


def asked(place: Path, home: Home, *answers: str, more: tuple[str, ...] = ()) -> tuple[CompletedProcess[str], str]:
    """Run the DAG while these answers are given; what it said, and the questions."""
    script = Path(__file__).with_name("answered.py")
    answering = subprocess.Popen(
        [sys.executable, script, *answers], env=environment(place / "airflow"), stdout=subprocess.PIPE, text=True
    )
    conf = json.dumps({"home": str(home.root)})
    done = call(place / "airflow", [AIRFLOW, "dags", "test", "release_payouts", "--conf", conf, *more])
    return done, answering.communicate()[0]


def test_two_people_approve_and_the_last_answer_releases(place: Path, home: Home) -> None:
    done, questions = asked(place, home, "cem=Approve", "dora=Approve")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (batch,) = payout_books.batches(books.connect(home))
    assert [(step.state, step.person) for step in batch.steps[:3]] == [
        ("proposed", "dag_test"), ("approved", "cem"), ("approved", "dora"),
    ]  # fmt: skip
    assert batch.state == "sent"
    assert batch.steps[-1].moment[:10] >= f"{datetime.now(UTC):%Y-%m}-01"
    assert (steps.outbox(home) / "P000001.ach").exists()
    assert batch.digest in questions
    assert "| MERIDIAN-AIR | 34500.00 USD | first payout |" in questions
    assert "| data_quality | HARBOR-RETAIL | yes |" in questions


def test_who_started_the_run_is_not_the_second_person(place: Path, home: Home) -> None:
    done, _ = asked(place, home, "cem=Approve", "dag_test=Approve")
    (batch,) = payout_books.batches(books.connect(home))
    assert (batch.state, batch.by("approved")) == ("approved", ("cem",)), done.stdout[-2000:]
    assert not steps.outbox(home).exists()


def test_a_question_that_is_marked_as_done_releases_nothing(place: Path, home: Home) -> None:
    done, _ = asked(place, home, more=("--mark-success-pattern", r"decide\.ask"))
    assert done.returncode == 1
    assert "Nobody has answered for P000001" in done.stdout + done.stderr
    (batch,) = payout_books.batches(books.connect(home))
    assert batch.state == "proposed"
    assert not steps.outbox(home).exists()
