"""One night's DAG run in this process, with its progress on the terminal.

Airflow tells a listener of every task that starts, succeeds or fails; the listener moves the bar and keeps the
first failure with its sentence and exit code.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from typing import Any, Final

from airflow.listeners import hookimpl
from airflow.sdk.listener import get_listener_manager
from airflow.utils.db import check_migrations, upgradedb
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from settle_business_day import MAPPED, ORDER, settle_business_day

from settlement import runner
from settlement.errors import RetryableError, SettlementError, TerminalError
from settlement.store import Home

PERSON_MUST_ACT: Final = 2
PROGRAM_FAULT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Where a night stopped, the sentence about it where there is one, and the exit code it asks for."""

    stage: str
    sentence: str | None
    code: int


def prepare_airflow() -> None:
    """Create or migrate Airflow's metadata database where that is due (seconds, once)."""
    try:
        check_migrations(timeout=1)
    except TimeoutError:
        upgradedb()


def night_through_airflow(home: Home, night: date, terminal: Console) -> Failure | None:
    """Run the DAG for one night and show it; what stopped it, or None where the night is settled."""
    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(36), TextColumn("{task.fields[at]}"), TimeElapsedColumn())
    # Airflow's words have been sent to its log; the bar must not catch them and print them.
    bar = Progress(
        *columns,
        console=terminal,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not terminal.is_terminal,
    )
    with bar:
        watch = _Watch(home, night, bar)
        manager = get_listener_manager()
        manager.add_listener(watch)
        try:
            # The logical date names the run, so that running a night again replaces its run in the metadata.
            run = settle_business_day().test(
                logical_date=datetime.combine(night, time_of_day(), UTC),
                run_conf={"home": str(home.root), "business_date": str(night)},
            )
        finally:
            manager.pm.unregister(watch)
    if watch.failure is not None:
        return watch.failure
    if run.state != "success":
        return Failure(stage=watch.stage or ORDER[0], sentence=None, code=PROGRAM_FAULT)
    runner.require_settled(home, night, ORDER[-1])
    terminal.print(f"{night} settled: {watch.files} files parsed, {time.monotonic() - started:.1f} s.")
    return None


class _Watch:
    """What Airflow's listener knows of a night: the stage at work, its units, and the first failure."""

    def __init__(self, home: Home, night: date, bar: Progress) -> None:
        self.stage = ""
        self.failure: Failure | None = None
        self.files = 0
        self._home = home
        self._night = night
        self._bar = bar
        self._line = bar.add_task(str(night), total=len(ORDER), at="starting")
        self._units = 1
        self._units_done = 0

    @hookimpl
    def on_task_instance_running(self, previous_state: object, task_instance: Any) -> None:  # noqa: ARG002
        """Show the stage that starts."""
        stage = task_instance.task_id.partition(".")[0]
        if stage != self.stage:
            self.stage, self._units, self._units_done = stage, 1, 0
            if not self._bar.console.is_terminal:
                self._bar.console.print(f"{self._night}  {stage} ...")
        self._show()

    @hookimpl
    def on_task_instance_success(self, previous_state: object, task_instance: Any) -> None:  # noqa: ARG002
        """Count a unit that is done."""
        stage, _, step = task_instance.task_id.partition(".")
        if step == "plan":
            with suppress(SettlementError):
                self._units = len(runner.plan(self._home, self._night, stage))
        elif step == MAPPED.get(stage):
            self._units_done += 1
            self.files += stage == "parse"
        self._show()

    @hookimpl
    def on_task_instance_failed(self, previous_state: object, task_instance: Any, error: object) -> None:  # noqa: ARG002
        """Keep the first final failure; show that a task will be tried again."""
        if str(getattr(task_instance.state, "value", task_instance.state)) == "up_for_retry":
            self._bar.console.print(f"{self._night}  {self.stage}: {error} Trying again.", markup=False)
            return
        if self.failure is None:
            cause = error.__context__ if isinstance(error, BaseException) else None
            self.failure = Failure(
                stage=task_instance.task_id.partition(".")[0],
                sentence=str(error) if isinstance(cause, Exception) or isinstance(error, RetryableError) else None,
                code=PERSON_MUST_ACT if isinstance(cause, TerminalError) else PROGRAM_FAULT,
            )

    def _show(self) -> None:
        at = f"{self.stage} {self._units_done}/{self._units}" if self.stage in MAPPED else self.stage
        done = ORDER.index(self.stage) + self._units_done / max(self._units, 1)
        self._bar.update(self._line, completed=done, at=at)
