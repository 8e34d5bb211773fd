"""Restate settled nights: perform a range again under the present rules, show what changes, and have it approved.

The parameters name the home, the first and the last night, and the reason. What differs is written to
``HOME/restate/<first>_<last>.txt``. With ``into``, the next night to come, it is proposed that this night posts the
differences, by the person who started the run (``by`` where Airflow knows nobody), and a question asks another person
to approve it. The answer becomes that person's approval in the books, by the digest that the question showed; then
`settle_business_day` of that night makes it. A question that somebody marks as done without an answer approves
nothing, and the books have the last word: who proposed cannot approve. Any task may be cleared, retried or killed:
each step is a row that the books take once. Why only differences are posted stands in docs/CLOSE.md.

    airflow dags trigger restate_business_days --conf '{"home": "/srv/settlement", "first": "2026-03-01",
        "last": "2026-03-31", "reason": "window of three days", "into": "2026-04-01"}'
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import question
from airflow.sdk import Param, dag, get_current_context, task
from run_of_a_night import one_sentence

if TYPE_CHECKING:
    from settlement.restate.order import Asked
    from settlement.store import Home

OPTIONS: Final = ["Approve", "Withdraw"]
"""The answers, as in ``settlement.restate.desk.OPTIONS``, which is too heavy to import while Airflow parses."""


def _asked() -> tuple[Home, Asked]:
    """The home and the nights that the run names."""
    from settlement import store  # noqa: PLC0415 - heavy imports belong into tasks
    from settlement.restate.order import Asked  # noqa: PLC0415

    params = get_current_context()["params"]
    first, last = (date.fromisoformat(params[name]) for name in ("first", "last"))
    return store.open_home(Path(params["home"])), Asked(first_night=first, last_night=last, reason=params["reason"])


@task
def nights() -> list[str]:
    """The nights that are performed again; a range that is not settled fails here."""
    with one_sentence():
        from settlement.restate.trial import nights_from  # noqa: PLC0415

        home, asked = _asked()
        return [str(night) for night in nights_from(home, asked.first_night, asked.last_night)]


@task
def proposed() -> list[dict[str, str]]:
    """Perform them, write what differs, propose it where that is asked; the question that is open, if one is."""
    with one_sentence():
        from settlement.restate import desk  # noqa: PLC0415
        from settlement.terminal import moment_of  # noqa: PLC0415

        home, asked = _asked()
        context = get_current_context()
        run, params = context["dag_run"], context["params"]
        into = date.fromisoformat(params["into"]) if params["into"] else None
        person = run.triggering_user_name or params["by"]
        # The present moment: an order that this withdraws may have been approved since the run was asked for.
        return question.rows(home, desk.try_and_propose(home, asked, into, person, moment_of(None)))


def _answered(*given: Any) -> str:
    from settlement.restate import desk  # noqa: PLC0415

    return desk.answer(*given)


@dag(
    schedule=None,
    start_date=datetime(2000, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=10)},
    params={
        "home": Param(type="string", minLength=1, description="Settlement home"),
        "first": Param(type="string", format="date", description="The first night, YYYY-MM-DD"),
        "last": Param(type="string", format="date", description="The last night, YYYY-MM-DD"),
        "reason": Param(type="string", minLength=1, description="What was changed, and why"),
        "into": Param(
            default=None, type=["null", "string"], format="date", description="The next night to come, which posts it"
        ),
        "by": Param(
            default=None, type=["null", "string"], description="Who proposes it, where nobody is known to have started"
        ),
    },
    doc_md=__doc__,
    tags=["settlement"],
)
def restate_business_days() -> None:
    """Which nights, then what differs, then who approves it."""
    found: Any = proposed()
    nights() >> found
    question.deciding(OPTIONS, _answered).expand_kwargs(found)


restate_business_days()
