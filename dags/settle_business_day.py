"""One night through Airflow: which stage, which business date, which order. The work is in ``settlement.runner``.

A run names its night by the parameter ``business_date``, by its partition key (the schedule and backfills give
one), or by a logical date that is a bare day, as in ``airflow dags test settle_business_day 2026-03-31``; never by
the moment at which it happens to start. It names its home by the parameter ``home`` or by ``SETTLEMENT_HOME``.

    airflow dags trigger settle_business_day --conf '{"home": "/srv/settlement", "business_date": "2026-03-31"}'
    airflow backfill create --dag-id settle_business_day --from-date 2026-03-01 --to-date 2026-03-31 \
        --max-active-runs 1 --dag-run-conf '{"home": "/srv/settlement"}'

Tasks pass names of units to each other and never data. Only a RetryableError is tried again; whatever else goes
wrong fails the task at once with one sentence. A stage that is committed is not done twice, so a task may be
cleared, retried or killed at any time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow.sdk import chain, dag, get_current_context, task, task_group
from run_of_a_night import NIGHT_SETTLED, every_night, home_and_night, night_params, one_sentence

ORDER: Final = ("land", "parse", "check", "match", "rate", "post", "pay", "quality", "report")
"""The stages in order, as in ``settlement.stages.STAGES``, which is too heavy to import while Airflow parses."""

MAPPED: Final = {"parse": "file", "pay": "contract"}
"""The stages that run unit by unit, and what a unit is."""


def _run_stage(stage: str) -> None:
    """Plan, run and commit a stage in one task."""
    with one_sentence():
        from settlement import runner  # noqa: PLC0415

        home, night = home_and_night()
        runner.run_stage(home, night, stage)
    if stage == ORDER[-1]:
        told = {"home": str(home.root), "business_date": str(night)}
        get_current_context()["outlet_events"][NIGHT_SETTLED].extra.update(told)


def _plan(stage: str) -> list[str]:
    """The names of a stage's units."""
    with one_sentence():
        from settlement import runner  # noqa: PLC0415

        return list(runner.plan(*home_and_night(), stage))


def _run_unit(stage: str, unit: str) -> None:
    """Run one unit and keep its output until the stage commits."""
    get_current_context()["unit"] = unit.rpartition("/")[2][:200]
    with one_sentence():
        from settlement import runner  # noqa: PLC0415

        runner.run_unit(*home_and_night(), stage, unit)


def _commit(stage: str, units: list[str]) -> None:
    """Publish all units of a stage at once."""
    with one_sentence():
        from settlement import runner  # noqa: PLC0415

        runner.commit(*home_and_night(), stage, tuple(units))


def _stage(name: str) -> Any:
    """One task for a whole stage, or a group that maps over its units."""
    if name not in MAPPED:
        return task(task_id=name, outlets=[NIGHT_SETTLED] if name == ORDER[-1] else [])(_run_stage)(name)

    @task_group(group_id=name)
    def stage() -> None:
        units = task(task_id="plan")(_plan)(name)
        done = (
            task(task_id=MAPPED[name], map_index_template="{{ unit }}")(_run_unit)
            .partial(stage=name)
            .expand(unit=units)
        )
        # A night without units skips the mapped task; its stage is committed all the same.
        done >> task(task_id="commit", trigger_rule="none_failed")(_commit)(name, units)

    return stage()


@dag(
    schedule=every_night(),
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
def settle_business_day() -> None:
    """Settle one business date: every stage in its order."""
    chain(*(_stage(name) for name in ORDER))


settle_business_day()
