"""Close contract periods: after each settled night, the periods that it has closed, each with its page and checklist.

A run is started by the asset ``settlement_night``, which ``settle_business_day`` updates with the night's last stage;
by hand it names its home and night as that DAG does. Each period that the night closed gets its page; then the
checklist is run, and where something blocks, the task fails with one sentence that says what and what to do. Nothing
is signed here: two persons do that with `settle close prepare` and `settle close review`.

    airflow dags trigger close_period --conf '{"home": "/srv/settlement", "business_date": "2026-03-31"}'
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import dag, get_current_context, task
from run_of_a_night import NIGHT_SETTLED, night_params, nights_settled, one_sentence


@task
def closed() -> list[dict[str, str]]:
    """The periods that the nights have closed; names only go on."""
    with one_sentence():
        from settlement.close import desk  # noqa: PLC0415

        return [
            {"home": str(home.root), "contract": contract, "period": period}
            for home, night in nights_settled()
            for contract, period in desk.closed_periods(home, night)
        ]


def _page(home: str, contract: str, period: str) -> str:
    """Publish the period's page, whether something blocks or not; where it lies."""
    get_current_context()["period"] = f"{contract} {period}"
    with one_sentence():
        from settlement import store  # noqa: PLC0415
        from settlement.close import desk  # noqa: PLC0415

        return str(desk.publish(store.open_home(Path(home)), contract, period))


def _check(home: str, contract: str, period: str) -> None:
    """Fail in one sentence where something keeps the period from being signed."""
    get_current_context()["period"] = f"{contract} {period}"
    with one_sentence():
        from settlement import store  # noqa: PLC0415
        from settlement.close import desk  # noqa: PLC0415

        desk.require_closed(store.open_home(Path(home)), contract, period)


@dag(
    schedule=NIGHT_SETTLED,
    start_date=datetime(2000, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
    max_active_tasks=4,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=10)},
    params=night_params(),
    doc_md=__doc__,
    tags=["settlement"],
)
def close_period() -> None:
    """Which periods, then for each its page and its checklist."""
    found: Any = closed()
    page = task(task_id="page", map_index_template="{{ period }}")(_page).expand_kwargs(found)
    page >> task(task_id="check", map_index_template="{{ period }}")(_check).expand_kwargs(found)


close_period()
