"""What a terminal shows of the work, and what a log shows of it."""

from __future__ import annotations

import io
import weakref

import pytest
from rich.console import Console

from settlement.model.stage import Progress
from settlement.terminal import with_progress


def _shown(*, terminal: bool) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=100, color_system=None)

    def work(progress: Progress) -> None:
        progress("parse", 0, 1000)
        progress("parse", 250, 1000, 5000)

    with_progress(work, console)
    return written.getvalue()


def test_a_terminal_shows_rows_a_second_and_time_left() -> None:
    shown = _shown(terminal=True)
    assert "25%" in shown
    assert "rows/s" in shown
    assert "left" in shown


def test_a_log_shows_a_line_a_stage() -> None:
    assert _shown(terminal=False) == "parse ...\n"


class _Thing:
    """Something that can be collected."""


def _interrupted(_: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_while_objects_are_collected_stops_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    told = []

    def work(progress: Progress) -> None:
        thing = _Thing()
        watched = weakref.ref(thing, _interrupted)
        del thing
        told.append(watched())
        progress("parse", 0, 1000)
        told.append("went on")

    with pytest.raises(KeyboardInterrupt):
        with_progress(work, Console(file=io.StringIO()))
    assert told == [None]
    assert capsys.readouterr().err == ""
