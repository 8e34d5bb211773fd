"""Files of a night go out through a real Airflow, and a partner's acknowledgement is awaited and read."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from airflow_home import REPOSITORY, Airflow
from deliver.partner_place import NIGHT, A, Gpg, declaration, declare, on_sqlite, outbox_at

from settlement import books, delivery_books
from settlement.deliver import send
from settlement.store import Home

LINE = f"A,{{0}},{A}_00000{{0}}_C2_{{1}}.csv.pgp,,50,50000,ACCEPTED,"
ALL = "\n".join([f"H,1,{A},3", *(LINE.format(n + 1, name) for n, name in enumerate(("one", "three", "two"))), "T,3\n"])


@pytest.fixture
def declared(home: Home, gpg: Gpg, tmp_path: Path) -> Path:
    """Where A's acknowledgements lie."""
    declare(home, declaration(A, gpg.certificate("a@example.org"), outbox_at(tmp_path / "box", tmp_path / "ack")))
    return tmp_path / "ack"


@pytest.mark.airflow
@on_sqlite
def test_a_night_is_sent_and_acknowledged_through_airflow(airflow: Airflow, home: Home, declared: Path) -> None:
    (declared / "ACK_1.csv").write_text(ALL)
    done = airflow.test("deliver_files", home=str(home.root), business_date=str(NIGHT))
    assert done.returncode == 0, done.stdout + done.stderr
    found = delivery_books.standings(books.connect(home), A)
    assert [f"{one.delivery.number} {one.state}" for one in found] == [f"{n} acknowledged" for n in (1, 2, 3)]
    with closing(sqlite3.connect(airflow.home / "airflow.db")) as metadata:
        states = metadata.execute("SELECT task_id, state FROM task_instance WHERE dag_id = 'deliver_files'").fetchall()
    assert {task for task, _ in states} == {"partners", "send", "all_sent", "awaited", "acknowledged"}
    assert {state for _, state in states} == {"success"}


@pytest.fixture
def trigger_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.syspath_prepend(str(REPOSITORY / "dags"))
    import acknowledgement_trigger

    yield acknowledgement_trigger
    sys.modules.pop("acknowledgement_trigger", None)


@on_sqlite
@pytest.mark.parametrize("over", [True, False])
def test_the_trigger_tells_what_came_or_that_the_time_is_over(
    home: Home, declared: Path, trigger_module, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    send.send(home, A, NIGHT)
    slept: list[float] = []

    async def no_time(seconds: float) -> None:
        slept.append(seconds)
        (declared / "ACK_1.csv").write_text(ALL)

    monkeypatch.setattr(trigger_module.asyncio, "sleep", no_time)
    until = "2026-01-01T00:00:00+00:00" if over else "9999-01-01T00:00:00+00:00"
    path, words = trigger_module.AcknowledgementTrigger(home=str(home.root), partner=A, until=until).serialize()
    assert path == "acknowledgement_trigger.AcknowledgementTrigger"

    async def first() -> object:
        return (await anext(trigger_module.AcknowledgementTrigger(**words).run())).payload

    assert asyncio.run(first()) == {"came": not over, "until": until, "trouble": ""}
    assert slept == ([] if over else [300])
    shutil.rmtree(declared)
    if over:
        told = asyncio.run(first())
        assert isinstance(told, dict)
        assert "cannot be read" in told["trouble"]
