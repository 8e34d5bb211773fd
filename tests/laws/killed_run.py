"""Runs a night and dies by SIGKILL at a named point: ``killed_run.py HOME DATE STAGE POINT``."""

from __future__ import annotations

import os
import signal
import sys
from datetime import date
from pathlib import Path

from settlement import books, runner, store


def main() -> None:
    home, night, stage, point = sys.argv[1:]
    original_commit, original_publish, original_save = books.commit_stage, store.publish, store.save_unit

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def commit_stage(engine, run, *rest) -> None:
        if run.stage == stage and point == "before_commit":
            die()
        original_commit(engine, run, *rest)
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

    books.commit_stage, store.publish, store.save_unit = commit_stage, publish, save_unit
    runner.run_night(store.open_home(Path(home)), date.fromisoformat(night), until="pay")


if __name__ == "__main__":
    main()
