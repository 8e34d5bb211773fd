"""Run by the tests in a process of its own: what Airflow sees of the DAG folder and its configuration, as JSON."""

from __future__ import annotations

import importlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from settlement.errors import RetryableError, TerminalError

HEAVY = (
    "asyncssh",
    "settlement.deliver",
    "polars",
    "pyarrow",
    "great_expectations",
    "altair",
    "settlement.runner",
    "settlement.stages",
)
CASES: tuple[tuple[str | None, str | None, datetime | None], ...] = (
    ("2026-03-31", "2026-03-30", datetime(2026, 3, 29, tzinfo=UTC)),
    (None, "2026-03-30", datetime(2026, 3, 29, tzinfo=UTC)),
    (None, None, datetime(2026, 3, 29, tzinfo=UTC)),
    (None, None, datetime(2026, 3, 29, 0, 0, 1, tzinfo=UTC)),
    (None, None, None),
    ("31.03.2026", None, None),
    ("", "2026-03-30", None),
)
FAILURES = (
    RetryableError("The disk is full."),
    TerminalError("Contract C1 has a gap in its tiers."),
    OSError(28, "No space left on device", "/srv/home"),
    ValueError("4111111111111111"),
)


def main(dags: Path) -> None:
    """Print what the tests look at."""
    sys.path.insert(0, str(dags))
    settle = importlib.import_module("settle_business_day")
    runs = importlib.import_module("run_of_a_night")
    importlib.import_module("watch_deliveries")
    importlib.import_module("close_period")
    restate = importlib.import_module("restate_business_days")
    payouts = importlib.import_module("release_payouts")
    importlib.import_module("deliver_files")
    heavy = [name for name in HEAVY if name in sys.modules]
    from airflow.configuration import conf
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=conf.get("core", "dags_folder"), load_op_links=False)
    dag = bag.dags["settle_business_day"]
    print(
        json.dumps(
            {
                "heavy": heavy,
                "errors": bag.import_errors,
                "dags": sorted(bag.dags),
                "order": settle.ORDER,
                "mapped": settle.MAPPED,
                "downstream": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
                "is_mapped": [task.task_id for task in dag.tasks if task.is_mapped],
                "watch": {
                    task.task_id: [task.is_mapped, *sorted(task.downstream_task_ids)]
                    for task in bag.dags["watch_deliveries"].tasks
                },
                "close": {
                    task.task_id: [task.is_mapped, *sorted(task.downstream_task_ids)]
                    for task in bag.dags["close_period"].tasks
                },
                "close_waits_for": bag.dags["close_period"].schedule.name,
                "restate": {
                    task.task_id: [task.is_mapped, *sorted(task.downstream_task_ids)]
                    for task in bag.dags["restate_business_days"].tasks
                },
                "restate_answers": restate.OPTIONS,
                "restate_waits_for": bag.dags["restate_business_days"].schedule,
                "restate_may_lack": sorted(
                    name
                    for name in bag.dags["restate_business_days"].params
                    if bag.dags["restate_business_days"].params.get_param(name).value is None
                ),
                "restate_moment": _moment_of_a_proposal(restate),
                "tells": {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets},
                "payouts": {
                    task.task_id: [task.is_mapped, *sorted(task.downstream_task_ids)]
                    for task in bag.dags["release_payouts"].tasks
                },
                "payouts_wait_for": bag.dags["release_payouts"].schedule.name,
                "answers": payouts.OPTIONS,
                "deliver": {
                    task.task_id: [task.is_mapped, *sorted(task.downstream_task_ids)]
                    for task in bag.dags["deliver_files"].tasks
                },
                "deliver_waits_for": bag.dags["deliver_files"].schedule.name,
                "max_active_runs": dag.max_active_runs,
                "nights": [_told(runs.business_date_of, *case) for case in CASES],
                "failures": [_told(_raised, runs.one_sentence, failure) for failure in FAILURES],
                "jwt_secret": conf.get("api_auth", "jwt_secret"),
                "executor": conf.get("core", "executor"),
                "examples": conf.getboolean("core", "load_examples"),
            }
        )
    )


def _moment_of_a_proposal(restate) -> str:
    """When a run that was asked for long ago says that its order is proposed."""
    from settlement.restate import desk

    said = []
    params = {"first": "2026-03-30", "last": "2026-03-30", "into": "2026-03-31", "by": "ann", "reason": "x"}
    run = SimpleNamespace(triggering_user_name=None, run_after=datetime(2001, 1, 1, tzinfo=UTC))
    with (
        mock.patch.object(restate, "get_current_context", return_value={"dag_run": run, "params": params}),
        mock.patch.object(restate, "_asked", return_value=(None, None)),
        mock.patch.object(desk, "try_and_propose", lambda *given: said.append(given[-1]) or []),
    ):
        restate.proposed.function()
    return said[0]


def _raised(guard, failure: Exception) -> None:
    with guard():
        raise failure


def _told(function, *arguments) -> str:
    try:
        return str(function(*arguments))
    except Exception as error:  # noqa: BLE001 - the test reads its name
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
