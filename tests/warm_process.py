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

from settlement import cli

_FORKS = multiprocessing.get_context("forkserver")
_COMMANDS = sorted(path.stem for path in Path(cli.__file__).parent.glob("*_commands.py"))
# They start no thread, as nothing that is forked may have another.
_FORKS.set_forkserver_preload(["pytest", *(f"settlement.{name}" for name in _COMMANDS)])


def started(said: Path, work: Callable[..., int], *arguments: str) -> BaseProcess:
    """Begin ``work`` with these arguments under this environment; it ends by the exit code that it returns.

    What it prints on either channel goes to the file ``said``.
    """
    process = _FORKS.Process(target=_run, args=(dict(os.environ), str(said), work, arguments))
    process.start()
    return process


def ended(said: Path, work: Callable[..., int], *arguments: str) -> tuple[int | None, str]:
    """How ``work`` ends that is begun as ``started`` does, and what it has printed."""
    said.unlink(missing_ok=True)
    process = started(said, work, *arguments)
    process.join()
    return process.exitcode, said.read_text(encoding="utf-8")


def settle(folder: str, *words: str) -> int:
    """``settle`` with these words, called in this folder."""
    os.chdir(folder)
    sys.argv = ["settle", *words]
    cli.main()
    return 0


def _run(environment: dict[str, str], said: str, work: Callable[..., int], arguments: tuple[str, ...]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    sys.exit(work(*arguments))
