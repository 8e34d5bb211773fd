"""The close and the restatement through a real Airflow: pages, texts, and one sentence where something blocks."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from airflow_home import Airflow

from settlement import books, restate_books, store
from settlement.store import Home

pytestmark = pytest.mark.airflow

LAST, NEXT = "2025-12-31", "2026-01-01"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, settled_home: Home) -> Home:
    root = tmp_path_factory.mktemp("close") / "home"
    shutil.copytree(settled_home.root, root)
    return store.open_home(root)


def test_a_settled_night_tells_its_home_and_date_by_its_asset(airflow: Airflow, home: Home) -> None:
    done = airflow.test("settle_business_day", home=str(home.root), business_date=NEXT)
    assert done.returncode == 0, done.stdout + done.stderr
    with closing(sqlite3.connect(airflow.home / "airflow.db")) as metadata:
        told = metadata.execute("SELECT extra FROM asset_event ORDER BY id").fetchall()
    extra = json.loads(told[-1][0])
    assert (extra["home"], extra["business_date"]) == (str(home.root), NEXT)


def test_a_nights_periods_get_their_pages_and_a_blocked_one_fails_in_one_sentence(airflow: Airflow, home: Home) -> None:
    done = airflow.test("close_period", home=str(home.root), business_date=LAST)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted(path.relative_to(home.root / "close").as_posix() for path in (home.root / "close").rglob("*.html"))
    assert pages == [
        "C1-AIR-MILES/2025-12.html",
        "C2-RET-COBRAND/2025-Q4.html",
        "C3-UNI-ALUMNI/2025-Q4.html",
        f"C4-CLB-CLUB/{LAST}.html",
    ]
    (home.config / "programme.toml").open("a").write('\n[[expected]]\nfeed = "opening_positions"\ndays = ["wed"]\n')
    blocked = airflow.test("close_period", home=str(home.root), business_date=LAST)
    assert blocked.returncode == 1
    said = blocked.stdout + blocked.stderr
    assert f"C4-CLB-CLUB {LAST} cannot be signed: no good file of opening_positions for {LAST}" in said
    page = (home.root / "close" / "C4-CLB-CLUB" / f"{LAST}.html").read_text(encoding="utf-8")
    assert "Close of a period, blocked" in page


def test_a_restatement_is_tried_and_its_text_is_kept(airflow: Airflow, home: Home) -> None:
    done = airflow.test("restate_business_days", home=str(home.root), first=NEXT, last=NEXT, reason="a look")
    assert done.returncode == 0, done.stdout + done.stderr
    told = (home.root / "restate" / f"{NEXT}_{NEXT}.txt").read_text(encoding="utf-8")
    assert "there is nothing to restate" in told
    refused = airflow.test("restate_business_days", home=str(home.root), first="2025-01-01", last=NEXT, reason="a look")
    assert refused.returncode == 1
    assert "The night 2025-01-01 is not settled" in refused.stdout + refused.stderr


def test_another_person_approves_a_restatement_by_its_question(airflow: Airflow, home: Home) -> None:
    """All passes but the first are dropped; who started the run proposes, and cannot approve."""
    rules = home.config / "match.toml"
    head, *passes = rules.read_text(encoding="utf-8").split("[[pass]]")
    rules.write_text("[[pass]]".join([head, *passes[:1]]), encoding="utf-8")
    conf = {"home": str(home.root), "first": NEXT, "last": NEXT, "reason": "exact alone", "into": "2026-01-02"}
    for person, code in (("dag_test", 1), ("bea", 0)):
        done = airflow.test("restate_business_days", answers=(f"{person}=Approve",), **conf)
        assert done.returncode == code, done.stdout + done.stderr
        (order,) = restate_books.orders(books.connect(home))
        assert order.digest in done.stdout
        assert [step.person for step in order.steps] == ["dag_test", "bea"][: 2 - code]
