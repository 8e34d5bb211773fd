"""Send the files of settled nights to the partners, and read what they say they have.

A run is started by the asset ``settlement_night``, which ``settle_business_day`` updates with the night's last stage;
by hand it names its night and its home as that DAG does. One task a declared partner (``[[delivery]]`` in
``delivery.toml``) sends; what may be tried again is, with the same bytes. Then one task a partner waits for its
acknowledgement: it defers at once, so that no worker is held meanwhile. It may be run again at any time: what has
arrived is not sent twice.

    airflow dags trigger deliver_files --conf '{"home": "/srv/settlement", "business_date": "2026-03-31"}'
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from acknowledgement_trigger import ReadAcknowledgements
from airflow.sdk import dag, get_current_context, task
from run_of_a_night import NIGHT_SETTLED, night_params, nights_settled, one_sentence


@task
def partners() -> list[dict[str, Any]]:
    """The partners with files whose delivery is declared, each with its home and its nights in order."""
    with one_sentence():
        from settlement.deliver import send as sending  # noqa: PLC0415 - heavy imports belong into tasks
        from settlement.deliver.declared import read_declarations  # noqa: PLC0415

        found: dict[tuple[str, str], list[str]] = {}
        for home, night in nights_settled():
            declared = read_declarations(home)
            for partner in sending.partners_of(home, night):
                if partner in declared:
                    found.setdefault((str(home.root), partner), []).append(str(night))
        return [{"home": home, "partner": partner, "nights": nights} for (home, partner), nights in found.items()]


@task(map_index_template="{{ partner }}", retries=5, retry_delay=timedelta(minutes=1), retry_exponential_backoff=2.0)
def send(home: str, partner: str, nights: list[str]) -> list[str]:
    """Send what the partner has not got yet; the names of what has arrived by this run."""
    get_current_context()["partner"] = partner
    with one_sentence():
        from settlement.deliver import send as sending  # noqa: PLC0415
        from settlement.store import open_home  # noqa: PLC0415

        place = open_home(Path(home))
        return [
            one.delivery.name for night in nights for one in sending.send(place, partner, date.fromisoformat(night))
        ]


@task(trigger_rule="all_done")
def awaited(found: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Those of whom an acknowledgement is declared and still missing."""
    with one_sentence():
        from settlement.deliver import acknowledgements  # noqa: PLC0415
        from settlement.store import open_home  # noqa: PLC0415

        return [
            one
            for one in found or ()
            if acknowledgements.awaits(open_home(Path(one["home"])), one["partner"], one["nights"])
        ]


@task(trigger_rule="none_failed")
def all_sent() -> None:
    """Fail the run where a partner was not sent to: acknowledgements of the others are awaited all the same."""


@dag(
    schedule=NIGHT_SETTLED,
    start_date=datetime(2000, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_tasks=4,
    params=night_params(),
    doc_md=__doc__,
    tags=["settlement"],
)
def deliver_files() -> None:
    """Files go out, then acknowledgements are awaited."""
    found: Any = partners()
    sent = send.expand_kwargs(found)
    waiting: Any = awaited(found)
    sent >> [waiting, all_sent()]
    ReadAcknowledgements.partial(task_id="acknowledged", map_index_template="{{ partner }}", retries=3).expand_kwargs(
        waiting
    )


deliver_files()
