"""What a command shows while it works."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_T = TypeVar("_T")


def with_progress(work: Callable[[Callable[[str, int, int], None]], _T]) -> _T:
    """Do the work with a line that shows the stage and its units; plain lines where no terminal looks on."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:10}"), BarColumn(30), TextColumn("{task.completed}/{task.total}"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
                if not console.is_terminal:
                    sys.stderr.write(f"{stage} ...\n")
            bar.update(tasks[stage], completed=done, total=total)

        return work(show)
