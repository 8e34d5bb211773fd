"""The DAG as Airflow parses it: light, complete, in the order of the stages, and sure of its business date."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow_home import REPOSITORY, call

from settlement.payout.desk import OPTIONS
from settlement.restate import desk as restate
from settlement.stages import STAGES, Stage

WHOLE = Stage(name="any", run=lambda _: pytest.fail("never run")).plan


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parsed") / "airflow"


@pytest.fixture(scope="module")
def parsed(airflow_home: Path) -> dict[str, Any]:
    script = Path(__file__).with_name("parsed_dag.py")
    done = call(airflow_home, [sys.executable, script, REPOSITORY / "dags"])
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_folder_holds_six_dags_and_they_parse(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert parsed["dags"] == [
        "close_period",
        "deliver_files",
        "release_payouts",
        "restate_business_days",
        "settle_business_day",
        "watch_deliveries",
    ]


def test_feeds_are_awaited_one_by_one_and_then_the_night_is_settled(parsed: dict[str, Any]) -> None:
    assert parsed["watch"] == {
        "night": [False, "feed", "feeds", "settle"],
        "feeds": [False, "feed"],
        "feed": [True, "settle"],
        "settle": [False],
    }


def test_a_settled_night_starts_the_close_of_the_periods_that_it_closed(parsed: dict[str, Any]) -> None:
    assert parsed["tells"] == {"report": ["settlement_night"]}
    assert parsed["close_waits_for"] == "settlement_night"
    assert parsed["close"] == {"closed": [False, "check", "page"], "page": [True, "check"], "check": [True]}


def test_a_restatement_is_never_scheduled_and_asks_for_its_approval(parsed: dict[str, Any]) -> None:
    assert parsed["restate_waits_for"] is None
    assert parsed["restate"] == {
        "nights": [False, "proposed"],
        "proposed": [False, "decide.ask", "decide.record"],
        "decide.ask": [False, "decide.record"],
        "decide.record": [False],
    }
    assert parsed["restate_may_lack"] == ["by", "into"]
    assert tuple(parsed["restate_answers"]) == restate.OPTIONS
    # What stands may have been approved since the run was asked for, and a step is not taken before the one it follows.
    assert parsed["restate_moment"] > "2026"


def test_a_settled_night_asks_for_the_release_of_payouts_and_waits_for_no_answer(parsed: dict[str, Any]) -> None:
    assert parsed["payouts_wait_for"] == "settlement_night"
    assert parsed["payouts"] == {
        "propose": [False, "decide.ask", "decide.record"],
        "decide.ask": [False, "decide.record"],
        "decide.record": [False],
    }
    assert tuple(parsed["answers"]) == OPTIONS


def test_files_are_sent_partner_by_partner_and_then_acknowledgements_are_awaited(parsed: dict[str, Any]) -> None:
    assert parsed["deliver_waits_for"] == "settlement_night"
    assert parsed["deliver"] == {
        "partners": [False, "awaited", "send"],
        "send": [True, "all_sent", "awaited"],
        "all_sent": [False],
        "awaited": [False, "acknowledged"],
        "acknowledged": [True],
    }


def test_parsing_imports_nothing_heavy(parsed: dict[str, Any]) -> None:
    assert parsed["heavy"] == []


def test_stages_are_those_of_the_system_in_their_order(parsed: dict[str, Any]) -> None:
    assert parsed["order"] == [stage.name for stage in STAGES]
    assert list(parsed["mapped"]) == [stage.name for stage in STAGES if stage.plan is not WHOLE]


def test_each_stage_waits_for_the_commit_of_the_one_before(parsed: dict[str, Any]) -> None:
    mapped = parsed["mapped"]
    first = {name: f"{name}.plan" if name in mapped else name for name in parsed["order"]}
    last = {name: f"{name}.commit" if name in mapped else name for name in parsed["order"]}
    for name, following in zip(parsed["order"], parsed["order"][1:], strict=False):
        assert parsed["downstream"][last[name]] == [first[following]]
    for name, unit in mapped.items():
        assert parsed["downstream"][f"{name}.plan"] == sorted([f"{name}.commit", f"{name}.{unit}"])
        assert parsed["downstream"][f"{name}.{unit}"] == [f"{name}.commit"]
    assert parsed["is_mapped"] == [f"{name}.{unit}" for name, unit in mapped.items()]


def test_one_night_at_a_time(parsed: dict[str, Any]) -> None:
    assert parsed["max_active_runs"] == 1


def test_the_night_is_named_and_never_the_moment_of_the_run(parsed: dict[str, Any]) -> None:
    nameless = 'TerminalError: This run names no night: give it {"business_date": "YYYY-MM-DD"} as its parameter.'
    assert parsed["nights"] == [
        "2026-03-31",
        "2026-03-30",
        "2026-03-29",
        nameless,
        nameless,
        "TerminalError: '31.03.2026' is no business date: write it as YYYY-MM-DD.",
        "2026-03-30",
    ]


def test_what_may_be_tried_again_is_and_all_else_fails_with_one_sentence_that_quotes_no_data(
    parsed: dict[str, Any],
) -> None:
    again, person, machine, program = parsed["failures"]
    assert again == "RetryableError: The disk is full."
    assert person == "AirflowFailException: Contract C1 has a gap in its tiers."
    assert machine == "AirflowFailException: The machine refused: No space left on device (/srv/home). Mend that."
    assert program.startswith("AirflowFailException: A fault of the program: ValueError at parsed_dag.py:")
    assert "4111" not in program


def test_secrets_are_made_in_the_airflow_home_for_its_owner_alone(airflow_home: Path, parsed: dict[str, Any]) -> None:
    kept = airflow_home / "jwt_secret"
    assert len(parsed["jwt_secret"]) == 64
    assert kept.read_text() == parsed["jwt_secret"]
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not [path.name for path in airflow_home.iterdir() if path.name.startswith("jwt_secret.")]


def test_the_configuration_is_the_projects(parsed: dict[str, Any]) -> None:
    assert parsed["executor"] == "LocalExecutor"
    assert parsed["examples"] is False
