"""Payouts through a real Airflow: people answer its questions, and the books decide what their answers are worth."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow_home import Airflow
from payout_home import AIR, DUES, made_home, with_accounts

from settlement import books, payout_books
from settlement.payout import steps
from settlement.store import Home

pytestmark = pytest.mark.airflow


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = made_home(tmp_path / "home", [*DUES, (AIR, "NEWCOMER", 70_00)])
    with_accounts(home)
    return home


def test_two_people_approve_and_the_last_answer_releases(airflow: Airflow, home: Home) -> None:
    done = airflow.test("release_payouts", home=str(home.root), answers=("cem=Approve", "dora=Approve"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (batch,) = payout_books.batches(books.connect(home))
    assert [(step.state, step.person) for step in batch.steps[:3]] == [
        ("proposed", "dag_test"), ("approved", "cem"), ("approved", "dora"),
    ]  # fmt: skip
    assert batch.state == "sent"
    assert batch.steps[-1].moment[:10] >= f"{datetime.now(UTC):%Y-%m}-01"
    assert (steps.outbox(home) / "P000001.ach").exists()
    assert batch.digest in done.stdout
    assert "| MERIDIAN-AIR | 34500.00 USD | first payout |" in done.stdout
    assert "| data_quality | HARBOR-RETAIL | yes |" in done.stdout
    assert "| NEWCOMER | 70.00 USD | no bank account is known: `settle accounts propose`, and have" in done.stdout
    told = f"{home.root}: NEWCOMER is not paid 70.00 USD, which stays due: no bank account is known"
    assert told in done.stdout + done.stderr


def test_who_started_the_run_is_not_the_second_person(airflow: Airflow, home: Home) -> None:
    done = airflow.test("release_payouts", home=str(home.root), answers=("cem=Approve", "dag_test=Approve"))
    (batch,) = payout_books.batches(books.connect(home))
    assert (batch.state, batch.by("approved")) == ("approved", ("cem",)), done.stdout[-2000:]
    assert not steps.outbox(home).exists()


def test_a_question_that_is_marked_as_done_releases_nothing(airflow: Airflow, home: Home) -> None:
    done = airflow.test("release_payouts", "--mark-success-pattern", r"decide\.ask", home=str(home.root))
    assert done.returncode == 1
    assert "Nobody has answered for P000001" in done.stdout + done.stderr
    (batch,) = payout_books.batches(books.connect(home))
    assert batch.state == "proposed"
    assert not steps.outbox(home).exists()
