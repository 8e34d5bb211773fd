"""Restate settled nights: perform a range again under the present rules, show what changes, and order its posting.

The parameters name the home, the first and the last night, and the reason. With ``into`` and ``by`` the night to come
``into`` posts the differences when `settle_business_day` settles it; without them nothing is ordered. What differs is
written to ``HOME/restate/<first>_<last>.txt``. Why only differences are posted, and by a night to come, stands in
docs/CLOSE.md.

    airflow dags trigger restate_business_days --conf '{"home": "/srv/settlement", "first": "2026-03-01",
        "last": "2026-03-31", "reason": "window of three days"}'
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task
from run_of_a_night import one_sentence


def _asked() -> dict[str, Any]:
    """The parameters of the run."""
    params: dict[str, Any] = get_current_context()["params"]
    return params


@task
def nights() -> list[str]:
    """The nights that are performed again; a range that is not settled fails here."""
    with one_sentence():
        from settlement import store  # noqa: PLC0415 - heavy imports belong into tasks
        from settlement.restate.trial import nights_from  # noqa: PLC0415

        asked = _asked()
        first, last = (date.fromisoformat(asked[name]) for name in ("first", "last"))
        return [str(night) for night in nights_from(store.open_home(Path(asked["home"])), first, last)]


@task
def restated() -> str:
    """Perform them, write what differs, order its posting where that is asked; where the text lies."""
    with one_sentence():
        from settlement import store  # noqa: PLC0415
        from settlement.restate import order  # noqa: PLC0415

        asked = _asked()
        home = store.open_home(Path(asked["home"]))
        wanted = order.Asked(
            first_night=date.fromisoformat(asked["first"]),
            last_night=date.fromisoformat(asked["last"]),
            reason=asked["reason"],
            into=date.fromisoformat(asked["into"]) if asked["into"] else None,
            person=asked["by"],
        )
        told = order.restate(home, wanted)
        target = home.root / "restate" / f"{asked['first']}_{asked['last']}.txt"
        target.parent.mkdir(exist_ok=True)
        target.write_text(f"{told}\n", encoding="utf-8")
        return str(target)


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
            default=None, type=["null", "string"], format="date", description="The night to come that posts it"
        ),
        "by": Param(default=None, type=["null", "string"], description="Who orders it"),
    },
    doc_md=__doc__,
    tags=["settlement"],
)
def restate_business_days() -> None:
    """Which nights, then what differs."""
    nights() >> restated()


restate_business_days()
