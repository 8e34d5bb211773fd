"""What a process does that proposes, or that releases a batch and is killed at a named step, or not at all."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from settlement import books, payout_books, store
from settlement.errors import SettlementError
from settlement.model.payout import BatchState
from settlement.payout import steps


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dying(function: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    def call(*arguments: Any) -> None:
        if after:
            function(*arguments)
        _die()

    return call


def _dying_when_sent(*, after: bool) -> Callable[..., Any]:
    real = payout_books.add_step

    def call(*arguments: Any) -> None:
        if arguments[2] is BatchState.SENT:
            _dying(real, after=after)(*arguments)
        real(*arguments)

    return call


def _prepare(step: str) -> None:
    match step:
        case "before the booking":
            payout_books.add_release = _die
        case "before the commit":
            payout_books.add_release = _dying(payout_books.add_release, after=True)
        case "after the commit":
            steps._send = _die
        case "before the sync":
            os.fsync = _die
        case "before the rename":
            Path.replace = _die
        case "after the rename":
            Path.replace = _dying(Path.replace, after=True)
        case "before it is sent":
            payout_books.add_step = _dying_when_sent(after=False)
        case "before that is committed":
            payout_books.add_step = _dying_when_sent(after=True)
        case "without the lock of the home":
            store.locked = lambda _: nullcontext()
        case _:
            pass


def main(home: str, batch_id: str, moment: str, step: str) -> int:
    _prepare(step)
    place = store.open_home(Path(home))
    return _said(lambda: steps.release(place, books.connect(place), batch_id, "cem", moment))


def propose(home: str, person: str, moment: str) -> int:
    place = store.open_home(Path(home))
    return _said(lambda: steps.propose(place, books.connect(place), person, moment))


def _said(work: Callable[[], object]) -> int:
    try:
        work()
    except SettlementError as error:
        print(error)
        return 2
    return 0
