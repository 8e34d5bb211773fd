"""What commands share: how they are told the home and the night, and what they show while they work."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from settlement.errors import TerminalError
from settlement.model.stage import Progress
from settlement.model.steps import moment_text

_T = TypeVar("_T")
_WIDTH = 120
"""Columns of tables where no terminal tells its own."""

HomeOption = Annotated[Path, typer.Option("--home", help="The settlement home.", show_default=False)]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does this.", show_default=False)]
MomentOption = Annotated[
    str | None, typer.Option("--at", metavar="MOMENT", help="When, with its offset from UTC; now.", show_default=False)
]


def moment_of(text: str | None) -> str:
    """A moment as the books write it: the one that was typed, else now. TerminalError where it is none, or to come."""
    now = moment_text(datetime.now(UTC))
    try:
        moment = now if text is None else moment_text(datetime.fromisoformat(text))
    except ValueError:
        raise TerminalError(f"{text!r} is no moment: write it as 2026-03-31T17:00:00+00:00.") from None
    if moment > now:
        raise TerminalError(f"{text} is still to come: nothing is done before its time.")
    return moment


def night_of(text: str) -> date:
    """A night as it was typed. Raises TerminalError where it is no date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TerminalError(f"{text!r} is no business date: write it as YYYY-MM-DD.") from None


def content_of(path: Path) -> bytes:
    """What stands in a file that was named. Raises TerminalError for a folder, OSError where it cannot be read."""
    if path.is_dir():
        raise TerminalError(f"{path} is a folder: name a file.")
    return path.read_bytes()


def text_of(path: Path) -> str:
    """The text of a file that was named, in UTF-8 with or without a byte order mark. Raises as ``content_of`` does."""
    try:
        return content_of(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TerminalError(f"{path} is no UTF-8 text at byte {error.start + 1}: save it as UTF-8.") from None


def table_console() -> Console:
    """The terminal, or a page wide enough for tables where the output goes elsewhere."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def with_progress(work: Callable[[Progress], _T], console: Console | None = None) -> _T:
    """Do the work with a line for each stage: how far it is, rows a second, time gone and left.

    Where no terminal looks on there is a plain line for each stage that begins, and no more. An interrupt that was
    swallowed stops the work when it next tells how far it is.
    """
    console = console or Console(stderr=True)
    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(30),
        TaskProgressColumn(),
        _RowsColumn(),
        TimeElapsedColumn(),
        _LeftColumn(),
    )
    bars = Bars(*columns, console=console, transient=True, disable=not console.is_terminal)
    with _interrupt_kept() as interrupted, bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int, rows: int = 0) -> None:
            if interrupted.is_set():
                raise KeyboardInterrupt
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, rows=0)
                if not console.is_terminal:
                    console.file.write(f"{stage} ...\n")
            bars.update(tasks[stage], completed=done, total=total, rows=rows)

        return work(show)


@contextmanager
def _interrupt_kept() -> Iterator[Event]:
    """Set when an interrupt came where Python lets no exception out, such as while a library's objects are collected.

    Python would print its traceback and go on.
    """
    interrupted, before = Event(), sys.unraisablehook

    def keep(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            interrupted.set()
        else:
            before(lost)

    sys.unraisablehook = keep
    try:
        yield interrupted
    finally:
        sys.unraisablehook = before


class _RowsColumn(ProgressColumn):
    """Rows a second since the stage began; nothing before any are told."""

    def render(self, task: Task) -> Text:
        rows, seconds = task.fields["rows"], task.finished_time or task.elapsed
        return Text(f"{rows / seconds:>11,.0f} rows/s" if rows and seconds else "", style="progress.data.speed")


class _LeftColumn(ProgressColumn):
    """The time that what is left will take at the pace so far; nothing before a pace is known or when all is done."""

    def render(self, task: Task) -> Text:
        left, gone = task.remaining, task.elapsed
        if not (left and gone and task.completed):
            return Text("")
        seconds = math.ceil(gone * left / task.completed)
        return Text(f"{timedelta(seconds=seconds)} left", style="progress.remaining")
