"""What commands share: how they are told the home and the night, and what they show while they work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from settlement.errors import TerminalError

_T = TypeVar("_T")

HomeOption = Annotated[Path, typer.Option("--home", help="The settlement home.", show_default=False)]


def night_of(text: str) -> date:
    """A night as it was typed. Raises TerminalError where it is no date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TerminalError(f"{text!r} is no business date: write it as YYYY-MM-DD.") from None


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
