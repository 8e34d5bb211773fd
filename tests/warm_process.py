"""Work in a process of its own that need not import anything first: it is a fork of one that has imported it all.

Such a process is killed like any other. What it imports would take longer than what it does.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
# They start no thread, as nothing that is forked may have another.
_FORKS.set_forkserver_preload(["pytest", "settlement.deliver.send", "settlement.payout.steps"])


def started(said: Path, work: Callable[..., int], *arguments: str) -> BaseProcess:
    """Begin ``work`` with these arguments under this environment; it ends by the exit code that it returns.

    What it prints on either channel goes to the file ``said``.
    """
    process = _FORKS.Process(target=_run, args=(dict(os.environ), str(said), work, arguments))
    process.start()
    return process


def _run(environment: dict[str, str], said: str, work: Callable[..., int], arguments: tuple[str, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    sys.exit(work(*arguments))
