"""What a process does that runs ``settle match`` and takes a signal at a named point.

``point`` is ``progress-3``, the third word of progress, or ``rename-1``, the moment before outputs are moved the first
time. ``parts`` above 0 deals the rows out to so many buckets, whatever the memory.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from settlement import cli, match_commands
from settlement.reconcile import run
from settlement.reconcile.phases import phases
from settlement.reconcile.plan import Plan


def main(name: str, point: str, parts: str, *words: str) -> int:
    sys.argv = ["settle", "match", *words]
    kind, _, number = point.partition("-")
    seen = dict.fromkeys(("progress", "rename"), 0)

    def at(here: str) -> None:
        seen[here] += 1
        if (here, seen[here]) == (kind, int(number)):
            os.kill(os.getpid(), getattr(signal, name))

    rename, match_files = Path.rename, run.match_files

    def told_rename(path: Path, target: Any) -> Path:
        at("rename")
        return rename(path, target)

    def told_match(*files: Path, **options: Any) -> dict[str, Any]:
        *named, progress = files

        def told(stage: str, done: int, total: int) -> None:
            at("progress")
            progress(stage, done, total)

        return match_files(*named, told, **options)

    Path.rename, match_commands.match_files = told_rename, told_match  # type: ignore[method-assign]
    if int(parts):
        run.planned = partial(_planned, int(parts))
    cli.main()
    return 0


def _planned(parts: int, rules: Any, *_: Any) -> Plan:
    return Plan(phases=phases(rules), buckets=parts, batch=7, room=2**30)
