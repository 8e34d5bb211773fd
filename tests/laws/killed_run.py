"""What a process does that runs a night and is killed at a named point of a stage."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from settlement import books, runner, store
from settlement.model.stage import Bounds

IN_PARTS = Bounds(part_bytes=4096, part_rows=50)


def main(home: str, night: str, stage: str, point: str) -> int:
    original_commit, original_publish, original_save = books.commit_stage, store.publish, store.save_unit

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def commit_stage(engine, run, *rest, **more) -> None:
        if run.stage == stage and point == "before_commit":
            die()
        original_commit(engine, run, *rest, **more)
        if run.stage == stage and point == "after_commit":
            die()

    def publish(home, business_date, name, **rest):
        if name == stage and point == "before_publish":
            die()
        return original_publish(home, business_date, name, **rest)

    def save_unit(home, business_date, name, unit, output) -> None:
        original_save(home, business_date, name, unit, output)
        if name == stage and point == "after_unit":
            die()

    if point == "after_part":
        store.keeping_parts = _dying_after_a_part(stage, die)
    books.commit_stage, store.publish, store.save_unit = commit_stage, publish, save_unit
    runner.run_night(store.open_home(Path(home)), date.fromisoformat(night), until="pay", bounds=IN_PARTS)
    return 0


def _dying_after_a_part(stage, die):
    """``store.keeping_parts`` that dies once a part of a file is stored."""
    original = store.keeping_parts

    @contextmanager
    def keeping_parts(home, business_date, name, unit):
        with original(home, business_date, name, unit) as keep:

            def keep_and_die(rows) -> None:
                keep(rows)
                if name == stage:
                    die()

            yield keep_and_die

    return keeping_parts
