"""Release payouts: after each settled night propose what is due, ask people, and release what they have approved.

A run is started by the asset ``settlement_night``, which ``settle_business_day`` updates with the night's last stage: a
question that waits for days holds up no night. By hand a run names its home:

    airflow dags trigger release_payouts --conf '{"home": "/srv/settlement"}'

Whoever starts a run by hand is its proposer and cannot approve; a run that a night has started proposes as ``airflow``.
Each approval that a batch needs is a question of its own, whose body shows partners, amounts, changes and checks, and
who is left out and why; the log of ``propose`` warns of them too, for where all are left out nothing is asked. A
person's answer becomes that person's approval in the books, by the digest that the question showed; the last one needed
releases the batch. A question that somebody marks as done without an answer releases nothing, and the books have the
last word: who proposed cannot approve, a person counts once, a failing check stops the release.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import question
from airflow.sdk import Param, dag, get_current_context, task
from run_of_a_night import NIGHT_SETTLED, one_sentence

OPTIONS: Final = ["Approve", "Reject"]
"""The answers, as in ``settlement.payout.desk.OPTIONS``, which is too heavy to import while Airflow parses."""


def _homes() -> list[str]:
    """The homes whose nights started this run; else the one that it names."""
    context = get_current_context()
    events = context["triggering_asset_events"].get(NIGHT_SETTLED, ())
    told = {event.extra["home"] for event in events if "home" in event.extra}
    named = context["params"]["home"] or os.environ.get("SETTLEMENT_HOME")
    return sorted(told) or ([named] if named else [])


@task
def propose() -> list[dict[str, str]]:
    """Propose what is due; the questions that are open, one for each approval."""
    with one_sentence():
        from settlement.errors import TerminalError  # noqa: PLC0415
        from settlement.payout import desk  # noqa: PLC0415 - heavy imports belong into tasks
        from settlement.store import open_home  # noqa: PLC0415
        from settlement.terminal import moment_of  # noqa: PLC0415

        homes = _homes()
        if not homes:
            raise TerminalError('This run names no home: give it {"home": "/path/of/home"} as its parameter.')
        run = get_current_context()["dag_run"]
        # What is proposed has the present moment, for the run may be late; what the run asks began with the run.
        by, since, moment = run.triggering_user_name, moment_of(run.run_after.isoformat()), moment_of(None)
        places = [open_home(Path(home)) for home in homes]
        asked = [(home, desk.ask(home, by, since, moment)) for home in places]
        for home, one in asked:
            for sentence in one.left:
                logging.getLogger(__name__).warning("%s: %s", home.root, sentence)
        return [row for home, one in asked for row in question.rows(home, one.questions)]


def _answered(*given: Any) -> str:
    from settlement.payout import desk  # noqa: PLC0415

    return desk.answer(*given)


@dag(
    schedule=NIGHT_SETTLED,
    start_date=datetime(2000, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=8,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=10)},
    params={
        "home": Param(default=None, type=["null", "string"], description="Settlement home; SETTLEMENT_HOME if empty"),
    },
    doc_md=__doc__,
    tags=["settlement"],
)
def release_payouts() -> None:
    """Propose, ask, release."""
    question.deciding(OPTIONS, _answered).expand_kwargs(propose())


release_payouts()
