"""Send a settled night's files to the partners, and read what they say they have.

One task a declared partner (``[[delivery]]`` in ``delivery.toml``) sends; what may be tried again is, with the same
bytes. Then one task a partner waits for its acknowledgement: it defers at once, so that no worker is held meanwhile. A
run names its night and its home as ``settle_business_day`` does. It may be run again at any time: what has arrived is
not sent twice.

    airflow dags trigger deliver_files --conf '{"home": "/srv/settlement", "business_date": "2026-03-31"}'
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from acknowledgement_trigger import ReadAcknowledgements
from airflow.sdk import dag, get_current_context, task
from run_of_a_night import home_and_night, night_params, one_sentence


@task
def partners() -> list[str]:
    """The partners with files of the night whose delivery is declared."""
    with one_sentence():
        from settlement.deliver import send as sending  # noqa: PLC0415 - heavy imports belong into tasks
        from settlement.deliver.declared import read_declarations  # noqa: PLC0415

        home, night = home_and_night()
        declared = read_declarations(home)
        return [partner for partner in sending.partners_of(home, night) if partner in declared]


@task(map_index_template="{{ partner }}", retries=5, retry_delay=timedelta(minutes=1), retry_exponential_backoff=2.0)
def send(partner: str) -> list[str]:
    """Send what the partner has not got yet; the names of what has arrived by this run."""
    get_current_context()["partner"] = partner
    with one_sentence():
        from settlement.deliver import send as sending  # noqa: PLC0415

        home, night = home_and_night()
        return [one.delivery.name for one in sending.send(home, partner, night)]


@task(trigger_rule="all_done")
def awaited(names: list[str] | None) -> list[str]:
    """The partners of whom an acknowledgement is declared and still missing."""
    with one_sentence():
        from settlement.deliver import acknowledgements  # noqa: PLC0415
        from settlement.deliver.declared import read_declarations  # noqa: PLC0415

        home, night = home_and_night()
        declared = read_declarations(home)
        return [
            name
            for name in names or ()
            if declared[name].acknowledgement is not None and acknowledgements.awaited(home, name, night)
        ]


@task(trigger_rule="none_failed")
def all_sent() -> None:
    """Fail the run where a partner was not sent to: acknowledgements of the others are awaited all the same."""


@dag(
    schedule=None,
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
    names: Any = partners()
    sent = send.expand(partner=names)
    waiting = awaited(names)
    sent >> [waiting, all_sent()]
    ReadAcknowledgements.partial(task_id="acknowledged", map_index_template="{{ partner }}", retries=3).expand(
        partner=waiting
    )


deliver_files()
