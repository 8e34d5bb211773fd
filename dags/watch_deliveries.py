"""Wait for a night's feeds where others put them, fetch them, and start the night.

One task a declared source (``[[watch.source]]`` in ``programme.toml``). Each defers at once: no worker is held while
files are awaited. When all have come, or the cut-off has passed for those that the night can do without, the night is
settled.
A run names its night and its home as ``settle_business_day`` does.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, task
from feed_trigger import FetchFeed
from run_of_a_night import every_night, home_and_night, night_params, one_sentence


@task(multiple_outputs=True)
def night() -> dict[str, str]:
    """The home and the night of this run."""
    with one_sentence():
        home, business_date = home_and_night()
        return {"home": str(home.root), "night": business_date.isoformat()}


@task
def feeds(home: str, night: str) -> list[str]:
    """The feeds that have a source and may come on that night."""
    with one_sentence():
        from settlement import store, watch  # noqa: PLC0415 - heavy imports belong into tasks

        documents = store.read_documents(store.open_home(Path(home)))
        return list(watch.feeds_on(documents, date.fromisoformat(night)))


@dag(
    schedule=every_night(),
    start_date=datetime(2000, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=7,
    params=night_params(),
    doc_md=__doc__,
    tags=["settlement"],
)
def watch_deliveries() -> None:
    """Feeds first, then the night."""
    found: Any = night()
    fetched = FetchFeed.partial(
        task_id="feed", home=found["home"], night=found["night"], map_index_template="{{ feed }}", retries=3
    ).expand(feed=feeds(found["home"], found["night"]))
    settle = TriggerDagRunOperator(
        task_id="settle",
        trigger_dag_id="settle_business_day",
        conf={"home": found["home"], "business_date": found["night"]},
        trigger_rule="none_failed",
    )
    fetched >> settle


watch_deliveries()
